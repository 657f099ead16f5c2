//! Ask before starting: may this pod's data directory be started, and as what?
//!
//! A directory can lie. After a promotion the old primary's directory still has no standby marker and
//! would come up as a second, writable server on its old timeline. So the pods of one content compare
//! their directories before either postmaster starts.

#[cfg(test)]
mod histories;
mod model;
mod newer_copy;
#[cfg(test)]
mod tests;

pub use crate::cluster::directory::DirectoryKind;
use crate::cluster::topology::Role;
use crate::process::timeouts;
use model::refuse;
pub use model::{Decision, Directory, Partner, Question, same_database};
pub(crate) use newer_copy::holds_newer;
pub use newer_copy::must_step_down;
use newer_copy::{newer_there, overtaken, unexamined};

/// Decides. What a pod once heard counts also while nobody is there to repeat it.
pub fn decide(q: &Question<'_>) -> Decision {
    if q.own.kind == DirectoryKind::Primary {
        if q.newest_timeline.max(newer_there(q)) > q.own.timeline {
            return overtaken(q);
        }
        if let Some(why) = unexamined(q) {
            return Decision::Wait(why);
        }
        // A partner whose pod starts at the same time answers well within it.
        if *q.partner == Partner::Silent && q.asked_for < timeouts::PARTNER_SILENT {
            let name = q.partner_name;
            return Decision::Wait(format!(
                "asking {name} about its data directory before starting this one"
            ));
        }
        // One that never does (version 0.1.0 steps down for a server that runs, not for a directory) must not win.
        if runs_behind(q.own, q.partner) && q.asked_for < timeouts::OLDER_STEPS_DOWN {
            let name = q.partner_name;
            return Decision::Wait(format!(
                "waiting for {name}, which runs on an older timeline, to step down"
            ));
        }
    }
    compare(q).withheld(q.own.kind, q.partner.not_understood())
}

/// By both directories alone.
fn compare(q: &Question<'_>) -> Decision {
    match q.own.kind {
        DirectoryKind::Absent => absent(q),
        DirectoryKind::HalfMade | DirectoryKind::Unreadable => not_whole(q),
        DirectoryKind::Standby => standby(q.role, q.own, q.partner, q.partner_name),
        DirectoryKind::Primary => writable(q.role, q.own, q.partner, q.partner_name),
    }
}

/// A copy of a server that runs is made where no directory is; an empty database only where none ever was, here or there.
fn absent(q: &Question<'_>) -> Decision {
    let name = q.partner_name;
    match q.partner {
        Partner::Answered {
            writable: true,
            directory,
        } => match foreign(q.own, directory) {
            true => had_another(q),
            false => Decision::Clone,
        },
        Partner::Answered { directory, .. } if !q.role.is_writable() && directory.kind == DirectoryKind::Standby => {
            Decision::Wait(format!(
                "{}, and {name} holds a copy that nobody has promoted; waiting for one that writes",
                nothing_here(q)
            ))
        }
        _ if !q.role.is_writable() => Decision::Wait(copy_awaited(q)),
        Partner::Silent | Partner::NotUnderstood { .. } => Decision::Wait(format!(
            "{}; waiting for {name} to say {}",
            nothing_here(q),
            q.remains.map_or("that it holds no data either", |_| "what it holds")
        )),
        Partner::Answered { directory, .. } => match directory.kind {
            DirectoryKind::Primary => Decision::Wait(format!(
                "{}; {name} holds the data; waiting for its server to start",
                nothing_here(q)
            )),
            DirectoryKind::Standby => refuse(
                format!("{}, although {name} holds a copy of this database", nothing_here(q)),
                format!(
                    "{}, or promote the copy (in {name}: pg_ctl promote -D <data directory>); this pod then follows it",
                    bring_back(q)
                ),
            ),
            DirectoryKind::HalfMade | DirectoryKind::Unreadable => refuse(
                format!(
                    "{}; {name} has had this database, and what its volume holds is not whole",
                    nothing_here(q)
                ),
                format!(
                    "{}, or what {name} lacks (gp-agent status there says what); no empty database is made in its place",
                    bring_back(q)
                ),
            ),
            DirectoryKind::Absent => create(q),
        },
        Partner::None => create(q),
    }
}

/// What is left of a database here may be what `partner_name` waits for: it was promoted, and lost its directory.
fn copy_awaited(q: &Question<'_>) -> String {
    let waits = format!("waiting for {} to be up before copying it", q.partner_name);
    match q.remains {
        Some(_) => format!(
            "{}; {waits}; if this is the newer one: {}",
            nothing_here(q),
            bring_back(q)
        ),
        None => waits,
    }
}

fn create(q: &Question<'_>) -> Decision {
    if q.remains.is_none() {
        return Decision::Create;
    }
    refuse(
        format!("{}; no empty database is made in its place", nothing_here(q)),
        format!("{}; {BEGIN_ANEW}", bring_back(q)),
    )
}

