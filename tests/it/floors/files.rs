//! No files of a crate import each other in a circle.
//!
//! A file imports another if its code names an item that is defined there, by whichever path. Exporting an item that is
//! defined elsewhere imports nothing, unless the file's own code names it too.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use proc_macro2::{TokenStream, TokenTree};
use syn::{
    Attribute, Item, ItemConst, ItemFn, ItemStatic, Signature, UseTree, Visibility, visit::Visit,
};

use super::{files_in, is_for_tests, parse};

/// The names that lead from a crate's root to a module.
type Module = Vec<String>;

/// The modules of a crate, outside of tests.
struct Crate {
    /// Modules with a file of their own, and the root.
    files: BTreeSet<Module>,
    modules: BTreeMap<Module, Names>,
}

/// The names in the code of a module.
#[derive(Default)]
struct Names {
    /// Functions, constants and statics that the module defines; their names may also be those of
    /// modules.
    values: BTreeSet<String>,
    /// Imports and exports, by the name that they have in the module.
    bound: BTreeMap<String, Binding>,
    /// Imports without a name of their own.
    unnamed: Vec<Vec<String>>,
    /// Paths in code, also those of one name.
    written: Vec<Vec<String>>,
}

struct Binding {
    path: Vec<String>,
    is_export: bool,
}

impl Binding {
    /// True for `use tracing;` and `use tracing::{self}`, which name another crate.
    fn is_crate(&self, name: &str) -> bool {
        self.path[0] == name
    }
}

#[test]
fn no_files_of_the_domain_import_each_other_in_a_circle() {
    assert_eq!(circles("../service/src"), BTreeMap::new());
}

#[test]
fn no_files_of_the_api_import_each_other_in_a_circle() {
    assert_eq!(circles("../api/src"), BTreeMap::new());
}

/// Returns the files that stand in a circle, with those of the circle that each imports.
fn circles(sources: &str) -> BTreeMap<String, BTreeSet<String>> {
    let found = Crate::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join(sources));
    let imports = found.imports();
    let reached: BTreeMap<_, _> =
        imports.keys().map(|file| (file, reach(file, &imports))).collect();
    let mut circles = BTreeMap::new();
    for (file, imported) in &imports {
        let back: BTreeSet<_> = imported
            .iter()
            .filter(|other| reached[other].contains(file))
            .map(|other| other.join("/"))
            .collect();
        if !back.is_empty() {
            circles.insert(file.join("/"), back);
        }
    }
    circles
}

/// Returns the files that a file imports, those that they import, and so on.
fn reach(from: &Module, imports: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
    while let Some(file) = next.pop() {
        next.extend(imports[file].iter().filter(|other| reached.insert((*other).clone())));
    }
    reached
}

impl Crate {
    fn read(root: &Path) -> Self {
        let mut sources: BTreeMap<Module, syn::File> = files_in(root)
            .iter()
            .map(|path| (module_of(root, path), parse(path)))
            .filter(|(module, _)| module != &["main"])
            .collect();
        let tests: Vec<Module> = sources
            .iter()
            .flat_map(|(module, source)| {
                source.items.iter().filter_map(|item| match item {
                    Item::Mod(child) if is_for_tests(&child.attrs) => {
                        Some(child_of(module, &child.ident.to_string()))
                    }
                    _ => None,
                })
            })
            .collect();
        sources.retain(|module, _| !tests.iter().any(|test| module.starts_with(test)));
        let mut modules = BTreeMap::new();
        for (module, source) in &sources {
            let mut reader = Reader { at: module.clone(), modules: &mut modules };
            reader.names();
            reader.visit_file(source);
        }
        Self { files: sources.into_keys().collect(), modules }
    }

    /// Returns the files that each file imports.
    fn imports(&self) -> BTreeMap<Module, BTreeSet<Module>> {
        let mut imports: BTreeMap<Module, BTreeSet<Module>> =
            self.files.iter().map(|file| (file.clone(), BTreeSet::new())).collect();
        for (module, names) in &self.modules {
            let bound = names.bound.values().filter(|bound| !bound.is_export);
            let paths = bound.map(|bound| &bound.path).chain(&names.unnamed).chain(&names.written);
            let file = self.file_of(module);
            for path in paths {
                let definer = self.definer(module, path);
                let imported = definer.map(|definer| self.file_of(&definer));
                imports
                    .get_mut(&file)
                    .expect("a file")
                    .extend(imported.filter(|imported| *imported != file));
            }
        }
        imports
    }

    /// Returns the file that contains a module.
    fn file_of(&self, module: &Module) -> Module {
        let mut file = module.clone();
        while !self.files.contains(&file) {
            file.pop();
        }
        file
    }

