//! Whether one content's lost server may be brought back now, and how.

use super::accepted::Accepted;
use super::attempts::{Attempts, Next};
use super::method::{Method, Target};
use super::stopped_by_tool::{self, Tried};
use crate::cluster::catalog::CatalogRole;
use crate::cluster::content::ContentId;
use crate::cluster::directory::DirectoryKind;
use crate::cluster::status::Phase;
use crate::cluster::topology::Role;
use crate::recovery::facts::evidence::{Circumstances, Pair};
use crate::recovery::facts::server::{PodOfRow, Server};
use crate::recovery::facts::{damage, role_changes};
use crate::recovery::new_mirrors::lacking::Lacking;
use crate::recovery::obstacle::Obstacle;
use crate::recovery::roles::attempts::RebalanceAttempts;

/// A server that starts, or a mirror that has lost its stream, gets so long to come back by itself; one that replays as long again
/// whenever it has replayed more.
pub(in crate::recovery) const COMES_BACK_SECONDS: u64 = 60;
/// So long its partner has to have been a primary that serves.
const PRIMARY_STEADY_SECONDS: u64 = 20;
/// So many changes of the primary within half an hour that nobody asked for are too many for the agent to bring a server back
/// by itself.
const ROLE_CHANGES: usize = 3;

/// What is to be done about a content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::recovery) enum Judgement {
    /// Nothing yet.
    Not(Obstacle),
    /// It is there already: FTS has only to look.
    Probe,
    /// Bring it back in this way, not before that time.
    Recover {
        target: Target,
        method: Method,
        not_before: u64,
    },
}

/// What is known beside one look.
pub(in crate::recovery) struct Background<'a> {
    pub circumstances: &'a Circumstances,
    pub lacking: &'a Lacking,
    pub attempts: &'a Attempts,
    pub rebalances: &'a RebalanceAttempts,
    /// Damaged pages of each pod that somebody has seen, and had it copied all the same.
    pub accepted: &'a Accepted,
    pub full: bool,
    /// Whether the tool recovers differentially.
    pub differential: bool,
    /// Somebody asked for this pod: with a new copy, or as the ladder says.
    pub asked: Option<bool>,
    pub now: u64,
    /// Since when the row is down.
    pub down_since: u64,
    /// It starts or replays, and may be up soon.
    pub comes_back: bool,
    /// Since when its partner serves as primary.
    pub steady_since: Option<u64>,
}

pub(in crate::recovery) fn judge(pair: &Pair, background: &Background<'_>) -> Judgement {
    match obstacle(pair, background) {
        Err(obstacle) => Judgement::Not(obstacle),
        Ok((_, server)) if streams(server) => Judgement::Probe,
        Ok((pod, server)) => match way(pod, pair, server, background) {
            Err(obstacle) => Judgement::Not(obstacle),
            Ok(method) => Judgement::Recover {
                target: Target {
                    row: pair.row.clone(),
                    pod: pod.to_string(),
                    unfinished: false,
                },
                method,
                not_before: match background.asked {
                    Some(_) => background.now,
                    None => background.attempts.not_before(pair.row.content, background.now),
                },
            },
        },
    }
}

fn streams(server: &Server) -> bool {
    server.active == Some(Role::Mirror)
}

/// The pod of the lost server, where nothing is in the way.
fn obstacle<'a>(pair: &'a Pair, background: &Background<'_>) -> Result<(&'a str, &'a Server), Obstacle> {
    let content = pair.row.content;
    let Some(pod) = pair.target.pod.as_deref() else {
        let at = &pair.row.address;
        return Err(Obstacle::person(
            format!("the catalog has it at {at}, where cluster.yaml has no pod"),
            format!("put {at} back into cluster.yaml, or move it with gprecoverseg -i"),
        ));
    };
    let Some(primary) = pair.primary.as_ref().filter(|_| pair.row.role == CatalogRole::Mirror) else {
        return Err(Obstacle::person(
            format!("both servers of content {content} are down"),
            "bring one of their pods back; FTS takes the one up that was the primary",
        ));
    };
    let source = acting(primary, content, background)?;
    let Some(server) = &pair.target.server else {
        return Err(Obstacle::wait(format!("the agent of {pod} does not answer")));
    };
    willing(pod, pair, server, background)?;
    safe(pod, pair, server, source, background)?;
    Ok((pod, server))
}

/// The primary that is copied from: the only copy there is.
pub(in crate::recovery) fn acting<'a>(
    primary: &'a PodOfRow,
    content: ContentId,
    background: &Background<'_>,
) -> Result<&'a Server, Obstacle> {
    let name = primary.pod.as_deref().unwrap_or("its primary");
    let Some(server) = &primary.server else {
        return Err(Obstacle::wait(format!(
            "the agent of {name}, which has the only copy of content {content}, does not answer"
        )));
    };
    if server.active != Some(Role::Primary) || server.phase != Phase::Running || server.stopping {
        return Err(Obstacle::wait(format!(
            "{name}, which has the only copy of content {content}, does not serve as primary: {}",
            server.reason
        )));
    }
    let steady = background
        .steady_since
        .map(|since| background.now.saturating_sub(since));
    if steady.is_none_or(|steady| steady < PRIMARY_STEADY_SECONDS) {
        return Err(Obstacle::wait(format!(
            "{name} has served as primary for less than {PRIMARY_STEADY_SECONDS} s"
        )));
    }
    Ok(server)
}

