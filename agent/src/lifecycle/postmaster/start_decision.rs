//! Ask before starting: gathers what the decision about a data directory rests on.

use crate::engine::Making;
use crate::lifecycle::greenplum::{catalog, coordinator_timeline};
use crate::lifecycle::peers::client;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::data_directory::Examined;
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::greenplum::start_decision as by_catalog;
use gp_agent_core::greenplum::start_decision::Question;
use gp_agent_core::postgres::start_decision as by_partner;
use gp_agent_core::postgres::start_decision::{Decision, Directory, DirectoryKind, Partner};
use gp_agent_core::process::poll_interval::PollInterval;
use gp_agent_core::process::timeouts;
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// How long an existing primary waits for its partner's word before it starts alone.
const PARTNER_SILENT_FOR: Duration = timeouts::PARTNER_SILENT;
const ASK_AGAIN: PollInterval = PollInterval::new(Duration::from_millis(20), Duration::from_millis(500));

/// What to do with this pod's directory.
pub(crate) async fn decide(pod: &Pod, examined: &Examined) -> Decision {
    let own = &examined.directory;
    let partner = partner_of(pod, own).await;
    match pod.engine.making() {
        Making::EachPod(_) => by_partner::decide(pod.me.role, own, &partner, partner_name(pod)),
        Making::Coordinator(_) => ask_all(pod, own, &partner, by_catalog::decide).await,
    }
}

/// While running writable: why this server must stop.
pub(crate) async fn must_step_down(pod: &Pod) -> Option<String> {
    let (writable, own) = pod.board.read(|s| {
        let own = Directory {
            kind: DirectoryKind::Primary,
            system_id: s.directory.system_id.clone(),
            timeline: s.directory.timeline.unwrap_or(0),
        };
        (s.active_role.is_some_and(Role::is_writable), own)
    });
    match pod.engine.making() {
        // The question also tells this pod that the cluster is created, whatever its role is.
        Making::Coordinator(_) if writable || !pod.board.read(|s| s.cluster.is_confirmed()) => {
            let partner = client::ask(pod).await;
            let why = ask_all(pod, &own, &partner, by_catalog::must_step_down).await;
            why.filter(|_| writable)
        }
        Making::EachPod(_) if writable => {
            let partner = client::ask(pod).await;
            by_partner::must_step_down(own.timeline, &partner)
                .then(|| "the partner was promoted; this server is on the older timeline".to_string())
        }
        _ => None,
    }
}

fn partner_name(pod: &Pod) -> &str {
    pod.partner().map_or("nobody", |m| m.pod.as_str())
}

async fn partner_of(pod: &Pod, own: &Directory) -> Partner {
    let patience = Instant::now();
    let mut pauses = ASK_AGAIN;
    let mut peers = pod.peers.clone();
    loop {
        let partner = client::ask(pod).await;
        let settled = partner != Partner::Silent
            || own.kind != DirectoryKind::Primary
            || !asks_partner_first(pod)
            || patience.elapsed() >= PARTNER_SILENT_FOR;
        if settled {
            return partner;
        }
        let name = partner_name(pod);
        let reason = format!("asking {name} about its data directory before starting this one");
        pod.board.phase(Phase::Starting, reason);
        // Its name may just have been found.
        let _ = timeout(pauses.pause(), peers.changed()).await;
    }
}

/// Where a catalog decides, a segment's partner is only a witness.
fn asks_partner_first(pod: &Pod) -> bool {
    pod.me.content.is_coordinator() || matches!(pod.engine.making(), Making::EachPod(_))
}

async fn ask_all<T>(pod: &Pod, own: &Directory, partner: &Partner, rule: impl Fn(&Question<'_>) -> T) -> T {
    let catalog = catalog::ask(pod).await;
    let memory = match pod.me.content {
        ContentId::COORDINATOR => Some(coordinator_timeline::ask_segments(pod).await),
        _ => None,
    };
    let segments_word = memory.as_ref().and_then(|m| m.not_understood.as_deref());
    rule(&Question {
        me: &pod.me,
        own,
        partner,
        partner_name: partner_name(pod),
        catalog: catalog.best.as_ref(),
        newest_coordinator: memory.as_ref().map_or(0, |m| m.timeline),
        not_understood: catalog.not_understood.as_deref().or(segments_word),
    })
}
