//! Ask before starting, where a catalog decides: gathers what the decision about a data directory rests on.

use super::rejoin_files;
use crate::lifecycle::greenplum::{catalog, coordinator_timeline};
use crate::lifecycle::peers::client;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::postmaster::left_behind;
use gp_agent_core::cluster::catalog::CatalogAnswer;
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::seen_coordinators::SeenCoordinators;
use gp_agent_core::greenplum::start_decision::Question;
use gp_agent_core::postgres::left_behind::gives_way;
use gp_agent_core::postgres::start_decision::{Directory, Partner};
use std::time::Duration;

/// What one round of questions brought.
#[derive(Clone, Debug)]
pub(crate) struct Answers {
    partner: Partner,
    catalog: Option<CatalogAnswer>,
    not_understood: Option<String>,
    coordinators: SeenCoordinators,
    segments_answered: usize,
    remains: Option<String>,
    memory_lost: Option<String>,
    left_behind: bool,
    copy_begun: bool,
}

impl Answers {
    /// The same as a question to the rules of [`gp_agent_core::greenplum::start_decision`].
    pub(super) fn question<'a>(&'a self, pod: &'a Pod, own: &'a Directory, asked_for: Duration) -> Question<'a> {
        Question {
            me: &pod.me,
            own,
            partner: &self.partner,
            partner_name: pod.partner().map_or("nobody", |m| m.pod.as_str()),
            catalog: self.catalog.as_ref(),
            newest_coordinator: self.coordinators.of(own.system_id.as_deref()),
            unnamed_coordinator: self.coordinators.unnamed(),
            not_understood: self.not_understood.as_deref(),
            segments_answered: self.segments_answered,
            remains: self.remains.as_deref(),
            memory_lost: self.memory_lost.as_deref(),
            record: pod.leadership.decides(),
            asked_for,
        }
    }
}

impl Answers {
    /// What this pod's volume holds of a database, where its directory is not whole.
    pub(super) fn remains(&self) -> Option<&str> {
        self.remains.as_deref()
    }

    /// Whether this volume says that a copy of the coordinator was begun.
    pub(super) fn copy_begun(&self) -> bool {
        self.copy_begun
    }

    /// Whether the directory is a standby's that is left behind, and makes room beside a coordinator that takes writes.
    pub(super) fn give_way(&self, own: &Directory) -> bool {
        gives_way(self.left_behind, own, &self.partner)
    }

    /// For a segment a coordinator's pod has to answer; a coordinator needs its partner or a segment.
    pub(super) fn somebody_answered(&self, pod: &Pod) -> bool {
        match pod.me.content {
            ContentId::COORDINATOR => self.partner != Partner::Silent || self.segments_answered > 0,
            _ => matches!(self.catalog, Some(CatalogAnswer::Known(_))),
        }
    }
}

/// Asks the partner, the coordinator pods, and for a coordinator's directory all segments, all at once. A newer coordinator
/// that anybody tells of is on this pod's volume when this returns.
pub(super) async fn ask(pod: &Pod) -> Answers {
    let segments = async {
        match pod.me.content {
            ContentId::COORDINATOR => coordinator_timeline::ask_segments(pod).await,
            _ => coordinator_timeline::SegmentsSay::default(),
        }
    };
    let (partner, catalog, segments) = tokio::join!(client::ask(pod), catalog::ask(pod), segments);
    // A number alone may be an earlier cluster's, and would go from pod to pod.
    coordinator_timeline::note(pod, &segments.seen.named()).await;
    let state_dir = pod.state_dir();
    let memory = pod.volume.run(move || coordinator_timeline::read(&state_dir)).await;
    let remembered = coordinator_timeline::known(pod);
    Answers {
        partner,
        catalog: catalog.best.map(|answer| answer.not_older_than(&remembered)),
        not_understood: catalog.not_understood.or(segments.not_understood),
        coordinators: remembered.and(&segments.seen),
        segments_answered: segments.answered,
        remains: pod.board.read(|s| s.directory.remains.clone()),
        memory_lost: memory.err().map(|e| e.to_string()),
        left_behind: left_behind::wants_room(pod).await,
        copy_begun: rejoin_files::wants_copy(pod).await,
    }
}
