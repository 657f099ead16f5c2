//! A running postmaster's postmaster.pid: it stops itself within a minute when that is gone (postmaster.c).

use crate::sys::postgres::pidfile;
use std::path::Path;
use std::time::Duration;

/// How often to look.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// Missing once, it may just have been removed by a postmaster that ends.
const LOST: u32 = 2;

/// What was seen of it while the postmaster ran.
#[derive(Debug, Default)]
pub(super) struct LockFile {
    seen: bool,
    missed: u32,
}

impl LockFile {
    /// Looks whether it names this postmaster. One that has just been started has not written it yet.
    pub(super) fn look(&mut self, dir: &Path, postmaster: i32) {
        let Ok(listed) = pidfile::read_pid(dir) else {
            return;
        };
        if listed == Some(postmaster) {
            *self = LockFile {
                seen: true,
                missed: 0,
            };
        } else if self.seen {
            self.missed = self.missed.saturating_add(1);
        }
        if self.missed == LOST {
            tracing::error!(
                path = %dir.join("postmaster.pid").display(),
                "somebody removed or changed the lock file of postmaster {postmaster}: it will stop itself at once when it notices, and is then started again; never touch this file"
            );
        }
    }

    /// Whether it was another's, or missing after it had been there.
    pub(super) fn lost(&self) -> bool {
        self.missed >= LOST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_file_that_was_there_can_be_lost_and_not_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("postmaster.pid");
        let mut lock = LockFile::default();
        let mut look = |text: Option<&str>| {
            match text {
                Some(text) => std::fs::write(&file, text).unwrap(),
                None => drop(std::fs::remove_file(&file)),
            }
            lock.look(dir.path(), 42);
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
}
