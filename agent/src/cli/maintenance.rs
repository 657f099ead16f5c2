//! `gp-agent hold` and `gp-agent resume`.

use super::status::{ask_agent, tell};
use gp_agent_core::process::timeouts;
use std::time::Duration;

const ANSWER_WITHIN: Duration = timeouts::HOLD_ANSWERS;
const HELD: &str = "held: the agent leaves the postmaster alone until gp-agent resume";

/// Takes the postmaster out of supervision. Exit code 0 when it is done, else 1.
pub(super) fn hold(reason: &str) -> u8 {
    change("/hold", reason, HELD)
}

/// Gives it back. Exit code 0 when it is done, else 1.
pub(super) fn resume() -> u8 {
    change("/resume", "", "resumed")
}

/// Does something while the postmaster is out of supervision; the worse of the exit codes.
pub(super) fn held(reason: &str, work: impl FnOnce() -> u8) -> u8 {
    let held = change("/hold", reason, HELD);
    if held != 0 {
        return held;
    }
    let done = work();
    done.max(resume())
}

fn change(path: &str, body: &str, done: &str) -> u8 {
    match ask_agent("POST", path, body, ANSWER_WITHIN) {
        Ok((200, _)) => {
            tell(done);
            0
        }
        Ok((_, refusal)) => {
            eprintln!("{}", refusal.trim_end());
            1
        }
        Err(error) => {
            eprintln!("{error}");
            1
        }
    }
}
