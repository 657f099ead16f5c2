//! `gp-agent check ha`: would a failover work now?

use super::failover_findings::{of_record, of_standby};
use super::failover_status::{FailoverStatus, TakeoverMode};
use super::report::{PodReport, Report};
use crate::finding::{Area, Finding, Severity};

/// One of the two coordinators, as its agent answers.
type Candidate<'a> = (&'a Report, &'a FailoverStatus);

/// What keeps the standby from taking over now, and one line for when nothing does. `entries` is what `/cluster` answers in the
/// pod called `pod`.
pub fn judge(entries: &[PodReport], pod: &str) -> (Vec<Finding>, String) {
    let coordinators: Vec<&PodReport> = entries.iter().filter(|e| e.content.is_coordinator()).collect();
    let candidates: Vec<Candidate> = coordinators.iter().filter_map(|entry| candidate(entry)).collect();
    let Some((_, any)) = candidates.first() else {
        let silent = coordinators
            .iter()
            .filter(|entry| entry.pod != pod)
            .find_map(|entry| silent(entry));
        return (
            silent.into_iter().collect(),
            "no coordinator's agent speaks of failover".into(),
        );
    };
    if let Some(why) = &any.off {
        let remedy = "see failover.mode, failover.authority and failover.directory in cluster.yaml";
        return (vec![Finding::warning(Area::Ha, "failover", why, remedy)], String::new());
    }
    let mut findings: Vec<Finding> = coordinators.iter().filter_map(|entry| silent(entry)).collect();
    let Some(writer) = candidates.iter().find(|(_, status)| status.mine) else {
        findings.push(nobody(any));
        findings.extend(told(&candidates));
        return (findings, String::new());
    };
    let standby = candidates
        .iter()
        .find(|(report, _)| report.status.pod != writer.0.status.pod);
    findings.extend(obstacles(writer, standby));
    // What is found above is told by the writer too, once it has lasted.
    let known = |told: &Finding| {
        findings
            .iter()
            .any(|f| f.subject == told.subject && f.what == told.what)
    };
    let more: Vec<Finding> = told(&candidates).filter(|told| !known(told)).collect();
    findings.extend(more);
    (findings, well(writer))
}

fn candidate(entry: &PodReport) -> Option<Candidate<'_>> {
    let report = entry.status.as_ref()?;
    Some((report, report.status.failover.as_ref()?))
}

/// A coordinator's agent that does not answer, or does not know failover.
fn silent(entry: &PodReport) -> Option<Finding> {
    match &entry.status {
        None => {
            let why = entry.error.as_deref().unwrap_or("no answer");
            let remedy = format!("bring {} back; its log says what it waits for", entry.pod);
            Some(Finding::error(
                Area::Ha,
                &entry.pod,
                format!("its agent does not answer: {why}"),
                remedy,
            ))
        }
        Some(report) if report.status.failover.is_none() => Some(Finding::error(
            Area::Ha,
            &entry.pod,
            format!(
                "its agent, version {}, does not speak of failover",
                report.status.version
            ),
            "wait until it has read its configuration, or restart the pod with the version of the other coordinator",
        )),
        Some(_) => None,
    }
}

fn nobody(status: &FailoverStatus) -> Finding {
    let holder = match &status.holder {
        Some(holder) => format!("names {holder}"),
        None => "names nobody".to_string(),
    };
    Finding::error(
        Area::Ha,
        &status.place,
        format!(
            "no coordinator may write now: the record {holder} (epoch {})",
            status.epoch
        ),
        "gp-agent status says what each coordinator waits for; gp-agent failover --accept-data-loss takes over by force",
    )
}

