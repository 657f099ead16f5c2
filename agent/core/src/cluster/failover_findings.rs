//! What an administrator should know of failover, with what helps.

use super::failover_status::{AuthorityKind, FailoverStatus, NotInSync, RecordCause, RecordTrouble, SyncCause};
use crate::finding::{Area, Finding, Severity};

/// A standby that is not in sync, or an authority that does not answer, is found once that has lasted so long.
const LASTS_SECONDS: u64 = 10;

/// Everything that is found in the pod of that name. `now` is in Unix seconds.
pub fn find(pod: &str, status: &FailoverStatus, now: u64) -> Vec<Finding> {
    if !status.runs() {
        return Vec::new();
    }
    let lasts = |since: u64| now.saturating_sub(since) >= LASTS_SECONDS;
    let mut found = Vec::new();
    if let Some(trouble) = &status.record
        && lasts(trouble.since)
    {
        found.push(of_record(status, trouble));
    }
    if let Some(lacks) = &status.not_in_sync
        && lasts(lacks.since)
        && (status.mine || lacks.cause == SyncCause::OldAgent)
    {
        found.push(of_standby(Severity::Warning, pod, status, lacks));
    }
    found.extend(status.set_aside.iter().map(|path| set_aside(path)));
    if let Some(rejoin) = &status.rejoin {
        found.push(Finding::error(
            Area::Ha,
            pod,
            format!("cannot become the standby again: {}", rejoin.why),
            "mend what it says; gp-agent hold and gp-agent resume in this pod begin anew, and the data directory may be moved \
             aside in between: the pod then copies the coordinator",
        ));
    }
    found
}

/// The record is not read, or not believed.
pub(super) fn of_record(status: &FailoverStatus, trouble: &RecordTrouble) -> Finding {
    let lease = status.authority == AuthorityKind::Kubernetes;
    let other = &status.other;
    let anew = "the last coordinator writes it anew as soon as it runs";
    let elsewhere = match (trouble.cause == RecordCause::Missing, lease) {
        (false, _) => String::new(),
        (true, true) => {
            format!(
                "if {other} has the role, its record is another Lease: give both pods the same COORDINATOR_LEASE; else "
            )
        }
        (true, false) => format!(
            "if {other} has the role, its record is in another directory: mount the same one in both pods at failover.directory; else "
        ),
    };
    let (severity, remedy) = match trouble.cause {
        RecordCause::Unreachable if lease => (
            Severity::Warning,
            "is the API server up, and may the coordinators' ServiceAccount get and update this Lease (the chart's Role)?".into(),
        ),
        RecordCause::Unreachable => (
            Severity::Warning,
            "is the directory mounted in both coordinators' containers, and may their user write to it?".into(),
        ),
        RecordCause::Rival => (
            Severity::Error,
            format!(
                "find out which of the two has the newest data, and set the other one's data directory aside (gp-agent hold there, \
                 mv, gp-agent resume): it becomes the standby; gp-agent status in {other} says which database it has"
            ),
        ),
        RecordCause::Garbled | RecordCause::Missing | RecordCause::Older | RecordCause::Other => (
            Severity::Error,
            format!(
                "{elsewhere}{anew}; if its data is lost for good, gp-agent failover --accept-data-loss in the pod whose data is to count \
                 (here or in {other})"
            ),
        ),
    };
    Finding::new(severity, Area::Ha, &status.place, &trouble.why, remedy)
}

