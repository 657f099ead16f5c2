//! Greenplum's standby becomes the coordinator.

use super::lost::primaries;
use super::{creation, fts_trigger};
use crate::lifecycle::failover::strategy::RoleStrategy;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::session::Session;
use crate::sys::storage::queue::VolumeQueue;
use anyhow::Result;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::process::timeouts;
use std::sync::Arc;
use std::time::Duration;

/// Without an answer of the volume nobody can say that the creation is finished.
const VOLUME_ANSWERS_WITHIN: Duration = timeouts::VOLUME_LOOKED_AT;

/// One of the two coordinators.
pub(crate) struct GreenplumRole;

impl RoleStrategy for GreenplumRole {
    /// gpinitsystem starts and stops servers as it likes, and what lies here may be half of a cluster, or of a copy that looks like
    /// a coordinator's own: until the cluster is whole nobody holds a role.
    fn is_being_created<'a>(&'a self, pod: &'a Arc<Pod>, volume: &'a VolumeQueue) -> BoxFuture<'a, bool> {
        async move {
            let whole = pod.board.is_created() || pod.leadership.decides();
            if whole || *pod.shutdown.borrow() {
                return false;
            }
            if pod.me.role != Role::Coordinator {
                return true;
            }
            let asked = pod.clone();
            let unfinished = volume.run_within(VOLUME_ANSWERS_WITHIN, move || creation::is_unfinished(&asked));
            unfinished.await.unwrap_or(true)
        }
        .boxed()
    }

    /// The server corrects the catalog by itself.
    fn before_promotion<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Result<()>> {
        async move {
            primaries::known_before_promotion(pod).await;
            Ok(())
        }
        .boxed()
    }

    /// With the old coordinator a primary may have gone.
    fn promoted<'a>(&'a self, pod: &'a Arc<Pod>, _: &'a mut Session) -> BoxFuture<'a, ()> {
        let pod = pod.clone();
        tokio::spawn(async move { fts_trigger::ask_after_promotion(&pod).await });
        ready(()).boxed()
    }
}
