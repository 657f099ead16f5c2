//! A tool from its start to its end, line by line.

use crate::sys::text::next_line;
use anyhow::{Context, Result, bail};
use gp_agent_core::greenplum::tool_output::Line;
use gp_agent_core::process::timeouts;
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::HashMap;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// What was written last may still be on its way when the tool has ended; a server that it started keeps the pipe open.
const LAST_WORDS: Duration = timeouts::LAST_WORDS;

/// Runs it in a process group of its own, which is killed when the wait is given up, and shows what it says to `see`.
///
/// # Errors
/// It cannot be started, or says nothing for `silent_for`; then it is killed.
pub(in crate::lifecycle::greenplum) async fn follow(
    command: &mut Command,
    name: &str,
    silent_for: Duration,
    see: impl FnMut(&Line),
) -> Result<ExitStatus> {
    follow_with(command, name, ("", silent_for), see).await
}

/// As [`follow`], of a tool that reads these answers from its standard input.
///
/// # Errors
/// Those of [`follow`].
pub(in crate::lifecycle::greenplum) async fn follow_with(
    command: &mut Command,
    name: &str,
    (answers, silent_for): (&'static str, Duration),
    mut see: impl FnMut(&Line),
) -> Result<ExitStatus> {
    let input = if answers.is_empty() {
        Stdio::null()
    } else {
        Stdio::piped()
    };
    let mut child = command
        .stdin(input)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    if let Some(mut input) = child.stdin.take() {
        // One that has ended asks nothing.
        let _ = input.write_all(answers.as_bytes()).await;
    }
    let mut group = Group(child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())));
    let (sender, mut lines) = mpsc::channel(64);
    tokio::spawn(forward(child.stdout.take(), sender.clone()));
    tokio::spawn(forward(child.stderr.take(), sender));
    let mut news = News::default();
    let mut heard = Instant::now();
    let status = loop {
        tokio::select! {
            Some(line) = lines.recv() => if news.is(&line) {
                heard = Instant::now();
                see(&line);
            },
            status = child.wait() => break status?,
            () = tokio::time::sleep_until(heard + silent_for) => {
                bail!("said nothing for {} s and was killed", silent_for.as_secs())
            }
        }
    };
    // What it started in the background is to stay.
    group.0 = None;
    while let Ok(Some(line)) = tokio::time::timeout(LAST_WORDS, lines.recv()).await {
        if news.is(&line) {
            see(&line);
        }
    }
    Ok(status)
}

/// What differs from the last that was said. gprecoverseg tells every second how far each copy is, whether it goes on or not:
/// `host (dbid 4): ...`; several take turns.
#[derive(Default)]
struct News(HashMap<String, Line>);

impl News {
    fn is(&mut self, line: &Line) -> bool {
        let copy = line.text.split_once("): ").filter(|(copy, _)| copy.contains(" (dbid "));
        let of = copy.map_or("", |(copy, _)| copy).to_string();
        self.0.insert(of, line.clone()).as_ref() != Some(line)
    }
}

async fn forward<R: AsyncRead + Unpin>(stream: Option<R>, lines: mpsc::Sender<Line>) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream);
    while let Ok(Some(raw)) = next_line(&mut reader).await {
        if let Some(line) = Line::parse(&raw)
            && lines.send(line).await.is_err()
        {
            return;
        }
    }
}

/// Kills what is left of a tool's process group.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(future)
    }

    fn bash(script: &str) -> Command {
        let mut command = Command::new("bash");
        command.args(["-c", script]);
        command
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn both_streams_and_the_end_are_seen() {
        let mut seen = Vec::new();
        let script = r"printf 'caf\351\n'; echo one; echo two >&2; exit 3";
        let status = block_on(follow(&mut bash(script), "x", LONG, |line| {
            seen.push(line.text.clone());
        }));
        seen.sort();
        assert_eq!(seen, ["caf\u{fffd}", "one", "two"]);
        assert_eq!(status.unwrap().code(), Some(3));
    }

    #[test]
    fn a_server_that_was_started_does_not_keep_the_tool_alive() {
        let mut pid = 0;
        let status = block_on(follow(&mut bash("sleep 1000 & echo $!"), "x", LONG, |line| {
            pid = line.text.parse().unwrap();
        }));
        assert!(status.unwrap().success());
        let pid = Pid::from_raw(pid).unwrap();
        rustix::process::kill_process(pid, Signal::KILL).unwrap();
    }

    #[test]
    fn a_tool_that_says_the_same_again_and_again_is_silent() {
        let mut seen = Vec::new();
        let silent = Duration::from_millis(500);
        let script = "while sleep 0.02; do echo 'a (dbid 4): 7%'; echo 'b (dbid 5): 9%'; done";
        let error = block_on(follow(&mut bash(script), "x", silent, |line| {
            seen.push(line.text.clone());
        }));
        assert!(error.unwrap_err().to_string().contains("said nothing"));
        assert_eq!(seen, ["a (dbid 4): 7%", "b (dbid 5): 9%"]);
    }

    #[test]
    fn a_silent_tool_is_killed_with_its_children() {
        let mut pid = 0;
        let mut command = bash("sleep 1000 & echo $!; wait");
        let silent = Duration::from_millis(300);
        let error = block_on(follow(&mut command, "x", silent, |line| {
            pid = line.text.parse().unwrap();
        }));
        assert!(error.unwrap_err().to_string().contains("said nothing"));
        let gone = |pid| crate::sys::process::process(pid).is_none_or(|p| p.state == 'Z');
        while !gone(pid) {
            std::thread::yield_now();
        }
    }
}