/// Nobody may be promoted.
pub(super) fn of_standby(severity: Severity, pod: &str, status: &FailoverStatus, lacks: &NotInSync) -> Finding {
    let other = &status.other;
    let remedy = match lacks.cause {
        SyncCause::OldAgent => format!("restart {other} with the version of gp-agent that {pod} has"),
        SyncCause::Silent => {
            format!("bring {other} back: gp-agent status, and the log of {other}, say what it waits for")
        }
        SyncCause::NotStreaming => {
            format!("gp-agent check hba in {pod}, and gp-agent status in {other}, say what keeps it")
        }
        SyncCause::Behind => {
            format!("wait until it has caught up; if it does not, look at the disk and the network of {other}")
        }
        SyncCause::Setting => {
            format!("in {pod}: ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();")
        }
        SyncCause::SenderTimeout => format!(
            "remove wal_sender_timeout from the parameters of cluster.yaml, and in {pod}: ALTER SYSTEM RESET wal_sender_timeout; \
             SELECT pg_reload_conf();"
        ),
        SyncCause::Confirming => {
            format!("wait: a checkpoint in {pod} proves it; if it lasts, look at the disk of {pod}")
        }
        SyncCause::NoFence => {
            format!("restart the container of {other}, whose PID 1 is of an older version than the agent")
        }
        SyncCause::Other => format!("gp-agent status in {pod} and {other} says more"),
    };
    let what = format!("{}; nobody would take over from a lost coordinator", lacks.why);
    Finding::new(severity, Area::Ha, "standby", what, remedy)
}

fn set_aside(path: &str) -> Finding {
    Finding::warning(
        Area::Ha,
        path,
        "holds what was written here before another coordinator took over, and is not in the cluster",
        "take out of it what is missed, then remove it",
    )
}

#[cfg(test)]
mod tests {
    use super::super::failover_status::RejoinTrouble;
    use super::*;

    fn status() -> FailoverStatus {
        FailoverStatus {
            authority: "kubernetes".into(),
            place: "Lease prod/w-coordinator".into(),
            other: "coordinator-1".into(),
            mine: true,
            ..FailoverStatus::default()
        }
    }

