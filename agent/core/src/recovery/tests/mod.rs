//! Single decisions.

mod endings;
mod outcomes;
mod wishes;

use super::facts::role_changes::RoleChange;
use super::machine::model::{Policy, Step, Wish};
use super::machine::steps::Recovery;
use super::roles::attempts::RebalanceAttempts;
use super::roles::when::When;
use super::segments::attempts::Attempts;
use super::segments::method::Method;
use super::simulation::world::{World, content, empty, old_primary, server};
use crate::cluster::directory::DirectoryKind;
use crate::cluster::recovery_status::RecoveryWork;
use crate::cluster::status::Phase;
use crate::cluster::topology::Role;
use crate::greenplum::tool_output::ToolFailure;

const AUTO: Policy = Policy {
    auto: true,
    full: false,
    roles: When::Manual,
    redistribute: true,
};
const MANUAL: Policy = Policy {
    auto: false,
    full: false,
    roles: When::Manual,
    redistribute: true,
};

/// Looks every five seconds until the machine wants the tool, for so long at most; FTS looks whenever it is asked.
fn until_run(machine: &mut Recovery, policy: Policy, world: &World, from: u64, seconds: u64) -> Option<(u64, Method)> {
    for now in (from..=from + seconds).step_by(5) {
        match machine.look(policy, &world.evidence(), now) {
            Step::Run(run) => return Some((now, run.method)),
            Step::Probe => machine.probed(true, now),
            _ => {}
        }
    }
    None
}

fn machine() -> Recovery {
    Recovery::new(Attempts::default(), RebalanceAttempts::default(), 0)
}

/// What keeps the machine from bringing the one lost server back.
fn obstacle(change: impl FnOnce(&mut World)) -> String {
    let mut world = World::new(1);
    world.fail_over(0);
    change(&mut world);
    let mut machine = machine();
    assert_eq!(until_run(&mut machine, AUTO, &world, 0, 600), None);
    let status = machine.status(600);
    let down = status.down.first().cloned().unwrap_or_default();
    let remedy = down.remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
    format!("{}{remedy}", status.waits.or(down.obstacle).unwrap_or_default())
}

#[test]
fn an_old_primary_is_brought_back_once_everything_is_steady() {
    let mut world = World::new(2);
    let mut machine = machine();
    assert_eq!(until_run(&mut machine, AUTO, &world, 0, 100), None);
    world.fail_over(1);
    assert_eq!(
        until_run(&mut machine, AUTO, &world, 105, 100),
        Some((130, Method::Incremental))
    );
    machine.ended(None, 135);
    assert_eq!(machine.look(AUTO, &world.evidence(), 135), Step::Probe);
    world.lose_mirror(1, server(Role::Mirror));
    world.probe();
    assert_eq!(machine.look(AUTO, &world.evidence(), 140), Step::Rest);
    let status = machine.status(140);
    assert_eq!((status.counts.recovered, status.down.len()), (1, 0));
    assert_eq!(status.last.unwrap().recovered, ["pod-2"]);
}

#[test]
fn nothing_is_done_in_the_first_minute_of_a_coordinator() {
    let mut world = World::new(1);
    world.fail_over(0);
    assert_eq!(
        until_run(&mut machine(), AUTO, &world, 0, 100),
        Some((65, Method::Incremental))
    );
}

#[test]
fn a_mirror_that_streams_is_only_shown_to_fts() {
    let mut world = World::new(1);
    world.lose_mirror(0, server(Role::Mirror));
    let mut machine = machine();
    let steps: Vec<Step> = (0..100)
        .step_by(5)
        .map(|now| machine.look(AUTO, &world.evidence(), now))
        .collect();
    assert!(steps.contains(&Step::Probe));
    assert!(!steps.iter().any(|step| matches!(step, Step::Run(_))));
}

#[test]
fn a_mirror_without_its_stream_gets_a_minute_to_come_back() {
    let mut world = World::new(1);
    let lost = super::facts::server::Server {
        active: None,
        ..server(Role::Mirror)
    };
    let mut machine = machine();
    until_run(&mut machine, AUTO, &world, 0, 100);
    world.lose_mirror(0, lost);
    assert_eq!(
        until_run(&mut machine, AUTO, &world, 105, 200),
        Some((170, Method::Incremental))
    );
}

#[test]
fn an_empty_volume_is_filled_and_a_broken_one_is_not() {
    let mut world = World::new(1);
    world.lose_mirror(0, empty());
    assert_eq!(
        until_run(&mut machine(), AUTO, &world, 0, 100),
        Some((65, Method::Full))
    );
    let full = Policy { full: true, ..AUTO };
    world.pods[1].server.directory = Some(DirectoryKind::HalfMade);
    assert_eq!(until_run(&mut machine(), AUTO, &world, 0, 600), None);
    assert_eq!(
        until_run(&mut machine(), full, &world, 0, 600),
        Some((65, Method::Full))
    );
}

