//! Which parameters of postgresql.conf may be given, and with what values.

use super::diagnostic::Fault;
use super::model::EngineKind;

/// Who may set a parameter of [`GUARDED`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Setter {
    /// The agent alone.
    Agent,
    /// The agent, and tools of the database: pg_basebackup, gpinitstandby and others write it.
    Tools,
    /// With that engine the agent alone while failover is on, else cluster.yaml too.
    Failover(EngineKind),
    /// cluster.yaml too, where a start of the server program proves it.
    ClusterYaml,
}

/// A parameter that the agent sets itself or relies on.
#[derive(Debug)]
pub(crate) struct Guarded {
    /// Its name.
    pub name: &'static str,
    /// Who may set it.
    pub setter: Setter,
    /// What the agent needs it for; with `Setter::Agent` also what to set instead.
    pub why: &'static str,
    /// Whether a value does no harm, whoever set it.
    pub harmless: fn(&str) -> bool,
    /// Whether a change waits for a restart of the server (guc.c, PGC_POSTMASTER).
    pub restart: bool,
}

const SOCKET: &str = "the agent's own connections use the socket in /tmp";
const FOLLOWS: &str = "it differs from pod to pod; the agent sets it on standby and mirrors";
const ROLE: &str = "it belongs to the command line of each pod's postmaster";
const PLACE: &str = "it differs from pod to pod; gpinitsystem sets it";
const ONE_BY_ONE: &str = "parameters are given one by one";
const STREAMS: &str = "the other pod of the pair takes its stream and its copy from here";
const CERTIFICATE: &str = "the certificate of tls.secret is there, and is followed when it is renewed";
const REPLAY: &str = "where recovery ends is nobody's to set here: a mirror would stop there, or not start";
const LOG: &str = "the agent reads the server's log, to pass it on and to name the cause of a crash";

const fn never(_: &str) -> bool {
    false
}

const fn guard(name: &'static str, setter: Setter, why: &'static str, restart: bool) -> Guarded {
    Guarded {
        name,
        setter,
        why,
        harmless: never,
        restart,
    }
}

const fn own(name: &'static str, why: &'static str, restart: bool) -> Guarded {
    guard(name, Setter::Agent, why, restart)
}

const fn until(name: &'static str) -> Guarded {
    Guarded {
        harmless: str::is_empty,
        ..own(name, REPLAY, true)
    }
}

const fn tools(name: &'static str, why: &'static str) -> Guarded {
    guard(name, Setter::Tools, why, false)
}

const fn failover(name: &'static str, engine: EngineKind, why: &'static str) -> Guarded {
    guard(name, Setter::Failover(engine), why, false)
}

const fn needed(name: &'static str, why: &'static str, harmless: fn(&str) -> bool, restart: bool) -> Guarded {
    Guarded {
        harmless,
        ..guard(name, Setter::ClusterYaml, why, restart)
    }
}

/// As the server reads it (bool.c, parse_bool_with_len): any beginning of these words that fits no other.
fn is_word(value: &str, words: &[(&str, usize)]) -> bool {
    let value = value.trim().to_ascii_lowercase();
    let fits = |(word, least): &(&str, usize)| value.len() >= *least && word.starts_with(&value);
    words.iter().any(fits)
}

/// What the server takes for true.
pub(crate) fn is_on(value: &str) -> bool {
    is_word(value, &[("true", 1), ("yes", 1), ("on", 2), ("1", 1)])
}

fn is_off(value: &str) -> bool {
    is_word(value, &[("false", 1), ("no", 1), ("off", 2), ("0", 1)])
}

fn names(value: &str, wanted: &str) -> bool {
    value
        .split(',')
        .any(|word| word.trim().trim_matches('"').eq_ignore_ascii_case(wanted))
}

fn at_least(value: &str, least: u32) -> bool {
    value.trim().parse().is_ok_and(|value: u32| value >= least)
}

