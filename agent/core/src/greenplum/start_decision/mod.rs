//! Ask before starting, where a catalog decides (Greenplum): may this pod's data directory be started?
//!
//! After a failover the old primary's directory still looks like a primary's, and started it is one, on its old
//! timeline. Only gp_segment_configuration knows better; so a segment asks the coordinator pods' agents first. A
//! snapshot of the catalog can be older than the last failover, so it is held against the directories of the pair.

pub mod standby_copy;

use crate::cluster::catalog::{Catalog, CatalogAnswer, CatalogRole, Segment};
use crate::cluster::topology::{Member, Role};
use crate::greenplum::remedy::{self, Listed};
use crate::postgres::start_decision::{
    Decision, Directory, DirectoryKind, Partner, foreign, holds_newer, other_database, runs_behind,
};
use crate::process::timeouts;
use std::time::Duration;

/// What a pod knows when it decides.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// The pod.
    pub me: &'a Member,
    /// Its directory.
    pub own: &'a Directory,
    /// The pod on the other end of replication, and that pod's name.
    pub partner: &'a Partner,
    /// For the texts.
    pub partner_name: &'a str,
    /// What the coordinator pods say; `None` while none of them answers.
    pub catalog: Option<&'a CatalogAnswer>,
    /// The newest timeline of a coordinator of this database that this pod or any segment has seen, of any where it is not known
    /// which database that is; 0 when none was.
    pub newest_coordinator: u32,
    /// The same of one of which nobody tells the database: an agent of 0.1.0 wrote it down.
    pub unnamed_coordinator: u32,
    /// Why an answer of a coordinator's pod, or of a segment's about coordinators, cannot be read. The partner's own stands in
    /// `partner`.
    pub not_understood: Option<&'a str>,
    /// How many segments' agents answered when a coordinator's pod asked them.
    pub segments_answered: usize,
    /// What its volume holds of a database when the directory is not whole; see [`crate::postgres::data_directory::judge`].
    pub remains: Option<&'a str>,
    /// Why this pod does not know what it remembers of coordinators, when it does not.
    pub memory_lost: Option<&'a str>,
    /// Whether a record says which coordinator may write.
    pub record: bool,
    /// How long the peers have been asked without a decision.
    pub asked_for: Duration,
}

/// Decides. [`Decision::Clone`] never comes out: gpinitsystem, gpinitstandby and gprecoverseg make copies, and [`standby_copy`]
/// tells where the agent does.
pub fn decide(question: &Question<'_>) -> Decision {
    if let Some(why) = question
        .memory_lost
        .filter(|_| question.own.kind != DirectoryKind::Standby)
    {
        return refuse(
            format!("this pod cannot read the newest timeline of a coordinator that it has seen: {why}"),
            "mend the volume, or write the timeline of the active coordinator (pg_controldata) into that file",
        );
    }
    let not_understood = question.partner.not_understood().or(question.not_understood);
    let decision = match question.me.role {
        Role::Coordinator | Role::Standby => coordinator(question),
        Role::Primary | Role::Mirror => segment(question),
    };
    decision.withheld(question.own.kind, not_understood)
}

fn refuse(what: impl Into<String>, remedy: impl Into<String>) -> Decision {
    Decision::Refuse {
        what: what.into(),
        remedy: remedy.into(),
    }
}

fn segment(q: &Question<'_>) -> Decision {
    let catalog = match q.catalog {
        // A mirror harms nobody: it refuses SQL until FTS promotes it.
        _ if q.own.kind == DirectoryKind::Standby => return standby(q),
        None | Some(CatalogAnswer::Unknown { .. }) => return Decision::Wait(unanswered(q)),
        Some(CatalogAnswer::NotCreated { what }) => {
            return Decision::Wait(format!(
                "waiting for the coordinator to create the cluster; it says: {what}"
            ));
        }
        Some(CatalogAnswer::Known(catalog)) => catalog,
    };
    match (catalog.of(q.me), q.own.kind) {
        (row, DirectoryKind::Absent | DirectoryKind::HalfMade | DirectoryKind::Unreadable) => empty(q, catalog, row),
        (Some(row), _) => writable(q, catalog, row),
        (None, _) => refuse(
            format!("the catalog of {} does not list this pod", catalog.coordinator),
            remedy::add(q.me, &Listed::of_one_content(catalog), true),
        ),
    }
}

fn unanswered(q: &Question<'_>) -> String {
    let why = match q.catalog {
        Some(CatalogAnswer::Unknown { why }) => format!("; it says: {why}"),
        _ => String::new(),
    };
    format!("waiting for a coordinator's agent to say what this directory is{why}")
}

fn standby(q: &Question<'_>) -> Decision {
    match q.partner {
        Partner::Answered { directory, .. } if foreign(q.own, directory) => other_database(q.partner_name),
        _ => Decision::Start,
    }
}