#[test]
fn a_copy_that_was_broken_off_is_begun_again() {
    let mut world = World::new(1);
    world.lose_mirror(0, empty());
    let mut before = machine();
    assert!(until_run(&mut before, AUTO, &world, 0, 100).is_some());
    world.pods[1].server.directory = Some(DirectoryKind::HalfMade);
    world.circumstances.at_work = Some("gprecoverseg (process 7)".into());
    let mut after = Recovery::new(
        before.attempts().clone().recalled(100),
        RebalanceAttempts::default(),
        100,
    );
    assert_eq!(
        until_run(&mut after, AUTO, &world, 100, 600),
        None,
        "its tool is still at work"
    );
    world.circumstances.at_work = None;
    assert_eq!(
        until_run(&mut after, AUTO, &world, 705, 600).map(|(_, way)| way),
        Some(Method::Full)
    );
}

fn flaps(world: &mut World) {
    let change = RoleChange { at: 7, back: false };
    world.circumstances.role_changes.extend([(content(0), vec![change; 3])]);
}

#[test]
fn one_that_changed_its_role_too_often_comes_back_when_somebody_asks() {
    let mut world = World::new(1);
    world.fail_over(0);
    flaps(&mut world);
    let mut machine = machine();
    assert_eq!(until_run(&mut machine, AUTO, &world, 0, 600), None);
    let wish = Wish {
        pod: Some("pod-0".into()),
        full: false,
    };
    machine.ask(wish, &world.evidence(), 600).unwrap();
    assert_eq!(
        until_run(&mut machine, AUTO, &world, 605, 60).map(|(_, way)| way),
        Some(Method::Incremental)
    );
}

