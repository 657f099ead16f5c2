//! PostgreSQL's standby becomes the coordinator.

use crate::engine::Postgres;
use crate::lifecycle::failover::strategy::RoleStrategy;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::settings::sync_standby;
use crate::sys::postgres::session::Session;
use crate::sys::storage::queue::VolumeQueue;
use anyhow::Result;
use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};
use std::sync::Arc;

/// Any pod.
pub(crate) struct PostgresRole;

impl RoleStrategy for PostgresRole {
    fn is_being_created<'a>(&'a self, _: &'a Arc<Pod>, _: &'a VolumeQueue) -> BoxFuture<'a, bool> {
        // A directory has its name once it is whole.
        ready(false).boxed()
    }

    /// A server that is promoted waits for nobody: what it copied from the coordinator would have it wait for itself.
    fn before_promotion<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Result<()>> {
        sync_standby::set(pod, None).boxed()
    }

    /// The old coordinator needs what was written since the timelines parted.
    fn promoted<'a>(&'a self, _: &'a Arc<Pod>, session: &'a mut Session) -> BoxFuture<'a, ()> {
        async move {
            if let Err(error) = session.ask(&Postgres::keep_log_sql()).await {
                tracing::warn!("cannot keep write-ahead log for the old coordinator: {error}");
            }
        }
        .boxed()
    }
}