fn empty(q: &Question<'_>, catalog: &Catalog, row: Option<&Segment>) -> Decision {
    let what = lacking(q);
    match row {
        None => Decision::Wait(format!(
            "{what}, and the catalog does not list this pod; {}",
            remedy::add(q.me, &Listed::of_one_content(catalog), occupied(q))
        )),
        Some(row) if row.role == CatalogRole::Mirror => refuse(
            format!("{what}, and the catalog lists a mirror here ({row})"),
            remedy::copy(row),
        ),
        Some(row) => refuse(
            format!(
                "{what}, although the catalog lists the primary of content {} here ({row})",
                row.content
            ),
            remedy::copy(row),
        ),
    }
}

/// What is wrong with the place of the data directory.
fn lacking(q: &Question<'_>) -> String {
    match (q.own.kind, q.remains) {
        (DirectoryKind::HalfMade | DirectoryKind::Unreadable, remains) => format!(
            "the data directory is not whole ({}): a tool is at work on it, was broken off, or files were lost",
            remains.unwrap_or("parts of it are missing")
        ),
        (_, Some(remains)) => format!("there is no data directory, and {remains}"),
        (_, None) => "the volume is empty".to_string(),
    }
}

fn writable(q: &Question<'_>, catalog: &Catalog, row: &Segment) -> Decision {
    let (kind, timeline) = match q.partner {
        Partner::Answered { directory, .. } => (directory.kind, directory.timeline),
        _ => (DirectoryKind::Absent, 0),
    };
    let rival = kind == DirectoryKind::Primary;
    match (row.role, catalog.live) {
        (CatalogRole::Primary, false) if rival && timeline > q.own.timeline => Decision::Wait(format!(
            "{} was promoted after the catalog's snapshot was taken; waiting for the coordinator itself to say so",
            q.partner_name
        )),
        (CatalogRole::Primary, _) if older_still_runs(q) => wait_for_older(q),
        (CatalogRole::Primary, _) => Decision::Start,
        (CatalogRole::Mirror, false) if rival && timeline < q.own.timeline => Decision::Start,
        (CatalogRole::Mirror, _) => refuse(
            format!(
                "this directory is a primary's, but the catalog calls it a mirror ({row}): {} took over",
                q.partner_name
            ),
            remedy::recover(row),
        ),
    }
}

fn coordinator(q: &Question<'_>) -> Decision {
    match (q.own.kind, q.me.role) {
        (DirectoryKind::Standby, _) => standby(q),
        (DirectoryKind::Primary, _) => acting(q),
        (_, Role::Coordinator) => lost_or_new(q),
        (_, _) => absent_standby(q),
    }
}

fn older_still_runs(q: &Question<'_>) -> bool {
    runs_behind(q.own, q.partner) && q.asked_for < timeouts::OLDER_STEPS_DOWN
}

fn wait_for_older(q: &Question<'_>) -> Decision {
    Decision::Wait(format!(
        "waiting for {}, which runs on an older timeline, to step down",
        q.partner_name
    ))
}

/// An old coordinator beside an activated standby would write to the same segments with another catalog.
fn acting(q: &Question<'_>) -> Decision {
    if let Some(what) = overtaken(q) {
        return refuse(what, make_standby(q));
    }
    match q.partner {
        Partner::Answered { directory, .. } if foreign(q.own, directory) => other_database(q.partner_name),
        Partner::Answered { directory, writable }
            if directory.kind == DirectoryKind::Primary
                && directory.timeline == q.own.timeline
                && (*writable || q.me.role == Role::Standby) =>
        {
            refuse(
                format!(
                    "this directory and that of {} both say that they are the coordinator's, on the same timeline {}",
                    q.partner_name, q.own.timeline
                ),
                format!(
                    "the one that was the standby lost its standby.signal (Greenplum 6: recovery.conf); if it is this one, {}",
                    make_standby(q)
                ),
            )
        }
        _ if older_still_runs(q) => wait_for_older(q),
        // It may be an earlier cluster's: no reason to stop a server, or to give one up.
        _ if q.unnamed_coordinator > q.own.timeline && !q.record => Decision::Wait(format!(
            "a segment's agent, or this pod's volume, tells of a coordinator on timeline {}, and not of which cluster; this directory is on {}. Waiting for the newer one; where there is none, the number is an earlier cluster's: remove .gp-agent/coordinator-timeline from the volume that says so (seenCoordinator in gp-agent status --json) and restart that pod",
            q.unnamed_coordinator, q.own.timeline
        )),
        Partner::Silent if q.asked_for < timeouts::PARTNER_SILENT => Decision::Wait(format!(
            "asking {} about its data directory before starting this one",
            q.partner_name
        )),
        // Silence of everybody says nothing: a standby may have been activated, and this pod be the one that is cut off.
        _ if q.segments_answered == 0 && q.partner.tells_nothing() => Decision::Wait(format!(
            "waiting for {}, or for the agent of any segment, to say that no standby was activated since",
            q.partner_name
        )),
        _ => Decision::Start,
    }
}

