//! Takes the tree apart by the table of keys and collects what is wrong on the way.

use super::diagnostic::{ConfigFinding, Fault, SourceLocation};
use super::key::{Key, Keys};
use super::suggest::nearest;
use super::value_rules::shown;
use super::yaml::{Kind, Node, Position, Value};
use std::collections::BTreeMap;

/// The file, the environment, and what is wrong with them.
pub(super) struct Reader<'a> {
    file: &'a str,
    keys: Keys,
    values: BTreeMap<&'static str, Node>,
    sections: BTreeMap<String, Position>,
    overrides: BTreeMap<&'static str, String>,
    /// Where the entries of mappings stand, such as `parameters.work_mem`.
    pub entries_at: BTreeMap<String, Position>,
    pub findings: Vec<ConfigFinding>,
}

impl<'a> Reader<'a> {
    /// Takes `root` apart; unknown, repeated and misplaced keys become findings here.
    pub(super) fn new(
        file: &'a str,
        keys: Keys,
        root: Option<Node>,
        overrides: BTreeMap<&'static str, String>,
    ) -> Self {
        let mut reader = Reader {
            file,
            keys,
            values: BTreeMap::new(),
            sections: BTreeMap::new(),
            overrides,
            entries_at: BTreeMap::new(),
            findings: Vec::new(),
        };
        if let Some(root) = root {
            reader.section("", root);
        }
        reader
    }

    pub(super) fn report(&mut self, place: SourceLocation, key: &str, fault: Fault) {
        self.findings.push(ConfigFinding {
            place,
            key: one_line(key),
            message: fault.message,
            remedy: fault.remedy,
        });
    }

    pub(super) fn report_at(&mut self, at: Position, key: &str, message: impl Into<String>, remedy: impl Into<String>) {
        self.report(self.location(at), key, Fault::new(message, remedy));
    }

    fn section(&mut self, name: &str, node: Node) {
        match node.value {
            Value::Map(entries) => {
                for (key, value) in self.entries(name, entries) {
                    self.entry(name, key, value);
                }
            }
            // Nothing below a section, all lines of it commented out perhaps: the defaults hold.
            Value::Scalar(Kind::Null, _) => {}
            other => {
                let names = self.keys.names_in(name).join(", ");
                let what = format!("is {}, not a mapping", describe(&other));
                self.report_at(node.at, name, what, format!("write keys and values: {names}"));
            }
        }
    }

    fn entry(&mut self, section: &str, (name, at): (String, Position), value: Node) {
        let dotted = join(section, &name);
        if section.is_empty() && self.keys.is_section(&name) {
            self.section(&name, value);
            self.sections.insert(name, at);
        } else if let Some(key) = self.keys.find(&dotted).filter(|key| key.section() == section) {
            self.values.insert(key.name, value);
        } else {
            self.unknown(section, &name, at);
        }
    }

    /// The entries whose keys are words, each key once.
    pub(super) fn entries(&mut self, section: &str, entries: Vec<(Node, Node)>) -> Vec<((String, Position), Node)> {
        let mut seen: BTreeMap<String, Position> = BTreeMap::new();
        let mut kept = Vec::new();
        for (key, value) in entries {
            let Value::Scalar(Kind::Text, name) = key.value else {
                let what = format!("{} stands where a key is expected", describe(&key.value));
                self.report_at(key.at, section, what, "write a key, then `:` and its value");
                continue;
            };
            if let Some(first) = seen.get(&name) {
                let what = format!("is given a second time, first in line {}", first.line);
                self.report_at(key.at, &join(section, &name), what, "remove one of the two");
                continue;
            }
            seen.insert(name.clone(), key.at);
            kept.push(((name, key.at), value));
        }
        kept
    }

    fn unknown(&mut self, section: &str, name: &str, at: Position) {
        let siblings = self.keys.names_in(section);
        let elsewhere = self.keys.iter().find(|k| k.leaf() == name || k.name == name);
        let remedy = match (nearest(name, siblings.iter().copied()), elsewhere) {
            _ if name == "<<" => "merge keys are not supported; write the keys out".to_string(),
            (Some(near), _) => format!("did you mean {}?", join(section, near)),
            (None, Some(key)) if key.section().is_empty() => {
                format!("did you mean `{}:` at the top level?", key.leaf())
            }
            (None, Some(key)) => {
                format!("did you mean `{}:` below `{}:`?", key.leaf(), key.section())
            }
            (None, None) => format!("remove it; keys here are {}", siblings.join(", ")),
        };
        self.report_at(at, &join(section, name), "is no key of this file", remedy);
    }

    /// Where a key is missing: its section, or the beginning of the file.
    pub(super) fn home(&self, key: &Key) -> SourceLocation {
        let at = self.sections.get(key.section()).copied();
        self.location(at.unwrap_or(Position::START))
    }

    /// That position of this file.
    pub(super) fn location(&self, at: Position) -> SourceLocation {
        SourceLocation::file(self.file, at)
    }

    /// What the environment gave for `key`.
    pub(super) fn take_override(&mut self, key: &Key) -> Option<String> {
        self.overrides.remove(key.name)
    }

    /// What the file gave for `key`.
    pub(super) fn take_node(&mut self, key: &Key) -> Option<Node> {
        self.values.remove(key.name)
    }
}

pub(super) fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Null => "nothing",
        Kind::Switch => "a switch",
        Kind::Number => "a number",
        Kind::Text => "a text",
    }
}

pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Scalar(Kind::Null, _) => "nothing".to_string(),
        Value::Scalar(kind @ (Kind::Switch | Kind::Number), text) => {
            format!("{} ({text})", noun(*kind))
        }
        Value::Scalar(Kind::Text, text) => {
            format!("the text {}", shown(text))
        }
        Value::List(_) => "a list".to_string(),
        Value::Map(_) => "a mapping".to_string(),
    }
}

pub(super) fn join(section: &str, name: &str) -> String {
    match section {
        "" => name.to_string(),
        section => format!("{section}.{name}"),
    }
}

/// A key that somebody wrote in quotes may hold anything.
fn one_line(key: &str) -> String {
    if key.chars().any(char::is_control) {
        key.escape_debug().to_string()
    } else {
        key.to_string()
    }
}
