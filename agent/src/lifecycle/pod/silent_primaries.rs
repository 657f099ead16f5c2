//! Primaries that are silent, between the task that looks at them and those who go by what it finds.

use std::collections::BTreeSet;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

/// What the looks have found so far.
#[derive(Debug, Default)]
pub struct SilentPrimaries {
    found: watch::Sender<Found>,
    due: Notify,
}

#[derive(Debug, Default)]
struct Found {
    begun: u64,
    ended: u64,
    /// Somebody waits for a look, though no server of this pod needs one yet.
    wanted: bool,
    undecided: bool,
    starved: BTreeSet<String>,
}

impl Found {
    /// A look that began after `before` looks had begun has ended, and left nothing open.
    fn is_settled_since(&self, before: u64) -> bool {
        self.ended > before && !self.undecided
    }
}

impl SilentPrimaries {
    /// Until a look is wanted at once.
    pub(crate) async fn due(&self) {
        self.due.notified().await;
    }

    /// Whether somebody waits for a look.
    pub(crate) fn is_wanted(&self) -> bool {
        self.found.borrow().wanted
    }

    /// A look begins.
    pub(crate) fn begin(&self) {
        self.found.send_modify(|found| found.begun += 1);
    }

    /// It has ended. `undecided` says that a primary is silent of which it is not known yet whether it is lost; the `starved` are
    /// silent while their kernels take connections, and are given time.
    pub(crate) fn end(&self, undecided: bool, starved: BTreeSet<String>) {
        self.found.send_modify(|found| {
            found.ended = found.begun;
            found.undecided = undecided;
            found.starved = starved;
        });
    }

    /// Whether this pod is silent while its kernel takes connections: FTS is not asked for it.
    pub(crate) fn is_starved(&self, pod: &str) -> bool {
        self.found.borrow().starved.contains(pod)
    }

    /// Until a look that begins from now on has left nothing open; whether there was one within that time.
    pub(crate) async fn settle(&self, within: Duration) -> bool {
        let mut changes = self.found.subscribe();
        let before = changes.borrow().begun;
        let _wanted = Wanted::new(self);
        self.due.notify_one();
        // What it returns holds the lock of what was found.
        let found = timeout(within, changes.wait_for(|found| found.is_settled_since(before))).await;
        matches!(found, Ok(Ok(_)))
    }
}

/// For as long as somebody waits, who may give up at any moment.
struct Wanted<'a>(&'a SilentPrimaries);

impl<'a> Wanted<'a> {
    fn new(silent: &'a SilentPrimaries) -> Self {
        silent.found.send_modify(|found| found.wanted = true);
        Wanted(silent)
    }
}

impl Drop for Wanted<'_> {
    fn drop(&mut self) {
        self.0.found.send_modify(|found| found.wanted = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn a_look_that_had_begun_before_does_not_count_nor_one_that_leaves_something_open() {
        let silent = Arc::new(SilentPrimaries::default());
        silent.begin();
        let waits = tokio::spawn({
            let silent = silent.clone();
            async move { silent.settle(LONG).await }
        });
        silent.due().await;
        assert!(silent.is_wanted());
        silent.end(false, BTreeSet::new());
        for undecided in [true, false] {
            tokio::task::yield_now().await;
            assert!(!waits.is_finished());
            silent.begin();
            silent.end(undecided, BTreeSet::new());
        }
        assert!(waits.await.unwrap() && !silent.is_wanted());
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_and_who_gave_up_wants_nothing() {
        let silent = SilentPrimaries::default();
        assert!(!silent.settle(LONG).await);
        assert!(!silent.is_wanted());
        silent.end(false, BTreeSet::from(["segment-a-0".to_string()]));
        assert!(silent.is_starved("segment-a-0") && !silent.is_starved("segment-a-1"));
    }
}
