//! Plain PostgreSQL: every segment is an independent server with a streaming mirror.

use crate::sys::postgres::programs::{ToolError, Tools};
use gp_agent_core::config::Auth;
use gp_agent_core::config::quote;
use gp_agent_core::postgres::major::{Feature, Major};
use gp_agent_core::postgres::standby::{PARAMETERS, StandbySource};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// The replication slot of every standby and mirror; Greenplum's own name for it (gp_replica_check, walsender).
pub(super) const SLOT: &str = "internal_wal_replication_slot";

/// What `hba.auth` and the lines for clients ask for; md5 is the default before PostgreSQL 14.
pub(super) const SCRAM: (&str, &str) = ("password_encryption", "scram-sha-256");

/// A primary that is back after a crash waits with every commit for its mirror, and that tries again after 5 s when left to
/// itself.
pub(super) const RETRY_SOON: (&str, &str) = ("wal_retrieve_retry_interval", "1s");

/// The programs of one PostgreSQL and what they need to be told.
#[derive(Debug)]
pub struct Postgres {
    tools: Tools,
    major: String,
}

/// An empty database to be made.
#[derive(Debug)]
pub struct Create<'a> {
    /// The directory to make, empty.
    pub dir: &'a Path,
    /// Where the write-ahead log goes, when not into `dir`; empty too.
    pub wal: Option<PathBuf>,
    /// The first role, a superuser.
    pub user: &'a str,
    /// How TCP connections are authenticated.
    pub auth: Auth,
    /// The file with the role's password.
    pub password_file: Option<&'a Path>,
}

/// A copy of a running server to be made.
#[derive(Debug)]
pub struct Clone<'a> {
    /// The directory to make, empty.
    pub dir: &'a Path,
    /// Where the write-ahead log goes, when not into `dir`; empty too.
    pub wal: Option<PathBuf>,
    /// The running server.
    pub source: StandbySource<'a>,
    /// Directories of its tablespaces, and where they go; others go where they are there.
    pub tablespaces: Vec<(PathBuf, PathBuf)>,
}

impl Postgres {
    pub(super) fn new(tools: Tools, major: String) -> Postgres {
        Postgres { tools, major }
    }

    /// Major version of the server program.
    pub fn major_version(&self) -> &str {
        &self.major
    }

    pub(super) fn tools(&self) -> &Tools {
        &self.tools
    }

    pub(super) fn own_parameters(pod: &str) -> Vec<(&'static str, &str)> {
        vec![
            ("listen_addresses", "*"),
            ("unix_socket_directories", "/tmp"),
            ("cluster_name", pod),
            SCRAM,
            ("wal_level", "replica"),
            ("max_wal_senders", "10"),
            ("max_replication_slots", "10"),
            ("hot_standby", "on"),
            RETRY_SOON,
        ]
    }

    /// What a standby of `source` is told on its command line, where neither ALTER SYSTEM nor a file can take it back: whom to
    /// follow, through which slot, and also onto the timeline of a promotion. Before PostgreSQL 12 that stands in
    /// recovery.conf, and no parameter has these names.
    pub(super) fn follow(&self, source: &StandbySource<'_>) -> Vec<(&'static str, String)> {
        if self.major.parse::<u32>().is_ok_and(|major| major < 12) || self.major.contains('.') {
            return Vec::new();
        }
        vec![
            ("primary_conninfo", source.conninfo()),
            ("primary_slot_name", SLOT.to_string()),
            ("recovery_target_timeline", "latest".to_string()),
        ]
    }

    /// initdb, with data checksums.
    pub async fn create(&self, wanted: &Create<'_>) -> Result<(), ToolError> {
        let mut args: Vec<OsString> = vec!["-D".into(), wanted.dir.into()];
        args.extend(["--encoding=UTF8", "--data-checksums", "--auth-local=peer"].map(OsString::from));
        let quiet = Major::of(&self.major).has(Feature::NoInstructions);
        args.extend(quiet.then(|| "--no-instructions".into()));
        args.push(format!("--username={}", wanted.user).into());
        args.push(format!("--auth-host={}", wanted.auth.method()).into());
        args.extend(wanted.wal.iter().map(|wal| option("--waldir=", wal)));
        args.extend(wanted.password_file.map(|file| option("--pwfile=", file)));
        let lang = std::env::var("LANG").unwrap_or_else(|_| "C.UTF-8".into());
        args.push(format!("--locale={lang}").into());
        self.tools.run("initdb", args, &[]).await.map(drop)
    }

    /// The replication slot of the other end.
    pub fn slot(&self) -> &'static str {
        SLOT
    }

    /// Keeps the log that the other end needs from now on, where its slot is not there.
    pub(crate) fn keep_log_sql() -> String {
        let slot = quote::sql_literal(SLOT);
        format!(
            "select pg_create_physical_replication_slot({slot}, true) \
                where not exists (select from pg_replication_slots where slot_name = {slot})"
        )
    }

    /// pg_ctl promote, which does not wait: the server says itself when it takes writes.
    pub async fn promote(&self, dir: &Path) -> Result<(), ToolError> {
        let args: [OsString; 4] = ["promote".into(), "-D".into(), dir.into(), "-W".into()];
        self.tools.run("pg_ctl", args, &[]).await.map(drop)
    }

    /// pg_rewind, from a running server. It brings the directory to where the server's timeline began, and needs that to have
    /// written a checkpoint since.
    pub async fn rewind(&self, dir: &Path, source: &StandbySource<'_>) -> Result<(), ToolError> {
        let server = format!("{} dbname=postgres", source.conninfo());
        let args: [OsString; 4] = ["-D".into(), dir.into(), "--source-server".into(), server.into()];
        self.tools.run("pg_rewind", args, &[]).await.map(drop)
    }

    /// pg_basebackup, streaming through the slot, which the primary's agent keeps.
    pub async fn clone_from(&self, wanted: &Clone<'_>) -> Result<(), ToolError> {
        let mut args: Vec<OsString> = vec!["-D".into(), wanted.dir.into()];
        args.extend(["-d".into(), wanted.source.conninfo().into()]);
        args.extend(["-X", "stream", "-S", SLOT, "-R", "-c", "fast", "-w"].map(OsString::from));
        args.extend(wanted.wal.iter().map(|wal| option("--waldir=", wal)));
        for (there, here) in &wanted.tablespaces {
            args.extend(["-T".into(), tablespace_mapping(there, here)]);
        }
        self.tools.run("pg_basebackup", args, &[]).await.map(drop)
    }
}

