//! Lets the binary embed the web app if it has been built, and compile if it has not.

use std::{env, fs, path::Path};

fn main() -> std::io::Result<()> {
    let folder = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default();
    // Cargo treats a missing path as changed, and would compile the crate at each build.
    fs::create_dir_all(Path::new(&folder).join("web/dist"))?;
    println!("cargo::rerun-if-changed=web/dist");
    Ok(())
}
