//! A copy of the same database on a newer timeline, in the partner's pod: whole, damaged, half gone or remembered alone. Whatever
//! it is, an older one is not written to beside it, or in its place.

use super::model::{Decision, Directory, Partner, Question, refuse, same_database};
use crate::cluster::directory::DirectoryKind;

/// The timeline of the partner's copy of this database, whole or not; 0 when it has none.
pub(super) fn newer_there(q: &Question<'_>) -> u32 {
    match q.partner {
        Partner::Answered { directory, .. } if same_database(q.own, directory) => directory.timeline,
        _ => 0,
    }
}

/// What cannot be looked at may be newer, unless its volume remembers how new it is. Somebody is there who sees that: it is no
/// silence.
pub(super) fn unexamined(q: &Question<'_>) -> Option<String> {
    let Partner::Answered { directory, .. } = q.partner else {
        return None;
    };
    let told = same_database(q.own, directory) && directory.timeline > 0;
    (directory.kind == DirectoryKind::Unreadable && !told).then(|| {
        format!(
            "{0} cannot examine its data directory, which may be a newer copy than this one; waiting until it can (gp-agent status there says what is wrong), or until that directory is moved away",
            q.partner_name
        )
    })
}

pub(super) fn overtaken(q: &Question<'_>) -> Decision {
    let (name, timeline) = (q.partner_name, q.own.timeline);
    let newest = q.newest_timeline.max(newer_there(q));
    let not_whole = matches!(q.partner, Partner::Answered { directory, .. }
        if same_database(q.own, directory) && !directory.kind.is_whole() && directory.timeline == newest);
    if not_whole {
        return refuse(
            format!(
                "{name} holds a newer copy (timeline {newest}) that is not whole, and this directory is on {timeline}: started, it would serve without what was written since"
            ),
            format!(
                "bring back what is missing in {name} (gp-agent status there says what), or restore a backup of it there; only if this older copy is to be the database from now on, move what is left in {name} off its volume, and remove .gp-agent/database there and .gp-agent/newest-timeline here"
            ),
        );
    }
    refuse(
        format!(
            "{name} was promoted: this pod has heard of timeline {newest}, and this directory is on {timeline}; starting it would make two writable copies"
        ),
        "set this data directory aside (gp-agent hold; mv it; gp-agent resume): the pod then copies the promoted one and follows it; only if this older copy is to be the database from now on, move the newer one off its volume, and remove .gp-agent/database there and .gp-agent/newest-timeline here",
    )
}

/// Whether the partner has a copy of the same database on a newer timeline, which a server was promoted to: whole or not. A
/// replica only follows one.
pub(crate) fn holds_newer(own: &Directory, other: &Directory) -> bool {
    other.kind != DirectoryKind::Standby && same_database(own, other) && other.timeline > own.timeline
}

/// While running: whether this server must step down because its partner was promoted to a newer timeline of the same
/// database, also when that server does not run at the moment, or cannot. Nothing else is a reason: a foreign directory over there is
/// that pod's own trouble.
pub fn must_step_down(own: &Directory, partner: &Partner) -> bool {
    matches!(partner, Partner::Answered { directory, .. } if holds_newer(own, directory))
}
