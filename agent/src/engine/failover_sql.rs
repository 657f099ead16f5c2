//! What a coordinator and its standby are asked about who writes, in the words of each version. Every question is of this server
//! alone.

use gp_agent_core::config::quote;
use gp_agent_core::postgres::major::{Feature, Major};

/// The name of one replication connection, the same wherever it is asked for; see
/// [`InSync::stream`](gp_agent_core::failover::record::InSync::stream).
const STREAM_NAME: &str = "client_port::text || '/' || (extract(epoch from backend_start) * 1000000)::bigint::text";

/// The questions of one server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailoverSql {
    /// Since PostgreSQL 10 log and places are called wal and lsn.
    new_names: bool,
}

impl FailoverSql {
    pub(super) fn of(major: &str) -> FailoverSql {
        let new_names = Major::of(major).has(Feature::WalNames);
        FailoverSql { new_names }
    }

    fn choose(self, new: &'static str, old: &'static str) -> &'static str {
        if self.new_names { new } else { old }
    }

    /// Whether it replays; the name of the present file of its log, which begins with the timeline, where it does not.
    pub(crate) fn what_it_is(self) -> &'static str {
        self.choose(
            "select pg_is_in_recovery()::text, case when pg_is_in_recovery() then '' \
                else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end",
            "select pg_is_in_recovery()::text, case when pg_is_in_recovery() then '' \
                else substr(pg_xlogfile_name(pg_current_xlog_location()), 1, 8) end",
        )
    }

    /// Where the next record of the log will be.
    pub(crate) fn inserted(self) -> &'static str {
        self.choose(
            "select pg_current_wal_insert_lsn()::text",
            "select pg_current_xlog_insert_location()::text",
        )
    }

    /// Of the newest connection of a standby of that name: which one, its state, sync_state, what it has flushed, when it replied
    /// (where that is known), how far this server has flushed (before PostgreSQL 10: written), for whom commits wait, and after
    /// how many milliseconds of its silence the connection is ended (0: never).
    pub(crate) fn stream(self, standby: &str) -> String {
        let columns = self.choose(
            "flush_lsn::text, reply_time::text, pg_current_wal_flush_lsn()::text",
            "flush_location::text, null, pg_current_xlog_location()::text",
        );
        format!(
            "select {STREAM_NAME}, state, sync_state, {columns}, current_setting('synchronous_standby_names'), \
                (select setting from pg_settings where name = 'wal_sender_timeout') from pg_stat_replication where application_name = {} order by backend_start desc limit 1",
            quote::sql_literal(standby)
        )
    }

    /// Of the streams of a standby of that name, copies of a database aside, the one that began last: which one, its state, the
    /// timeline that is written (as in the names of the log's files), and the database's system identifier, where it can be asked for.
    pub(crate) fn newest_stream(self, standby: &str) -> String {
        let columns = self.choose(
            "substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), (select system_identifier::text from pg_control_system())",
            "substr(pg_xlogfile_name(pg_current_xlog_location()), 1, 8), null",
        );
        format!(
            "select {STREAM_NAME}, state, {columns} from pg_stat_replication where application_name = {} and state <> 'backup' \
                order by backend_start desc limit 1",
            quote::sql_literal(standby)
        )
    }

    /// Whether it replays; the database's system identifier, where it can be asked for; where its timeline came from.
    pub(crate) fn history(self) -> &'static str {
        self.choose(
            "select pg_is_in_recovery()::text, (select system_identifier::text from pg_control_system()), \
                case when pg_is_in_recovery() then '' \
                else pg_read_file('pg_wal/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '.history', 0, 1048576, true) end",
            "select pg_is_in_recovery()::text, null, case when pg_is_in_recovery() then '' \
                else pg_read_file('pg_xlog/' || substr(pg_xlogfile_name(pg_current_xlog_location()), 1, 8) || '.history') end",
        )
    }

    /// Ends the replication connection of that name.
    pub(crate) fn end_stream(self, stream: &str) -> String {
        format!(
            "select pg_terminate_backend(pid) from pg_stat_replication where {STREAM_NAME} = {}",
            quote::sql_literal(stream)
        )
    }

    /// A row while a client's transaction is open.
    pub(crate) fn busy(self) -> &'static str {
        self.choose(
            "select 1 from pg_stat_activity where backend_type = 'client backend' and xact_start is not null \
                and pid <> pg_backend_pid() and application_name not like 'gp-agent%' limit 1",
            "select 1 from pg_stat_activity where xact_start is not null \
                and pid <> pg_backend_pid() and application_name not like 'gp-agent%' limit 1",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_words_are_said_to_the_old_version_alone() {
        let (old, new) = (FailoverSql::of("9.4"), FailoverSql::of("12"));
        for text in [
            old.what_it_is(),
            old.inserted(),
            &old.stream("s"),
            &old.newest_stream("s"),
        ] {
            assert!(
                text.contains("xlog") && !text.contains("wal_lsn") && !text.contains("_lsn"),
                "{text}"
            );
        }
        for text in [
            new.what_it_is(),
            new.inserted(),
            &new.stream("s"),
            &new.newest_stream("s"),
        ] {
            assert!(
                text.contains("wal") && !text.contains("xlog") && !text.contains("location"),
                "{text}"
            );
        }
        assert!(!old.busy().contains("backend_type") && new.busy().contains("backend_type"));
    }

    #[test]
    fn names_are_literals() {
        let sql = FailoverSql::of("15");
        assert!(sql.stream("a'b").contains("'a''b'"));
        assert!(sql.end_stream("a'b").contains("'a''b'"));
    }
}
