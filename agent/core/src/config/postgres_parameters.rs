//! Which parameters of postgresql.conf may be given, and with what values.

use super::diagnostic::Fault;

/// Parameters that the agent sets itself, and why nobody else may.
const OWNED: &[(&str, &str)] = &[
    (
        "port",
        "set coordinator.port, segments.primaryPort or segments.mirrorPort",
    ),
    (
        "listen_addresses",
        "the postmaster listens on all addresses and pg_hba.conf decides",
    ),
    (
        "unix_socket_directories",
        "the agent's own connections use the socket in /tmp",
    ),
    (
        "unix_socket_directory",
        "the agent's own connections use the socket in /tmp",
    ),
    (
        "unix_socket_permissions",
        "the agent's own connections use the socket in /tmp",
    ),
    (
        "unix_socket_group",
        "the agent's own connections use the socket in /tmp",
    ),
    ("data_directory", "set storage.path"),
    ("config_file", "the agent keeps it in the data directory"),
    (
        "hba_file",
        "the agent keeps pg_hba.conf in the data directory; set hba.extra",
    ),
    ("ident_file", "the agent keeps it in the data directory"),
    ("external_pid_file", "the agent follows postmaster.pid"),
    (
        "primary_conninfo",
        "it differs from pod to pod; the agent sets it on standby and mirrors",
    ),
    (
        "primary_slot_name",
        "it differs from pod to pod; the agent sets it on standby and mirrors",
    ),
    ("standby_mode", "the agent decides which pod is a standby"),
    ("gp_role", "it belongs to the command line of each pod's postmaster"),
    (
        "gp_session_role",
        "it belongs to the command line of each pod's postmaster",
    ),
    ("gp_dbid", "it differs from pod to pod; gpinitsystem sets it"),
    ("gp_contentid", "it differs from pod to pod; gpinitsystem sets it"),
    ("include", "parameters are given one by one"),
    ("include_dir", "parameters are given one by one"),
    ("include_if_exists", "parameters are given one by one"),
];

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
    match OWNED.iter().find(|(owned, _)| text.eq_ignore_ascii_case(owned)) {
        Some((_, why)) => Err(Fault::new("is set by the agent itself", format!("remove it; {why}"))),
        None => Ok(text.to_string()),
    }
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
        for bad in ["", "1x", "a-b", "a b", "port", "PORT", "gp_contentid", "include", ".a"] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert!(value("a\tb 'c' \\").is_ok());
        assert!(value("a\nb").is_err() && value("a\0b").is_err());
    }
}