    /// Returns the module that defines the item at `path`, as `module` writes it; none if that is
    /// a module, of another crate, or not imported by `module`.
    fn definer(&self, module: &Module, path: &[String]) -> Option<Module> {
        let (name, before) = path.split_last()?;
        if before.is_empty() {
            let bound = self.modules[module].bound.get(name)?;
            return if bound.is_crate(name) { None } else { self.definer(module, &bound.path) };
        }
        let Some(holder) = self.module_at(module, before) else {
            // What comes before may be a type.
            return self.definer(module, before);
        };
        let names = &self.modules[&holder];
        match names.bound.get(name) {
            Some(bound) if bound.is_export => self.definer(&holder, &bound.path),
            _ if names.values.contains(name) => Some(holder),
            _ if name == "self" || self.modules.contains_key(&child_of(&holder, name)) => None,
            _ => Some(holder),
        }
    }

    /// Returns the module at `path`, as `module` writes it.
    fn module_at(&self, module: &Module, path: &[String]) -> Option<Module> {
        let (first, rest) = path.split_first()?;
        let mut at = match first.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => parent_of(module)?,
            name => self.child_at(module, name, |_| true)?,
        };
        for name in rest {
            at = match name.as_str() {
                "self" => at,
                "super" => parent_of(&at)?,
                name => self.child_at(&at, name, |bound| bound.is_export)?,
            };
        }
        Some(at)
    }

    /// Returns the module that `name` stands for in `module`.
    fn child_at(
        &self,
        module: &Module,
        name: &str,
        is_visible: impl Fn(&Binding) -> bool,
    ) -> Option<Module> {
        let child = child_of(module, name);
        if self.modules.contains_key(&child) {
            return Some(child);
        }
        let bound = self.modules[module].bound.get(name).filter(|bound| is_visible(bound))?;
        if bound.is_crate(name) { None } else { self.module_at(module, &bound.path) }
    }
}

fn child_of(module: &Module, name: &str) -> Module {
    [module.as_slice(), &[name.to_owned()]].concat()
}

fn parent_of(module: &Module) -> Option<Module> {
    module.split_last().map(|(_, parent)| parent.to_vec())
}

fn attributes_of(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

fn module_of(root: &Path, path: &Path) -> Module {
    let below = path.strip_prefix(root).expect("a file of the crate").with_extension("");
    let names: Module =
        below.iter().map(|name| name.to_str().expect("a name of a module").to_owned()).collect();
    if names == ["lib"] { Vec::new() } else { names }
}

/// Reads the names in the code of a file and of the modules inside it.
struct Reader<'a> {
    at: Module,
    modules: &'a mut BTreeMap<Module, Names>,
}

impl Reader<'_> {
    fn names(&mut self) -> &mut Names {
        self.modules.entry(self.at.clone()).or_default()
    }

    fn bind(&mut self, tree: &UseTree, before: &mut Vec<String>, is_export: bool) {
        let (name, known_as) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.bind(&path.tree, before, is_export);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                return group.items.iter().for_each(|item| self.bind(item, before, is_export));
            }
            UseTree::Glob(_) => ("*".to_owned(), "_".to_owned()),
            UseTree::Name(name) if name.ident == "self" => {
                (name.ident.to_string(), before.last().expect("a module").clone())
            }
            UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            UseTree::Rename(name) => (name.ident.to_string(), name.rename.to_string()),
        };
        let path = [before.as_slice(), &[name]].concat();
        if known_as == "_" {
            self.names().unnamed.push(path);
        } else {
            self.names().bound.insert(known_as, Binding { path, is_export });
        }
    }

    /// Reads the paths in the arguments of a macro.
    fn read_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let is_colon =
            |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(it)) if it.as_char() == ':');
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            at += 1;
            match token {
                TokenTree::Ident(name) => {
                    let mut path = vec![name.to_string()];
                    while is_colon(at)
                        && is_colon(at + 1)
                        && let Some(TokenTree::Ident(name)) = tokens.get(at + 2)
                    {
                        path.push(name.to_string());
                        at += 3;
                    }
                    self.names().written.push(path);
                }
                TokenTree::Group(group) => self.read_tokens(group.stream()),
                TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if is_for_tests(attributes_of(item)) {
            return;
        }
        if let Item::Fn(ItemFn { sig: Signature { ident, .. }, .. })
        | Item::Const(ItemConst { ident, .. })
        | Item::Static(ItemStatic { ident, .. }) = item
        {
            self.names().values.insert(ident.to_string());
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !is_for_tests(&function.attrs) {
            syn::visit::visit_impl_item_fn(self, function);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        if let Some((_, items)) = &module.content {
            self.at.push(module.ident.to_string());
            self.names();
            items.iter().for_each(|item| self.visit_item(item));
            self.at.pop();
        }
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        let is_export = !matches!(import.vis, Visibility::Inherited);
        self.bind(&import.tree, &mut Vec::new(), is_export);
    }

    fn visit_visibility(&mut self, _: &'ast Visibility) {}

    fn visit_attribute(&mut self, _: &'ast Attribute) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        self.names().written.push(names);
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.read_tokens(call.tokens.clone());
        syn::visit::visit_macro(self, call);
    }
}
