//! `gp-agent status`: this pod and the whole cluster, as a table.

use super::args::StatusArgs;
use super::status_table;
use crate::lifecycle::pod::paths::run_dir;
use crate::sys::http::client::{AskError, ask_own_agent};
use gp_agent_core::cluster::report::{PodReport, all_ready};
use std::io::{IsTerminal, Write};
use std::time::Duration;

/// The agent gives its peers 15 s.
const ANSWER_WITHIN: Duration = Duration::from_secs(20);
/// Erase in Display and Cursor Position of ECMA-48.
const CLEAR: &str = "\x1b[2J\x1b[H";

/// Prints the table or the JSON of `/cluster`. The exit code is 0 when every pod is ready, else 1; also when the agent
/// does not answer. With `watch` it ends when nobody reads any more.
pub(super) fn status(wanted: StatusArgs) -> u8 {
    let terminal = std::io::stdout().is_terminal();
    // https://no-color.org: present and not empty.
    let plain = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    loop {
        let seen = look(wanted.json, terminal && !plain);
        if !wanted.watch {
            return match seen {
                Ok((text, ready)) => {
                    tell(&text);
                    u8::from(!ready)
                }
                Err(error) => {
                    eprintln!("{error}");
                    1
                }
            };
        }
        let text = seen.map_or_else(|error| error.to_string(), |(text, _)| text);
        let clear = if terminal { CLEAR } else { "" };
        if !tell(&format!("{clear}{text}")) {
            return 0;
        }
        std::thread::sleep(Duration::from_secs(wanted.interval));
    }
}

/// Why there is nothing to print.
#[derive(Debug, thiserror::Error)]
enum LookError {
    #[error(transparent)]
    Ask(#[from] AskError),
    #[error("the agent answers {0}: {1}")]
    Refused(u16, String),
    #[error("the agent's answer cannot be read: {0}; is it of another version than this program?")]
    Unread(#[from] serde_json::Error),
}

/// What to print, and whether every pod is ready.
fn look(json: bool, colour: bool) -> Result<(String, bool), LookError> {
    let body = match ask_agent("GET", "/cluster", "", ANSWER_WITHIN)? {
        (200, body) => body,
        (code, words) => return Err(LookError::Refused(code, words.trim_end().to_string())),
    };
    let entries: Vec<PodReport> = serde_json::from_str(&body)?;
    let text = if json {
        body
    } else {
        status_table::render(&entries, colour)
    };
    Ok((text, all_ready(&entries)))
}

/// One request to this pod's agent; the error says what was tried and what to do.
pub(super) fn ask_agent(method: &str, path: &str, body: &str, limit: Duration) -> Result<(u16, String), AskError> {
    let socket = run_dir().join("agent.sock");
    ask_own_agent(&socket, method, path, body, limit)
}

/// A reader that went away must neither end the program nor turn a yes into a no. Whether somebody reads.
pub(super) fn tell(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush()).is_ok()
}
