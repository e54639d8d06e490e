//! Paths in the documents exist.

use std::path::Path;

pub(crate) fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap()
}

pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

#[test]
fn every_path_in_architecture_and_decisions_exists() {
    let decisions = std::fs::read_dir(root().join("api/docs/decisions")).unwrap();
    let decisions = decisions.map(|entry| entry.unwrap().path());
    let mut count = 0;
    for document in decisions.chain([root().join("ARCHITECTURE.md")]) {
        let text = std::fs::read_to_string(&document).unwrap();
        let quoted = text.split('`').skip(1).step_by(2);
        for path in quoted.filter(|word| word.contains('/') && !word.contains(' ')) {
            assert!(root().join(path).exists(), "{} names {path}", document.display());
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}
