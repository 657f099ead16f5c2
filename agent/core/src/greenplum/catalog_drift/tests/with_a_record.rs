//! Coordinators of which a record says who may write.

use super::*;

#[test]
fn a_coordinator_that_was_taken_over_from_comes_back_by_itself() {
    let rows = [
        "4|-1|p|p|n|u|5432|coordinator-1.gp|coordinator-1.gp|/greenplum/gpseg-1",
        HEALTHY[2],
        HEALTHY[3],
    ];
    let mut catalog = catalog(&rows);
    catalog.coordinator = "coordinator-1".into();
    let said = |phase: Phase| {
        found(&catalog, |entries| {
            let active = Some(Role::Coordinator);
            set(entries, "coordinator-1", Phase::Running, "active", active);
            status(entries, "coordinator-1").directory.kind = "primary".into();
            status(entries, "coordinator-1").failover = Some(FailoverStatus::default());
            set(entries, "coordinator-0", phase, "r", None);
        })
    };
    insta::assert_snapshot!(said(Phase::Rejoining), @"coordinator-0: warning postgres coordinator-0: the catalog of coordinator-1 does not list this pod; bring the pod back, if it is not there: it becomes the standby by itself, and says what keeps it");
    assert!(
        said(Phase::Refused).contains("gpinitstandby"),
        "nothing to become one of"
    );
}

/// Where failover runs nothing is activated by hand, and nothing made that the agents make.
#[test]
fn coordinators_that_have_a_record_are_left_to_it() {
    let rows = [
        "4|-1|p|m|n|u|5432|coordinator-1.gp|coordinator-1.gp|/greenplum/gpseg-1",
        "1|-1|m|p|s|u|5432|coordinator-0.gp|coordinator-0.gp|/greenplum/gpseg-1",
        HEALTHY[2],
        HEALTHY[3],
    ];
    let mut catalog = catalog(&rows);
    catalog.coordinator = "coordinator-1".into();
    let said = |kinds: [&str; 2], old: (Phase, Option<Role>)| {
        found(&catalog, |entries| {
            let active = Some(Role::Coordinator).filter(|_| kinds[1] == "primary");
            set(entries, "coordinator-1", Phase::Running, "active", active);
            set(entries, "coordinator-0", old.0, "r", old.1);
            for (pod, kind) in ["coordinator-0", "coordinator-1"].iter().zip(kinds) {
                status(entries, pod).directory.kind = kind.into();
            }
            status(entries, "coordinator-1").failover = Some(FailoverStatus::default());
        })
    };
    let follows = (Phase::Running, Some(Role::Standby));
    let told = [
        said(["standby", "primary"], follows),
        said(["standby", "primary"], (Phase::Running, None)),
        said(["primary", "primary"], (Phase::Rejoining, None)),
        said(["standby", "absent"], follows),
        said(["standby", "standby"], follows),
    ];
    insta::assert_snapshot!(told.join("--\n"), @r"
    coordinator-1: info postgres coordinator-1: coordinator-1 is the coordinator, made as the standby; nothing has to be done; gp-agent switchover in this pod changes them back, once the other one is in sync
    --
    coordinator-0: error postgres coordinator-0: no write-ahead log streams to it, but the catalog says m/p s u; see its log; where the write-ahead log that it lacks is gone it is copied anew, and a finding of its own says what keeps it
    coordinator-1: info postgres coordinator-1: coordinator-1 is the coordinator, made as the standby; nothing has to be done; gp-agent switchover in this pod changes them back, once the other one is in sync
    --
    coordinator-0: error postgres coordinator-0: the directory is a coordinator's, but the catalog says m/p s u: the other one took over; bring the pod back, if it is not there: it becomes the standby by itself, and says what keeps it
    coordinator-1: info postgres coordinator-1: coordinator-1 is the coordinator, made as the standby; nothing has to be done; gp-agent switchover in this pod changes them back, once the other one is in sync
    --
    coordinator-1: error postgres coordinator-1: there is no data directory, but the catalog says p/m n u; bring the lost volume back, or keep this pod away: the standby takes over by itself once this pod has been silent for the whole lease, if it is in sync (gp-agent check ha); otherwise gp-agent failover --accept-data-loss in its pod
    coordinator-1: info postgres coordinator-1: coordinator-1 is the coordinator, made as the standby; nothing has to be done; gp-agent switchover in this pod changes them back, once the other one is in sync
    --
    coordinator-1: error postgres coordinator-1: the directory is a standby's, but the catalog says p/m n u; gp-agent check ha says who has the role, and what keeps this pod from taking it
    coordinator-1: info postgres coordinator-1: coordinator-1 is the coordinator, made as the standby; nothing has to be done; gp-agent switchover in this pod changes them back, once the other one is in sync
    ");
    assert!(!told.concat().contains("gpactivatestandby") && !told.concat().contains("gpinitstandby"));
}
