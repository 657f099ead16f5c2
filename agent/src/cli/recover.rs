//! `gp-agent recover`, `gp-agent rebalance` and `gp-agent expand`.

use super::args::RecoverArgs;
use super::status::{ask_agent, tell};
use gp_agent_core::process::timeouts;
use gp_agent_core::recovery::machine::model::Wish;

/// Has segments brought back. Exit code 0 when that begins, else 1.
pub(super) fn recover(wanted: &RecoverArgs) -> u8 {
    let RecoverArgs { pod, full, .. } = wanted.clone();
    ask("/recover", &Wish { pod, full }.to_string())
}

/// Has roles changed back. Exit code 0 when that begins, else 1.
pub(super) fn rebalance() -> u8 {
    ask("/rebalance", "")
}

/// Has the expansion go on. Exit code 0 when it does, else 1.
pub(super) fn expand() -> u8 {
    ask("/expand", "")
}

fn ask(path: &str, body: &str) -> u8 {
    match ask_agent("POST", path, body, timeouts::FAILOVER_ANSWERS) {
        Ok((200, words)) => {
            tell(&words);
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
