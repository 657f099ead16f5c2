//! `gp-agent hold` and `gp-agent resume`.

use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Takes the postmaster out of supervision.
pub fn hold(reason: &str) -> u8 {
    change(
        "/hold",
        reason,
        "held: the agent leaves the postmaster alone until gp-agent resume",
    )
}

/// Gives it back.
pub fn resume() -> u8 {
    change("/resume", "", "resumed")
}

fn change(path: &str, body: &str, done: &str) -> u8 {
    match super::ask("POST", path, body, ANSWER_WITHIN) {
        Ok((200, _)) => {
            println!("{done}");
            0
        }
        Ok((_, words)) => {
            eprintln!("{}", words.trim_end());
            1
        }
        Err(words) => {
            eprintln!("{words}");
            1
        }
    }
}
