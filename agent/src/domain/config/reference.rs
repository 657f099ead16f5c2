//! The tables of the documentation.

use super::keys::{KEYS, Missing};
use std::fmt::Write;

/// Variables that are no keys of the file; those without a description are for the agent's own use.
pub const OTHER_VARIABLES: &[(&str, &str)] = &[
    (
        "GP_AGENT_CONFIG",
        "Path of the configuration file; default `/etc/greenplum/cluster.yaml`",
    ),
    (
        "GP_AGENT_RUN_DIR",
        "Directory of the agent's socket, on a tmpfs; default `/run/gp-agent`",
    ),
    (
        "GP_AGENT_HOST_NAME",
        "Host name to use in place of the pod's own",
    ),
    (
        "GP_AGENT_GRACE_SECONDS",
        "Grace period of `gp-agent init`, in seconds",
    ),
    (
        "GP_AGENT_WATCHDOG_SECONDS",
        "Seconds without a heartbeat after which `gp-agent init` takes the agent for hung",
    ),
    (
        "GP_AGENT_LOG",
        "What is logged: `error`, `warn`, `info`, `debug` or `trace`",
    ),
    ("GP_AGENT_INIT_FD", ""),
    ("GP_AGENT_RESTARTS", ""),
];

/// All keys as a Markdown table.
pub fn reference() -> String {
    let mut table = String::from(
        "| Key | Environment variable | Default | Meaning |\n| --- | --- | --- | --- |\n",
    );
    for key in KEYS {
        let variable = key.variable().map_or(String::new(), |v| format!("`{v}`"));
        let default = match key.missing {
            Missing::Refused => "*required*".to_string(),
            Missing::Default(value) => format!("`{value}`"),
            Missing::Means(words) => words.to_string(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | {variable} | {default} | {} |",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_has_a_row_for_every_key() {
        let table = reference();
        assert_eq!(table.lines().count(), KEYS.len() + 2);
        assert!(table.contains(
            "| `http.port` | `GP_AGENT_HTTP_PORT` | `8008` | TCP port of probes, status and metrics |"
        ));
        assert!(table.lines().all(|l| l.matches('|').count() == 5));
        assert!(!variables_reference().contains("INIT_FD"));
    }
}
