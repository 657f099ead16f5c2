//! Keys of cluster.yaml are spelled in texts too: where two configurations are compared, in findings and in remedies. Every
//! one of them is a key of the table, so that a key that is renamed, or mistyped, is forgotten nowhere.

use super::imports::{for_tests, sources};
use super::source;
use gp_agent_core::config::value_schemas;
use std::collections::BTreeSet;
use syn::visit::Visit;

/// Ends of names with a dot that are files', not keys'.
const FILES: [&str; 10] = [
    "conf", "crt", "json", "key", "lock", "opts", "pid", "signal", "sock", "yaml",
];

/// Names with a dot that are neither files nor keys.
const OTHERS: [&str; 11] = [
    "cpu.max",
    "fuse.ceph",
    "fuse.glusterfs",
    "fuse.juicefs",
    "fuse.overlayfs",
    "gpexpand.status",
    "greenplum.io",
    "memory.events",
    "memory.high",
    "memory.max",
    "metadata.uid",
];

/// What the string literals of some sources say.
#[derive(Default)]
struct Literals(Vec<String>);

impl Literals {
    fn in_text(text: &str) -> Vec<String> {
        let mut literals = Literals::default();
        literals.visit_file(&syn::parse_file(text).unwrap());
        literals.0
    }
}

impl<'ast> Visit<'ast> for Literals {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !for_tests(item) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {
        // Documentation is compared with the keys by the tests of the documents.
    }

    fn visit_lit_str(&mut self, literal: &'ast syn::LitStr) {
        self.0.push(literal.value());
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        // Tokens in quotes; a quotation mark within them is escaped, or stands in a character.
        let text = call.tokens.to_string().replace("\\\\", "").replace("\\\"", "'");
        self.0
            .extend(text.replace("'\"'", "").split('"').skip(1).step_by(2).map(String::from));
    }
}

/// What has the form of a dotted key, wherever it stands in `text`.
fn dotted(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && !"._/-".contains(c));
    words.filter_map(|word| {
        let (section, leaf) = word.trim_end_matches('.').split_once('.')?;
        let plain = |part: &str| {
            part.starts_with(|c: char| c.is_ascii_lowercase()) && part.chars().all(|c| c.is_ascii_alphabetic())
        };
        (plain(section) && plain(leaf)).then_some((section, leaf))
    })
}

/// What is taken for a key and is none: a literal that is nothing but a dotted name, and a name below a section of the table.
fn unknown(literal: &str, keys: &BTreeSet<&str>) -> Vec<String> {
    let is_section = |section: &str| keys.iter().any(|key| key.split('.').next() == Some(section));
    dotted(literal)
        .filter(|(section, leaf)| {
            let name = format!("{section}.{leaf}");
            let taken_for_key = name == literal || is_section(section);
            let other = FILES.contains(leaf) || OTHERS.contains(&name.as_str());
            taken_for_key && !other && !keys.contains(name.as_str())
        })
        .map(|(section, leaf)| format!("{section}.{leaf}"))
        .collect()
}

#[test]
fn every_key_that_is_spelled_is_one_of_the_table() {
    let schemas = value_schemas();
    // Below a mapping stand the user's own names.
    let keys: BTreeSet<&str> = schemas.keys().copied().filter(|key| *key != "parameters").collect();
    let mut spelled = BTreeSet::new();
    let mut wrong = Vec::new();
    for (module, text) in sources(&source("core/src")).into_iter().chain(sources(&source("src"))) {
        for literal in Literals::in_text(&text) {
            wrong.extend(unknown(&literal, &keys).into_iter().map(|name| (module.clone(), name)));
            spelled.extend(dotted(&literal).map(|(section, leaf)| format!("{section}.{leaf}")));
        }
    }
    assert!(wrong.is_empty(), "no keys of cluster.yaml: {wrong:#?}");
    assert!(
        spelled.contains("segments.mirrors") && spelled.contains("failover.mode"),
        "keys are not found"
    );
}

#[test]
fn a_mistyped_key_is_found_wherever_it_stands() {
    let keys = BTreeSet::from(["segments.mirrors", "failover.mode", "engine"]);
    let text = "fn f(key: &str) -> &str { if key == \"segment.mirrors\" { format!(\"{x} of '\\\"' failover.mod is off.\"); }\n\
        match key { \"segments.mirrors\" => \"put segments.mirror back. See failover.mode.\", \"recovery.conf\" => \"other.words\",\n\
        _ => \"etc/failover.d, an example.of prose\" } }\n\
        #[cfg(test)] mod tests { const T: &str = \"segments.none\"; }\n";
    let found: Vec<String> = Literals::in_text(text)
        .iter()
        .flat_map(|literal| unknown(literal, &keys))
        .collect();
    assert_eq!(
        found,
        ["segment.mirrors", "failover.mod", "segments.mirror", "other.words"]
    );
}
