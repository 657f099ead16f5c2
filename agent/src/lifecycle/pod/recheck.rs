//! Somebody says that a coordinator, or the partner, has news.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Anybody on the network can say it as often as he likes; what follows asks many peers, and reads the volume.
const APART: Duration = Duration::from_millis(500);

/// Triggers a re-read, and tells nothing itself.
#[derive(Debug, Default)]
pub struct Recheck {
    rung: Notify,
    due: Mutex<Option<Instant>>,
    news: Notify,
    news_due: Mutex<Option<Instant>>,
}

impl Recheck {
    /// There are news.
    pub(crate) fn ring(&self) {
        self.rung.notify_one();
        self.news.notify_one();
    }

    /// Comes back once somebody has said so, and half a second at least after it came back last.
    pub(crate) async fn due(&self) {
        apart(&self.rung, &self.due).await;
    }

    /// The same for whoever listens to what the other coordinator's agent tries.
    pub(crate) async fn news(&self) {
        apart(&self.news, &self.news_due).await;
    }
}

async fn apart(rung: &Notify, next: &Mutex<Option<Instant>>) {
    rung.notified().await;
    let lock = || next.lock().unwrap_or_else(PoisonError::into_inner);
    let due = *lock();
    if let Some(due) = due {
        sleep_until(due).await;
    }
    *lock() = Instant::now().checked_add(APART);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::{sleep, timeout};

    #[tokio::test(start_paused = true)]
    async fn the_first_is_heard_at_once_and_many_are_heard_twice_a_second() {
        let recheck = Recheck::default();
        recheck.ring();
        let begun = Instant::now();
        recheck.due().await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        let rings = async {
            loop {
                recheck.ring();
                sleep(Duration::from_millis(2)).await;
            }
        };
        let mut heard = 0;
        let hears = async {
            loop {
                recheck.due().await;
                heard += 1;
            }
        };
        let both = async { tokio::join!(rings, hears) };
        assert!(timeout(Duration::from_secs(10), both).await.is_err());
        assert!((19..=20).contains(&heard), "{heard}");
    }

    #[tokio::test(start_paused = true)]
    async fn each_of_the_two_who_listen_hears_it() {
        let recheck = Recheck::default();
        recheck.ring();
        recheck.due().await;
        recheck.news().await;
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_said_while_nobody_waited_is_not_lost() {
        let recheck = Recheck::default();
        recheck.ring();
        recheck.due().await;
        recheck.ring();
        // Who waits has other things to wait for, and begins anew.
        assert!(timeout(Duration::from_millis(100), recheck.due()).await.is_err());
        recheck.ring();
        recheck.due().await;
    }
}
