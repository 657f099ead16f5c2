//! Whether a mirror that the catalog does not list may be made now.

use crate::cluster::directory::DirectoryKind;
use crate::cluster::status::Phase;
use crate::cluster::topology::Role;
use crate::recovery::facts::evidence::Pair;
use crate::recovery::facts::server::Server;
use crate::recovery::obstacle::Obstacle;
use crate::recovery::segments::judgement::{Background, Judgement, acting, safe};
use crate::recovery::segments::method::{Method, Target};

pub(in crate::recovery) fn judge(pair: &Pair, background: &Background<'_>) -> Judgement {
    match ready(pair, background) {
        Err(obstacle) => Judgement::Not(obstacle),
        Ok(pod) => Judgement::Recover {
            target: Target {
                row: pair.row.clone(),
                pod: pod.to_string(),
                unfinished: is_unfinished(pair),
            },
            method: Method::Add,
            not_before: match background.asked {
                Some(_) => background.now,
                None => background.attempts.not_before(pair.row.content, background.now),
            },
        },
    }
}

/// Something lies there already.
fn is_unfinished(pair: &Pair) -> bool {
    let directory = pair.target.server.as_ref().and_then(|server| server.directory);
    directory.is_some_and(|kind| kind != DirectoryKind::Absent)
}

fn ready<'a>(pair: &'a Pair, background: &Background<'_>) -> Result<&'a str, Obstacle> {
    let content = pair.row.content;
    let pod = pair.target.pod.as_deref().unwrap_or(&pair.row.address);
    if background.lacking.some_listed {
        return Err(Obstacle::person(
            format!(
                "{pod} is not in the catalog, which has mirrors of other contents: gpaddmirrors takes only a cluster without any"
            ),
            format!("what gp-agent status says of {pod}"),
        ));
    }
    if let Some(content) = background.lacking.without_pod {
        return Err(Obstacle::person(
            format!(
                "content {content} is in the catalog, and cluster.yaml has no pod for its mirror: gpaddmirrors takes all or none"
            ),
            "set segments.count to the number of contents in the catalog",
        ));
    }
    let Some(primary) = &pair.primary else {
        return Err(Obstacle::wait(format!("the primary of content {content} is not up")));
    };
    let source = acting(primary, content, background)?;
    let Some(server) = &pair.target.server else {
        return Err(Obstacle::wait(format!("the agent of {pod} does not answer")));
    };
    willing(pod, server)?;
    for (name, server) in [(primary.pod.as_deref().unwrap_or("its primary"), source), (pod, server)] {
        knows_everybody(name, server, background)?;
    }
    safe(pod, pair, server, source, background)?;
    place(pod, (server, source), pair, background)?;
    Ok(pod)
}

/// It waits for what is done now: to it, a pod that the catalog does not list bootstraps.
fn willing(pod: &str, server: &Server) -> Result<(), Obstacle> {
    if let Some(why) = &server.held {
        return Err(Obstacle::person(
            format!("{pod} is held: {why}"),
            format!("gp-agent resume in {pod}"),
        ));
    }
    match server.phase {
        Phase::Bootstrapping | Phase::Refused | Phase::CrashLoop | Phase::Crashed => Ok(()),
        // A copy that the catalog does not list; what becomes of it depends on whose it is.
        Phase::Running | Phase::Starting | Phase::Stopped if server.active != Some(Role::Primary) => Ok(()),
        _ => Err(Obstacle::wait(format!("{pod}: {}", server.reason))),
    }
}

/// A primary with an older cluster.yaml may not let its mirror in.
fn knows_everybody(pod: &str, server: &Server, background: &Background<'_>) -> Result<(), Obstacle> {
    match server.peers + 1 < background.lacking.pods {
        true => Err(Obstacle::wait(format!(
            "the agent of {pod} does not know all pods yet: it goes by an older cluster.yaml"
        ))),
        false => Ok(()),
    }
}

/// Nothing is made where something is, but what an earlier run left.
fn place(
    pod: &str,
    (server, source): (&Server, &Server),
    pair: &Pair,
    background: &Background<'_>,
) -> Result<(), Obstacle> {
    let own = background.attempts.copy_unfinished(pair.row.content, background.now);
    let dir = pair.row.datadir.display();
    let aside = format!("mount the right volume in {pod}, or set {dir} aside there");
    match server.directory {
        None => return Err(Obstacle::wait(format!("{pod} has not looked at its data directory"))),
        Some(DirectoryKind::Absent) if server.remains.is_none() || own => {}
        Some(DirectoryKind::HalfMade | DirectoryKind::Unreadable) if own => {}
        // The copy went on when the tool was lost, and the catalog was not changed any more.
        Some(DirectoryKind::Standby) if own && server.system_id == source.system_id => {}
        Some(DirectoryKind::Absent | DirectoryKind::HalfMade | DirectoryKind::Unreadable) => {
            let what = server.remains.as_deref().unwrap_or("its data directory is not whole");
            return Err(Obstacle::person(format!("{pod}: {what}"), aside));
        }
        Some(DirectoryKind::Primary | DirectoryKind::Standby) => {
            let what = format!("{pod} has a database at {dir}, and the catalog does not list it");
            return Err(Obstacle::person(what, aside));
        }
    }
    let needed = background.circumstances.sizes.get(&pair.row.content);
    match needed.zip(server.room) {
        Some((needed, room)) if room < *needed => {
            let (needed, room) = (needed >> 20, room >> 20);
            let what = format!(
                "content {} has {needed} MiB, and {pod} has room for {room} MiB",
                pair.row.content
            );
            Err(Obstacle::person(what, format!("give {pod} a larger volume")))
        }
        _ => Ok(()),
    }
}