/// Parameters that the agent sets itself or relies on: which of them cluster.yaml may not set, and what ALTER SYSTEM and
/// postgresql.conf must leave alone.
pub(crate) const GUARDED: &[Guarded] = &[
    own(
        "port",
        "set coordinator.port, segments.primaryPort or segments.mirrorPort",
        true,
    ),
    Guarded {
        harmless: |value| names(value, "*"),
        ..own(
            "listen_addresses",
            "the postmaster listens on all addresses and pg_hba.conf decides",
            true,
        )
    },
    Guarded {
        harmless: |value| names(value, "/tmp"),
        ..own("unix_socket_directories", SOCKET, true)
    },
    Guarded {
        harmless: |value| names(value, "/tmp"),
        ..own("unix_socket_directory", SOCKET, true)
    },
    own("unix_socket_permissions", SOCKET, true),
    own("unix_socket_group", SOCKET, true),
    own("data_directory", "set storage.path", true),
    own("config_file", "the agent keeps it in the data directory", true),
    own(
        "hba_file",
        "the agent keeps pg_hba.conf in the data directory; set hba.extra",
        true,
    ),
    own("ident_file", "the agent keeps it in the data directory", true),
    own("external_pid_file", "the agent follows postmaster.pid", true),
    tools("primary_conninfo", FOLLOWS),
    tools("primary_slot_name", FOLLOWS),
    own("standby_mode", "the agent decides which pod is a standby", true),
    until("recovery_target"),
    until("recovery_target_name"),
    until("recovery_target_time"),
    until("recovery_target_xid"),
    until("recovery_target_lsn"),
    Guarded {
        harmless: |value| is_on(value) || is_off(value),
        ..own("recovery_target_inclusive", REPLAY, true)
    },
    Guarded {
        harmless: |value| value.is_empty() || value.eq_ignore_ascii_case("latest"),
        ..own("recovery_target_timeline", REPLAY, true)
    },
    Guarded {
        harmless: |value| ["pause", "promote", "shutdown"].contains(&value),
        ..own("recovery_target_action", REPLAY, true)
    },
    own(
        "promote_trigger_file",
        "servers are promoted by the agent, or by a command",
        false,
    ),
    own(
        "trigger_file",
        "servers are promoted by the agent, or by a command",
        false,
    ),
    own("gp_role", ROLE, true),
    own("gp_session_role", ROLE, true),
    tools("gp_dbid", PLACE),
    tools("gp_contentid", PLACE),
    own("include", ONE_BY_ONE, false),
    own("include_dir", ONE_BY_ONE, false),
    own("include_if_exists", ONE_BY_ONE, false),
    failover(
        "synchronous_standby_names",
        EngineKind::Postgres,
        "failover promotes a standby only while the agent knows that every commit waits for it",
    ),
    Guarded {
        harmless: is_off,
        ..failover(
            "restart_after_crash",
            EngineKind::Greenplum,
            "a server that starts again after a crash without asking the record acknowledges commits that the standby may not have",
        )
    },
    needed(
        "wal_level",
        STREAMS,
        |value| !value.eq_ignore_ascii_case("minimal"),
        true,
    ),
    needed("max_wal_senders", STREAMS, |value| at_least(value, 2), true),
    needed("max_replication_slots", STREAMS, |value| at_least(value, 1), true),
    needed("hot_standby", "the agent asks a mirror how it does", is_on, true),
    needed("ssl", "clients' lines of pg_hba.conf may ask for it", is_on, false),
    needed("ssl_cert_file", CERTIFICATE, never, false),
    needed("ssl_key_file", CERTIFICATE, never, false),
    needed("ssl_ca_file", CERTIFICATE, never, false),
    needed("logging_collector", LOG, is_off, true),
    needed("log_destination", LOG, |value| names(value, "stderr"), false),
];

/// What the other pod of a pair needs; see [`keeps_partner_away`].
const OF_PAIRS: [&str; 4] = ["wal_level", "max_wal_senders", "max_replication_slots", "hot_standby"];