fn nothing_here(q: &Question<'_>) -> String {
    match q.remains {
        Some(remains) => format!("there is no data directory, and {remains}"),
        None => "the volume is empty".to_string(),
    }
}

/// How the directory gets back to its place.
fn bring_back(q: &Question<'_>) -> &'static str {
    match q.remains {
        Some(_) => {
            "bring it back: put storage.path back if it was changed, mount its volume, or gp-agent hold, move it to its name, gp-agent resume"
        }
        None => "bring the lost volume back",
    }
}

/// The one way to an empty database where one has been.
const BEGIN_ANEW: &str = "only if an empty database is to take its place, move all that is left of it off the volumes and remove .gp-agent/database (with storage.wal there is one on each)";

fn had_another(q: &Question<'_>) -> Decision {
    let name = q.partner_name;
    refuse(
        format!("this pod has had another database than the one that {name} serves (system identifiers differ)"),
        format!(
            "mount the volumes that belong together; if this pod is to follow {name} from now on, remove .gp-agent/database"
        ),
    )
}

/// The agent gives a directory its name when it is whole. So what lies there is what is left of one.
fn not_whole(q: &Question<'_>) -> Decision {
    let name = q.partner_name;
    let remains = q.remains.unwrap_or("parts of it are missing");
    let aside = "move what is left aside (gp-agent hold; mv; gp-agent resume)";
    let otherwise = match q.partner {
        Partner::Answered { directory, .. } if foreign(q.own, directory) => {
            format!("or restore a backup in its place; {name} holds another database")
        }
        Partner::Answered { writable: true, .. } => format!("or {aside}: this pod then copies {name} and follows it"),
        _ if !q.role.is_writable() => format!("or {aside}: this pod copies {name} as soon as that serves"),
        Partner::Answered { directory, .. } if directory.kind == DirectoryKind::Standby => {
            format!(
                "or promote the copy (in {name}: pg_ctl promote -D <data directory>) and {aside}: this pod then follows it"
            )
        }
        _ => "or restore a backup in its place".to_string(),
    };
    refuse(
        format!("the data directory is not whole: {remains}; nothing is made in its place"),
        format!("bring back what is missing, {otherwise}"),
    )
}

fn standby(role: Role, own: &Directory, partner: &Partner, name: &str) -> Decision {
    match partner {
        Partner::Answered { directory, .. } if foreign(own, directory) => other_database(name),
        Partner::Answered { writable: true, .. } => Decision::Start,
        _ if !role.is_writable() => Decision::Start,
        Partner::Answered { directory, .. } if directory.kind == DirectoryKind::Primary => {
            Decision::Wait(format!("waiting for {name}, which was promoted, to start"))
        }
        Partner::Silent | Partner::NotUnderstood { .. } => Decision::Wait(format!(
            "the data directory is a standby's; waiting for {name} to say whether it was promoted"
        )),
        _ => refuse(
            format!("this pod is a {role}, but its data directory is a standby's and {name} is no primary"),
            "mount the right volume; or, if this is the newest copy, gp-agent hold; pg_ctl start -D <data directory> -o '-p <port>'; pg_ctl promote -D <data directory>; gp-agent resume",
        ),
    }
}

fn writable(role: Role, own: &Directory, partner: &Partner, name: &str) -> Decision {
    let Partner::Answered { directory, writable } = partner else {
        return Decision::Start;
    };
    if foreign(own, directory) {
        return other_database(name);
    }
    if directory.kind != DirectoryKind::Primary {
        return Decision::Start;
    }
    if directory.timeline == own.timeline && (*writable || !role.is_writable()) {
        return refuse(
            format!(
                "this directory and that of {name} both say that they are primary, on the same timeline {}",
                own.timeline
            ),
            format!("a {role} should hold a standby.signal: find out who removed it; set one of the two aside"),
        );
    }
    Decision::Start
}

/// Whether both directories are known to belong to databases with different system identifiers. What a pod only remembers, or
/// has half, is its own trouble, not a reason for this one.
pub(crate) fn foreign(own: &Directory, other: &Directory) -> bool {
    other.kind.is_whole() && matches!((&own.system_id, &other.system_id), (Some(a), Some(b)) if a != b)
}

/// Refuses a directory whose database is another one than that of the pod called `name`.
pub(crate) fn other_database(name: &str) -> Decision {
    refuse(
        format!("this data directory and that of {name} are copies of different databases (system identifiers differ)"),
        "mount the volumes that belong together, or set the wrong data directory aside",
    )
}

/// Whether the partner's server runs writable on an older timeline of the same database.
pub(crate) fn runs_behind(own: &Directory, partner: &Partner) -> bool {
    matches!(partner, Partner::Answered { directory, writable: true }
        if same_database(own, directory) && directory.timeline < own.timeline)
}
