//! Whether roles may be changed back now.

use super::attempts::RebalanceAttempts;
use super::when::{NOTICE_SECONDS, When};
use crate::cluster::catalog::Segment;
use crate::cluster::content::ContentId;
use crate::cluster::status::Phase;
use crate::cluster::topology::Role;
use crate::recovery::facts::evidence::{Detail, Evidence, Swap};
use crate::recovery::facts::server::PodOfRow;
use crate::recovery::obstacle::Obstacle;
use std::collections::BTreeMap;

const MINUTE: u64 = 60;
/// So long after another coordinator, or another server of a content, took over.
const AFTER_FAILOVER: u64 = 15 * MINUTE;
/// Some content has been out of place for so long.
const OUT_OF_PLACE: u64 = 10 * MINUTE;
/// After an announcement that came to nothing.
const AFTER_CALLING_OFF: u64 = 10 * MINUTE;
/// So long nothing has run.
const IDLE: u64 = MINUTE;
/// So many failures within a day are too many.
const FAILURES: usize = 2;
/// Every mirror has replayed all but so many bytes.
const BEHIND: u64 = 64 << 20;

/// Why roles are not changed back now.
#[derive(Clone, Debug)]
pub(super) struct Wait {
    pub obstacle: Obstacle,
    /// From when on they might be, where that is known.
    pub not_before: Option<u64>,
}

impl From<Obstacle> for Wait {
    fn from(obstacle: Obstacle) -> Wait {
        Wait {
            obstacle,
            not_before: None,
        }
    }
}

/// What is known beside one look.
pub(super) struct Background<'a> {
    pub evidence: &'a Evidence,
    pub attempts: &'a RebalanceAttempts,
    pub when: When,
    /// Somebody asked for it: only what makes it unsafe counts.
    pub asked: bool,
    /// It is announced.
    pub announced: bool,
    pub now: u64,
    /// Since when this coordinator is in charge, and every row has its role.
    pub quiet_since: [u64; 2],
    /// Since when each content is out of place.
    pub since: &'a BTreeMap<ContentId, u64>,
    pub called_off: Option<u64>,
    /// Since when nothing runs.
    pub idle_since: Option<u64>,
}

/// What the catalog and the clock say, before anybody is asked.
pub(super) fn early(b: &Background<'_>) -> Result<(), Wait> {
    whole(b.evidence)?;
    for swap in &b.evidence.swapped {
        known(swap)?;
    }
    match b.asked {
        true => Ok(()),
        false => due(b),
    }
}

/// Every segment is up and in sync: what is stopped has somebody who takes over.
fn whole(evidence: &Evidence) -> Result<(), Obstacle> {
    let down = evidence.rows.iter().find(|row| !row.up);
    let Some(row) = down.or_else(|| evidence.rows.iter().find(|row| !row.in_sync)) else {
        return Ok(());
    };
    let Segment { content, address, .. } = row;
    let what = if row.up { "in sync" } else { "up" };
    Err(Obstacle::wait(format!(
        "content {content}: the server at {address} is not {what}"
    )))
}

fn known(swap: &Swap) -> Result<(), Obstacle> {
    let content = swap.content;
    match (&swap.acting.pod, &swap.preferred.pod) {
        (Some(_), Some(_)) => Ok(()),
        _ => Err(Obstacle::person(
            format!("content {content} has a server of which cluster.yaml has no pod"),
            "put its pod back into cluster.yaml, or move the server with gpmovemirrors",
        )),
    }
}

/// What only those have to wait for who were not asked.
fn due(b: &Background<'_>) -> Result<(), Wait> {
    if b.when == When::Manual {
        let by_hand = Obstacle::person(
            "recovery.roles is manual",
            "gp-agent rebalance in the active coordinator's pod",
        );
        return Err(by_hand.into());
    }
    if b.attempts.failures(b.now) >= FAILURES {
        let failed = Obstacle::person(
            "gprecoverseg did not put the roles back, twice within a day",
            "mend what the agent's log says, then gp-agent rebalance in the active coordinator's pod",
        );
        return Err(failed.into());
    }
    let newest = b.since.values().max().copied().unwrap_or(b.now);
    let [in_charge, in_role] = b.quiet_since;
    let waits = [
        (
            newest + OUT_OF_PLACE,
            "a content has been out of place for less than 10 min",
        ),
        (
            in_charge + AFTER_FAILOVER,
            "this coordinator has been in charge for less than 15 min",
        ),
        (in_role + AFTER_FAILOVER, "a segment took over less than 15 min ago"),
        (
            b.called_off.map_or(0, |at| at + AFTER_CALLING_OFF),
            "it was announced and called off less than 10 min ago",
        ),
        (b.attempts.not_before(), "the last try was less than 6 hours ago"),
    ];
    let (at, why) = waits.into_iter().max_by_key(|(at, _)| *at).unwrap_or_default();
    // An hour of the night that is past when the wait ends is of no use.
    let opens = |from: u64| match b.when {
        When::Window(window) => window.next(from, NOTICE_SECONDS),
        _ => Some(from),
    };
    if at > b.now {
        return Err(Wait {
            obstacle: Obstacle::wait(why),
            not_before: opens(at),
        });
    }
    let open = match b.when {
        When::Window(window) if b.announced => window.may_begin(b.now),
        _ => opens(b.now) == Some(b.now),
    };
    match open {
        true => Ok(()),
        false => Err(Wait {
            obstacle: Obstacle::wait("the time for it (recovery.window) has not come"),
            not_before: opens(b.now),
        }),
    }
}

/// What agents and servers say.
pub(super) fn late(b: &Background<'_>, detail: &Detail) -> Result<(), Wait> {
    for swap in &b.evidence.swapped {
        willing(&swap.acting, Role::Primary)?;
        willing(&swap.preferred, Role::Mirror)?;
    }
    if let Some(name) = &detail.backup {
        return Err(Obstacle::wait(format!("{name} is at work")).into());
    }
    for content in b.evidence.rows.iter().map(|row| row.content) {
        let words = match detail.behind.get(&content) {
            Some(bytes) if *bytes < BEHIND => continue,
            Some(bytes) => format!(
                "the mirror of content {content} has {} MiB still to replay",
                bytes >> 20
            ),
            None => format!("nobody knows how far the mirror of content {content} has replayed"),
        };
        return Err(Obstacle::wait(words).into());
    }
    let idle = b.idle_since.is_some_and(|since| b.now.saturating_sub(since) >= IDLE);
    if b.when == When::Idle && !b.asked && !idle {
        return Err(Obstacle::wait("a client's transaction is open, or was within the last minute").into());
    }
    Ok(())
}

/// Whether the pod can be worked on, and its server does what the catalog says.
fn willing(place: &PodOfRow, role: Role) -> Result<(), Obstacle> {
    let pod = place.pod.as_deref().unwrap_or("a pod");
    let Some(server) = &place.server else {
        return Err(Obstacle::wait(format!("the agent of {pod} does not answer")));
    };
    if let Some(why) = &server.held {
        return Err(Obstacle::person(
            format!("{pod} is held: {why}"),
            format!("gp-agent resume in {pod}"),
        ));
    }
    if let Some(why) = &server.unfit {
        return Err(Obstacle::person(
            format!("{pod}: {why}"),
            format!("mend what gp-agent check in {pod} says: {why}"),
        ));
    }
    match server.phase == Phase::Running && server.active == Some(role) && !server.stopping {
        true => Ok(()),
        false => Err(Obstacle::wait(format!(
            "{pod} does not serve as {role}: {}",
            server.reason
        ))),
    }
}