/// With its settings where replay is paused, and tablespaces that have directories of their own.
pub(super) static OBSERVE: LazyLock<String> = LazyLock::new(|| {
    let names: Vec<String> = PARAMETERS.iter().map(|p| quote::sql_literal(p.name)).collect();
    format!(
        "{OBSERVE_STREAMS}; \
        select 'paused', name, current_setting(name, true) from unnest(array[{}]) name \
            where case when pg_is_in_recovery() then pg_is_wal_replay_paused() else false end; \
        select 'tablespace', spcname, location \
            from pg_tablespace cross join lateral pg_tablespace_location(oid) location where location like '/%' order by 2",
        names.join(", ")
    )
});

const OBSERVE_STREAMS: &str = "select 'self', pg_is_in_recovery()::text, \
        case when pg_is_in_recovery() then '' else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end; \
    select 'room', count(*)::text, current_setting('max_connections'), \
        (current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true), '0')::int)::text \
        from pg_stat_activity where backend_type = 'client backend'; \
    select 'slot', slot_name, active::text, pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() \
        else pg_current_wal_lsn() end, restart_lsn)::bigint::text from pg_replication_slots where restart_lsn is not null order by 2; \
    select 'send', application_name, state, sync_state, \
        pg_wal_lsn_diff(case when pg_is_in_recovery() then pg_last_wal_replay_lsn() else pg_current_wal_lsn() end, replay_lsn)::bigint::text \
        from pg_stat_replication where application_name !~ '^pg_basebackup' order by 2; \
    select 'receive', coalesce(sender_host, ''), status, '', \
        pg_wal_lsn_diff(coalesce(latest_end_lsn, flushed_lsn), pg_last_wal_replay_lsn())::bigint::text from pg_stat_wal_receiver";

/// What a standby follows: the server's own word, and what postgresql.auto.conf would have it follow.
pub(super) const FOLLOWS: &str = "select current_setting('primary_conninfo', true), \
    (select setting from pg_file_settings where name = 'primary_conninfo' and sourcefile ~ 'postgresql[.]auto[.]conf$' \
        order by seqno desc limit 1) \
    where pg_is_in_recovery()";

/// The port is given on the command line, and a copied postgresql.conf holds the other end's.
/// A parameter waits for a restart when a file sets it, or when the value that it has came from a file. Once it is taken out of
/// the files again while it never took effect, the server goes on calling it pending (guc-file.l, ProcessConfigFile).
/// Lines that are valid and match nobody, such as hostssl while ssl is off, carry a remark in the column for errors
/// (hba.c, parse_hba_line).
pub(super) const SETTINGS: &str = "select 'pending', name, '' from pg_settings s where pending_restart and name <> 'port' \
        and (source = 'configuration file' or exists (select from pg_file_settings f where lower(f.name) = s.name)) order by 2; \
    select 'hba', line_number::text, error from pg_hba_file_rules \
        where error is not null and error !~ 'cannot match because (SSL is disabled|SSL is not supported|GSSAPI is not supported)' \
        order by line_number; \
    select 'file', name, error from pg_file_settings \
        where error is not null and name not in (select name from pg_settings where pending_restart) order by 2; \
    select 'next', name, coalesce((select setting from pg_file_settings f where lower(f.name) = s.name order by seqno desc limit 1), \
        current_setting(name)) from pg_settings s \
        where name in ('log_directory', 'logging_collector', 'min_dynamic_shared_memory', 'shared_buffers')";

/// One that the server gave up (max_slot_wal_keep_size) keeps nothing any more, and later versions let nobody use it again.
pub(super) fn ensure_slot_sql() -> String {
    format!(
        "select pg_drop_replication_slot(slot_name) from pg_replication_slots \
            where slot_name = '{SLOT}' and wal_status = 'lost' and not active; \
        select pg_create_physical_replication_slot('{SLOT}') \
         where not exists (select from pg_replication_slots where slot_name = '{SLOT}')"
    )
}

/// pg_basebackup splits at the first equals sign that has no backslash before it (tablespace_list_append).
fn tablespace_mapping(there: &Path, here: &Path) -> OsString {
    let escaped = |path: &Path| path.display().to_string().replace('=', r"\=");
    format!("{}={}", escaped(there), escaped(here)).into()
}

fn option(name: &str, value: &Path) -> OsString {
    let mut option = OsString::from(name);
    option.push(value);
    option
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn an_equals_sign_in_a_path_separates_nothing() {
        let mapping = tablespace_mapping(Path::new("/a=b"), Path::new("/c"));
        assert_eq!(mapping, r"/a\=b=/c");
    }
}