    fn found(status: &FailoverStatus) -> Vec<String> {
        let found = find("coordinator-0", status, 100);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_cause_has_its_remedy() {
        let mut all = Vec::new();
        for cause in [
            SyncCause::OldAgent,
            SyncCause::Silent,
            SyncCause::NotStreaming,
            SyncCause::Behind,
            SyncCause::Setting,
            SyncCause::SenderTimeout,
            SyncCause::Confirming,
            SyncCause::NoFence,
            SyncCause::Other,
        ] {
            let not_in_sync = Some(NotInSync {
                cause,
                why: format!("{cause:?}"),
                since: 90,
            });
            all.extend(found(&FailoverStatus {
                not_in_sync,
                ..status()
            }));
        }
        for authority in ["kubernetes", "file"] {
            for cause in [
                RecordCause::Unreachable,
                RecordCause::Missing,
                RecordCause::Garbled,
                RecordCause::Older,
                RecordCause::Rival,
            ] {
                let record = Some(RecordTrouble {
                    cause,
                    why: format!("{cause:?}"),
                    since: 90,
                });
                all.extend(found(&FailoverStatus {
                    authority: authority.into(),
                    record,
                    ..status()
                }));
            }
        }
        all.extend(found(&FailoverStatus {
            set_aside: vec!["/greenplum/gpseg-1.aside-x".into()],
            rejoin: Some(RejoinTrouble {
                attempts: 3,
                why: "pg_rewind ended with 1".into(),
            }),
            ..status()
        }));
        insta::assert_snapshot!(all.join("\n"), @r"
        warning ha standby: OldAgent; nobody would take over from a lost coordinator; restart coordinator-1 with the version of gp-agent that coordinator-0 has
        warning ha standby: Silent; nobody would take over from a lost coordinator; bring coordinator-1 back: gp-agent status, and the log of coordinator-1, say what it waits for
        warning ha standby: NotStreaming; nobody would take over from a lost coordinator; gp-agent check hba in coordinator-0, and gp-agent status in coordinator-1, say what keeps it
        warning ha standby: Behind; nobody would take over from a lost coordinator; wait until it has caught up; if it does not, look at the disk and the network of coordinator-1
        warning ha standby: Setting; nobody would take over from a lost coordinator; in coordinator-0: ALTER SYSTEM RESET synchronous_standby_names; SELECT pg_reload_conf();
        warning ha standby: SenderTimeout; nobody would take over from a lost coordinator; remove wal_sender_timeout from the parameters of cluster.yaml, and in coordinator-0: ALTER SYSTEM RESET wal_sender_timeout; SELECT pg_reload_conf();
        warning ha standby: Confirming; nobody would take over from a lost coordinator; wait: a checkpoint in coordinator-0 proves it; if it lasts, look at the disk of coordinator-0
        warning ha standby: NoFence; nobody would take over from a lost coordinator; restart the container of coordinator-1, whose PID 1 is of an older version than the agent
        warning ha standby: Other; nobody would take over from a lost coordinator; gp-agent status in coordinator-0 and coordinator-1 says more
        warning ha Lease prod/w-coordinator: Unreachable; is the API server up, and may the coordinators' ServiceAccount get and update this Lease (the chart's Role)?
        error ha Lease prod/w-coordinator: Missing; if coordinator-1 has the role, its record is another Lease: give both pods the same COORDINATOR_LEASE; else the last coordinator writes it anew as soon as it runs; if its data is lost for good, gp-agent failover --accept-data-loss in the pod whose data is to count (here or in coordinator-1)
        error ha Lease prod/w-coordinator: Garbled; the last coordinator writes it anew as soon as it runs; if its data is lost for good, gp-agent failover --accept-data-loss in the pod whose data is to count (here or in coordinator-1)
        error ha Lease prod/w-coordinator: Older; the last coordinator writes it anew as soon as it runs; if its data is lost for good, gp-agent failover --accept-data-loss in the pod whose data is to count (here or in coordinator-1)
        error ha Lease prod/w-coordinator: Rival; find out which of the two has the newest data, and set the other one's data directory aside (gp-agent hold there, mv, gp-agent resume): it becomes the standby; gp-agent status in coordinator-1 says which database it has
        warning ha Lease prod/w-coordinator: Unreachable; is the directory mounted in both coordinators' containers, and may their user write to it?
        error ha Lease prod/w-coordinator: Missing; if coordinator-1 has the role, its record is in another directory: mount the same one in both pods at failover.directory; else the last coordinator writes it anew as soon as it runs; if its data is lost for good, gp-agent failover --accept-data-loss in the pod whose data is to count (here or in coordinator-1)
        error ha Lease prod/w-coordinator: Garbled; the last coordinator writes it anew as soon as it runs; if its data is lost for good, gp-agent failover --accept-data-loss in the pod whose data is to count (here or in coordinator-1)
        error ha Lease prod/w-coordinator: Older; the last coordinator writes it anew as soon as it runs; if its data is lost for good, gp-agent failover --accept-data-loss in the pod whose data is to count (here or in coordinator-1)
        error ha Lease prod/w-coordinator: Rival; find out which of the two has the newest data, and set the other one's data directory aside (gp-agent hold there, mv, gp-agent resume): it becomes the standby; gp-agent status in coordinator-1 says which database it has
        warning ha /greenplum/gpseg-1.aside-x: holds what was written here before another coordinator took over, and is not in the cluster; take out of it what is missed, then remove it
        error ha coordinator-0: cannot become the standby again: pg_rewind ended with 1; mend what it says; gp-agent hold and gp-agent resume in this pod begin anew, and the data directory may be moved aside in between: the pod then copies the coordinator
        ");
    }

    #[test]
    fn what_lasts_for_a_moment_is_not_found_and_what_does_not_run_finds_nothing() {
        let lacks = |cause, since| {
            let why = "w".to_string();
            Some(NotInSync { cause, why, since })
        };
        let with = |mine: bool, not_in_sync| FailoverStatus {
            mine,
            not_in_sync,
            ..status()
        };
        assert_eq!(found(&with(true, lacks(SyncCause::Silent, 91))), [""; 0]);
        assert_eq!(found(&with(false, lacks(SyncCause::Silent, 0))), [""; 0]);
        assert_eq!(found(&with(false, lacks(SyncCause::OldAgent, 0))).len(), 1);
        let mut off = with(true, lacks(SyncCause::Silent, 0));
        off.off = Some("failover.mode is off".into());
        assert_eq!(found(&off), [""; 0]);
    }
}
