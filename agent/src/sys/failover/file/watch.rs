//! Learns of a new record at once (inotify(7)). Whoever waits reads at intervals too, so that a directory that cannot be
//! watched costs time alone.

use rustix::fs::inotify;
use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

#[derive(Debug)]
pub(super) struct RecordWatch {
    /// Nothing where the kernel has no more of them.
    inotify: Option<OwnedFd>,
    name: String,
}

impl RecordWatch {
    /// For the file of that name in the directory.
    pub(super) fn new(directory: &Path, name: &str) -> RecordWatch {
        let begin = || -> rustix::io::Result<OwnedFd> {
            let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            // Written by rename, removed, or changed by hand.
            let changes = WatchFlags::MOVED_TO | WatchFlags::MOVED_FROM | WatchFlags::DELETE | WatchFlags::CLOSE_WRITE;
            inotify::add_watch(&inotify, directory, changes)?;
            Ok(inotify)
        };
        let inotify = begin().inspect_err(|why| {
            tracing::warn!(path = %directory.display(), "cannot watch the record, which is read at intervals: {why}");
        });
        RecordWatch {
            inotify: inotify.ok(),
            name: name.to_string(),
        }
    }

    /// Returns when the file has changed since the last call.
    pub(super) async fn changed(&self) {
        if let Some(inotify) = &self.inotify
            && self.wait(inotify.as_fd()).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }

    async fn wait(&self, inotify: BorrowedFd<'_>) -> io::Result<()> {
        let watched = watch(inotify)?;
        loop {
            let mut guard = watched.readable().await?;
            if self.take(inotify)? {
                return Ok(());
            }
            guard.clear_ready();
        }
    }

    /// Whether one of the changes that have come is the file's.
    fn take(&self, inotify: BorrowedFd<'_>) -> rustix::io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut changes = Reader::new(inotify, &mut buffer);
        let mut found = false;
        loop {
            match changes.next() {
                Ok(change) => {
                    found |= change
                        .file_name()
                        .is_some_and(|name| name.to_bytes() == self.name.as_bytes());
                }
                Err(rustix::io::Errno::WOULDBLOCK) => return Ok(found),
                Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(e),
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "its replacement is unsafe (forbidden here) because a type's descriptor might change; BorrowedFd's never does"
)]
fn watch(inotify: BorrowedFd<'_>) -> io::Result<AsyncFd<BorrowedFd<'_>>> {
    AsyncFd::with_interest(inotify, Interest::READABLE)
}
