//! Third-party clients, under Node.

use std::path::PathBuf;

/// Returns the path of a script in `tests/clients`, whose packages must be installed.
#[must_use]
pub fn script(name: &str) -> PathBuf {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/clients"));
    assert!(
        folder.join("node_modules/graphql").is_dir(),
        "run `make clients` first: this test runs {name} under Node"
    );
    folder.join(name)
}
