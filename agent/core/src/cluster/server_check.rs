//! `gp-agent check postgres`: what the running agent says of its pod's server.

use super::phase::Phase;
use super::status::PodStatus;
use crate::finding::{Area, Finding};

/// What the agent has found of the server; a phase in which no server serves counts too, and one that does not do its role: as an
/// error where somebody has to mend something, else as a warning, since it may go on by itself or for ever. `dir` is the data directory.
pub fn judge(status: &PodStatus, dir: &str) -> Vec<Finding> {
    let by_agent = status
        .findings
        .iter()
        .filter(|f| f.area == Area::Postgres && !f.subject.starts_with("parameter "));
    let mut findings: Vec<Finding> = by_agent.cloned().collect();
    let what = format!("{}: {}", status.phase.as_str(), status.reason);
    match status.phase {
        Phase::Running if status.active_role.is_some() => {}
        Phase::Running => {
            if findings.is_empty() {
                let remedy =
                    "if it lasts: gp-agent check here and in its partner's pod; the reason says what the server said";
                findings.push(Finding::warning(Area::Postgres, dir, what, remedy));
            }
        }
        // The server of a pod that is held may run.
        Phase::Held if status.postmaster.pid.is_some() => {}
        Phase::Crashed | Phase::CrashLoop | Phase::Refused | Phase::Hung => {
            if findings.is_empty() {
                let remedy = "mend what it says; gp-agent status shows all findings";
                findings.push(Finding::error(Area::Postgres, dir, what, remedy));
            }
        }
        phase => findings.push(Finding::warning(
            Area::Postgres,
            dir,
            format!("no server serves here now: {what}"),
            remedy(phase),
        )),
    }
    findings
}

fn remedy(phase: Phase) -> &'static str {
    match phase {
        Phase::Held => "gp-agent resume, when the work by hand is done",
        Phase::Stopped => "gp-agent resume starts it",
        Phase::Draining => "nothing: the pod ends",
        _ => "wait while it goes on; if it does not, gp-agent status says what every pod waits for",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::topology::Role;
    use crate::finding::Severity;

    fn status(phase: Phase) -> PodStatus {
        PodStatus {
            phase,
            reason: "waiting for segment-a-1 to be up before copying it".into(),
            ..PodStatus::unknown("segment-b-1")
        }
    }

    fn worst(status: &PodStatus) -> Option<Severity> {
        judge(status, "/d").into_iter().map(|finding| finding.severity).max()
    }

    #[test]
    fn a_server_that_runs_without_its_role_is_not_well() {
        let mut runs = status(Phase::Running);
        runs.reason = "replays, but receives no stream: no password supplied".into();
        let said = judge(&runs, "/d")[0].to_string();
        assert!(
            said.starts_with("warning postgres /d: running: replays, but receives no stream: no password supplied; "),
            "{said}"
        );
        runs.findings = vec![Finding::error(Area::Postgres, "x", "left behind", "copy it")];
        assert_eq!(judge(&runs, "/d"), runs.findings, "the cause is known");
    }

    #[test]
    fn only_a_server_that_serves_is_well() {
        for phase in Phase::ALL {
            let mut status = status(phase);
            status.active_role = Some(Role::Primary);
            let expected = match phase {
                Phase::Running => None,
                Phase::Crashed | Phase::CrashLoop | Phase::Refused | Phase::Hung => Some(Severity::Error),
                _ => Some(Severity::Warning),
            };
            assert_eq!(worst(&status), expected, "{phase:?}");
        }
        let mut held = status(Phase::Held);
        held.postmaster.pid = Some(7);
        assert_eq!(worst(&held), None);
        let waits = judge(&status(Phase::Bootstrapping), "/d");
        assert_eq!(
            waits[0].to_string(),
            "warning postgres /d: no server serves here now: bootstrapping: waiting for segment-a-1 to be up before copying it; \
             wait while it goes on; if it does not, gp-agent status says what every pod waits for"
        );
    }

    #[test]
    fn what_the_agent_has_found_decides() {
        let finding = Finding::error(
            Area::Postgres,
            "segment-b-1",
            "its volume is another's",
            "mount the right one",
        );
        let mut waits = status(Phase::Bootstrapping);
        waits.findings = vec![
            finding.clone(),
            Finding::error(Area::Dns, "segment-a-1", "no name", "wait"),
        ];
        assert_eq!(worst(&waits), Some(Severity::Error));
        let mut refused = status(Phase::Refused);
        refused.findings = vec![finding.clone()];
        assert_eq!(judge(&refused, "/d"), [finding]);
    }
}
