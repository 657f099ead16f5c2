//! Who writes, and who would take over.

use super::{NOW, entry, pods};
use crate::cli::status_table::render;
use gp_agent_core::cluster::failover_status::{
    FailoverKind, FailoverStatus, LastFailover, NotInSync, Promise, RecordCause, RecordTrouble, SyncCause,
};

fn with_failover(writer: FailoverStatus, standby: FailoverStatus) -> String {
    let mut pods = pods();
    pods[0].failover = Some(writer);
    pods[1].failover = Some(standby);
    let text = render(&pods.map(entry), false);
    let (_, failover) = text.split_once("\nfailover\n").unwrap();
    failover.to_string()
}

fn writer() -> FailoverStatus {
    FailoverStatus {
        mode: "auto".into(),
        authority: "kubernetes".into(),
        place: "Lease prod/warehouse-coordinator".into(),
        holder: Some("coordinator-0".into()),
        epoch: 3,
        mine: true,
        in_sync: Some("coordinator-1".into()),
        last: Some(LastFailover {
            kind: FailoverKind::Switchover,
            from: "coordinator-1".into(),
            to: "coordinator-0".into(),
            at: NOW - 90,
            seconds: 1.26,
            why: "gp-agent switchover".into(),
            ..LastFailover::default()
        }),
        ..FailoverStatus::default()
    }
}

fn standby() -> FailoverStatus {
    FailoverStatus {
        mine: false,
        last: None,
        ..writer()
    }
}

#[test]
fn a_role_that_came_to_a_server_that_wrote_already_took_no_time() {
    let last = LastFailover {
        kind: FailoverKind::Forced,
        seconds: 0.004,
        why: "gp-agent failover --accept-data-loss".into(),
        ..writer().last.unwrap()
    };
    let text = with_failover(
        FailoverStatus {
            last: Some(last),
            ..writer()
        },
        standby(),
    );
    let line = "forced 1 min ago, from coordinator-1 to coordinator-0: gp-agent failover --accept-data-loss";
    assert!(text.contains(line), "{text}");
}

#[test]
fn who_writes_and_who_would_take_over() {
    let mut all = vec![with_failover(writer(), standby())];
    let lacks = NotInSync {
        cause: SyncCause::NotStreaming,
        why: "coordinator-1 receives no stream".into(),
        since: NOW - 75,
    };
    all.push(with_failover(
        FailoverStatus {
            in_sync: None,
            not_in_sync: Some(lacks),
            ..writer()
        },
        standby(),
    ));
    let paused = |status: FailoverStatus| FailoverStatus { paused: true, ..status };
    all.push(with_failover(paused(writer()), paused(standby())));
    let trouble = Some(RecordTrouble {
        cause: RecordCause::Unreachable,
        why: "no answer within 1.5 s".into(),
        since: NOW - 4,
    });
    let promise = Some(Promise {
        by: "coordinator-1".into(),
        until: NOW + 3,
    });
    all.push(with_failover(
        FailoverStatus {
            record: trouble,
            promise,
            ..writer()
        },
        standby(),
    ));
    all.push(with_failover(
        FailoverStatus {
            mine: false,
            last: None,
            ..writer()
        },
        FailoverStatus {
            activity: Some("promotes its server".into()),
            failed: Some("coordinator-0 took the role back".into()),
            ..standby()
        },
    ));
    let off = FailoverStatus::off("no place for the record: there is no token, and no directory /shared");
    all.push(with_failover(off.clone(), off));
    insta::assert_snapshot!(all.join("--\n"));
}
