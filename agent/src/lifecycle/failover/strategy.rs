//! What differs between engines when the coordinator's role changes. One of these is chosen once, on the page of the plot.

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::session::Session;
use crate::sys::storage::queue::VolumeQueue;
use anyhow::Result;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// How one engine's standby becomes the coordinator.
pub(crate) trait RoleStrategy: Send + Sync {
    /// Whether what lies here may be half of a database that is being created, so that nobody can hold the role yet. The volume is
    /// asked by way of `volume`.
    fn is_being_created<'a>(&'a self, pod: &'a Arc<Pod>, volume: &'a VolumeQueue) -> BoxFuture<'a, bool>;

    /// What has to be done before a standby's server is promoted; it may take as long as the volume takes.
    ///
    /// # Errors
    /// It could not be done.
    fn before_promotion<'a>(&'a self, pod: &'a Pod) -> BoxFuture<'a, Result<()>>;

    /// What is left to do once it takes writes; `session` asks it alone.
    fn promoted<'a>(&'a self, pod: &'a Arc<Pod>, session: &'a mut Session) -> BoxFuture<'a, ()>;
}