fn obstacles(writer: &Candidate, standby: Option<&Candidate>) -> Vec<Finding> {
    let (report, status) = writer;
    let mut findings: Vec<Finding> = status.record.iter().map(|trouble| of_record(status, trouble)).collect();
    if let Some(lacks) = &status.not_in_sync {
        findings.push(of_standby(Severity::Error, &report.status.pod, status, lacks));
    } else if let Some((report, obstacle)) = standby.and_then(|(report, s)| Some((report, s.obstacle.as_ref()?))) {
        let remedy = format!("gp-agent status in {} says more", report.status.pod);
        findings.push(Finding::error(
            Area::Ha,
            &report.status.pod,
            format!("would not take over: {obstacle}"),
            remedy,
        ));
    }
    if status.paused {
        findings.push(Finding::warning(
            Area::Ha,
            "failover",
            "is paused",
            "gp-agent failover resume",
        ));
    } else if status.mode == TakeoverMode::Manual {
        let remedy = "set failover.mode to auto, if the standby is to take over by itself";
        findings.push(Finding::warning(Area::Ha, "failover.mode", "is manual", remedy));
    }
    findings
}

/// What the agents themselves found, each once.
fn told<'a>(candidates: &'a [Candidate]) -> impl Iterator<Item = Finding> + 'a {
    let of_failover = candidates
        .iter()
        .flat_map(|(report, _)| &report.status.findings)
        .filter(|finding| finding.area == Area::Ha);
    let found: std::collections::BTreeSet<&Finding> = of_failover.collect();
    found.into_iter().cloned()
}

fn well(writer: &Candidate) -> String {
    let (report, status) = writer;
    let successor = match &status.in_sync {
        Some(pod) if status.paused || status.mode == TakeoverMode::Manual => {
            format!("{pod} is in sync and takes over by command only")
        }
        Some(pod) => format!("{pod} is in sync and would take over"),
        None => "nobody would take over".to_string(),
    };
    let back = match status.rejoins_by_copy {
        true => {
            "; with this engine a coordinator that crashed comes back as a new copy, which takes time and the room for it"
        }
        false => "",
    };
    format!(
        "{} has the role (epoch {}, {}); {successor}{back}",
        report.status.pod, status.epoch, status.place
    )
}

#[cfg(test)]
mod tests {
    use super::super::failover_findings::find;
    use super::super::failover_status::{NotInSync, SyncCause};
    use super::super::status::{Phase, PodStatus};
    use super::super::topology::Role;
    use super::*;
    use crate::fixtures::status;

    fn pod(name: &str, role: Role, failover: Option<FailoverStatus>) -> PodReport {
        let mut status = PodStatus {
            pod: name.into(),
            preferred_role: Some(role),
            version: "0.2.0".into(),
            ..status(Phase::Running, Some(role))
        };
        status.findings = failover.iter().flat_map(|failover| find(name, failover, 100)).collect();
        status.failover = failover;
        PodReport::own(Report::new(status, 100))
    }

    fn writer() -> FailoverStatus {
        FailoverStatus {
            mode: "auto".into(),
            authority: "file".into(),
            place: "/shared/warehouse.json".into(),
            other: "coordinator-1".into(),
            holder: Some("coordinator-0".into()),
            epoch: 3,
            mine: true,
            in_sync: Some("coordinator-1".into()),
            ..FailoverStatus::default()
        }
    }

    #[test]
    fn an_engine_without_a_way_back_says_so_before_it_is_needed() {
        let six = FailoverStatus {
            rejoins_by_copy: true,
            ..writer()
        };
        let said = judged(Some(six), Some(standby()));
        assert!(said.contains("comes back as a new copy"), "{said}");
    }

    fn standby() -> FailoverStatus {
        FailoverStatus {
            mine: false,
            other: "coordinator-0".into(),
            ..writer()
        }
    }

    fn judged(first: Option<FailoverStatus>, second: Option<FailoverStatus>) -> String {
        let entries = [
            pod("coordinator-0", Role::Coordinator, first),
            pod("coordinator-1", Role::Standby, second),
        ];
        said(&entries)
    }

    fn said(entries: &[PodReport]) -> String {
        let (findings, good) = judge(entries, "coordinator-0");
        let lines: Vec<String> = findings.iter().map(|f| format!("  {f}\n")).collect();
        format!("{good}\n{}", lines.concat())
    }

