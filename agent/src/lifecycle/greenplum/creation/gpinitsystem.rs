//! Running gpinitsystem: what becomes of what it says, and how it ends.

use super::progress::tell;
use crate::engine::Greenplum;
use crate::lifecycle::greenplum::tool::{command, log, output};
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::run_dir;
use crate::sys::log::tail::LogTail;
use crate::sys::process;
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::greenplum::creation_state::AttemptLog;
use gp_agent_core::greenplum::gpinitsystem::CreationPlan;
use gp_agent_core::greenplum::tool_output::{Line, Progress, Reasons};
use gp_agent_core::process::timeouts;
use rustix::process::{Pid, Signal, kill_process_group};
use std::cell::RefCell;
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;

/// gpinitsystem speaks at every step; in the longest of them a coordinator gives up after ten minutes on segments that do
/// not answer.
const GPINITSYSTEM_SILENT_FOR: Duration = timeouts::GPINITSYSTEM_SPEAKS;
const LOOK_AT_LOG_EVERY: Duration = Duration::from_millis(250);

/// How gpinitsystem ended: its exit status, or why it was ended, and the reasons that it gave.
#[derive(Debug)]
pub(super) struct Ran {
    end: String,
    reasons: Reasons,
}

impl Ran {
    /// One line, the reason first.
    pub(super) fn summary(&self) -> String {
        match self.reasons.summary() {
            Some(reasons) => format!("{reasons} ({})", self.end),
            None => self.end.clone(),
        }
    }
}

/// Runs gpinitsystem to its end, whatever that is. What happens on each segment stands only in its log file.
pub(super) async fn run(pod: &Pod, greenplum: &Greenplum, plan: &CreationPlan, folder: &Path) -> Ran {
    let count = |role| pod.topology.members.iter().filter(|m| m.role == role).count();
    let mut progress = Progress::new(count(Role::Primary), count(Role::Mirror));
    let reasons = RefCell::new(Reasons::default());
    let mut command = command(greenplum, pod, "gpinitsystem");
    command.args(&plan.arguments);
    let run = output::follow(&mut command, "gpinitsystem", GPINITSYSTEM_SILENT_FOR, |line| {
        log("gpinitsystem", line);
        reasons.borrow_mut().feed(line);
    });
    let mut tail = LogTail::new(folder, "gpinitsystem_");
    let mut look = |tail: &mut LogTail| {
        for line in tail.lines().unwrap_or_default().iter().filter_map(|l| Line::parse(l)) {
            reasons.borrow_mut().feed(&line);
            if let Some(text) = progress.feed(&line) {
                tell(pod, &text);
            }
        }
    };
    let watch = async {
        loop {
            look(&mut tail);
            sleep(LOOK_AT_LOG_EVERY).await;
        }
    };
    let end = tokio::select! {
        end = run => end,
        never = watch => never,
    };
    look(&mut tail);
    tracing::info!("gpinitsystem ended");
    Ran {
        end: match end {
            Ok(status) => format!("gpinitsystem: {status}"),
            Err(error) => format!("gpinitsystem: {error:#}"),
        },
        reasons: reasons.take(),
    }
}

/// Gives the logs of earlier runs of this day another name, so that the next run's log is its own.
///
/// # Errors
/// Those of the folder.
pub(super) fn keep_old_logs(folder: &Path, attempt: u32) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if is_log(&path) {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let kept = folder.join(format!("{name}.before-attempt-{attempt}"));
            std::fs::rename(&path, kept)?;
        }
    }
    Ok(())
}

/// What the log of the attempt that was begun last tells of it.
///
/// # Errors
/// It is there and cannot be read.
pub(super) fn log_of_attempt(folder: &Path) -> io::Result<AttemptLog> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(AttemptLog::Missing),
        Err(error) => return Err(error),
    };
    let mut tells = AttemptLog::Missing;
    for entry in entries {
        let path = entry?.path();
        if is_log(&path) {
            let text = std::fs::read(&path)?;
            tells = match (tells, AttemptLog::of(&String::from_utf8_lossy(&text))) {
                (AttemptLog::Started, _) => AttemptLog::Started,
                (_, tells) => tells,
            };
        }
    }
    Ok(tells)
}

/// One of an earlier attempt has another name.
fn is_log(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.starts_with("gpinitsystem_") && name.ends_with(".log")
}

/// Ends a gpinitsystem that outlived the agent that began it.
pub(super) fn end_leftovers() {
    let is = |p: &process::ProcessInfo| {
        let name = |arg: &String| arg.ends_with("/gpinitsystem") || arg == "gpinitsystem";
        p.args.iter().take(2).any(name) && process::sees_the_same(p.pid, &run_dir())
    };
    let all = process::processes().unwrap_or_default();
    for leftover in all.iter().filter(|p| is(p)) {
        tracing::warn!(pid = leftover.pid, "ending a gpinitsystem of an earlier agent");
        let pid = Pid::from_raw(leftover.pid);
        let group = pid.and_then(|pid| rustix::process::getpgid(Some(pid)).ok());
        if let Some(group) = group {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_of_the_last_attempt_counts() {
        let base = tempfile::tempdir().unwrap();
        let folder = base.path().join("gpAdminLogs");
        let tells = || log_of_attempt(&folder).unwrap();
        assert_eq!(tells(), AttemptLog::Missing);
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(
            folder.join("gpinitsystem_20261201.log"),
            "x-[INFO]:-Completed restart of Greenplum",
        )
        .unwrap();
        assert_eq!(tells(), AttemptLog::Started);
        keep_old_logs(&folder, 2).unwrap();
        assert_eq!(tells(), AttemptLog::Missing);
        std::fs::write(folder.join("gpinitsystem_20261201.log"), b"begins \xff").unwrap();
        assert_eq!(tells(), AttemptLog::NotStarted);
        std::fs::remove_file(folder.join("gpinitsystem_20261201.log")).unwrap();
        std::fs::create_dir(folder.join("gpinitsystem_20261201.log")).unwrap();
        assert!(log_of_attempt(&folder).is_err(), "that is no answer");
    }
}
