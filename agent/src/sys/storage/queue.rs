//! Work on a volume that may hang: off the threads that must not wait, and at most one thread stuck with it.

use super::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// Does one piece of work on a volume after the other. Whoever gives up waiting for its turn has done nothing.
#[derive(Clone, Debug, Default)]
pub struct VolumeQueue {
    turn: Arc<Mutex<()>>,
}

impl VolumeQueue {
    /// Does the work when its turn comes, and waits for it as long as the volume does. Given up while the work is being done,
    /// it is done all the same.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let turn = self.turn.clone().lock_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            // Kept by the thread that may be stuck, not by who waits for it and may give up.
            drop(turn);
            result
        });
        match done.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            // The program ends.
            Err(_) => std::future::pending().await,
        }
    }

    /// The same for work that is of no use later; nothing when it was not done in time.
    pub async fn run_within<T: Send + 'static>(
        &self,
        limit: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        timeout(limit, self.run(work)).await.ok()
    }

    /// Whether anything has that name, a link that leads nowhere among it.
    pub(crate) async fn has(&self, path: &Path) -> bool {
        let path = path.to_path_buf();
        self.run(move || std::fs::symlink_metadata(path).is_ok()).await
    }

    /// Renames durably.
    ///
    /// # Errors
    /// Name both paths.
    pub(crate) async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (from.to_path_buf(), to.to_path_buf());
        self.run(move || fs::rename_durably(&from, &to)).await
    }

    /// Moves a file or directory out of the way; where it is now.
    ///
    /// # Errors
    /// Name the path; it is then where it was.
    pub(crate) async fn set_aside(&self, path: &Path) -> io::Result<PathBuf> {
        let path = path.to_path_buf();
        self.run(move || fs::set_aside(&path)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::channel;

    /// Work that stands still until the sender is told, or is gone.
    async fn hang(queue: &VolumeQueue) -> (std::sync::mpsc::Sender<()>, tokio::task::JoinHandle<bool>) {
        let (release, released) = channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let queue = queue.clone();
        let work = move || {
            let _ = begun.send(());
            released.recv().is_ok()
        };
        let stuck = tokio::spawn(async move { queue.run(work).await });
        begins.await.unwrap();
        (release, stuck)
    }

    #[tokio::test]
    async fn at_most_one_thread_is_stuck_and_work_that_was_given_up_is_not_begun() {
        let queue = VolumeQueue::default();
        let (release, stuck) = hang(&queue).await;
        let done = Arc::new(AtomicU32::new(0));
        for _ in 0..10 {
            let counted = done.clone();
            let count = move || counted.fetch_add(1, Ordering::Relaxed);
            assert!(queue.run_within(Duration::from_millis(1), count).await.is_none());
        }
        release.send(()).unwrap();
        assert!(stuck.await.unwrap());
        assert_eq!(queue.run(|| 7).await, 7);
        assert_eq!(done.load(Ordering::Relaxed), 0);
    }

    /// On one thread, as the agent's work is.
    #[tokio::test]
    async fn names_are_changed_when_the_volume_lets_us_and_nobody_else_waits_for_it() {
        let (queue, dir) = (VolumeQueue::default(), tempfile::tempdir().unwrap());
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        std::fs::create_dir(&old).unwrap();
        let (release, stuck) = hang(&queue).await;
        {
            let renamed = queue.rename(&old, &new);
            tokio::pin!(renamed);
            tokio::select! {
                biased;
                _ = &mut renamed => panic!("past what hangs"),
                () = tokio::task::yield_now() => {}
            }
            assert!(old.exists() && !new.exists());
            release.send(()).unwrap();
            renamed.await.unwrap();
        }
        assert!(stuck.await.unwrap());
        assert!(!queue.has(&old).await && queue.has(&new).await);
        let aside = queue.set_aside(&new).await.unwrap();
        assert!(!queue.has(&new).await && queue.has(&aside).await);
        assert!(queue.rename(&old, &new).await.is_err());
    }
}