    #[test]
    fn would_a_failover_work_now() {
        let mut all = vec![judged(Some(writer()), Some(standby()))];
        let lacks = |since| FailoverStatus {
            in_sync: None,
            not_in_sync: Some(NotInSync {
                cause: SyncCause::Setting,
                why: "synchronous_standby_names is 'x'".into(),
                since,
            }),
            ..writer()
        };
        all.push(judged(Some(lacks(0)), Some(standby())));
        all.push(judged(Some(lacks(99)), Some(standby())));
        let obstacle = FailoverStatus {
            obstacle: Some("its stream ended 3 s ago while the coordinator lives".into()),
            ..standby()
        };
        all.push(judged(Some(writer()), Some(obstacle)));
        let paused = FailoverStatus {
            paused: true,
            ..writer()
        };
        all.push(judged(Some(paused), Some(standby())));
        let manual = FailoverStatus {
            mode: "manual".into(),
            ..writer()
        };
        all.push(judged(Some(manual), Some(standby())));
        all.push(judged(Some(standby()), Some(standby())));
        all.push(judged(Some(writer()), None));
        all.push(judged(None, None));
        let off = FailoverStatus::off("there is no token, and /shared is not mounted");
        all.push(judged(Some(off), None));
        let mut gone = pod("coordinator-1", Role::Standby, None);
        (gone.status, gone.error) = (None, Some("cannot reach 10.0.0.7:8008".into()));
        all.push(said(&[pod("coordinator-0", Role::Coordinator, Some(writer())), gone]));
        insta::assert_snapshot!(all.join("--\n"), @r"
        coordinator-0 has the role (epoch 3, /shared/warehouse.json); coordinator-1 is in sync and would take over
        --
        coordinator-0 has the role (epoch 3, /shared/warehouse.json); nobody would take over
          error ha standby: synchronous_standby_names is 'x'; nobody would take over from a lost coordinator; in coordinator-0: ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();
        --
        coordinator-0 has the role (epoch 3, /shared/warehouse.json); nobody would take over
          error ha standby: synchronous_standby_names is 'x'; nobody would take over from a lost coordinator; in coordinator-0: ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();
        --
        coordinator-0 has the role (epoch 3, /shared/warehouse.json); coordinator-1 is in sync and would take over
          error ha coordinator-1: would not take over: its stream ended 3 s ago while the coordinator lives; gp-agent status in coordinator-1 says more
        --
        coordinator-0 has the role (epoch 3, /shared/warehouse.json); coordinator-1 is in sync and takes over by command only
          warning ha failover: is paused; gp-agent failover resume
        --
        coordinator-0 has the role (epoch 3, /shared/warehouse.json); coordinator-1 is in sync and takes over by command only
          warning ha failover.mode: is manual; set failover.mode to auto, if the standby is to take over by itself
        --

          error ha /shared/warehouse.json: no coordinator may write now: the record names coordinator-0 (epoch 3); gp-agent status says what each coordinator waits for; gp-agent failover --accept-data-loss takes over by force
        --
        coordinator-0 has the role (epoch 3, /shared/warehouse.json); coordinator-1 is in sync and would take over
          error ha coordinator-1: its agent, version 0.2.0, does not speak of failover; wait until it has read its configuration, or restart the pod with the version of the other coordinator
        --
        no coordinator's agent speaks of failover
          error ha coordinator-1: its agent, version 0.2.0, does not speak of failover; wait until it has read its configuration, or restart the pod with the version of the other coordinator
        --

          warning ha failover: there is no token, and /shared is not mounted; see failover.mode, failover.authority and failover.directory in cluster.yaml
        --
        coordinator-0 has the role (epoch 3, /shared/warehouse.json); coordinator-1 is in sync and would take over
          error ha coordinator-1: its agent does not answer: cannot reach 10.0.0.7:8008; bring coordinator-1 back; its log says what it waits for
        ");
    }
}