/// Why this coordinator's time is over: a newer one of the same database is known of, in the partner's pod or by a segment. Only
/// that is a reason to stop a running one.
fn overtaken(q: &Question<'_>) -> Option<String> {
    let newer = |who: &str, theirs: u32| {
        format!(
            "{who} knows of a coordinator on timeline {theirs}, this directory is on {}: a standby was activated since, and two coordinators would write to the same segments",
            q.own.timeline
        )
    };
    if let Partner::Answered { directory, .. } = q.partner
        && holds_newer(q.own, directory)
    {
        return Some(newer(q.partner_name, directory.timeline));
    }
    (q.newest_coordinator > q.own.timeline).then(|| newer("a segment's agent", q.newest_coordinator))
}

fn lost_or_new(q: &Question<'_>) -> Decision {
    let what = lacking(q);
    let name = q.partner_name;
    match q.partner {
        Partner::Silent | Partner::NotUnderstood { .. } => Decision::Wait(format!(
            "{what}; waiting for {name} to say that it holds no data either"
        )),
        Partner::Answered { directory, .. } => match directory.kind {
            DirectoryKind::Primary => refuse(format!("{what}, and {name} holds the coordinator"), make_standby(q)),
            DirectoryKind::Standby => refuse(
                format!("{what}, although {name} holds a copy of the catalog"),
                take_over(q),
            ),
            DirectoryKind::HalfMade | DirectoryKind::Unreadable => refuse(
                format!("{what}, and {name} has had this catalog: what its volume holds is not whole"),
                format!("bring the lost volume back, here or in {name}; nothing is initialised in its place"),
            ),
            DirectoryKind::Absent => new(q, what),
        },
        Partner::None => new(q, what),
    }
}

/// What becomes of a lost coordinator whose standby is there. Beside one that has the role an activated standby is killed.
fn take_over(q: &Question<'_>) -> String {
    let name = q.partner_name;
    match q.record {
        true => format!(
            "bring the lost volume back, or keep this pod away until {name} has the role: it takes over by itself when it is in sync (gp-agent check ha), otherwise by gp-agent failover --accept-data-loss there; then this pod becomes the standby, or says how"
        ),
        false => format!(
            "bring the lost volume back, or activate the copy (in {name}: gpactivatestandby -a -d {}); then this pod says how it becomes the standby",
            q.me.data_dir.display()
        ),
    }
}

/// A cluster is created where nothing of one is, or ever was.
fn new(q: &Question<'_>, what: String) -> Decision {
    if q.newest_coordinator.max(q.unnamed_coordinator) > 0 {
        return refuse(
            format!("{what}, although segments belong to a cluster that was created"),
            "bring the coordinator's lost volume back; nothing is initialised over the segments' data",
        );
    }
    match (q.own.kind, q.remains) {
        (DirectoryKind::Absent, None) => Decision::Create,
        _ => refuse(
            what,
            "bring back what is missing, or restore a backup in its place; only if a new cluster is to be created, move all that is left off the volume and remove .gp-agent/database",
        ),
    }
}

fn absent_standby(q: &Question<'_>) -> Decision {
    match q.catalog {
        Some(CatalogAnswer::Known(_)) => refuse(lacking(q), make_standby(q)),
        Some(CatalogAnswer::NotCreated { what }) => Decision::Wait(format!(
            "waiting for the coordinator to create the cluster; it says: {what}"
        )),
        _ => Decision::Wait(format!("waiting for {} to answer", q.partner_name)),
    }
}

fn occupied(q: &Question<'_>) -> bool {
    q.own.kind != DirectoryKind::Absent
}

fn make_standby(q: &Question<'_>) -> String {
    let listed = match q.catalog {
        Some(CatalogAnswer::Known(catalog)) if catalog.live => Some(catalog.lists_a_standby()),
        _ => None,
    };
    remedy::make_standby(q.me, listed, occupied(q))
}

/// While running writable: why this server must stop, when the catalog of a coordinator that answers, or a coordinator on
/// a newer timeline, says that it is no longer the one to be written to.
pub fn must_step_down(q: &Question<'_>) -> Option<String> {
    match q.me.role {
        Role::Coordinator | Role::Standby => overtaken(q),
        Role::Primary | Role::Mirror => match q.catalog {
            Some(CatalogAnswer::Known(catalog)) if catalog.live => {
                let row = catalog.of(q.me)?;
                (row.role == CatalogRole::Mirror).then(|| {
                    format!(
                        "the catalog calls this server a mirror ({row}): {} took over",
                        q.partner_name
                    )
                })
            }
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests;
