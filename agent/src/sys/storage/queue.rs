//! Work on a volume that may hang: off the threads that must not wait, and at most one thread stuck with it.

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
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::mpsc::channel;

    #[tokio::test]
    async fn at_most_one_thread_is_stuck_and_work_that_was_given_up_is_not_begun() {
        let queue = VolumeQueue::default();
        let (release, released) = channel::<()>();
        let (begun, begins) = tokio::sync::oneshot::channel();
        let stuck = tokio::spawn({
            let queue = queue.clone();
            async move {
                let work = move || {
                    let _ = begun.send(());
                    released.recv().is_ok()
                };
                queue.run(work).await
            }
        });
        begins.await.unwrap();
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
}
