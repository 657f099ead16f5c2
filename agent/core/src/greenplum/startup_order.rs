//! Which primaries a coordinator lets start before its own server.
//!
//! A coordinator that starts before its primaries fails to recover distributed transactions and tries again only after
//! seconds (cdbtm.c), and its FTS takes a primary that is a little late for a failed one.

use crate::cluster::report::PodReport;
use crate::cluster::status::Phase;
use crate::cluster::topology::Role;

/// Whether that primary may soon serve: it is silent, as while its pod is being made, or on its way. One that needs a
/// person first is not waited for: its mirror has to take over.
pub fn awaited(entry: &PodReport) -> bool {
    let Some(report) = &entry.status else {
        return true;
    };
    match report.status.phase {
        Phase::Preparing
        | Phase::Discovering
        | Phase::Bootstrapping
        | Phase::Starting
        | Phase::Crashed
        | Phase::Rejoining
        | Phase::Draining => report.status.active_role != Some(Role::Primary),
        Phase::Running | Phase::Refused | Phase::Stopped | Phase::Held | Phase::CrashLoop | Phase::Hung => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::report::Report;
    use crate::fixtures::status;

    #[test]
    fn who_comes_by_itself_is_awaited() {
        assert!(awaited(&PodReport::default()), "silent");
        let entry = |phase, role| PodReport::own(Report::new(status(phase, role), 100));
        for phase in Phase::ALL {
            let comes = [
                "preparing",
                "discovering",
                "bootstrapping",
                "rejoining",
                "starting",
                "crashed",
                "draining",
            ];
            assert_eq!(
                awaited(&entry(phase, None)),
                comes.contains(&phase.as_str()),
                "{phase:?}"
            );
        }
        assert!(!awaited(&entry(Phase::Running, Some(Role::Primary))));
        assert!(!awaited(&entry(Phase::Draining, Some(Role::Primary))), "serves still");
    }
}
