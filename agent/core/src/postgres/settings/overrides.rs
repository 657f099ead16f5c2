//! Who else sets what the agent sets or relies on: ALTER SYSTEM, whose file the server reads last, and lines of
//! postgresql.conf behind the include of gp-agent.conf.

use super::assignments::assignments;
use crate::config::{Guarded, Setter, guarded};
use crate::finding::{Area, Finding, Severity};
use crate::postgres::conf;
use std::collections::BTreeMap;

/// What the server reads after gp-agent.conf.
#[derive(Clone, Copy, Debug)]
pub struct Overriding<'a> {
    /// The data directory, to be named.
    pub dir: &'a str,
    /// postgresql.auto.conf; empty where there is none.
    pub auto_conf: &'a [u8],
    /// postgresql.conf.
    pub main: &'a [u8],
    /// What the agent sets, or relies on being so.
    pub own: &'a BTreeMap<String, String>,
}

/// A parameter that is set after the agent's.
struct Override<'a> {
    name: &'a str,
    value: &'a str,
    /// Whether ALTER SYSTEM did it.
    by_statement: bool,
}

/// A finding for each parameter that is not as the agent sets or needs it.
pub fn overridden(read: &Overriding<'_>) -> Vec<Finding> {
    let by_statement = last_of_each(read.auto_conf);
    let by_line = last_of_each(behind_include(read.main));
    let statement = by_statement.iter().map(|(name, value)| (name, value, true));
    let lines = by_line.iter().filter(|(name, _)| !by_statement.contains_key(*name));
    let lines = lines.map(|(name, value)| (name, value, false));
    let found = statement.chain(lines).map(|(name, value, by_statement)| Override {
        name,
        value,
        by_statement,
    });
    found.filter_map(|found| judge(&found, read)).collect()
}

fn last_of_each(file: &[u8]) -> BTreeMap<String, String> {
    assignments(file).into_iter().collect()
}

fn behind_include(main: &[u8]) -> &[u8] {
    conf::behind_include(main).unwrap_or_default()
}

fn judge(found: &Override<'_>, read: &Overriding<'_>) -> Option<Finding> {
    let own = read.own.get(found.name).map(String::as_str);
    if own == Some(found.value) {
        return None;
    }
    // Tools write the port into the copies that they make, and the command line wins. An ALTER SYSTEM is somebody's mistake:
    // pg_ctl goes by it.
    if found.name == "port" && !found.by_statement {
        return None;
    }
    let guarded = guarded(found.name);
    let severity = match guarded.map(|guarded| (guarded.setter, (guarded.harmless)(found.value))) {
        Some((Setter::Tools, _) | (Setter::Agent, true)) => return None,
        Some((Setter::Agent, false)) => Severity::Error,
        _ if own.is_none() => return None,
        Some((Setter::ClusterYaml | Setter::Failover(_), false)) => Severity::Error,
        Some((Setter::ClusterYaml | Setter::Failover(_), true)) | None => Severity::Warning,
    };
    let who = match found.by_statement {
        true => "ALTER SYSTEM",
        false => "a line of postgresql.conf behind the include of gp-agent.conf",
    };
    let instead = match (own, guarded) {
        (Some(own), Some(guarded)) => format!("instead of {own:?}: {}", guarded.why),
        (Some(own), None) => format!("instead of {own:?}, as cluster.yaml or the container's limits say"),
        (None, guarded) => format!("which the agent does not do: {}", guarded.map_or("", |g| g.why)),
    };
    Some(Finding::new(
        severity,
        Area::Postgres,
        format!("parameter {}", found.name),
        format!("{who} sets it to {:?}, {instead}", found.value),
        remedy(found, guarded, read.dir),
    ))
}

