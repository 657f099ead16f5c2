//! Why a server ended by itself: its own last words, the kernel for want of memory, or a signal; and what is shown of that.

use crate::lifecycle::pod::Pod;
use crate::lifecycle::settings::start_record;
use crate::sys::log;
use crate::sys::postgres::server_log;
use crate::sys::process::Ended;
use crate::sys::resources::cgroup;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::finding::{Area, Finding, FindingSource};
use gp_agent_core::postgres::exit_cause::{Ending, Exit, ExitEvidence};
use gp_agent_core::resources::oom::Memory;
use rustix::process::Signal;
use std::sync::Arc;
use std::time::SystemTime;

/// What kind of end it was, by what the directory says now.
pub(super) async fn judge(pod: &Pod, how: Ended, lock_file_lost: bool) -> Ending {
    let examined = pod.examine().await.ok();
    let control = examined.map(|e| e.control).filter(|c| c.state.is_some());
    Ending::of(ExitEvidence {
        exit: match how {
            Ended::Exited(code) => Exit::Code(code),
            Ended::Signaled(_) => Exit::Signal,
            Ended::Unknown => Exit::Unknown,
        },
        shut_down: control.map(|c| c.shut_down_cleanly()),
        lock_file_lost,
    })
}

/// How the server that ran since `began` ended, and why. `memory` is what the cgroup said before.
pub(super) async fn words(pod: &Pod, how: Ended, memory: &Memory, began: SystemTime) -> String {
    let mut said = log::last_words().await;
    if said.is_none() {
        let dir = pod.dir().to_path_buf();
        let read = move || server_log::last_words_since(&dir, began);
        said = pod.volume.run(read).await.unwrap_or_default();
    }
    let killed = out_of_memory(how, memory);
    match (said, how) {
        (Some(said), _) => format!("ended: {how}: {said}{killed}"),
        // The agent never sends it; PID 1 does at the end of the pod alone, when nobody starts the server again.
        (None, Ended::Signaled(signal)) if killed.is_empty() && signal == Signal::KILL.as_raw() => {
            format!("ended: {how}, which neither gp-agent sent, nor the kernel for want of memory: somebody did")
        }
        (None, Ended::Signaled(_)) => format!("ended: {how}{killed}"),
        (None, _) => format!("ended: {how}{killed}; the log above may say why"),
    }
}

/// How the kernel's killer is told from anybody else who sends that signal: its count has risen. An adopted server's end is
/// not told by a signal.
fn out_of_memory(how: Ended, before: &Memory) -> String {
    let killed = matches!(how, Ended::Signaled(9) | Ended::Unknown);
    match cgroup::memory() {
        now if killed && now.has_killed_since(before) => format!("; {}", now.words()),
        _ => String::new(),
    }
}

/// Remembers that the server came up with its settings, once it answers, and calls `then`; goes on for ever then.
pub(super) async fn note_coming_up(pod: &Arc<Pod>, then: impl FnOnce()) {
    pod.board.until(|s| s.postmaster.serves).await;
    then();
    pod.board.findings(FindingSource::Crash, Vec::new());
    start_record::came_up(pod).await;
    std::future::pending::<()>().await;
}

/// A server that ends again and again is a finding until one answers, or somebody else says where the pod is.
pub(super) fn show_crash_loop(pod: &Pod, phase: Phase, reason: &str) {
    let findings = match phase {
        Phase::CrashLoop => vec![Finding::error(
            Area::Postgres,
            pod.dir().display().to_string(),
            reason,
            "mend what the server complains of; it is tried again by itself, at once when `parameters` change or after gp-agent resume",
        )],
        Phase::Held | Phase::Stopped | Phase::Refused => Vec::new(),
        _ => return,
    };
    pod.board.findings(FindingSource::Crash, findings);
}
