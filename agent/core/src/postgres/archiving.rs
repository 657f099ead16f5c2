//! Write-ahead log that waits to be archived while nothing is: an archive command that fails, hangs or is empty, a library that is
//! not there. The server works on, and keeps all of it until the volume is full.

use crate::finding::{Area, Finding};

/// A row where the server archives: how many files it has archived, the first one that waits, and the one of the last attempt when
/// that failed. A server that loads no archive library makes no attempt, so files that wait count, not failures. A standby
/// archives with `always` alone (pgarch.c). Also for 9.4, where the write-ahead log is in pg_xlog.
pub const SQL: &str = "select archived_count::text, \
    (select min(f.name) from pg_ls_dir(case when current_setting('server_version_num')::int < 100000 \
    then 'pg_xlog' else 'pg_wal' end || '/archive_status') as f(name) where f.name like '%.ready'), \
    case when last_failed_time > coalesce(last_archived_time, '-infinity') then last_failed_wal end \
    from pg_stat_archiver where current_setting('archive_mode') = 'always' \
    or (current_setting('archive_mode') = 'on' and not pg_is_in_recovery())";

/// Seconds for which files have to wait while none is archived: an archive that is away for a moment is none of an
/// administrator's business, and the archiver tries again every minute.
const WAITED_FOR: u64 = 300;

/// What the server says of its archiving.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Archiving {
    /// Files that it has archived, as text.
    pub archived: String,
    /// The first one that waits.
    pub waits: Option<String>,
    /// The one of the last attempt, when that failed.
    pub failed: Option<String>,
}

impl Archiving {
    /// Reads a row of [`SQL`].
    pub fn of(row: Vec<Option<String>>) -> Archiving {
        let mut cells = row.into_iter();
        Archiving {
            archived: cells.next().flatten().unwrap_or_default(),
            waits: cells.next().flatten(),
            failed: cells.next().flatten(),
        }
    }
}

/// Since when files wait and none is archived, in Unix seconds, and how many had been until then.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveWatch(Option<(String, u64)>);

impl ArchiveWatch {
    /// Takes what a look found, nothing where the server archives nothing, and says what has lasted too long.
    pub fn look(&mut self, found: Option<Archiving>, now: u64) -> Option<Finding> {
        let before = self.0.take();
        let Archiving {
            archived,
            waits: Some(waits),
            failed,
        } = found?
        else {
            return None;
        };
        let known = before.filter(|(count, since)| *count == archived && *since <= now);
        let since = known.map_or(now, |(_, since)| since);
        self.0 = Some((archived, since));
        (now - since >= WAITED_FOR).then(|| finding(&waits, failed.as_deref()))
    }
}

fn finding(waits: &str, failed: Option<&str>) -> Finding {
    let waits = waits.trim_end_matches(".ready");
    let how = match failed {
        Some(failed) => format!("the last attempt, of {failed}, failed"),
        None => "no attempt has ended".to_string(),
    };
    Finding::warning(
        Area::Postgres,
        "archiving",
        format!(
            "write-ahead log from {waits} on waits to be archived, and nothing was for {} minutes ({how}): the server keeps all of it, until the volume is full",
            WAITED_FOR / 60
        ),
        "the server's log says what archive_command or archive_library came to; mend that parameter, or the place that it writes to; if nothing is to be archived, archive_mode: \"off\" and a restart",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row(archived: u64, waits: Option<&str>) -> Archiving {
        let cell = |text: &str| Some(text.to_string());
        Archiving::of(vec![cell(&archived.to_string()), waits.and_then(cell), None])
    }

    #[test]
    fn what_waits_while_nothing_is_archived_is_said() {
        let mut watch = ArchiveWatch::default();
        let waiting = || row(7, Some("000000010000000000000003.ready"));
        assert_eq!(watch.look(Some(waiting()), 1000), None);
        assert_eq!(watch.look(Some(waiting()), 1299), None);
        let failed = Archiving {
            failed: Some("000000010000000000000003".into()),
            ..waiting()
        };
        let said = watch.look(Some(failed), 1300).unwrap().to_string();
        assert!(
            said.starts_with(
                "warning postgres archiving: write-ahead log from 000000010000000000000003 on waits to be archived, and nothing was \
                 for 5 minutes (the last attempt, of 000000010000000000000003, failed)"
            ),
            "{said}"
        );
        let said = watch.look(Some(waiting()), 1301).unwrap().to_string();
        assert!(said.contains("(no attempt has ended)"), "{said}");
        assert_eq!(
            watch.look(Some(row(8, Some("x.ready"))), 1302),
            None,
            "one was archived"
        );
        assert_eq!(
            watch.look(Some(row(8, Some("x.ready"))), 50),
            None,
            "a clock that was set back"
        );
        assert!(watch.look(Some(row(8, Some("x.ready"))), 350).is_some());
        assert_eq!(watch.look(Some(row(8, None)), 351), None);
        assert_eq!(watch.look(Some(row(8, Some("x.ready"))), 700), None, "it waits anew");
        assert_eq!(watch.look(None, 1100), None, "archive_mode is off");
    }

    proptest! {
        /// However the looks fall: who archives at least every [`WAITED_FOR`] seconds is left alone.
        #[test]
        fn an_archiver_at_work_is_left_alone(steps in proptest::collection::vec((1u64..WAITED_FOR, any::<bool>()), 1..40)) {
            let (mut watch, mut now, mut archived) = (ArchiveWatch::default(), 0, 0);
            for (step, waits) in steps {
                now += step;
                archived += 1;
                prop_assert_eq!(watch.look(Some(row(archived, waits.then_some("x.ready"))), now), None);
                prop_assert_eq!(watch.look(Some(row(archived, waits.then_some("x.ready"))), now), None);
            }
        }
    }
}
