//! Objects as lines, to be compared and read.

use crate::objects::{list, title};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Every scalar by its path: `Service/greenplum spec.type` is `LoadBalancer`. Elements of lists that have a name go by it;
/// labels stay together.
pub(crate) fn flat(objects: &[Value]) -> BTreeMap<String, String> {
    let mut lines = BTreeMap::new();
    for object in objects {
        walk(object, &title(object), " ", &mut lines);
    }
    lines
}

fn walk(value: &Value, path: &str, joint: &str, lines: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(map) if !map.is_empty() && !path.to_lowercase().ends_with("labels") => {
            for (key, value) in map {
                walk(value, &format!("{path}{joint}{key}"), ".", lines);
            }
        }
        Value::Array(array) if !array.is_empty() => {
            let scalars = array.iter().all(|e| !e.is_object() && !e.is_array());
            if scalars {
                lines.insert(path.into(), value.to_string());
                return;
            }
            for (i, element) in list(value).enumerate() {
                let name = element["name"].as_str().map_or_else(|| i.to_string(), String::from);
                walk(element, &format!("{path}[{name}]"), ".", lines);
            }
        }
        scalar => {
            lines.insert(path.into(), scalar.to_string());
        }
    }
}

/// The lines of one that the other has not, with `-` and `+`; of an object that only one has, its name.
pub(crate) fn difference(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> String {
    let mut lines = Vec::new();
    let (old, new) = (without_strangers(old, new), without_strangers(new, old));
    for (path, value) in old.iter().filter(|(path, value)| new.get(*path) != Some(*value)) {
        lines.push((path, '-', value));
    }
    for (path, value) in new.iter().filter(|(path, value)| old.get(*path) != Some(*value)) {
        lines.push((path, '+', value));
    }
    lines.sort();
    let line = |(path, sign, value): &(&String, char, &String)| format!("{sign} {path}: {value}\n");
    lines.iter().map(line).collect()
}

fn without_strangers(one: &BTreeMap<String, String>, other: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let title = |path: &str| path.split(' ').next().unwrap_or_default().to_string();
    let known: BTreeSet<String> = other.keys().map(|path| title(path)).collect();
    let line = |(path, value): (&String, &String)| match known.contains(&title(path)) {
        true => (path.clone(), value.clone()),
        false => (title(path), "(the whole object)".to_string()),
    };
    one.iter().map(line).collect()
}

#[test]
fn what_differs_is_shown_once() {
    let one = flat(&[
        serde_json::json!({ "kind": "A", "metadata": { "name": "b" }, "x": [{ "name": "n", "v": 1 }], "y": [] }),
    ]);
    let two = flat(&[
        serde_json::json!({ "kind": "A", "metadata": { "name": "b" }, "x": [{ "name": "n", "v": 2 }], "z": [1] }),
    ]);
    assert_eq!(
        difference(&one, &two),
        "+ A/b x[n].v: 2\n- A/b x[n].v: 1\n- A/b y: []\n+ A/b z: [1]\n"
    );
}
