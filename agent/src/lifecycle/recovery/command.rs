//! What an administrator asks of recovery, on its way from the HTTP server to whoever does it.

use gp_agent_core::recovery::machine::model::Wish;
use gp_agent_core::recovery::refusal::RecoveryRefusal;
use tokio::sync::{mpsc, oneshot};

/// Where the answer goes: that it is begun, or why it is not.
pub(crate) type Answer = oneshot::Sender<Result<String, NotBegun>>;

/// Why it is not begun.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotBegun {
    /// Segments are recovered from a coordinator's pod.
    #[error("ask in the active coordinator's pod")]
    NotCoordinator,
    /// Whoever decides about the segments does not do it now.
    #[error(transparent)]
    Refused(#[from] RecoveryRefusal),
}

/// What is asked, and where the answer goes.
#[derive(Debug)]
pub(crate) enum Asked {
    /// To bring segments back.
    Recover(Wish, Answer),
    /// To change roles back.
    Rebalance(Answer),
    /// To go on with adding segments.
    Expand(Answer),
}

impl Asked {
    /// Whether nobody waits for the answer any more: then it is not done behind anybody's back.
    pub(super) fn is_over(&self) -> bool {
        match self {
            Asked::Recover(_, answer) | Asked::Rebalance(answer) | Asked::Expand(answer) => answer.is_closed(),
        }
    }
}

/// Answers as long as the pod lives.
pub(super) async fn refuse(mut asked: mpsc::Receiver<Asked>, why: NotBegun) {
    while let Some(Asked::Recover(_, answer) | Asked::Rebalance(answer) | Asked::Expand(answer)) = asked.recv().await {
        // Whoever asked may have gone.
        let _ = answer.send(Err(why.clone()));
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_waits_for_is_over() {
        let wish = Wish { pod: None, full: true };
        let (answer, waits) = oneshot::channel();
        let asked = Asked::Recover(wish, answer);
        assert!(!asked.is_over());
        drop(waits);
        assert!(asked.is_over());
    }
}
