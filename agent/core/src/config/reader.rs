//! Takes the tree apart by the table of keys and collects what is wrong on the way.

use super::diagnostic::{ConfigFinding, Fault, SourceLocation};
use super::schema;
use super::schema::{KEYS, Key, Missing};
use super::suggest::nearest;
use super::value_rules;
use super::value_rules::shown;
use super::yaml::{Kind, Node, Position, Value};
use std::collections::BTreeMap;

/// A value that passed its own rule; `place` is none for a default.
#[derive(Clone, Debug)]
pub(super) struct Read<T> {
    pub value: T,
    pub place: Option<SourceLocation>,
}

/// A scalar before its rule was asked; `kind` is none when any spelling will do.
struct Given {
    text: String,
    kind: Option<Kind>,
    place: Option<SourceLocation>,
}

/// The file, the environment, and what is wrong with them.
pub(super) struct Reader<'a> {
    pub(super) file: &'a str,
    pub(super) values: BTreeMap<&'static str, Node>,
    sections: BTreeMap<String, Position>,
    overrides: BTreeMap<&'static str, String>,
    pub findings: Vec<ConfigFinding>,
}

impl<'a> Reader<'a> {
    /// Takes `root` apart; unknown, repeated and misplaced keys become findings here.
    pub(super) fn new(file: &'a str, root: Option<Node>, overrides: BTreeMap<&'static str, String>) -> Self {
        let mut reader = Reader {
            file,
            values: BTreeMap::new(),
            sections: BTreeMap::new(),
            overrides,
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
        self.report(SourceLocation::file(self.file, at), key, Fault::new(message, remedy));
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
                let names = schema::names_in(name).join(", ");
                let what = format!("is {}, not a mapping", describe(&other));
                self.report_at(node.at, name, what, format!("write keys and values: {names}"));
            }
        }
    }

    fn entry(&mut self, section: &str, (name, at): (String, Position), value: Node) {
        let dotted = join(section, &name);
        if section.is_empty() && schema::is_section(&name) {
            self.section(&name, value);
            self.sections.insert(name, at);
        } else if let Some(key) = schema::key(&dotted).filter(|key| key.section() == section) {
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
        let siblings = schema::names_in(section);
        let elsewhere = KEYS.iter().find(|k| k.leaf() == name || k.name == name);
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
    fn home(&self, key: &Key) -> SourceLocation {
        let at = self.sections.get(key.section()).copied();
        SourceLocation::file(self.file, at.unwrap_or(Position::START))
    }

    /// What was given for `key`, by the environment before the file, else its default.
    fn given(&mut self, key: &Key) -> Option<Given> {
        if let Some(text) = self.overrides.remove(key.name) {
            let place = key.variable().map(SourceLocation::Variable);
            return Some(Given {
                text,
                kind: None,
                place,
            });
        }
        if let Some(node) = self.values.remove(key.name) {
            let place = SourceLocation::file(self.file, node.at);
            return match node.value {
                Value::Scalar(kind, text) => Some(Given {
                    text,
                    kind: Some(kind),
                    place: Some(place),
                }),
                other => {
                    let what = format!("is {}, not a single value", describe(&other));
                    self.report(place, key.name, Fault::new(what, "give one value"));
                    None
                }
            };
        }
        match key.missing {
            Missing::Default(text) => Some(Given {
                text: text.to_string(),
                kind: None,
                place: None,
            }),
            Missing::Means(_) => None,
            Missing::Refused => {
                let fault = Fault::new("is missing", format!("add it: {}", key.doc));
                self.report(self.home(key), key.name, fault);
                None
            }
        }
    }

    /// Reads a scalar of that kind by that rule; none when it is absent or was reported.
    pub(super) fn scalar<T>(
        &mut self,
        key: &Key,
        kind: Kind,
        rule: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Option<Read<T>> {
        let given = self.given(key)?;
        let judged = if given.text.is_empty() {
            Err(nothing(key))
        } else {
            judge_kind(&given, kind).and_then(|()| rule(&given.text))
        };
        match judged {
            Ok(value) => Some(Read {
                value,
                place: given.place,
            }),
            Err(fault) => {
                let place = given.place.unwrap_or_else(|| self.home(key));
                self.report(place, key.name, fault);
                None
            }
        }
    }
}

fn nothing(key: &Key) -> Fault {
    if *key == schema::SEGMENTS_MIRRORS {
        return Fault::new(
            "mirrors without a name",
            "give the name of the mirrors' StatefulSet, or remove the key for a cluster without mirrors",
        );
    }
    Fault::new("has no value", format!("give one ({}), or remove the key", key.doc))
}

fn judge_kind(given: &Given, wanted: Kind) -> Result<(), Fault> {
    let text = &given.text;
    let quoted = match wanted {
        Kind::Number => text.parse::<u64>().is_ok(),
        Kind::Switch => value_rules::switch(text).is_ok(),
        Kind::Text | Kind::Null => false,
    };
    let fault = |message, remedy| Err(Fault::new(message, remedy));
    match given.kind {
        None => Ok(()),
        Some(kind) if kind == wanted => Ok(()),
        Some(Kind::Text) if quoted => fault(
            format!("is the text {}, not {}", shown(text), noun(wanted)),
            format!("write {text} without quotes"),
        ),
        // The rule for the value says more than that it is of another kind.
        Some(_) if wanted != Kind::Text => Ok(()),
        Some(kind) => fault(
            format!("is {} ({text}), not a text", noun(kind)),
            format!("put it in quotes: \"{text}\""),
        ),
    }
}

fn noun(kind: Kind) -> &'static str {
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
