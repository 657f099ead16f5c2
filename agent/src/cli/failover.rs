//! `gp-agent switchover` and `gp-agent failover`.

use super::args::{FailoverArgs, FailoverVerb};
use super::status::{ask_agent, tell};
use crate::sys::http::unix_client::AskError;
use gp_agent_core::cluster::failover_status::FailoverStatus;
use gp_agent_core::cluster::report::Report;
use gp_agent_core::process::timeouts;
use std::time::Duration;

const WARNING: &str = "\
this pod becomes the coordinator without what it lacks. A coordinator that is cut off from here and went on alone may write
until it sees the record; what it wrote is set aside when it comes back.";

/// Between two looks at a command that takes long.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// So many looks in a row that find nothing under way, and no other holder: it was given up.
const IDLE_LOOKS: u32 = 4;

/// Hands the role over. Exit code 0 when it is done, else 1.
pub(super) fn switchover(when_idle: bool, cancel: bool) -> u8 {
    let word = match (when_idle, cancel) {
        (_, true) => "cancel",
        (true, false) => "when-idle",
        (false, false) => "",
    };
    change("/switchover", word)
}

/// Takes the role over, pauses or resumes. Exit code 0 when it is done, else 1.
pub(super) fn failover(wanted: &FailoverArgs) -> u8 {
    match wanted.verb {
        Some(FailoverVerb::Pause) => change("/failover/pause", ""),
        Some(FailoverVerb::Resume) => change("/failover/resume", ""),
        None => {
            eprintln!("{WARNING}");
            change("/failover", "accept-data-loss")
        }
    }
}

fn change(path: &str, word: &str) -> u8 {
    let before = look();
    let done = match ask_agent("POST", path, word, timeouts::FAILOVER_ANSWERS) {
        Ok((200, words)) => Ok(words),
        Ok((202, _)) => follow(before),
        Ok((_, refusal)) => Err(NotDone::Refused(refusal)),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(words) => {
            tell(&words);
            0
        }
        Err(error) => {
            eprintln!("{}", error.to_string().trim_end());
            1
        }
    }
}

/// Why a command is not done.
#[derive(Debug, thiserror::Error)]
enum NotDone {
    /// The agent says why.
    #[error("{0}")]
    Refused(String),
    /// The agent cannot be asked.
    #[error(transparent)]
    Unanswered(#[from] AskError),
    /// It was begun, and came to nothing.
    #[error("{0}")]
    Failed(String),
}

fn look() -> Option<FailoverStatus> {
    let (_, text) = ask_agent("GET", "/status", "", timeouts::STATUS_ANSWERS).ok()?;
    serde_json::from_str::<Report>(&text).ok()?.status.failover
}

/// Looks until another pod has the role, or nothing is under way any more. Says what is being done whenever that changes.
fn follow(before: Option<FailoverStatus>) -> Result<String, NotDone> {
    let mut progress = Progress::new(before);
    loop {
        std::thread::sleep(LOOK_EVERY);
        match progress.look(look()) {
            Next::Said(words) => eprintln!("{words}"),
            Next::Done(words) => return Ok(words),
            Next::Failed(words) => return Err(NotDone::Failed(words)),
            Next::Wait => {}
        }
    }
}

/// What a look says of a command that is under way.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Said(String),
    Done(String),
    Failed(String),
    Wait,
}

struct Progress {
    holder: Option<String>,
    mine: bool,
    failed: Option<String>,
    said: Option<String>,
    idle: u32,
}

impl Progress {
    fn new(before: Option<FailoverStatus>) -> Progress {
        let before = before.unwrap_or_default();
        Progress {
            holder: before.holder,
            mine: before.mine,
            failed: before.failed,
            said: None,
            idle: 0,
        }
    }

    fn look(&mut self, status: Option<FailoverStatus>) -> Next {
        let Some(status) = status else {
            return self.nothing("the agent does not answer any more");
        };
        if let Some(holder) = &status.holder
            && (Some(holder) != self.holder.as_ref() || status.mine && !self.mine)
        {
            return Next::Done(format!("{holder} has the coordinator's role"));
        }
        if let Some(failed) = status.failed.filter(|failed| Some(failed) != self.failed.as_ref()) {
            return Next::Failed(failed);
        }
        let Some(doing) = status.activity else {
            return self.nothing("it was given up; gp-agent status and the agent's log say why");
        };
        self.idle = 0;
        if self.said.as_ref() == Some(&doing) {
            return Next::Wait;
        }
        self.said = Some(doing.clone());
        Next::Said(doing)
    }

    fn nothing(&mut self, words: &str) -> Next {
        self.idle += 1;
        if self.idle < IDLE_LOOKS {
            return Next::Wait;
        }
        Next::Failed(words.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(epoch: u64, activity: Option<&str>) -> FailoverStatus {
        FailoverStatus {
            holder: Some("coordinator-0".into()),
            epoch,
            activity: activity.map(Into::into),
            ..FailoverStatus::default()
        }
    }

    #[test]
    fn it_is_done_when_another_pod_has_the_role() {
        let mine = FailoverStatus {
            mine: true,
            ..status(3, None)
        };
        let mut progress = Progress::new(Some(mine));
        let waits = || Some(status(3, Some("waits for 2 transactions")));
        assert_eq!(progress.look(waits()), Next::Said("waits for 2 transactions".into()));
        assert_eq!(progress.look(waits()), Next::Wait);
        let mut released = status(3, Some("waits for coordinator-1"));
        released.holder = None;
        assert_eq!(
            progress.look(Some(released)),
            Next::Said("waits for coordinator-1".into())
        );
        let done = FailoverStatus {
            holder: Some("coordinator-1".into()),
            ..status(4, None)
        };
        assert_eq!(
            progress.look(Some(done)),
            Next::Done("coordinator-1 has the coordinator's role".into())
        );
    }

    #[test]
    fn a_role_that_is_taken_back_is_not_handed_over() {
        let mine = FailoverStatus {
            mine: true,
            ..status(3, None)
        };
        let mut progress = Progress::new(Some(mine.clone()));
        let back = FailoverStatus { epoch: 4, ..mine };
        assert_eq!(progress.look(Some(back)), Next::Wait);
        // By force in the other pod it is this pod's now.
        let mut progress = Progress::new(Some(status(3, None)));
        let taken = FailoverStatus {
            mine: true,
            ..status(4, None)
        };
        assert!(matches!(progress.look(Some(taken)), Next::Done(_)));
    }

    #[test]
    fn it_has_failed_when_that_is_said_or_nothing_is_under_way() {
        let old = FailoverStatus {
            failed: Some("long ago".into()),
            ..status(3, None)
        };
        let mut progress = Progress::new(Some(old.clone()));
        for _ in 1..IDLE_LOOKS {
            assert_eq!(progress.look(Some(old.clone())), Next::Wait);
        }
        assert!(matches!(progress.look(Some(old)), Next::Failed(_)));
        let mut progress = Progress::new(Some(status(3, None)));
        let failed = FailoverStatus {
            failed: Some("coordinator-1 did not take it".into()),
            ..status(3, Some("takes the role back"))
        };
        assert_eq!(
            progress.look(Some(failed)),
            Next::Failed("coordinator-1 did not take it".into())
        );
        for _ in 1..IDLE_LOOKS {
            assert_eq!(progress.look(None), Next::Wait);
        }
        assert!(matches!(progress.look(None), Next::Failed(_)));
    }
}
