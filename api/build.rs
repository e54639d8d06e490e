//! Lets the binary hold the web app where it has been built, and compile where it has not.

use std::{env, fs, path::Path};

fn main() -> std::io::Result<()> {
    let folder = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    // Cargo takes a path that does not exist for one that changed, and would compile the crate at
    // each build.
    fs::create_dir_all(Path::new(&folder).join("web/dist"))?;
    println!("cargo::rerun-if-changed=web/dist");
    Ok(())
}