/// Whether the pod of the lost server can be worked on, and does not come back by itself.
fn willing(pod: &str, pair: &Pair, server: &Server, background: &Background<'_>) -> Result<(), Obstacle> {
    if let Some(why) = &server.held {
        return Err(Obstacle::person(
            format!("{pod} is held: {why}"),
            format!("gp-agent resume in {pod}"),
        ));
    }
    let busy = Err(Obstacle::wait(format!("{pod}: {}", server.reason)));
    let by_tool = || {
        let tried = Tried {
            attempts: background.attempts,
            rebalances: background.rebalances,
            down_since: background.down_since,
            now: background.now,
        };
        stopped_by_tool::is(pair, server, &tried)
    };
    match server.phase {
        Phase::Stopped if background.asked.is_none() && !by_tool() => Err(Obstacle::person(
            format!("somebody stopped the server of {pod}"),
            format!(
                "gp-agent resume in {pod} starts it; gp-agent recover {pod} in the active coordinator's pod brings it back"
            ),
        )),
        Phase::Preparing | Phase::Discovering | Phase::Bootstrapping | Phase::Rejoining | Phase::Draining => busy,
        _ if streams(server) => Ok(()),
        Phase::Refused | Phase::CrashLoop | Phase::Stopped => Ok(()),
        _ if server.active == Some(Role::Primary) => busy,
        _ if background.now.saturating_sub(background.down_since) < COMES_BACK_SECONDS => busy,
        _ if background.comes_back => busy,
        _ => Ok(()),
    }
}

/// Never onto or from what is in doubt.
pub(in crate::recovery) fn safe(
    pod: &str,
    pair: &Pair,
    server: &Server,
    source: &Server,
    background: &Background<'_>,
) -> Result<(), Obstacle> {
    let content = pair.row.content;
    let mend = |what: &str| format!("mend what gp-agent check in {pod} says: {what}");
    if let Some(why) = &server.unfit {
        return Err(Obstacle::person(format!("{pod}: {why}"), mend(why)));
    }
    // Who asks for it has looked at why.
    let primary = pair.primary.as_ref().and_then(|place| place.pod.as_deref());
    let primary = primary.unwrap_or("its primary's pod");
    let accepted = background.accepted.get(primary).copied().unwrap_or(0);
    if let Some(why) = damage::words(&source.damaged, accepted).filter(|_| background.asked.is_none()) {
        return Err(Obstacle::person(
            format!("content {content} has damaged pages: its primary {primary} has counted {why}"),
            format!(
                "find out which server has the whole data before anything is copied over the other, in each database named (pg_checksums, amcheck, gpcheckcat); gp-agent recover {pod} in the active coordinator's pod copies from {primary} then, and these pages are in the way no more"
            ),
        ));
    }
    if let (Some(own), Some(other)) = (&server.system_id, &source.system_id)
        && own != other
    {
        return Err(Obstacle::person(
            format!("{pod} has database {own} on its volume, and its primary has {other}"),
            format!("mount the right volume in {pod}, or set the directory aside"),
        ));
    }
    let changes = background.circumstances.role_changes.get(&content);
    let begun = background.rebalances.begun();
    let changes = changes.map_or(0, |changes| role_changes::unasked(changes, begun));
    // Who asks for it has looked at why.
    if changes >= ROLE_CHANGES && background.asked.is_none() {
        return Err(Obstacle::person(
            format!("the primary of content {content} changed {changes} times within half an hour"),
            format!(
                "find out why, in the logs of both servers; then gp-agent recover {pod} in the active coordinator's pod brings it back at once; when half an hour has passed without another change, it comes back by itself where recovery.segments is auto"
            ),
        ));
    }
    Ok(())
}

/// Which of the tool's ways.
fn way(pod: &str, pair: &Pair, server: &Server, background: &Background<'_>) -> Result<Method, Obstacle> {
    let content = pair.row.content;
    let allowed = background.full || background.asked == Some(true);
    let only_full = |why: String| match allowed {
        true => Ok(Method::Full),
        false => Err(Obstacle::person(
            why,
            format!(
                "gp-agent recover --full {pod} in the active coordinator's pod copies it anew, over what is there; recovery.full: auto does so by itself"
            ),
        )),
    };
    match server.directory {
        None => Err(Obstacle::wait(format!("{pod} has not looked at its data directory"))),
        Some(DirectoryKind::Absent) if server.remains.is_none() => Ok(Method::Full),
        Some(DirectoryKind::Absent | DirectoryKind::HalfMade | DirectoryKind::Unreadable)
            if background.attempts.copy_unfinished(content, background.now) =>
        {
            Ok(Method::Full)
        }
        Some(DirectoryKind::Absent | DirectoryKind::HalfMade | DirectoryKind::Unreadable) => {
            let what = server.remains.as_deref().unwrap_or("its data directory is not whole");
            only_full(format!("{pod}: {what}"))
        }
        Some(DirectoryKind::Primary | DirectoryKind::Standby) if background.asked == Some(true) => Ok(Method::Full),
        Some(DirectoryKind::Primary | DirectoryKind::Standby) => {
            match background
                .attempts
                .next(content, background.differential, background.now)
            {
                Next::Method(method) => Ok(method),
                Next::OnlyFull(why) => only_full(format!("nothing but a new copy is left: {why}")),
            }
        }
    }
}
