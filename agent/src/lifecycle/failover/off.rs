//! Where failover does not run: the status says why, and so does the answer to every command.

use super::command::Asked;
use super::status::report;
use crate::lifecycle::pod::Pod;
use gp_agent_core::cluster::failover_status::FailoverStatus;
use tokio::sync::mpsc;

/// Answers until the pod ends. Without a reason failover is no business of this pod, and its status says nothing of it.
pub(super) async fn keep(pod: &Pod, why: Option<&str>, mut asked: mpsc::Receiver<Asked>) {
    let status = why.map(FailoverStatus::off);
    if let Some(status) = &status {
        report::tell(pod, status.clone());
    }
    while let Some(Asked { command, answer }) = asked.recv().await {
        let refusal = command.admit(&pod.me.pod, status.as_ref());
        // Whoever asked may have gone.
        let _ = answer.send(refusal.map(|()| String::new()));
    }
    std::future::pending::<()>().await;
}
