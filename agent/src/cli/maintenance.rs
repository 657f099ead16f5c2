//! `gp-agent hold` and `gp-agent resume`.

use super::status::{ask_agent, tell};
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);
const HELD: &str = "held: the agent leaves the postmaster alone until gp-agent resume";

/// Takes the postmaster out of supervision. Exit code 0 when it is done, else 1.
pub(super) fn hold(reason: &str) -> u8 {
    change("/hold", reason, HELD)
}

/// Gives it back. Exit code 0 when it is done, else 1.
pub(super) fn resume() -> u8 {
    change("/resume", "", "resumed")
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
