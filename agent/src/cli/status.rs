//! `gp-agent status`: this pod and the whole cluster, as a table.

use super::args::StatusArgs;
use crate::domain::cluster::{Entry, all_ready, table};
use crate::lifecycle::board::now;
use crate::lifecycle::host::run_dir;
use crate::sys::http_client::ask_own_agent;
use std::io::IsTerminal;
use std::time::Duration;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Prints the table (or JSON). The exit code is 0 when every pod is ready, 1 when one is not, 2 when the agent does not
/// answer.
pub(super) fn status(wanted: StatusArgs) -> u8 {
    let StatusArgs {
        json,
        watch,
        interval,
    } = wanted;
    let terminal = std::io::stdout().is_terminal();
    let colour = terminal && std::env::var_os("NO_COLOR").is_none();
    loop {
        let (text, code) = once(json, colour);
        if watch && terminal {
            print!("\x1b[2J\x1b[H");
        }
        println!("{}", text.trim_end());
        if !watch {
            return code;
        }
        std::thread::sleep(Duration::from_secs(interval));
    }
}

fn once(json: bool, colour: bool) -> (String, u8) {
    let body = match super::ask("GET", "/cluster", "", ANSWER_WITHIN) {
        Ok((200, body)) => body,
        Ok((code, body)) => return (format!("the agent answers {code}: {body}"), 2),
        Err(words) => return (words, 2),
    };
    let entries: Vec<Entry> = match serde_json::from_str(&body) {
        Ok(entries) => entries,
        Err(error) => return (format!("the agent's answer cannot be read: {error}"), 2),
    };
    let code = if all_ready(&entries, now()) { 0 } else { 1 };
    if json {
        return (body, code);
    }
    (table(&entries, now(), colour), code)
}

/// One request to this pod's agent; the error says what was tried.
pub(super) fn ask_agent(
    method: &str,
    path: &str,
    body: &str,
    limit: Duration,
) -> Result<(u16, String), String> {
    let socket = run_dir().join("agent.sock");
    ask_own_agent(&socket, method, path, body, limit).map_err(|e| {
        format!(
            "the agent does not answer on {}: {e}; is gp-agent run up?",
            socket.display()
        )
    })
}
