//! Whether a call of gpexpand may begin now.

use super::facts::{Expanding, Found, NewServer};
use super::memory::ExpansionMemory;
use super::task::Task;
use crate::cluster::catalog::CatalogRole;
use crate::cluster::directory::DirectoryKind;
use crate::cluster::topology::Role;
use crate::recovery::facts::evidence::{Evidence, Pair, Swap};
use crate::recovery::facts::server::{PodOfRow, Server};
use crate::recovery::obstacle::Obstacle;

/// The rows of the segments have been the same for so long before new ones are added: no failover has just been.
const QUIET_SECONDS: u64 = 60;

/// What is known at one look.
pub(super) struct Background<'a> {
    pub evidence: &'a Evidence,
    pub found: &'a Found,
    pub memory: &'a ExpansionMemory,
    /// Since when the rows are as they are.
    pub rows_since: u64,
    pub now: u64,
}

/// What the catalog and gpexpand's own memory say, before anybody is asked.
pub(super) fn early(task: Task, b: &Background<'_>) -> Result<(), Obstacle> {
    let evidence = b.evidence;
    match task {
        Task::RollBack | Task::FinishCatalog | Task::CleanUp => Ok(()),
        Task::FinishSetUp => nobody_down(evidence, |pair| !b.memory.contents.contains(&pair.row.content)),
        Task::Redistribute => nobody_down(evidence, |_| true),
        Task::SetUp => {
            nobody_down(evidence, |_| true)?;
            in_place(&evidence.swapped)?;
            in_sync(evidence)?;
            mirrored(evidence)?;
            if let Some(name) = &b.found.tablespace {
                return Err(Obstacle::person(
                    format!(
                        "there is tablespace {name}, and the agent does not know where the new segments have theirs"
                    ),
                    "make its directories in the new pods, and call gpexpand -i FILE by hand, with FILE.ts as gpexpand describes it",
                ));
            }
            let quiet = b.now.saturating_sub(b.rows_since);
            match quiet < QUIET_SECONDS {
                true => Err(Obstacle::wait(format!(
                    "the catalog of the segments changed less than {QUIET_SECONDS} s ago"
                ))),
                false => Ok(()),
            }
        }
    }
}

/// Recovery of segments goes first; gpexpand would also copy each mirror anew that is down.
fn nobody_down(evidence: &Evidence, counts: impl Fn(&Pair) -> bool) -> Result<(), Obstacle> {
    let Some(pair) = evidence.down.iter().find(|pair| counts(pair)) else {
        return Ok(());
    };
    let content = pair.row.content;
    let what = match pair.listed {
        true => format!("a server of content {content} is down, and is brought back first"),
        false => format!("content {content} has no mirror, and gets it first"),
    };
    Err(Obstacle::wait(what))
}

fn in_place(swapped: &[Swap]) -> Result<(), Obstacle> {
    match swapped.first() {
        None => Ok(()),
        Some(swap) => Err(Obstacle::person(
            format!("content {} is served by the server made as its mirror", swap.content),
            "gp-agent rebalance in the active coordinator's pod",
        )),
    }
}

fn in_sync(evidence: &Evidence) -> Result<(), Obstacle> {
    let mut mirrors = evidence.rows.iter().filter(|row| row.role == CatalogRole::Mirror);
    match mirrors.find(|row| !row.in_sync) {
        None => Ok(()),
        Some(row) => Err(Obstacle::wait(format!(
            "the mirror of content {} is not in sync",
            row.content
        ))),
    }
}

/// gpexpand takes mirrors for all new contents where the catalog has some, and none elsewhere.
fn mirrored(evidence: &Evidence) -> Result<(), Obstacle> {
    let listed = evidence.rows.iter().any(|row| row.role == CatalogRole::Mirror);
    let new = &evidence.expanding.new;
    let has_mirror = |of: &NewServer| {
        let mut mirrors = new.iter().filter(|other| other.member.role == Role::Mirror);
        mirrors.any(|other| other.member.content == of.member.content)
    };
    match new.iter().find(|of| listed && !has_mirror(of)) {
        None => Ok(()),
        Some(of) => Err(Obstacle::person(
            format!(
                "the catalog has mirrors, and cluster.yaml has no pod for that of content {}",
                of.member.content
            ),
            "put segments.mirrors back into cluster.yaml",
        )),
    }
}

