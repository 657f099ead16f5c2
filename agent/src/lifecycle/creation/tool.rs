//! Running Greenplum's tools: their environment, their output as log lines, and their end.

use crate::domain::gpinitsystem::{Plan, must_not_inherit};
use crate::engine::Greenplum;
use crate::lifecycle::pod::Pod;
use crate::sys::process;
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::Command;
use tokio::sync::mpsc;

/// A tool that says nothing for so long hangs: gpinitsystem speaks at every step.
const SILENT_FOR: Duration = Duration::from_secs(300);

/// How a tool ended, and its last complaints.
#[derive(Debug, Default)]
pub struct Ran {
    end: String,
    complaints: Vec<String>,
}

impl Ran {
    /// One line.
    pub fn words(&self) -> String {
        match self.complaints.is_empty() {
            true => self.end.clone(),
            false => format!("{} ({})", self.complaints.join("; "), self.end),
        }
    }
}

/// Runs gpinitsystem to its end, whatever that is.
pub async fn gpinitsystem(pod: &Pod, greenplum: &Greenplum, plan: &Plan) -> Ran {
    let mut command = command(greenplum, pod, "gpinitsystem");
    command.args(&plan.arguments);
    let mut ran = Ran::default();
    ran.end = match follow(&mut command, "gpinitsystem", |line| {
        complain(&mut ran.complaints, line)
    })
    .await
    {
        Ok(status) => format!("gpinitsystem: {status}"),
        Err(error) => format!("gpinitsystem: {error:#}"),
    };
    ran
}

/// Runs a tool on the running cluster.
///
/// # Errors
/// It cannot be run, or fails; its complaints.
pub async fn run(pod: &Pod, greenplum: &Greenplum, name: &str, arguments: &[String]) -> Result<()> {
    let mut command = command(greenplum, pod, name);
    command
        .args(arguments)
        .env("PGPORT", pod.me.port.to_string());
    for variable in greenplum.version().family.data_directory_variables() {
        command.env(variable, pod.dir());
    }
    let mut complaints = Vec::new();
    let status = follow(&mut command, name, |line| complain(&mut complaints, line)).await?;
    if !status.success() {
        bail!("{name} failed ({status}): {}", complaints.join("; "));
    }
    Ok(())
}

fn complain(complaints: &mut Vec<String>, line: &str) {
    const MOST: usize = 5;
    let text = ["[FATAL]", "[CRITICAL]", "[ERROR]"]
        .iter()
        .find_map(|l| line.split_once(l));
    if let Some((_, text)) = text {
        complaints.push(text.trim_start_matches([':', '-']).trim().to_string());
        if complaints.len() > MOST {
            complaints.remove(0);
        }
    }
}

fn command(greenplum: &Greenplum, pod: &Pod, name: &str) -> Command {
    let mut command = Command::new(greenplum.program(name));
    for (variable, _) in std::env::vars_os() {
        let name = variable.to_string_lossy();
        if must_not_inherit(&name) || name.starts_with("GP_AGENT_") {
            command.env_remove(&variable);
        }
    }
    let user = &pod.account.name;
    let lang = std::env::var("LANG").unwrap_or_else(|_| "en_US.UTF-8".into());
    command
        .envs(greenplum.environment())
        .env("USER", user)
        .env("LOGNAME", user)
        .env("HOME", &pod.account.home)
        .env("LANG", lang)
        .current_dir(&pod.account.home);
    command
}

/// Runs it in a process group of its own, which ends with it when the wait is given up.
async fn follow(
    command: &mut Command,
    name: &str,
    mut see: impl FnMut(&str),
) -> Result<ExitStatus> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {name}"))?;
    let _group = Group(child.id().and_then(|pid| Pid::from_raw(pid.cast_signed())));
    let (sender, mut lines) = mpsc::channel(64);
    tokio::spawn(forward(child.stdout.take(), sender.clone()));
    tokio::spawn(forward(child.stderr.take(), sender));
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => {
                    tracing::info!("{name}: {line}");
                    see(&line);
                }
                None => break,
            },
            status = child.wait() => {
                // What was written last may still be on its way; a daemon may keep the pipe open.
                while let Ok(Some(line)) = tokio::time::timeout(Duration::from_millis(200), lines.recv()).await {
                    tracing::info!("{name}: {line}");
                    see(&line);
                }
                return Ok(status?);
            }
            () = tokio::time::sleep(SILENT_FOR) => bail!("said nothing for {} s and was killed", SILENT_FOR.as_secs()),
        }
    }
    Ok(child.wait().await?)
}

async fn forward<R: AsyncRead + Unpin>(stream: Option<R>, lines: mpsc::Sender<String>) {
    let Some(stream) = stream else { return };
    let mut reader = BufReader::new(stream).lines();
    while let Ok(Some(line)) = reader.next_line().await {
        let line = line.trim_end().to_string();
        if !line.is_empty() && lines.send(line).await.is_err() {
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

/// Ends a gpinitsystem that outlived the agent that began it.
pub fn end_leftovers() {
    let all = process::processes().unwrap_or_default();
    let is = |p: &&process::ProcessInfo| {
        let name = |arg: &String| arg.ends_with("/gpinitsystem") || arg == "gpinitsystem";
        p.args.iter().take(2).any(name)
    };
    for leftover in all.iter().filter(is) {
        tracing::warn!(
            pid = leftover.pid,
            "ending a gpinitsystem of an earlier agent"
        );
        let group =
            Pid::from_raw(leftover.pid).and_then(|pid| rustix::process::getpgid(Some(pid)).ok());
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
