//! What writers send, and how it is found again.

use super::ledger::Wrote;

/// Every so many transactions makes a table.
const TABLE_EVERY: u64 = 150;
/// Every so many writes to all contents.
const MANY_EVERY: u64 = 5;
/// So many rows, by their hashes on every content of a small cluster.
const ROWS_OF_MANY: u64 = 16;

/// How an engine is written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// One server.
    Postgres,
    /// One coordinator that writes to segments.
    Greenplum {
        /// The functions have the names of servers before PostgreSQL 10.
        old_names: bool,
    },
}

impl Dialect {
    /// Makes what is written to.
    pub(super) fn make(self) -> &'static str {
        match self {
            Dialect::Postgres => "create schema chaos; create table chaos.rows (id bigint primary key)",
            Dialect::Greenplum { .. } => {
                "create schema chaos; create table chaos.rows (id bigint) distributed by (id); \
                 create table chaos.many (id bigint, part int) distributed by (part)"
            }
        }
    }

    /// What the transaction with that number writes.
    pub(super) fn kind(self, id: u64) -> Wrote {
        match self {
            _ if id.is_multiple_of(TABLE_EVERY) => Wrote::Table,
            Dialect::Greenplum { .. } if id.is_multiple_of(MANY_EVERY) => Wrote::Many,
            _ => Wrote::Row,
        }
    }

    /// Whether that kind needs every server that holds data.
    pub(super) fn needs_all(self, wrote: Wrote) -> bool {
        self == Dialect::Postgres || wrote != Wrote::Row
    }

    /// The statement; its last row is the timeline into which the coordinator writes, in hexadecimal: the name of the segment of
    /// the write-ahead log begins with it.
    pub(super) fn statement(self, wrote: Wrote, id: u64) -> String {
        let timeline = match self {
            Dialect::Greenplum { old_names: true } => "left(pg_xlogfile_name(pg_current_xlog_location()), 8)",
            _ => "left(pg_walfile_name(pg_current_wal_lsn()), 8)",
        };
        match (self, wrote) {
            (Dialect::Postgres, Wrote::Table) => format!("create table chaos.t{id} (); select {timeline}"),
            (Dialect::Postgres, _) => format!("insert into chaos.rows values ({id}) returning {timeline}"),
            // Whatever an insert returns comes from a segment.
            (_, Wrote::Row) => format!("insert into chaos.rows values ({id}); select {timeline}"),
            (_, Wrote::Many) => format!(
                "insert into chaos.many select {id}, part from generate_series(1, {ROWS_OF_MANY}) part; select {timeline}"
            ),
            (_, Wrote::Table) => {
                format!("create table chaos.t{id} (n int) distributed by (n); select {timeline}")
            }
        }
    }

    /// Each kind with the query for its numbers from `first` on.
    pub(super) fn queries(self, first: u64) -> Vec<(Wrote, String)> {
        let rows = format!("select id from chaos.rows where id >= {first}");
        let tables = "select substr(relname, 2) from pg_class c join pg_namespace n on n.oid = relnamespace \
             where nspname = 'chaos' and relname ~ '^t[0-9]+$'";
        let mut queries = vec![(Wrote::Row, rows), (Wrote::Table, tables.into())];
        if self != Dialect::Postgres {
            let whole =
                format!("select id from chaos.many where id >= {first} group by id having count(*) = {ROWS_OF_MANY}");
            queries.push((Wrote::Many, whole));
        }
        queries
    }

    /// The query for transactions of which a part is there, and a part is not.
    pub(super) fn torn(self) -> Option<String> {
        let torn = format!("select id from chaos.many group by id having count(*) <> {ROWS_OF_MANY}");
        (self != Dialect::Postgres).then_some(torn)
    }
}