/// What the agent sets itself as soon as `tls.secret` is given.
pub(super) const OF_TLS: [&str; 4] = ["ssl", "ssl_cert_file", "ssl_key_file", "ssl_ca_file"];

/// A parameter's name, `[A-Za-z_][A-Za-z0-9_.]*`, which the agent does not set itself.
pub(super) fn name(text: &str) -> Result<String, Fault> {
    let mut chars = text.chars();
    let first = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_');
    if !first || !chars.all(|c| c.is_ascii_alphanumeric() || "_.".contains(c)) {
        return Err(Fault::new(
            "is not the name of a parameter",
            "use letters, digits, `_` and `.`, beginning with a letter or `_`",
        ));
    }
    // PostgreSQL does not tell upper from lower case in names of parameters (guc.c, guc_name_compare).
    let never = |guarded: &&Guarded| matches!(guarded.setter, Setter::Agent | Setter::Tools);
    match guarded(text).filter(never) {
        Some(guarded) => Err(Fault::new(
            "is set by the agent itself",
            format!("remove it; {}", guarded.why),
        )),
        None => Ok(text.to_string()),
    }
}

/// Whether the agent alone sets this parameter of that engine while failover is on, and not to this value.
pub fn is_of_failover(engine: EngineKind, name: &str, value: &str) -> bool {
    guarded(name).is_some_and(|guarded| guarded.setter == Setter::Failover(engine) && !(guarded.harmless)(value))
}

/// Why a pod's mirror or standby could not follow with this value, where that is certain: what is no value at all is left to
/// a trial of the server.
pub(super) fn keeps_partner_away(name: &str, value: &str) -> Option<&'static str> {
    let guarded = guarded(name).filter(|guarded| OF_PAIRS.contains(&guarded.name))?;
    let is_value = match guarded.name {
        "hot_standby" => is_off(value),
        "wal_level" => true,
        _ => value.trim().parse::<u32>().is_ok(),
    };
    (is_value && !(guarded.harmless)(value)).then_some(guarded.why)
}

/// The entry of a parameter in [`GUARDED`].
pub(crate) fn guarded(name: &str) -> Option<&'static Guarded> {
    GUARDED.iter().find(|guarded| name.eq_ignore_ascii_case(guarded.name))
}

/// A parameter's value: anything that fits on one line of postgresql.conf.
pub(super) fn value(text: &str) -> Result<String, Fault> {
    match text.chars().find(|&c| c.is_control() && c != '\t') {
        Some(c) => Err(Fault::new(
            format!("contains the control character {c:?}"),
            "write the value on one line",
        )),
        None => Ok(text.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters() {
        for good in ["work_mem", "pg_stat_statements.track", "_x", "Work_Mem"] {
            assert!(name(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "1x",
            "a-b",
            "a b",
            "port",
            "PORT",
            "gp_contentid",
            "include",
            ".a",
            "recovery_target_time",
            "Recovery_Target",
            "promote_trigger_file",
        ] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert!(value("a\tb 'c' \\").is_ok());
        for (name, value) in [
            ("hot_standby", "of"),
            ("Hot_Standby", "F"),
            ("max_wal_senders", "0"),
            ("max_wal_senders", "1"),
            ("max_replication_slots", " 0 "),
            ("wal_level", "Minimal"),
        ] {
            assert!(keeps_partner_away(name, value).is_some(), "{name} = {value}");
        }
        for (name, value) in [
            ("hot_standby", "tru"),
            ("hot_standby", "maybe"),
            ("max_wal_senders", "2"),
            ("max_wal_senders", "few"),
            ("max_replication_slots", "1"),
            ("wal_level", "logical"),
            ("ssl", "off"),
        ] {
            assert_eq!(keeps_partner_away(name, value), None, "{name} = {value}");
        }
        assert!(value("a\nb").is_err() && value("a\0b").is_err());
    }
}
