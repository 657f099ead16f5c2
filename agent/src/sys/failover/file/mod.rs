//! The authority of one machine: a directory that both coordinator containers share.
//!
//! - `CLUSTER-coordinator.json` is the record, replaced by rename; `.CLUSTER-coordinator.lock` is held for the moment of the
//!   compare-and-swap.
//! - `UID.lock` is locked as long as any process of that pod's coordinator lives, see [`life_lock`].
//!
//! All of it may hang with its disk, so it happens on a thread of its own, one piece at a time.

mod life_lock;
mod place;
mod record_file;
mod watch;

use super::authority::{Authority, AuthorityError, WriteError};
use crate::sys::process::clock::boottime;
use crate::sys::process::init_channel::Heartbeat;
use crate::sys::storage::queue::VolumeQueue;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use gp_agent_core::cluster::failover_status::AuthorityKind;
use gp_agent_core::failover::record::{Holder, Record, Seen, Version};
use life_lock::LifeLock;
use place::RecordDirectory;
use record_file::RecordFile;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use watch::RecordWatch;

/// The authority of one machine.
pub struct FileAuthority {
    place: RecordDirectory,
    record: RecordFile,
    uid: String,
    init: Option<Arc<Heartbeat>>,
    life: Arc<Mutex<Option<LifeLock>>>,
    queue: VolumeQueue,
    watch: RecordWatch,
}

impl FileAuthority {
    /// That of this cluster in that directory, for the pod of that UID. Blocks as long as the directory does.
    ///
    /// # Errors
    /// The directory is missing, or its file system is shared with other machines or with nobody.
    pub fn open(
        directory: &Path,
        cluster: &str,
        uid: &str,
        init: Option<Arc<Heartbeat>>,
    ) -> Result<FileAuthority, AuthorityError> {
        let place = RecordDirectory::new(directory);
        place.open()?;
        let record = RecordFile::new(place.clone(), cluster, uid);
        Ok(FileAuthority {
            watch: RecordWatch::new(place.path(), record.name()),
            place,
            record,
            uid: uid.to_string(),
            init,
            life: Arc::default(),
            queue: VolumeQueue::default(),
        })
    }

    /// What every server of this pod has to inherit, so that the lock lasts as long as its processes: nothing before
    /// [`claim`](Authority::claim).
    pub fn inherited(&self) -> Option<Arc<OwnedFd>> {
        let life = self.life.lock().unwrap_or_else(PoisonError::into_inner);
        life.as_ref().map(LifeLock::descriptor)
    }

    /// Does something with the directory; nothing when that was not done in time.
    async fn run<T: Send + 'static>(
        &self,
        within: Duration,
        work: impl FnOnce(Duration) -> T + Send + 'static,
    ) -> Result<T, AuthorityError> {
        // The work gives up a little earlier by itself, and can say then that it did nothing. Where it is stuck in the kernel
        // nobody can.
        let deadline = boottime() + within * 9 / 10;
        let done = self.queue.run_within(within, move || work(deadline)).await;
        done.ok_or_else(|| AuthorityError::Unavailable(format!("{} did not answer within {within:?}", self.place)))
    }
}

impl Authority for FileAuthority {
    fn kind(&self) -> AuthorityKind {
        AuthorityKind::File
    }

    fn place(&self) -> String {
        self.place.to_string()
    }

    fn claim(&self, within: Duration) -> BoxFuture<'_, Result<(), AuthorityError>> {
        let (place, uid, init, life) = (
            self.place.clone(),
            self.uid.clone(),
            self.init.clone(),
            self.life.clone(),
        );
        let work = move |deadline| {
            let own = || life.lock().unwrap_or_else(PoisonError::into_inner);
            let claimed = own().is_some();
            if !claimed {
                // One piece of work at a time: nobody else takes it meanwhile.
                let taken = LifeLock::take(&place, &uid, init.as_deref(), deadline)?;
                *own() = Some(taken);
            }
            Ok(())
        };
        async move { self.run(within, work).await? }.boxed()
    }

    fn read(&self, within: Duration) -> BoxFuture<'_, Result<(Seen, Version), AuthorityError>> {
        let record = self.record.clone();
        async move { self.run(within, move |_| record.read()).await? }.boxed()
    }

    fn write(
        &self,
        record: Record,
        over: Option<Version>,
        within: Duration,
    ) -> BoxFuture<'_, Result<Version, WriteError>> {
        let file = self.record.clone();
        let work = move |deadline| file.write(&record, over.as_ref(), deadline);
        async move { self.run(within, work).await.map_err(WriteError::Unknown)? }.boxed()
    }

    fn changed(&self) -> BoxFuture<'_, ()> {
        self.watch.changed().boxed()
    }

    fn proof_of_death<'a>(
        &'a self,
        holder: &'a Holder,
        within: Duration,
    ) -> BoxFuture<'a, Result<bool, AuthorityError>> {
        let (place, uid) = (self.place.clone(), holder.uid.clone());
        async move { self.run(within, move |_| life_lock::is_free(&place, &uid)).await? }.boxed()
    }
}
