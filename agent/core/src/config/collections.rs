//! Reads the keys that hold a list or a mapping of the user's own names.

use super::diagnostic::{Fault, SourceLocation};
use super::reader::{Reader, describe, join};
use super::schema::Key;
use super::yaml::{Kind, Node, Position, Value};
use std::collections::BTreeMap;

impl Reader<'_> {
    /// Reads a list of texts by that rule for each.
    pub(super) fn list(&mut self, key: &Key, rule: impl Fn(&str) -> Result<String, Fault>) -> Vec<String> {
        let mut texts = Vec::new();
        for (i, item) in self.items(key).into_iter().enumerate() {
            let judged = match &item.value {
                Value::Scalar(Kind::Text, text) => rule(text),
                other => Err(Fault::new(
                    format!("is {}, not a text", describe(other)),
                    "put the line in quotes",
                )),
            };
            match judged {
                Ok(text) => texts.push(text),
                Err(fault) => {
                    let name = format!("{}[{i}]", key.name);
                    self.report(SourceLocation::file(self.file, item.at), &name, fault);
                }
            }
        }
        texts
    }

    fn items(&mut self, key: &Key) -> Vec<Node> {
        let Some(node) = self.values.remove(key.name) else {
            return Vec::new();
        };
        match node.value {
            Value::List(items) => return items,
            Value::Scalar(Kind::Null, _) => {}
            other => {
                let what = format!("is {}, not a list", describe(&other));
                self.report_at(node.at, key.name, what, "write one `- \"...\"` per entry");
            }
        }
        Vec::new()
    }

    /// Reads a mapping of names to scalars of any kind; names differ in more than their case.
    pub(super) fn map(
        &mut self,
        key: &Key,
        name_rule: impl Fn(&str) -> Result<String, Fault>,
        value_rule: impl Fn(&str) -> Result<String, Fault>,
    ) -> BTreeMap<String, String> {
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
            let named = name_rule(&name).map_err(|fault| (at, fault));
            let valued = any_scalar(&value.value)
                .and_then(&value_rule)
                .map_err(|fault| (value.at, fault));
            match (named, valued) {
                (Ok(name), Ok(value)) => drop(map.insert(name, value)),
                (name, value) => {
                    for (at, fault) in [name.err(), value.err()].into_iter().flatten() {
                        self.report(SourceLocation::file(self.file, at), &dotted, fault);
                    }
                }
            }
        }
        map
    }

    fn pairs(&mut self, key: &Key) -> Vec<(Node, Node)> {
        let Some(node) = self.values.remove(key.name) else {
            return Vec::new();
        };
        match node.value {
            Value::Map(entries) => return entries,
            Value::Scalar(Kind::Null, _) => {}
            other => {
                let what = format!("is {}, not a mapping", describe(&other));
                self.report_at(node.at, key.name, what, "write one `name: value` per line");
            }
        }
        Vec::new()
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
