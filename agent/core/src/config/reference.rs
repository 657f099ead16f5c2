//! What documents and the Helm chart have to say of the keys: tables in Markdown, and JSON Schemas.

use super::env::OTHER_VARIABLES;
use super::key::{Change, Form, Key, Missing};
use super::schema::KEYS;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// All keys as a Markdown table.
pub fn reference() -> String {
    let mut table =
        String::from("| Key | Environment variable | Default | Change | Meaning |\n| --- | --- | --- | --- | --- |\n");
    for key in KEYS.iter() {
        let variable = key.variable().map_or(String::new(), |v| format!("`{v}`"));
        let default = match key.missing {
            Missing::Refused => "*required*".to_string(),
            Missing::Default(value) => format!("`{value}`"),
            Missing::Means(words) => words.to_string(),
        };
        let change = match key.change {
            Change::Live => "live",
            Change::Restart => "restart",
            Change::Settled => "never",
            Change::InCatalog => "never with Greenplum",
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | {variable} | {default} | {change} | {} |",
            key.name, key.doc
        );
    }
    table
}

/// The variables that are no keys of the file, as a Markdown table.
pub fn variables_reference() -> String {
    let mut table = String::from("| Environment variable | Meaning |\n| --- | --- |\n");
    for (name, doc) in OTHER_VARIABLES.iter().filter(|(_, doc)| !doc.is_empty()) {
        let _ = writeln!(table, "| `{name}` | {doc} |");
    }
    table
}

/// For every dotted key a JSON Schema (draft 7) of its value, with its default: type, bounds and words, not the
/// grammar of a text.
pub fn value_schemas() -> BTreeMap<&'static str, Value> {
    KEYS.iter().map(|key| (key.name, value_schema(key))).collect()
}

fn value_schema(key: &Key) -> Value {
    let mut schema = match key.form {
        Form::Text => json!({ "type": "string" }),
        Form::Switch => json!({ "type": "boolean" }),
        Form::Whole { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Form::Words(words) => json!({ "enum": words }),
        Form::List => json!({ "type": "array", "items": { "type": "string" } }),
        Form::Map => json!({ "type": "object", "additionalProperties": { "type": "string" } }),
    };
    if let Missing::Default(text) = key.missing {
        schema["default"] = match key.form {
            // The spelling of a number or a switch is the same in JSON.
            Form::Switch | Form::Whole { .. } => text.parse().unwrap_or(Value::Null),
            _ => Value::from(text),
        };
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{SMALL, printed, read};

    #[test]
    fn the_reference_has_a_row_for_every_key() {
        let table = reference();
        assert_eq!(table.lines().count(), KEYS.iter().count() + 2);
        assert!(table.contains(
            "| `http.port` | `GP_AGENT_HTTP_PORT` | `8008` | restart | TCP port of probes, status and metrics |"
        ));
        assert!(table.lines().all(|l| l.matches('|').count() == 6));
        assert!(!variables_reference().contains("INIT_FD"));
    }

    #[test]
    fn the_reference_tells_the_true_defaults() {
        let config = printed(&read(SMALL));
        for key in KEYS.iter() {
            let value = key.name.split('.').try_fold(&config, |value, part| value.get(part));
            match (key.missing, value) {
                (Missing::Default(text), Some(value)) => {
                    assert_eq!(value.to_string().trim_matches('"'), text, "{}", key.name);
                }
                (Missing::Means(_), value) => {
                    let text = value.map_or(String::new(), ToString::to_string);
                    assert!(["", "[]", "{}"].contains(&text.as_str()), "{}", key.name);
                }
                (Missing::Refused, value) => assert!(value.is_some(), "{}", key.name),
                (_, None) => panic!("{} is in the table and not in the Config", key.name),
            }
        }
    }

    #[test]
    fn every_field_of_a_configuration_is_in_the_table() {
        let text = "domain: d\nsegments: { count: 1, mirrors: m }\nstorage: { wal: /w }\nssh: { port: 2 }\nrecovery: { window: 0 2 * * sun }\ngreenplum: { home: /g }\ntls: { secret: /t }\n";
        let config = read(&format!("cluster: w\nengine: postgres\n{text}"));
        let value = printed(&config);
        let mut names = Vec::new();
        for (name, value) in value.as_object().unwrap() {
            match value.as_object().filter(|_| KEYS.is_section(name)) {
                Some(section) => names.extend(section.keys().map(|key| format!("{name}.{key}"))),
                None => names.push(name.clone()),
            }
        }
        names.sort();
        let mut table: Vec<_> = KEYS.iter().map(|key| key.name.to_string()).collect();
        table.sort();
        assert_eq!(names, table);
    }

    /// A finding about a missing value quotes the meaning, so that it has to say what may be given.
    #[test]
    fn the_meaning_names_every_word_and_every_bound_but_those_of_ports() {
        for key in KEYS.iter() {
            match key.form {
                Form::Words(words) => {
                    assert!(
                        words.iter().all(|word| key.doc.contains(&format!("`{word}`"))),
                        "{}",
                        key.name
                    );
                }
                Form::Whole { min, max } if !key.doc.starts_with("TCP port") && !key.doc.starts_with("MiB") => {
                    assert!(key.doc.contains(&format!("{min} to {max}")), "{}", key.name);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn schemas_have_types_bounds_words_and_defaults() {
        let schemas = value_schemas();
        assert_eq!(schemas.len(), KEYS.iter().count());
        let wanted = json!({ "type": "integer", "minimum": 1, "maximum": 65_535, "default": 40_000 });
        assert_eq!(schemas["segments.primaryPort"], wanted);
        assert_eq!(
            schemas["hba.auth"],
            json!({ "enum": ["trust", "scram-sha-256"], "default": "trust" })
        );
        assert_eq!(
            schemas["coordinator.standby"],
            json!({ "type": "boolean", "default": false })
        );
        assert_eq!(
            schemas["hba.extra"],
            json!({ "type": "array", "items": { "type": "string" } })
        );
        assert_eq!(schemas["segments.mirrors"], json!({ "type": "string" }));
        // Every default is of its own type.
        assert!(
            schemas
                .values()
                .all(|schema| schema.get("default").is_none_or(|value| !value.is_null()))
        );
    }
}
