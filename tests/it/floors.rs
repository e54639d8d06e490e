//! The modules of the domain stand on floors: each imports only what stands on its own floor or below, and no
//! modules import each other in a circle.

mod files;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use quote::ToTokens;
use syn::{File, Item, UseTree, visit::Visit};

/// The floors, from the lowest to the highest, and the modules on each.
const FLOORS: [(&str, &[&str]); 4] = [
    (
        "ground",
        &[
            "batcher",
            "buffer_pool",
            "clock",
            "error",
            "id",
            "idempotency",
            "input",
            "instant",
            "json_text",
            "metrics",
            "page",
            "permission",
            "private",
            "random",
            "secret",
            "subscription_limit",
            "tenancy",
            "text",
            "trace",
            "transition",
            "workload",
        ],
    ),
    ("store", &["core", "database", "notifier", "store"]),
    (
        "domain",
        &[
            "access",
            "artifacts",
            "audit",
            "follower",
            "jobs",
            "notes",
            "oidc",
            "organizations",
            "retention",
        ],
    ),
    (
        "composition",
        &["backups", "binding", "doctor", "exports", "gauges", "instance", "janitor", "job_kinds"],
    ),
];

/// Modules of the domain crate that each of them imports.
type Imports = BTreeMap<String, BTreeSet<String>>;

#[test]
fn no_import_runs_up() {
    let floors: BTreeMap<&str, usize> = FLOORS
        .iter()
        .enumerate()
        .flat_map(|(floor, (_, modules))| modules.iter().map(move |module| (*module, floor)))
        .collect();
    let imports = imports();
    let modules: BTreeSet<&str> = imports.keys().map(String::as_str).collect();
    assert_eq!(modules, floors.keys().copied().collect(), "each module stands on one floor");
    for (module, imported) in &imports {
        for other in imported {
            let (here, there) = (floors[module.as_str()], floors[other.as_str()]);
            let (here_name, there_name) = (FLOORS[here].0, FLOORS[there].0);
            assert!(there <= here, "{module} ({here_name}) imports {other} ({there_name})");
        }
    }
}

#[test]
fn no_modules_import_each_other_in_a_circle() {
    let mut imports = imports();
    // Takes away what imports nothing that is left, until that is all or a circle remains.
    loop {
        let left: BTreeSet<String> = imports.keys().cloned().collect();
        imports.values_mut().for_each(|imported| imported.retain(|other| left.contains(other)));
        let before = imports.len();
        imports.retain(|_, imported| !imported.is_empty());
        if imports.len() == before {
            break;
        }
    }
    assert_eq!(imports, Imports::new(), "these stand in a circle, or above one");
}

/// Reads what each module imports, from the crate's sources.
fn imports() -> Imports {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../service/src");
    let crate_root = parse(&root.join("lib.rs"));
    let mut imports: Imports = BTreeMap::new();
    let mut exported = BTreeMap::new();
    for item in &crate_root.items {
        match item {
            Item::Mod(module) if !is_for_tests(&module.attrs) => {
                imports.insert(module.ident.to_string(), BTreeSet::new());
            }
            Item::Use(reexport) => {
                let mut paths = Vec::new();
                flatten(&reexport.tree, &mut Vec::new(), &mut paths);
                for path in paths {
                    if let [module, .., name] = path.as_slice() {
                        exported.insert(name.clone(), module.clone());
                    }
                }
            }
            _ => {}
        }
    }
    let modules: BTreeSet<String> = imports.keys().cloned().collect();
    for (module, imported) in &mut imports {
        for file in files_of(&root, module) {
            let mut found = Paths::default();
            found.visit_file(&parse(&file));
            for name in found.0 {
                let other = if modules.contains(&name) { Some(&name) } else { exported.get(&name) };
                let other = other.unwrap_or_else(|| panic!("{} names {name}", file.display()));
                if other != module {
                    imported.insert(other.clone());
                }
            }
        }
    }
    imports
}

fn files_of(root: &Path, module: &str) -> Vec<PathBuf> {
    let mut files = files_in(&root.join(module));
    files.push(root.join(format!("{module}.rs")));
    files
}

/// Returns the Rust files in a folder and those below.
fn files_in(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(folder).into_iter().flatten() {
            let path = item.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files
}

fn parse(path: &Path) -> File {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.to_token_stream().to_string().contains("test")
    })
}

/// The first names after `crate::` of all paths of a file, outside of tests.
#[derive(Default)]
struct Paths(BTreeSet<String>);

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if !is_for_tests(&module.attrs) {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        if is_for_tests(&import.attrs) {
            return;
        }
        let mut paths = Vec::new();
        flatten(&import.tree, &mut Vec::new(), &mut paths);
        self.0.extend(paths.into_iter().filter_map(|path| named(&path)));
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.0.extend(named(&names));
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let tokens: Vec<_> =
            call.tokens.clone().into_iter().map(|token| token.to_string()).collect();
        for window in tokens.windows(4) {
            if window[..3] == ["crate", ":", ":"] {
                self.0.insert(window[3].clone());
            }
        }
        syn::visit::visit_macro(self, call);
    }
}

/// The name after `crate` in a path that begins with it.
fn named(path: &[String]) -> Option<String> {
    (path.first()? == "crate").then(|| path.get(1).cloned()).flatten()
}

/// The paths of a `use`, from its first segment to its last.
fn flatten(tree: &UseTree, before: &mut Vec<String>, paths: &mut Vec<Vec<String>>) {
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(&path.tree, before, paths);
            before.pop();
        }
        UseTree::Group(group) => {
            group.items.iter().for_each(|item| flatten(item, before, paths));
        }
        UseTree::Name(name) => paths.push([before.as_slice(), &[name.ident.to_string()]].concat()),
        // The new name last: only a re-export of the root is known by it.
        UseTree::Rename(name) => {
            let names = [name.ident.to_string(), name.rename.to_string()];
            paths.push([before.as_slice(), &names].concat());
        }
        UseTree::Glob(_) => paths.push([before.as_slice(), &["*".to_owned()]].concat()),
    }
}
