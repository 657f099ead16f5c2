//! Which module uses which, read from the sources. Code for tests does not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, UseTree};

/// A module's path within its crate, such as `sys::http`; the crate itself is empty.
pub(crate) type Module = String;

/// Modules of one crate, and what they use.
#[derive(Default)]
pub(crate) struct Graph {
    uses: BTreeMap<Module, BTreeSet<Module>>,
    foreign: BTreeMap<Module, BTreeSet<String>>,
}

impl Graph {
    /// Reads the crate whose sources are in `root`.
    pub(crate) fn read(root: &Path) -> Graph {
        let files = sources(root);
        let modules: BTreeSet<Module> = files.iter().map(|(module, _)| module.clone()).collect();
        let mut graph = Graph::default();
        for (module, text) in &files {
            let file = syn::parse_file(text).unwrap_or_else(|e| panic!("{module}: {e}"));
            let mut paths = Paths::default();
            paths.visit_file(&file);
            graph.uses.entry(module.clone()).or_default();
            for path in paths.found {
                graph.note(module, &path, &modules);
            }
        }
        graph
    }

    fn note(&mut self, module: &str, path: &[String], modules: &BTreeSet<Module>) {
        if path[0] == "std" {
            self.foreign.entry(module.into()).or_default().insert(path.join("::"));
        }
        let absolute = absolute(module, path);
        let used = (1..=absolute.len())
            .rev()
            .map(|n| absolute[..n].join("::"))
            .find(|m| modules.contains(m));
        if let Some(used) = used.filter(|used| used != module) {
            self.uses.entry(module.into()).or_default().insert(used);
        }
    }

    /// Leaves a module out.
    pub(crate) fn forget(&mut self, module: &str) {
        self.uses.remove(module).expect("it is there");
    }

    /// Every user with what it uses.
    pub(crate) fn edges(&self) -> impl Iterator<Item = (&Module, &Module)> {
        self.uses
            .iter()
            .flat_map(|(user, used)| used.iter().map(move |used| (user, used)))
    }

    /// Every module with the paths of the standard library that it names.
    pub(crate) fn foreign(&self) -> impl Iterator<Item = (&Module, &String)> {
        self.foreign
            .iter()
            .flat_map(|(module, paths)| paths.iter().map(move |path| (module, path)))
    }

    /// The same with modules taken together that have the same name for `of`.
    pub(crate) fn grouped(&self, of: impl Fn(&Module) -> String) -> Graph {
        let mut graph = Graph::default();
        for (user, used) in self.edges() {
            let (user, used) = (of(user), of(used));
            if user != used {
                graph.uses.entry(user).or_default().insert(used);
            }
        }
        graph
    }

    /// Modules that use each other, directly or through others. A parent names its children, so a child that uses its
    /// parent makes a circle with it.
    pub(crate) fn circles(&self) -> Vec<Vec<&str>> {
        let reach: BTreeMap<&str, BTreeSet<&str>> = self.uses.keys().map(|m| (m.as_str(), self.reached(m))).collect();
        let mut circles: BTreeSet<Vec<&str>> = BTreeSet::new();
        for (module, reached) in &reach {
            let back = |other: &&&str| reach.get(**other).is_some_and(|r| r.contains(module));
            let circle: BTreeSet<&str> = reached.iter().filter(back).copied().collect();
            if circle.len() > 1 && !module.is_empty() {
                circles.insert(circle.into_iter().filter(|m| !m.is_empty()).collect());
            }
        }
        circles.into_iter().filter(|circle| circle.len() > 1).collect()
    }

    fn reached(&self, from: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut next: Vec<&str> = self.uses.get(from).into_iter().flatten().map(String::as_str).collect();
        while let Some(module) = next.pop() {
            if reached.insert(module) {
                next.extend(self.uses.get(module).into_iter().flatten().map(String::as_str));
            }
        }
        reached
    }
}

/// Every module of the crate in `root` that is not for tests, with its text.
pub(crate) fn sources(root: &Path) -> Vec<(Module, String)> {
    let mut files = Vec::new();
    walk(root, root, &mut files);
    files
}

fn walk(root: &Path, dir: &Path, files: &mut Vec<(Module, String)>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(root, &path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let relative = path.strip_prefix(root).unwrap().with_extension("");
            let mut words: Vec<&str> = relative.iter().map(|word| word.to_str().unwrap()).collect();
            if ["lib", "main", "mod"].contains(words.last().unwrap()) {
                words.pop();
            }
            let for_tests = words
                .iter()
                .any(|word| ["tests", "properties", "fixtures"].contains(word));
            if path != root.join("main.rs") && !for_tests {
                files.push((words.join("::"), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
}

fn absolute(module: &str, path: &[String]) -> Vec<String> {
    let mut base: Vec<String> = module
        .split("::")
        .filter(|word| !word.is_empty())
        .map(String::from)
        .collect();
    let mut rest = path;
    match path[0].as_str() {
        "crate" => {
            base.clear();
            rest = &rest[1..];
        }
        "self" => rest = &rest[1..],
        _ => {
            while rest.first().is_some_and(|word| word == "super") {
                base.pop();
                rest = &rest[1..];
            }
        }
    }
    base.extend(rest.iter().cloned());
    base
}

/// Paths in the order of a file; modules inside a file belong to it.
#[derive(Default)]
struct Paths {
    found: Vec<Vec<String>>,
}

impl Paths {
    fn tree(&mut self, prefix: &[String], tree: &UseTree) {
        let with = |word: &dyn ToString| [prefix, &[word.to_string()]].concat();
        match tree {
            UseTree::Path(path) => self.tree(&with(&path.ident), &path.tree),
            UseTree::Name(name) if name.ident == "self" => self.found.push(prefix.to_vec()),
            UseTree::Name(name) => self.found.push(with(&name.ident)),
            UseTree::Rename(rename) => self.found.push(with(&rename.ident)),
            UseTree::Glob(_) => self.found.push(prefix.to_vec()),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.tree(prefix, item)),
        }
    }
}

/// Whether the item is compiled for tests only.
pub(crate) fn for_tests(item: &Item) -> bool {
    attributes(item).iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.meta.require_list().is_ok_and(|list| {
                list.tokens
                    .to_string()
                    .split(|c: char| !c.is_alphanumeric())
                    .any(|w| w == "test")
            })
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item(&mut self, item: &'ast Item) {
        if !for_tests(item) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, module: &'ast ItemMod) {
        // The declaration of a file says nothing of who uses it.
        if module.content.is_some() {
            syn::visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if words.len() > 1 {
            self.found.push(words);
        }
        syn::visit::visit_path(self, path);
    }
}
