//! A running postmaster's postmaster.pid: it stops itself within a minute when that is gone (postmaster.c).

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::pidfile;
use std::path::Path;
use std::time::Duration;

/// How often to look.
const EVERY: Duration = Duration::from_secs(1);

/// Looks without it after which it counts as lost. Missing once, it may just have been removed by a postmaster that ends.
const LOST: u32 = 2;

/// The same while it was never there: a postmaster that has just been started writes it first of all, in its own time.
const NEVER_SEEN: u32 = 10;

/// Looks into it later, in the volume's own time; `None` when it is not there.
pub(super) async fn look(pod: &Pod) -> Option<i32> {
    loop {
        tokio::time::sleep(EVERY).await;
        let dir = pod.dir().to_path_buf();
        if let Ok(listed) = pod.volume.run(move || pidfile::read_pid(&dir)).await {
            return listed;
        }
    }
}

/// What was seen of it while the postmaster ran.
#[derive(Debug, Default)]
pub(super) struct LockFile {
    seen: bool,
    missed: u32,
}

impl LockFile {
    /// Takes in which process it names now. `full` says what the volume lacks, if it does: a postmaster that starts then
    /// cannot write the file, and nobody has removed it.
    pub(super) fn note(&mut self, dir: &Path, listed: Option<i32>, postmaster: i32, full: Option<String>) {
        if listed == Some(postmaster) {
            self.seen = true;
            self.missed = 0;
            return;
        }
        let known = self.lost();
        self.missed = self.missed.saturating_add(1);
        if !self.lost() || known {
            return;
        }
        let path = dir.join("postmaster.pid");
        match full {
            Some(full) => tracing::error!(path = %path.display(), "postmaster {postmaster} has no lock file: {full}"),
            None => tracing::error!(
                path = %path.display(),
                "somebody removed or changed the lock file of postmaster {postmaster}: it will stop itself at once when it notices, and is then started again; never touch this file"
            ),
        }
    }

    /// Whether it is missing, or another server's.
    pub(super) fn lost(&self) -> bool {
        self.missed >= if self.seen { LOST } else { NEVER_SEEN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_lost_that_stays_away() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("postmaster.pid");
        let mut lock = LockFile::default();
        let mut look = |text: Option<&str>| {
            match text {
                Some(text) => std::fs::write(&file, text).unwrap(),
                None => drop(std::fs::remove_file(&file)),
            }
            lock.note(dir.path(), pidfile::read_pid(dir.path()).unwrap(), 42, None);
            lock.lost()
        };
        assert!(!look(None));
        // A stale one, until the postmaster has written its own.
        assert!(!look(Some("7\n/data\n")));
        assert!(!look(Some("42\n/data\n")));
        assert!(!look(None));
        assert!(look(Some("7\n/data\n")));
        assert!(look(None));
        assert!(!look(Some("42\n/data\n")));
        assert!(!look(None));
    }

    #[test]
    fn a_file_that_was_removed_before_anybody_looked_is_lost_too() {
        let dir = tempfile::tempdir().unwrap();
        let mut lock = LockFile::default();
        let mut look = || {
            lock.note(dir.path(), None, 42, None);
            lock.lost()
        };
        assert!((1..NEVER_SEEN).all(|_| !look()));
        assert!(look());
    }
}
