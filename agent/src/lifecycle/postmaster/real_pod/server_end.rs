//! The end of a server: waits for it, and tells what kind of end it was.

use super::crash_cause;
use super::pidfile_watch;
use super::pidfile_watch::{Listed, LockFile};
use crate::lifecycle::pod::Pod;
use crate::lifecycle::settings::start_record;
use crate::sys::postgres::orphaned_backends;
use crate::sys::process::clock;
use crate::sys::process::{Ended, Process};
use crate::sys::resources::cgroup;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::postgres::exit_cause::Ending;
use gp_agent_core::storage::room;
use std::sync::Arc;

/// Waits until the server is gone, and shows that; then what kind of end it was, with words.
pub(super) async fn wait(pod: &Arc<Pod>, server: &Process, listed: &Listed) -> (Ending, String) {
    let mut lock_file = LockFile::default();
    let began = clock::file_time();
    // As of two looks, since a look may come between the kill and the end that it brings.
    let mut memory = [cgroup::memory(), cgroup::memory()];
    // What looks beside it ends with it: a look that waits for its turn at the volume, and is not asked any more, would keep
    // everybody else from theirs.
    let how = {
        let ended = server.ended();
        let look = pidfile_watch::look(pod);
        // It has written its lock file long before it serves.
        let came_up = crash_cause::note_coming_up(pod, || listed.note(Some(server.pid()), server.pid()));
        tokio::pin!(ended, look, came_up);
        loop {
            tokio::select! {
                biased;
                () = &mut came_up => {}
                how = &mut ended => break how.unwrap_or(Ended::Unknown),
                pid = &mut look => {
                    listed.note(pid, server.pid());
                    let full = pod.board.read(|s| room::trouble(&s.rooms));
                    lock_file.note(pod.dir(), pid, server.pid(), full);
                    memory.swap(0, 1);
                    memory[1] = cgroup::memory();
                    look.set(pidfile_watch::look(pod));
                }
            }
        }
    };
    // Before the directory is looked at, which takes as long as its volume does.
    show_gone(pod);
    if pod.me.content.is_coordinator() {
        orphaned_backends::kill_on(pod.dir().to_path_buf()).await;
    }
    let ending = crash_cause::judge(pod, how, lock_file.lost()).await;
    let words = match ending {
        Ending::Clean => "stopped cleanly".to_string(),
        Ending::Immediate => "stopped in immediate mode".to_string(),
        Ending::Crash => crash_cause::words(pod, how, &memory[0], began).await,
    };
    match ending {
        Ending::Crash => start_record::failed(pod, &words).await,
        Ending::Clean | Ending::Immediate => start_record::stopped(pod).await,
    }
    (ending, words)
}

/// No server runs.
pub(super) fn show_gone(pod: &Pod) {
    pod.board.on(Event::PostmasterGone);
    pod.leadership.server_gone();
}
