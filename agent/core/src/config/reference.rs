//! The tables of the documentation.

use super::schema::{KEYS, Missing};
use std::fmt::Write;

/// Variables that are no keys of the file; those without a description are for the agent's own use.
pub(super) const OTHER_VARIABLES: &[(&str, &str)] = &[
    (
        "GP_AGENT_CONFIG",
        "Path of the configuration file; default `/etc/greenplum/cluster.yaml`",
    ),
    (
        "GP_AGENT_RUN_DIR",
        "Directory of the agent's socket, on a tmpfs; default `/run/gp-agent`",
    ),
    ("GP_AGENT_HOST_NAME", "Host name to use in place of the pod's own"),
    ("GP_AGENT_GRACE_SECONDS", "Grace period of `gp-agent init`, in seconds"),
    (
        "GP_AGENT_WATCHDOG_SECONDS",
        "Seconds without a heartbeat after which `gp-agent init` takes the agent for hung",
    ),
    (
        "GP_AGENT_LOG",
        "What is logged: `error`, `warn`, `info`, `debug` or `trace`",
    ),
    (
        "GP_AGENT_LOG_FORMAT",
        "How it is logged: `text`, `json` (a record a line), or `auto`: JSON in Kubernetes, unless standard error is a terminal",
    ),
    ("GP_AGENT_INIT_FD", ""),
    ("GP_AGENT_LOG_FDS", ""),
    ("GP_AGENT_RESTARTS", ""),
];

/// All keys as a Markdown table.
pub fn reference() -> String {
    let mut table = String::from("| Key | Environment variable | Default | Meaning |\n| --- | --- | --- | --- |\n");
    for key in KEYS {
        let variable = key.variable().map_or(String::new(), |v| format!("`{v}`"));
        let default = match key.missing {
            Missing::Refused => "*required*".to_string(),
            Missing::Default(value) => format!("`{value}`"),
            Missing::Means(words) => words.to_string(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(table, "| `{}` | {variable} | {default} | {} |", key.name, key.doc);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::schema;
    use crate::config::tests::{SMALL, read};

    #[test]
    fn the_reference_has_a_row_for_every_key() {
        let table = reference();
        assert_eq!(table.lines().count(), KEYS.len() + 2);
        assert!(
            table.contains("| `http.port` | `GP_AGENT_HTTP_PORT` | `8008` | TCP port of probes, status and metrics |")
        );
        assert!(table.lines().all(|l| l.matches('|').count() == 5));
        assert!(!variables_reference().contains("INIT_FD"));
    }

    #[test]
    fn the_reference_tells_the_true_defaults() {
        let config = serde_json::to_value(read(SMALL)).unwrap();
        for key in schema::KEYS {
            let value = key.name.split('.').try_fold(&config, |value, part| value.get(part));
            match (key.missing, value) {
                (schema::Missing::Default(text), Some(value)) => {
                    assert_eq!(value.to_string().trim_matches('"'), text, "{}", key.name);
                }
                (schema::Missing::Means(_), value) => {
                    let text = value.map_or(String::new(), ToString::to_string);
                    assert!(["", "[]", "{}"].contains(&text.as_str()), "{}", key.name);
                }
                (schema::Missing::Refused, value) => assert!(value.is_some(), "{}", key.name),
                (_, None) => panic!("{} is in the table and not in the Config", key.name),
            }
        }
    }

    #[test]
    fn every_field_of_a_configuration_is_in_the_table() {
        let text = "domain: d\nsegments: { count: 1, mirrors: m }\nstorage: { wal: /w }\nssh: { port: 2 }\ngreenplum: { home: /g }\n";
        let config = read(&format!("cluster: w\nengine: postgres\n{text}"));
        let value = serde_json::to_value(config).unwrap();
        let mut names = Vec::new();
        for (name, value) in value.as_object().unwrap() {
            match value.as_object().filter(|_| schema::is_section(name)) {
                Some(section) => names.extend(section.keys().map(|key| format!("{name}.{key}"))),
                None => names.push(name.clone()),
            }
        }
        names.sort();
        let mut table: Vec<_> = schema::KEYS.iter().map(|key| key.name.to_string()).collect();
        table.sort();
        assert_eq!(names, table);
    }
}
