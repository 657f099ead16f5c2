//! What a replica replays, as the title of its startup process tells.

use crate::postgres::wal_name::WalName;

/// The segment that a replica's startup process is in, or waits for. `None` of another process, and of one that waits for queries
/// which stand in the way of replay: it is in no want of write-ahead log.
///
/// `startup recovering NAME` and `startup waiting for NAME`, before PostgreSQL 12 `startup process   recovering NAME`; Greenplum
/// puts its port before (postmaster.c; xlog.c, XLogFileRead). ` waiting` behind it is a conflict with a query (standby.c).
pub fn replays(title: &str) -> Option<WalName> {
    let words: Vec<&str> = title.strip_prefix("postgres: ")?.split_whitespace().collect();
    let (last, before) = words.split_last()?;
    let does = matches!(before, [.., "recovering"] | [.., "waiting", "for"]);
    let is_startup = before.contains(&"startup");
    WalName::parse(last).filter(|_| does && is_startup)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_tells_the_segment() {
        for title in [
            "postgres: coordinator-1: startup recovering 000000010000000000000003",
            "postgres: coordinator-1: startup waiting for 000000010000000000000003",
            "postgres: startup recovering 000000010000000000000003",
            "postgres:  7000, startup   recovering 000000010000000000000003",
            "postgres: 5432, startup process   recovering 000000010000000000000003   ",
            "postgres:  5432, startup process   waiting for 000000010000000000000003",
        ] {
            let told = replays(title).map(|name| name.to_string());
            assert_eq!(told.as_deref(), Some("000000010000000000000003"), "{title}");
        }
    }

    #[test]
    fn others_and_one_that_waits_for_queries_tell_nothing() {
        for title in [
            "postgres: coordinator-1: startup ",
            "postgres: coordinator-1: startup recovering 000000010000000000000003 waiting",
            "postgres: coordinator-1: walreceiver streaming 0/3000148",
            "postgres: archiver last was 000000010000000000000003",
            "startup recovering 000000010000000000000003",
            "vi startup recovering 000000010000000000000003",
            "postgres: startup recovering 00000001.history",
            "",
        ] {
            assert_eq!(replays(title), None, "{title}");
        }
    }
}