/// What undoes it.
fn remedy(found: &Override<'_>, guarded: Option<&Guarded>, dir: &str) -> String {
    let undo = match found.by_statement {
        true => format!(
            "ALTER SYSTEM RESET {}; (or remove its line from {dir}/postgresql.auto.conf)",
            found.name
        ),
        false => format!("remove its line from {dir}/postgresql.conf"),
    };
    let then = match guarded.map(|guarded| guarded.restart) {
        Some(true) => format!("then restart the server: pg_ctl restart -D {dir} -m fast"),
        Some(false) => "then SELECT pg_reload_conf();".to_string(),
        None => {
            "then SELECT pg_reload_conf(); and restart the server if gp-agent status says that it waits for that".into()
        }
    };
    format!("{undo}, {then}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::GUARDED;

    fn look(auto_conf: &str, main: &str) -> Vec<String> {
        let own = [
            ("listen_addresses", "*"),
            ("wal_level", "replica"),
            ("max_wal_senders", "10"),
            ("work_mem", "4MB"),
        ];
        let own = own.map(|(name, value)| (name.to_string(), value.to_string())).into();
        let found = overridden(&Overriding {
            dir: "/d",
            auto_conf: auto_conf.as_bytes(),
            main: main.as_bytes(),
            own: &own,
        });
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_overridden_is_named_with_what_undoes_it() {
        let auto = "listen_addresses = '127.0.0.1'\nmax_wal_senders = 0\nwork_mem = '8MB'\nprimary_conninfo = 'x'\n\
                    hba_file = '/x'\nsynchronous_standby_names = '*'\nwal_level = 'logical'\n";
        insta::assert_snapshot!(look(auto, "").join("\n"));
        assert!(
            look(
                "listen_addresses = '*, 10.0.0.1'\nwork_mem = '4MB'\nport = 1\nport = 2",
                ""
            )
            .len()
                == 1
        );
    }

    #[test]
    fn a_certificate_of_somebody_elses_is_an_error_where_the_agent_has_one() {
        let look = |own: &str, auto_conf: &str| {
            let own = last_of_each(own.as_bytes());
            overridden(&Overriding {
                dir: "/d",
                auto_conf: auto_conf.as_bytes(),
                main: b"",
                own: &own,
            })
        };
        for file in ["ssl_cert_file", "ssl_key_file", "ssl_ca_file"] {
            let found = look(&format!("{file} = 'gp-agent.crt'"), &format!("{file} = '/tmp/old'"));
            assert_eq!(found.len(), 1, "{file}");
            assert_eq!(found[0].severity, Severity::Error, "{found:?}");
            assert!(found[0].what.contains("renewed"), "{found:?}");
            assert!(
                found[0].remedy.contains(&format!("ALTER SYSTEM RESET {file};")),
                "{found:?}"
            );
            assert!(found[0].remedy.ends_with("then SELECT pg_reload_conf();"), "{found:?}");
            // Without tls.secret it is the administrator's.
            assert_eq!(look("ssl = on", &format!("{file} = '/tmp/old'")), []);
        }
    }

    #[test]
    fn lines_behind_the_include_count_and_those_before_do_not() {
        let main = "work_mem = 1MB\ninclude_if_exists = 'gp-agent.conf'\n";
        assert!(look("", main).is_empty());
        let later = format!("{main}work_mem = 2MB\n");
        let found = look("", &later);
        assert!(
            found.len() == 1 && found[0].contains("remove its line from /d/postgresql.conf"),
            "{found:?}"
        );
        let copied = format!("{main}port = 50000\ngp_contentid = 0\n");
        assert!(look("", &copied).is_empty());
        // ALTER SYSTEM wins.
        assert!(look("work_mem = 4MB", &later).is_empty());
    }

    #[test]
    fn every_parameter_that_is_the_agents_alone_is_found() {
        for guarded in GUARDED.iter().filter(|guarded| guarded.setter == Setter::Agent) {
            let found = look(&format!("{} = 'x'", guarded.name), "");
            assert_eq!(found.len(), 1, "{}", guarded.name);
            assert!(found[0].starts_with("error postgres"), "{found:?}");
        }
    }
}