/// What the agents say.
pub(super) fn late(task: Task, b: &Background<'_>) -> Result<(), Obstacle> {
    let expanding = &b.evidence.expanding;
    match task {
        Task::FinishCatalog | Task::CleanUp => return Ok(()),
        // The tool removes their directories over ssh.
        Task::RollBack => {
            for new in &expanding.new {
                answers(&new.member.pod, new.server.as_ref())?;
            }
            return free_of_tools(expanding);
        }
        Task::SetUp | Task::FinishSetUp | Task::Redistribute => {}
    }
    let known = expanding.pods.len();
    // A pod that is not there yet makes others complain of its name.
    let all = expanding.pods.iter().map(|place| {
        let pod = name(place);
        Ok((pod, answers(pod, place.server.as_ref())?))
    });
    for (pod, server) in all.collect::<Result<Vec<_>, Obstacle>>()? {
        fit(pod, server)?;
        if task == Task::SetUp && server.peers + 1 < known {
            return Err(Obstacle::wait(format!(
                "the agent of {pod} does not know all pods yet: it goes by an older cluster.yaml"
            )));
        }
    }
    free_of_tools(expanding)?;
    if task == Task::SetUp {
        for new in &expanding.new {
            empty(new, b)?;
        }
        room(b)?;
    }
    Ok(())
}

fn name(place: &PodOfRow) -> &str {
    place.pod.as_deref().unwrap_or("a pod")
}

fn answers<'a>(pod: &str, server: Option<&'a Server>) -> Result<&'a Server, Obstacle> {
    server.ok_or_else(|| Obstacle::wait(format!("the agent of {pod} does not answer")))
}

fn fit(pod: &str, server: &Server) -> Result<(), Obstacle> {
    if let Some(why) = &server.held {
        return Err(Obstacle::person(
            format!("{pod} is held: {why}"),
            format!("gp-agent resume in {pod}"),
        ));
    }
    match &server.unfit {
        Some(why) => Err(Obstacle::wait(format!("{pod}: {why}"))),
        None => Ok(()),
    }
}

fn free_of_tools(expanding: &Expanding) -> Result<(), Obstacle> {
    let mut tools = expanding
        .pods
        .iter()
        .filter_map(|place| place.server.as_ref()?.tool.as_ref());
    match tools.next() {
        Some(tool) => Err(Obstacle::wait(tool.clone())),
        None => Ok(()),
    }
}

/// Nothing is made where something is, but for what an earlier run of this expansion left and undid.
fn empty(new: &NewServer, b: &Background<'_>) -> Result<(), Obstacle> {
    let (pod, dir) = (&new.member.pod, new.member.data_dir.display());
    let server = answers(pod, new.server.as_ref())?;
    let own = b.memory.contents.contains(&new.member.content);
    let aside = format!("mount the right volume in {pod}, or set {dir} aside there");
    match server.directory {
        None => Err(Obstacle::wait(format!("{pod} has not looked at its data directory"))),
        Some(DirectoryKind::Absent) if server.remains.is_none() || own => Ok(()),
        Some(DirectoryKind::Absent) => {
            let what = server.remains.as_deref().unwrap_or_default();
            Err(Obstacle::person(format!("{pod}: {what}"), aside))
        }
        Some(DirectoryKind::HalfMade | DirectoryKind::Unreadable | DirectoryKind::Primary | DirectoryKind::Standby) => {
            Err(Obstacle::person(
                format!("{pod} has a database at {dir}, and the catalog does not list it"),
                aside,
            ))
        }
    }
}

/// A copy of the coordinator's databases, and what it is packed into, lie in the coordinator's pod and in those of new primaries.
fn room(b: &Background<'_>) -> Result<(), Obstacle> {
    let Some(template) = b.found.template else {
        return Ok(());
    };
    let expanding = &b.evidence.expanding;
    let new = expanding.new.iter().map(|new| new.member.pod.as_str());
    let own = expanding.pods.first().map(name);
    for pod in own.into_iter().chain(new) {
        let place = expanding.pods.iter().find(|place| name(place) == pod);
        let room = place.and_then(|place| place.server.as_ref()?.room);
        if let Some(room) = room.filter(|room| *room < 2 * template) {
            let (needed, room) = ((2 * template) >> 20, room >> 20);
            return Err(Obstacle::person(
                format!("a new segment begins with {needed} MiB, and {pod} has room for {room} MiB"),
                format!("give {pod} a larger volume"),
            ));
        }
    }
    Ok(())
}
