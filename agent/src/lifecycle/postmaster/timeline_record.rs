//! The newest timeline of the server goes onto the volume as soon as it is seen: where the directory is damaged or gone later,
//! the other pod's old copy is not started in its place.

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::database_record;
use gp_agent_core::process::timeouts;

/// What one server's run has brought onto the volume.
#[derive(Debug, Default)]
pub(super) struct TimelineRecord {
    kept: u32,
    /// The one that could not be kept: said once.
    failed: u32,
}

impl TimelineRecord {
    /// Writes it down where it is newer. A volume that does not answer is asked again at the next look.
    pub(super) async fn follow(&mut self, pod: &Pod) {
        let Some(database) = pod.database().filter(|database| database.timeline > self.kept) else {
            return;
        };
        let (timeline, keepers) = (database.timeline, pod.keepers());
        let raise = move || database_record::raise(&keepers, &database);
        match pod.volume.run_within(timeouts::VOLUME_ANSWERS, raise).await {
            Some(Ok(())) => self.kept = timeline,
            Some(Err(error)) if self.failed < timeline => {
                self.failed = timeline;
                tracing::warn!("cannot write down that the server is on timeline {timeline}: {error}");
            }
            Some(Err(_)) | None => {}
        }
    }
}
