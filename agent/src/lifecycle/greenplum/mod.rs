//! What the agent does for Greenplum alone: the catalog, FTS, the creation of the cluster, and what its tools and its catalog
//! mean for the life of a postmaster.

mod admin_logs;
pub mod catalog;
pub(crate) mod coordinator_timeline;
pub(crate) mod creation;
mod damaged_pages;
pub(crate) mod fts_trigger;
mod lost;
mod postmaster;
pub(crate) mod role;
pub(crate) mod tool;
mod walreceiver_watchdog;

use super::pod::Pod;
use super::postmaster::supervisor::{Command, supervise};
use crate::engine::Greenplum;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Keeps this pod of a Greenplum cluster, until it has to end and its postmaster is gone.
pub(crate) async fn run(pod: &Arc<Pod>, greenplum: &Greenplum, commands: mpsc::Receiver<Command>) {
    let read = pod.clone();
    pod.volume.run(move || catalog::load(&read)).await;
    let logs = admin_logs::begin(pod).await;
    let beside = async {
        tokio::join!(
            admin_logs::keep(pod, logs),
            catalog::keep(pod),
            fts_trigger::watch(pod),
            lost::primaries::keep(pod),
            lost::mirrors::keep(pod),
            lost::old_sessions::keep(pod),
            creation::post_create::keep(pod, greenplum),
            damaged_pages::keep(pod),
            walreceiver_watchdog::keep(pod),
        )
    };
    tokio::select! {
        () = supervise(pod, postmaster::strategy::Strategy::new(pod, greenplum), commands) => {}
        _ = beside => {}
    }
}
