//! Environment variables that override single keys.

use super::diagnostic::{ConfigFinding, SourceLocation};
use super::key::{Key, PREFIX, variable_name};
use super::schema::KEYS;
use super::suggest::nearest;
use std::collections::BTreeMap;

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
    ("GP_AGENT_INIT_FENCE", ""),
    ("GP_AGENT_LOG_FDS", ""),
    ("GP_AGENT_RESTARTS", ""),
];

/// What the environment says: overrides by dotted key, and the variables that nobody reads.
pub(super) fn read(
    env: impl Iterator<Item = (String, String)>,
) -> (BTreeMap<&'static str, String>, Vec<ConfigFinding>) {
    let names: BTreeMap<String, &Key> = KEYS.iter().filter_map(|key| Some((key.variable()?, key))).collect();
    let mut overrides = BTreeMap::new();
    let mut findings = Vec::new();
    for (name, value) in env.filter(|(name, _)| name.starts_with(PREFIX)) {
        if is_other(&name) || is_service_link(&name, &value) {
            continue;
        }
        match names.get(&name) {
            Some(key) => {
                overrides.insert(key.name, value);
            }
            None => findings.push(unknown(&name, &names)),
        }
    }
    (overrides, findings)
}

fn is_other(name: &str) -> bool {
    OTHER_VARIABLES.iter().any(|(other, _)| *other == name)
}

fn unknown(name: &str, names: &BTreeMap<String, &Key>) -> ConfigFinding {
    let of_file = KEYS
        .iter()
        .filter(|key| key.variable().is_none())
        .find(|key| name.starts_with(&variable_name(key.name)));
    let (key, message, remedy) = match of_file {
        Some(key) => (
            key.name,
            "cannot be given by an environment variable",
            format!("unset {name} and write {} into the file", key.name),
        ),
        None => {
            let known = names
                .keys()
                .map(String::as_str)
                .chain(OTHER_VARIABLES.iter().map(|(name, _)| *name));
            let remedy = match nearest(name, known) {
                Some(near) => format!("did you mean {near}?"),
                None => "unset it".to_string(),
            };
            ("", "is no variable of gp-agent", remedy)
        }
    };
    ConfigFinding {
        place: SourceLocation::Variable(name.to_string()),
        key: key.to_string(),
        message: message.to_string(),
        remedy,
    }
}

/// Whether Kubernetes (enableServiceLinks) set this variable for a Service whose name begins with
/// `gp-agent`: `..._SERVICE_HOST`, `..._SERVICE_PORT[_NAME]`, `..._PORT` with a URL, and
/// `..._PORT_5432_TCP[_PROTO|_PORT|_ADDR]`.
fn is_service_link(name: &str, value: &str) -> bool {
    let name = name.strip_prefix("GP_AGENT").unwrap_or(name);
    let url = ["tcp://", "udp://", "sctp://"]
        .iter()
        .any(|scheme| value.starts_with(scheme));
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || (name.ends_with("_PORT") && url)
        || name
            .match_indices("_PORT_")
            .any(|(at, word)| is_port_suffix(&name[at + word.len()..]))
}

/// `5432_TCP`, with or without `_PROTO`, `_PORT` or `_ADDR`.
fn is_port_suffix(rest: &str) -> bool {
    let Some((number, rest)) = rest.split_once('_') else {
        return false;
    };
    let (protocol, part) = rest.split_once('_').unwrap_or((rest, "ADDR"));
    number.parse::<u16>().is_ok()
        && matches!(protocol, "TCP" | "UDP" | "SCTP")
        && matches!(part, "PROTO" | "PORT" | "ADDR")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_all(pairs: &[(&str, &str)]) -> (BTreeMap<&'static str, String>, Vec<String>) {
        let env = pairs.iter().map(|(k, v)| (k.to_string(), v.to_string()));
        let (overrides, findings) = read(env);
        (overrides, findings.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn takes_overrides_and_leaves_the_rest_of_the_environment_alone() {
        let (overrides, findings) = read_all(&[
            ("GP_AGENT_SEGMENTS_COUNT", "3"),
            ("GP_AGENT_RUN_DIR", "/tmp/x"),
            ("GP_AGENT_INIT_FD", "7"),
            ("PATH", "/bin"),
        ]);
        assert_eq!(overrides, BTreeMap::from([("segments.count", "3".into())]));
        assert_eq!(findings, [""; 0]);
    }

    #[test]
    fn refuses_what_nobody_reads() {
        let (_, findings) = read_all(&[
            ("GP_AGENT_SEGMENT_COUNT", "3"),
            ("GP_AGENT_COLOUR", "red"),
            ("GP_AGENT_HBA_EXTRA", "host all all all trust"),
            ("GP_AGENT_PARAMETERS_WORK_MEM", "1MB"),
        ]);
        insta::assert_snapshot!(findings.join("\n"), @r"
        GP_AGENT_SEGMENT_COUNT: is no variable of gp-agent; did you mean GP_AGENT_SEGMENTS_COUNT?
        GP_AGENT_COLOUR: is no variable of gp-agent; unset it
        GP_AGENT_HBA_EXTRA: hba.extra: cannot be given by an environment variable; unset GP_AGENT_HBA_EXTRA and write hba.extra into the file
        GP_AGENT_PARAMETERS_WORK_MEM: parameters: cannot be given by an environment variable; unset GP_AGENT_PARAMETERS_WORK_MEM and write parameters into the file
        ");
    }

    #[test]
    fn service_links_of_kubernetes_are_nobodys_business() {
        let (overrides, findings) = read_all(&[
            ("GP_AGENT_PORT", "tcp://10.96.0.7:5432"),
            ("GP_AGENT_SERVICE_HOST", "10.96.0.7"),
            ("GP_AGENT_SERVICE_PORT", "5432"),
            ("GP_AGENT_SERVICE_PORT_POSTGRES", "5432"),
            ("GP_AGENT_PORT_5432_TCP", "tcp://10.96.0.7:5432"),
            ("GP_AGENT_PORT_5432_TCP_PROTO", "tcp"),
            ("GP_AGENT_PORT_5432_TCP_PORT", "5432"),
            ("GP_AGENT_PORT_5432_TCP_ADDR", "10.96.0.7"),
            // A Service called gp-agent-coordinator.
            ("GP_AGENT_COORDINATOR_PORT", "tcp://10.96.0.8:5432"),
            ("GP_AGENT_COORDINATOR_SERVICE_HOST", "10.96.0.8"),
            ("GP_AGENT_COORDINATOR_PORT_5432_TCP_ADDR", "10.96.0.8"),
        ]);
        assert!(overrides.is_empty());
        assert_eq!(findings, [""; 0]);
    }

    #[test]
    fn what_only_looks_like_a_service_link_is_refused() {
        let (_, findings) = read_all(&[
            ("GP_AGENT_PORT", "5432"),
            ("GP_AGENT_PORT_TCP", "5432"),
            ("GP_AGENT_PORT_5432_ICMP", "5432"),
        ]);
        assert_eq!(findings.len(), 3);
    }
}
