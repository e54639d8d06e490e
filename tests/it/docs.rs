//! What the documents say is there, is there.

use std::path::Path;

pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn every_path_in_architecture_exists() {
    let text = read("ARCHITECTURE.md");
    let quoted = text.split('`').skip(1).step_by(2);
    let paths: Vec<_> = quoted.filter(|word| word.contains('/') && !word.contains(' ')).collect();
    assert!(paths.len() > 20, "{paths:?}");
    for path in paths {
        assert!(root().join(path).exists(), "ARCHITECTURE.md names {path}");
    }
}

#[test]
fn every_variable_of_the_binary_is_in_the_readme() {
    let help = daybook_tests::binary::stdout(
        daybook_tests::binary::daybook(root()).args(["serve", "--help"]),
    );
    let names: Vec<_> =
        help.split("[env: ").skip(1).filter_map(|rest| rest.split(['=', ']']).next()).collect();
    assert!(names.len() > 8, "{help}");
    let readme = read("README.md");
    for name in names {
        assert!(readme.contains(&format!("`{name}`")), "README.md does not tell of {name}");
    }
}