#[test]
fn what_forbids_it() {
    let target = |change: fn(&mut super::facts::server::Server)| obstacle(|world| change(&mut world.pods[0].server));
    let told = [
        obstacle(|world| world.rows[1].up = false),
        obstacle(|world| world.pods[1].answers = false),
        obstacle(|world| world.pods[0].answers = false),
        obstacle(|world| world.pods[1].server.phase = Phase::Starting),
        obstacle(|world| world.circumstances.at_work = Some("gpexpand (process 7) is at work".into())),
        obstacle(|world| world.circumstances.not_in_charge = Some("coordinator-1 has the role".into())),
        obstacle(flaps),
        obstacle(|world| {
            let damaged = [("sales".to_string(), 2)];
            world.pods[1].server.damaged.extend(damaged);
        }),
        target(|server| server.held = Some("new disk".into())),
        target(|server| server.phase = Phase::Stopped),
        target(|server| server.phase = Phase::Draining),
        target(|server| server.system_id = Some("8".into())),
        target(|server| server.unfit = Some("the volume at /greenplum is read-only".into())),
        target(|server| server.tool = Some("pg_rewind (process 9) is at work on the data directory".into())),
        target(|server| server.directory = Some(DirectoryKind::HalfMade)),
        target(|server| server.directory = None),
    ];
    insta::assert_snapshot!(told.join("\n"), @r"
    both servers of content 0 are down; bring one of their pods back; FTS takes the one up that was the primary
    the agent of pod-1, which has the only copy of content 0, does not answer
    the agent of pod-0 does not answer
    pod-1, which has the only copy of content 0, does not serve as primary: active as primary
    gpexpand (process 7) is at work
    coordinator-1 has the role
    the primary of content 0 changed 3 times within half an hour; find out why, in the logs of both servers; then gp-agent recover pod-0 in the active coordinator's pod brings it back at once; when half an hour has passed without another change, it comes back by itself where recovery.segments is auto
    content 0 has damaged pages: its primary pod-1 has counted 2 pages whose checksum was wrong (in sales); find out which server has the whole data before anything is copied over the other, in each database named (pg_checksums, amcheck, gpcheckcat); gp-agent recover pod-0 in the active coordinator's pod copies from pod-1 then, and these pages are in the way no more
    pod-0 is held: new disk; gp-agent resume in pod-0
    somebody stopped the server of pod-0; gp-agent resume in pod-0 starts it; gp-agent recover pod-0 in the active coordinator's pod brings it back
    pod-0: the other one took over
    pod-0 has database 8 on its volume, and its primary has 7; mount the right volume in pod-0, or set the directory aside
    pod-0: the volume at /greenplum is read-only; mend what gp-agent check in pod-0 says: the volume at /greenplum is read-only
    pg_rewind (process 9) is at work on the data directory
    pod-0: its data directory is not whole; gp-agent recover --full pod-0 in the active coordinator's pod copies it anew, over what is there; recovery.full: auto does so by itself
    pod-0 has not looked at its data directory
    ");
}

#[test]
fn after_incremental_and_differential_a_person_decides() {
    let mut world = World::new(1);
    world.circumstances.differential = true;
    world.fail_over(0);
    let mut machine = machine();
    let mut now = 0;
    let mut ways = Vec::new();
    while let Some((at, way)) = until_run(&mut machine, AUTO, &world, now, 3 * 3600) {
        ways.push(way);
        let mut failure = ToolFailure::from("could not find common ancestor");
        failure.verdict.program_failed = true;
        machine.ended(Some(failure), at + 5);
        now = at + 10;
    }
    assert_eq!(ways, [Method::Incremental, Method::Incremental, Method::Differential]);
    let status = machine.status(now + 3 * 3600);
    assert!(
        status.down[0]
            .obstacle
            .as_ref()
            .unwrap()
            .contains("could not find common ancestor")
    );
    let wish = Wish {
        pod: Some("pod-0".into()),
        full: true,
    };
    let now = now + 4 * 3600;
    machine.ask(wish, &world.evidence(), now).unwrap();
    assert_eq!(
        until_run(&mut machine, AUTO, &world, now, 60).map(|(_, way)| way),
        Some(Method::Full)
    );
}

#[test]
fn by_hand_it_is_only_said_and_done_when_asked_for() {
    let mut world = World::new(2);
    world.fail_over(0);
    world.fail_over(1);
    let mut machine = machine();
    assert_eq!(until_run(&mut machine, MANUAL, &world, 0, 600), None);
    let status = machine.status(600);
    assert_eq!(
        status.down[0].remedy.as_deref(),
        Some("gp-agent recover pod-0 in the active coordinator's pod")
    );
    assert_eq!(status.down[0].next, Some(RecoveryWork::Incremental));
    let wish = |pod: &str| Wish {
        pod: Some(pod.into()),
        full: false,
    };
    assert!(machine.ask(wish("pod-1"), &world.evidence(), 600).is_err());
    machine.ask(wish("pod-2"), &world.evidence(), 600).unwrap();
    assert!(until_run(&mut machine, MANUAL, &world, 605, 60).is_some());
    assert_eq!(machine.status(700).activity.unwrap().pods, ["pod-2"]);
    assert!(
        machine
            .ask(wish("pod-0"), &world.evidence(), 700)
            .unwrap_err()
            .to_string()
            .contains("runs already")
    );
}

#[test]
fn one_that_fails_does_not_stop_the_others() {
    let mut world = World::new(2);
    world.fail_over(0);
    let mut machine = machine();
    let (at, _) = until_run(&mut machine, AUTO, &world, 0, 100).unwrap();
    machine.ended(None, at + 5);
    world.lose_mirror(1, old_primary());
    let (then, _) = until_run(&mut machine, AUTO, &world, at + 10, 300).unwrap();
    assert_eq!(machine.status(then).activity.unwrap().pods, ["pod-0", "pod-3"]);
}

#[test]
fn without_memory_nothing_is_run() {
    let mut world = World::new(1);
    world.fail_over(0);
    let mut machine = machine();
    let before = machine.attempts().clone();
    assert!(until_run(&mut machine, AUTO, &world, 0, 100).is_some());
    machine.not_begun();
    assert_eq!(machine.attempts().clone().recalled(0), before.recalled(0));
    assert!(until_run(&mut machine, AUTO, &world, 105, 100).is_some());
}

/// The standby's agent has listened while the tool ran; its coordinator takes over, and the tool has died with the old one.
#[test]
fn a_coordinator_that_takes_over_goes_on_where_the_old_one_was() {
    let mut world = World::new(1);
    world.fail_over(0);
    let mut old = machine();
    let (at, _) = until_run(&mut old, AUTO, &world, 0, 100).unwrap();
    let mut new = machine();
    let mut elsewhere = world.clone();
    elsewhere.circumstances.not_in_charge = Some("it does not act".into());
    new.look(AUTO, &elsewhere.evidence(), at);
    new.learn(&old.status(at).memory);
    let again = until_run(&mut new, AUTO, &world, at + 5, 600);
    assert_eq!(
        again,
        Some((at + 70, Method::Incremental)),
        "after a minute of looking what became of it"
    );
    assert_eq!(new.status(at + 70).down[0].failures, 1);
}
