//! Sees which of Greenplum's tools is at work in this pod, for whoever would begin another one.

use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::run_dir;
use crate::sys::greenplum::cluster_tools;
use crate::sys::postgres::running_tools::at_work;
use gp_agent_core::cluster::state::Event;
use std::time::Duration;
use tokio::time::sleep;

const EVERY: Duration = Duration::from_secs(2);

/// As long as the pod lives.
pub(super) async fn keep(pod: &Pod) {
    loop {
        let tool = look(pod).await;
        if pod.board.read(|s| s.tool != tool) {
            pod.board.on(Event::ToolAtWork(tool));
        }
        sleep(EVERY).await;
    }
}

/// One that works on the cluster, or on this pod's directory; in words.
pub(super) async fn look(pod: &Pod) -> Option<String> {
    let (dir, run_dir) = (pod.dir().to_path_buf(), run_dir());
    let runs = pod.board.read(|s| s.postmaster.runs());
    let found = tokio::task::spawn_blocking(move || {
        // Beside a server that runs, pg_isready and its like come and go.
        let on_directory = || {
            at_work(&dir)
                .ok()
                .flatten()
                .filter(|_| !runs)
                .map(|tool| (tool.comm, tool.pid))
        };
        let on_cluster = cluster_tools::running(&run_dir).ok().flatten();
        on_cluster.or_else(on_directory)
    });
    let (name, pid) = found.await.ok().flatten()?;
    Some(format!("{name} (process {pid}) is at work in {}", pod.me.pod))
}
