//! What the core opens to other crates is used by the product, not by tests alone.
//!
//! The compiler finds what is dead and `pub(crate)`; whatever is `pub` it takes for used. This goes by names, so that it
//! finds nothing wrong with an item that has the name of another one in use. What a macro makes it does not see.

use super::imports::{for_tests, sources};
use super::source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::visit::Visit;
use syn::{ImplItem, Item, Visibility};

/// What may be open without a use in the product, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("reference", "the documents are compared with it"),
    ("MAY_FOLLOW", "the documents are compared with it"),
    ("variables_reference", "the documents are compared with it"),
    ("value_schemas", "the chart is compared with it"),
    (
        "verified_name",
        "a real server is asked whether it admits the same clients",
    ),
    (
        "may_follow",
        "the pod of the supervisor's simulation is held to the table",
    ),
    ("TRANSITIONS", "the supervisor's machine is held to the table"),
];

/// What a crate opens and which words it uses, without its tests and imports.
#[derive(Default)]
struct Crate {
    /// Functions and constants, which are opened to be called from outside.
    values: BTreeSet<String>,
    /// Types, which an open function may need in its signature.
    types: BTreeSet<String>,
    /// How often each word occurs.
    words: BTreeMap<String, usize>,
}

impl Crate {
    fn read(root: &Path) -> Crate {
        let mut crate_ = Crate::default();
        for (module, text) in sources(root) {
            if module != "internals" {
                crate_.visit_file(&syn::parse_file(&text).unwrap_or_else(|e| panic!("{module}: {e}")));
            }
        }
        crate_
    }

    /// What is open and used neither by `user` nor, for a type, by this crate itself.
    fn unused_by(&self, user: &Crate) -> BTreeSet<&str> {
        // The first occurrence is the definition.
        let alone = |name: &&String| self.words.get(*name).is_none_or(|count| *count < 2);
        let open = self.values.iter().chain(self.types.iter().filter(alone));
        open.filter(|name| !user.words.contains_key(*name))
            .map(String::as_str)
            .collect()
    }

    fn open(&mut self, visibility: &Visibility, name: &syn::Ident, is_type: bool) {
        if matches!(visibility, Visibility::Public(_)) {
            let into = if is_type { &mut self.types } else { &mut self.values };
            into.insert(name.to_string());
        }
    }
}

impl<'ast> Visit<'ast> for Crate {
    fn visit_item(&mut self, item: &'ast Item) {
        if matches!(item, Item::Use(_)) || for_tests(item) {
            return;
        }
        match item {
            Item::Fn(item) => self.open(&item.vis, &item.sig.ident, false),
            Item::Const(item) => self.open(&item.vis, &item.ident, false),
            Item::Static(item) => self.open(&item.vis, &item.ident, false),
            Item::Struct(item) => self.open(&item.vis, &item.ident, true),
            Item::Enum(item) => self.open(&item.vis, &item.ident, true),
            Item::Trait(item) => self.open(&item.vis, &item.ident, true),
            Item::Type(item) => self.open(&item.vis, &item.ident, true),
            _ => {}
        }
        syn::visit::visit_item(self, item);
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        match item {
            ImplItem::Fn(item) => self.open(&item.vis, &item.sig.ident, false),
            ImplItem::Const(item) => self.open(&item.vis, &item.ident, false),
            _ => {}
        }
        syn::visit::visit_impl_item(self, item);
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {
        // Documentation names a lot.
    }

    fn visit_ident(&mut self, ident: &'ast syn::Ident) {
        *self.words.entry(ident.to_string()).or_default() += 1;
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let text = call.tokens.to_string();
        for word in text.split(|c: char| !c.is_alphanumeric() && c != '_') {
            *self.words.entry(word.to_string()).or_default() += 1;
        }
        syn::visit::visit_macro(self, call);
    }
}

#[test]
fn the_product_uses_what_the_core_opens() {
    let (core, product) = (Crate::read(&source("core/src")), Crate::read(&source("src")));
    assert!(
        core.values.len() > 100 && core.types.len() > 50,
        "the core opens next to nothing"
    );
    let exceptions: BTreeSet<&str> = EXCEPTIONS.iter().map(|(name, _)| *name).collect();
    let unused = core.unused_by(&product);
    let wrong: Vec<_> = unused.difference(&exceptions).collect();
    assert!(
        wrong.is_empty(),
        "close these with pub(crate), then remove what is dead: {wrong:?}"
    );
    let stale: Vec<_> = exceptions.difference(&unused).collect();
    assert!(
        stale.is_empty(),
        "used by the product, or gone, so no exceptions: {stale:?}"
    );
}

#[test]
fn tests_documents_and_imports_are_no_use() {
    let parsed = |text: &str| {
        let mut crate_ = Crate::default();
        crate_.visit_file(&syn::parse_file(text).unwrap());
        crate_
    };
    let core = parsed(
        "/// [`b`]\npub fn a() -> T { unused() }\npub fn b() {}\npub struct T;\npub struct U;\n\
         impl T { pub const C: u8 = 1; pub(crate) fn d() {} }\n\
         #[cfg(test)] mod tests { fn t() { super::b(); super::U; } }\n\
         #[cfg(any(test, feature = \"x\"))] pub fn only_for_tests() {}\n",
    );
    assert_eq!(
        core.unused_by(&parsed("use core::{a, b, C};")),
        ["C", "U", "a", "b"].into()
    );
    assert_eq!(
        core.unused_by(&parsed("fn f() { println!(\"{}\", a() + b()); T::C }")),
        ["U"].into()
    );
}
