//! Which logs of Greenplum's tools go: each run of each tool leaves some, and nobody else removes them.

/// So much of them is kept.
pub const KEPT_BYTES: u64 = 64 << 20;

/// Seconds for which a log is kept whatever its size: a tool may still write it, and somebody may come to read it.
pub const KEPT_SECONDS: u64 = 86_400;

/// A log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Its name in the folder.
    pub name: String,
    /// Its size.
    pub bytes: u64,
    /// Seconds since it was last written.
    pub age: u64,
}

/// The names of those to remove: the oldest, until no more than [`KEPT_BYTES`] are left, and none of the last day.
pub fn excess(mut logs: Vec<LogFile>) -> Vec<String> {
    logs.sort_by(|a, b| (a.age, &a.name).cmp(&(b.age, &b.name)));
    let mut kept: u64 = 0;
    let goes = |log: &LogFile| {
        kept = kept.saturating_add(log.bytes);
        kept > KEPT_BYTES && log.age > KEPT_SECONDS
    };
    let (gone, _): (Vec<LogFile>, Vec<LogFile>) = logs.into_iter().partition(goes);
    gone.into_iter().map(|log| log.name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn log(name: &str, mib: u64, days: u64) -> LogFile {
        LogFile {
            name: name.into(),
            bytes: mib << 20,
            age: days * 86_400 + 1,
        }
    }

    #[test]
    fn the_oldest_go_first_and_none_of_the_last_day() {
        let logs = vec![
            log("old", 10, 30),
            log("older", 1, 40),
            log("new", 60, 2),
            log("today", 50, 0),
        ];
        assert_eq!(excess(logs), ["new", "old", "older"]);
        let logs = vec![log("old", 10, 30), log("older", 1, 40), log("new", 50, 2)];
        assert!(excess(logs).is_empty());
    }

    proptest! {
        #[test]
        fn what_is_left_is_little_or_of_the_last_day(sizes in prop::collection::vec((0_u64..40, 0_u64..9), 0..20)) {
            let all: Vec<LogFile> = sizes.iter().enumerate().map(|(i, (mib, days))| log(&i.to_string(), *mib, *days)).collect();
            let gone = excess(all.clone());
            let left: Vec<&LogFile> = all.iter().filter(|l| !gone.contains(&l.name)).collect();
            let old: u64 = left.iter().filter(|l| l.age > KEPT_SECONDS).map(|l| l.bytes).sum();
            prop_assert!(old <= KEPT_BYTES);
            prop_assert!(gone.iter().all(|name| all.iter().any(|l| l.name == *name && l.age > KEPT_SECONDS)));
        }
    }
}
