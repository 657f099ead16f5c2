//! Reads the value of one key: a scalar, a list, or a mapping of the user's own names.

use super::diagnostic::{Fault, SourceLocation};
use super::key::{Form, Key, Missing};
use super::reader::{Reader, describe, join, noun};
use super::rule::Rule;
use super::value_rules;
use super::value_rules::shown;
use super::yaml::{Kind, Node, Position, Value};
use std::collections::BTreeMap;

/// A value that passed its own rule; `place` is none for a default.
#[derive(Debug)]
pub(super) struct Read<T> {
    pub key: &'static Key,
    pub value: T,
    pub place: Option<SourceLocation>,
}

/// A scalar before its rule was asked; `kind` is none when any spelling will do.
struct Given {
    text: String,
    kind: Option<Kind>,
    place: Option<SourceLocation>,
}

impl Given {
    /// Programs that read YAML 1.1 and write it anew, Helm among them, make of the word `off` the switch `false`.
    fn spelled(self, form: Form) -> Given {
        match (form, self.kind) {
            (Form::Words(words), Some(Kind::Switch)) if self.text == "false" && words.contains(&"off") => Given {
                text: "off".to_string(),
                kind: Some(Kind::Text),
                ..self
            },
            _ => self,
        }
    }
}

impl Reader<'_> {
    /// Reads a scalar; none when it is absent or was reported.
    pub(super) fn scalar<T>(&mut self, key: &'static Key, rule: &Rule<T>) -> Option<Read<T>> {
        let Given { text, kind, place } = self.given(key)?.spelled(rule.form);
        let judged = if text.is_empty() {
            Err(nothing(key, rule.empty))
        } else {
            judge_kind(&text, kind, rule.form.kind()).and_then(|()| (rule.read)(&text))
        };
        match judged {
            Ok(value) => Some(Read { key, value, place }),
            Err(fault) => {
                let place = place.unwrap_or_else(|| self.home(key));
                self.report(place, key.name, fault);
                None
            }
        }
    }

    /// What was given for `key`, by the environment before the file, else its default.
    fn given(&mut self, key: &Key) -> Option<Given> {
        if let Some(text) = self.take_override(key) {
            let (kind, place) = (None, key.variable().map(SourceLocation::Variable));
            return Some(Given { text, kind, place });
        }
        if let Some(node) = self.take_node(key) {
            return self.given_by_file(key, node);
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

    fn given_by_file(&mut self, key: &Key, node: Node) -> Option<Given> {
        let place = self.location(node.at);
        match node.value {
            Value::Scalar(kind, text) => {
                let (kind, place) = (Some(kind), Some(place));
                Some(Given { text, kind, place })
            }
            other => {
                let what = format!("is {}, not a single value", describe(&other));
                self.report(place, key.name, Fault::new(what, "give one value"));
                None
            }
        }
    }

    /// Reads a list of texts by that rule for each.
    pub(super) fn list(&mut self, key: &Key, rule: &Rule<String>) -> Vec<String> {
        let mut texts = Vec::new();
        for (i, item) in self.items(key).into_iter().enumerate() {
            let judged = match &item.value {
                Value::Scalar(Kind::Text, text) => (rule.read)(text),
                other => Err(Fault::new(
                    format!("is {}, not a text", describe(other)),
                    "put the line in quotes",
                )),
            };
            match judged {
                Ok(text) => texts.push(text),
                Err(fault) => self.report(self.location(item.at), &format!("{}[{i}]", key.name), fault),
            }
        }
        texts
    }

    fn items(&mut self, key: &Key) -> Vec<Node> {
        match self.take_node(key).map(|node| (node.at, node.value)) {
            None | Some((_, Value::Scalar(Kind::Null, _))) => Vec::new(),
            Some((_, Value::List(items))) => items,
            Some((at, other)) => {
                let what = format!("is {}, not a list", describe(&other));
                self.report_at(at, key.name, what, "write one `- \"...\"` per entry");
                Vec::new()
            }
        }
    }

    /// Reads a mapping of names to scalars of any kind; names differ in more than their case.
    pub(super) fn map(&mut self, key: &Key, names: &Rule<String>, values: &Rule<String>) -> BTreeMap<String, String> {
        let mut map = BTreeMap::new();
        let mut folded: BTreeMap<String, Position> = BTreeMap::new();
        let entries = self.pairs(key);
        for ((name, at), value) in self.entries(key.name, entries) {
            let dotted = join(key.name, &name);
            if let Some(first) = folded.insert(name.to_ascii_lowercase(), at) {
                let what = format!("is given a second time, first in line {}", first.line);
                let remedy = "remove one of the two; upper and lower case are the same here";
                self.report_at(at, &dotted, what, remedy);
            }
            let named = (names.read)(&name).map_err(|fault| (at, fault));
            let valued = any_scalar(&value.value)
                .and_then(values.read)
                .map_err(|fault| (value.at, fault));
            match (named, valued) {
                (Ok(name), Ok(value)) => {
                    self.entries_at.insert(dotted, at);
                    map.insert(name, value);
                }
                (name, value) => {
                    for (at, fault) in [name.err(), value.err()].into_iter().flatten() {
                        self.report(self.location(at), &dotted, fault);
                    }
                }
            }
        }
        map
    }

    fn pairs(&mut self, key: &Key) -> Vec<(Node, Node)> {
        match self.take_node(key).map(|node| (node.at, node.value)) {
            None | Some((_, Value::Scalar(Kind::Null, _))) => Vec::new(),
            Some((_, Value::Map(entries))) => entries,
            Some((at, other)) => {
                let what = format!("is {}, not a mapping", describe(&other));
                self.report_at(at, key.name, what, "write one `name: value` per line");
                Vec::new()
            }
        }
    }
}

fn nothing(key: &Key, empty: Option<(&str, &str)>) -> Fault {
    match empty {
        Some((message, remedy)) => Fault::new(message, remedy),
        None => Fault::new("has no value", format!("give one ({}), or remove the key", key.doc)),
    }
}

fn judge_kind(text: &str, given: Option<Kind>, wanted: Kind) -> Result<(), Fault> {
    let quoted = match wanted {
        Kind::Number => text.parse::<u64>().is_ok(),
        Kind::Switch => value_rules::switch(text).is_ok(),
        Kind::Text | Kind::Null => false,
    };
    let fault = |message, remedy| Err(Fault::new(message, remedy));
    match given {
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

fn any_scalar(value: &Value) -> Result<&str, Fault> {
    match value {
        Value::Scalar(Kind::Null, _) => Err(Fault::new(
            "has no value",
            "give one, `''` for an empty one, or remove the parameter",
        )),
        Value::Scalar(_, text) => Ok(text),
        other => Err(Fault::new(
            format!("is {}, not a single value", describe(other)),
            "give one value",
        )),
    }
}
