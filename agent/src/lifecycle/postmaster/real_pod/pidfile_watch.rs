//! A running postmaster's postmaster.pid: it stops itself within a minute when that is gone (postmaster.c).

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::pidfile;
use std::path::Path;
use std::sync::atomic::{AtomicI32, Ordering};
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

/// The server that the file was last seen to name.
#[derive(Debug, Default)]
pub(super) struct Listed(AtomicI32);

impl Listed {
    /// Takes in which process the file names while `postmaster` runs.
    pub(super) fn note(&self, listed: Option<i32>, postmaster: i32) {
        if listed == Some(postmaster) {
            self.0.store(postmaster, Ordering::Relaxed);
        }
    }

    /// Whether `postmaster` has begun to end: it says so in the file, and removes that as one of the last things, which is
    /// what `pg_ctl stop` waits for. A file that was never there says nothing: a server writes it in its own time.
    pub(super) fn has_begun_to_end(&self, dir: &Path, postmaster: i32) -> bool {
        has_begun_to_end(dir, postmaster, self.named(postmaster))
    }

    /// The same in the volume's own time, which is short.
    pub(super) async fn ends(&self, pod: &Pod, postmaster: i32) -> bool {
        let (dir, named) = (pod.dir().to_path_buf(), self.named(postmaster));
        let look = move || has_begun_to_end(&dir, postmaster, named);
        pod.volume.run_within(EVERY, look).await.unwrap_or(false)
    }

    fn named(&self, postmaster: i32) -> bool {
        self.0.load(Ordering::Relaxed) == postmaster
    }
}

fn has_begun_to_end(dir: &Path, postmaster: i32, named_before: bool) -> bool {
    match pidfile::read(dir) {
        Ok(file) if file.pid == Some(postmaster) => file.stopping,
        Ok(_) => named_before,
        Err(_) => false,
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
    fn a_server_has_begun_to_end_that_says_so_or_has_removed_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("postmaster.pid");
        let write = |pid: i32, status: &str| {
            std::fs::write(&file, format!("{pid}\n/d\n1\n5432\n/tmp\n*\n1 2\n{status}\n")).unwrap();
        };
        let listed = Listed::default();
        let ends = || listed.has_begun_to_end(dir.path(), 42);
        assert!(!ends(), "it has just been started");
        write(7, "stopping");
        assert!(!ends(), "another one's, which it will replace");
        write(42, "ready   ");
        assert!(!ends());
        write(42, "stopping");
        assert!(ends());
        listed.note(pidfile::read_pid(dir.path()).unwrap(), 42);
        std::fs::remove_file(&file).unwrap();
        assert!(ends());
        assert!(!listed.has_begun_to_end(dir.path(), 43), "the next one");
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
