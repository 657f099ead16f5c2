//! Segments that FTS has marked down, brought back by the acting coordinator's agent. What is decided stands in
//! [`gp_agent_core::recovery`]; here it is fed and carried out.

pub(crate) mod command;
mod driver;
mod expansion;
mod expansion_facts;
mod looks;
mod memory;
mod report;
mod roles_detail;
mod runs;
mod spread;
mod tool_watch;

use super::pod::Pod;
use crate::engine::Greenplum;
use command::{Asked, NotBegun};
use tokio::sync::mpsc;

/// Keeps this pod's part of it, as long as the pod lives.
pub(crate) async fn keep(pod: &Pod, greenplum: &Greenplum, asked: mpsc::Receiver<Asked>) {
    let decide = async {
        match pod.me.content.is_coordinator() {
            true => driver::keep(pod, greenplum, asked).await,
            false => command::refuse(asked, NotBegun::NotCoordinator).await,
        }
    };
    tokio::join!(decide, tool_watch::keep(pod));
}
