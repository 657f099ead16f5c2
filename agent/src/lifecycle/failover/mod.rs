//! The coordinator's role: which of the two coordinators writes, and who takes over. What is decided stands in
//! [`gp_agent_core::failover`]; here it is fed and carried out.
//!
//! All of it runs on a thread of its own. The work's loop may wait for a volume, and the heart's may be busy with a crowd of
//! requests: neither may make a coordinator miss its deadline. Where all of the agent stands still, init's fence ends the server.

mod actions;
pub(crate) mod command;
mod commits_wait;
mod driver;
mod hands;
mod kill;
mod observation;
mod off;
mod peer;
mod record;
mod requests;
mod status;
pub(crate) mod strategy;

use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::leadership::Request;
use crate::sys::process::init_channel::{FenceError, Heartbeat};
use anyhow::{Context, Result};
use command::Asked;
use gp_agent_core::cluster::failover_status::FailoverStatus;
use gp_agent_core::process::timeouts;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use strategy::RoleStrategy;
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::time::timeout;

/// How long a pod that ends gives the record at most, once its server has stopped.
const DRAINED_WITHIN: Duration = timeouts::RECORD_DRAINED;

/// Begins to keep the role, where there are two coordinators.
///
/// # Errors
/// No descriptor or thread is left.
pub(crate) fn begin(pod: &Arc<Pod>, role: Arc<dyn RoleStrategy>, init: Option<Arc<Heartbeat>>) -> Result<()> {
    if pod.leadership.off().is_some() {
        open_fence(init.as_deref());
        return Ok(());
    }
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start a runtime")?;
    let pod = pod.clone();
    let live = move || {
        runtime.block_on(driver::keep(pod, role, init));
        // A question to a volume that hangs must not keep the program from ending.
        runtime.shutdown_background();
    };
    thread::Builder::new()
        .name("failover".into())
        .spawn(live)
        .context("cannot start a thread")?;
    Ok(())
}

/// An earlier agent's deadline outlives it.
fn open_fence(init: Option<&Heartbeat>) {
    // One that has no fence needs not be told.
    if let Some(Err(error @ FenceError::Unheard(_))) = init.map(Heartbeat::disarm_fence) {
        tracing::warn!("{error}");
    }
}

/// There is no place for a record: roles are changed by hand.
fn off(pod: &Pod, init: Option<&Heartbeat>, why: &str) {
    open_fence(init);
    pod.leadership.switch_off(why);
    // Commits wait for whom cluster.yaml says again.
    pod.settings_changed.notify_one();
    status::report::tell(pod, FailoverStatus::off(why));
}

/// Hands on what administrators ask for, as long as the pod lives.
pub(crate) async fn keep(pod: &Pod, mut asked: mpsc::Receiver<Asked>) {
    if let Some(why) = pod.leadership.off() {
        let own = pod.me.content.is_coordinator() && pod.config.borrow().coordinator.standby;
        return off::keep(pod, own.then_some(why).as_deref(), asked).await;
    }
    while let Some(Asked { command, answer }) = asked.recv().await {
        pod.leadership.request(Request::Command { command, answer });
    }
    std::future::pending::<()>().await;
}

/// Returns when nothing is left to be done about the role of a pod whose server has stopped, or can be no more.
pub(crate) async fn end(pod: &Pod) {
    if timeout(DRAINED_WITHIN, pod.leadership.until_drained()).await.is_err() {
        tracing::warn!("the record does not say yet that this pod ends; the other coordinator waits until it is sure");
    }
}
