//! How runs end, and what follows for the next.

use super::{AUTO, machine, until_run};
use crate::cluster::topology::Role;
use crate::greenplum::tool_output::ToolFailure;
use crate::recovery::machine::model::Step;
use crate::recovery::machine::steps::Recovery;
use crate::recovery::roles::attempts::RebalanceAttempts;
use crate::recovery::segments::attempts::Attempts;
use crate::recovery::segments::method::Method;
use crate::recovery::simulation::world::{World, replaying, server, stopped};

/// A run before it was killed, and has left its lock.
#[test]
fn a_tool_that_is_locked_out_was_not_begun() {
    let mut world = World::new(1);
    world.fail_over(0);
    let mut machine = machine();
    let (at, _) = until_run(&mut machine, AUTO, &world, 0, 100).unwrap();
    let mut locked_out = ToolFailure::from("gprecoverseg did nothing");
    locked_out.verdict.locked_out = true;
    machine.ended(Some(locked_out), at);
    assert_eq!(machine.attempts(), &Attempts::default());
    assert_eq!(
        until_run(&mut machine, AUTO, &world, at + 5, 100),
        Some((at + 15, Method::Incremental)),
        "once FTS has looked again"
    );
}

/// Twice in vain; then a person mends it, and it is lost once more.
#[test]
fn what_a_person_has_cured_begins_anew() {
    let mut world = World::new(1);
    world.fail_over(0);
    let mut machine = machine();
    let mut now = 0;
    while let Some((at, _)) = until_run(&mut machine, AUTO, &world, now, 3 * 3600) {
        machine.ended(None, at + 5);
        now = at + 10;
    }
    now += 3 * 3600;
    assert!(machine.status(now).down[0].obstacle.is_some());
    world.lose_mirror(0, server(Role::Mirror));
    world.probe();
    machine.look(AUTO, &world.evidence(), now + 5);
    world.fail_over(0);
    let again = until_run(&mut machine, AUTO, &world, now + 10, 600);
    assert_eq!(again.map(|(_, method)| method), Some(Method::Incremental));
}

/// Some engines take `--differential` only without a file of targets.
#[test]
fn a_method_that_the_tool_refuses_is_left_out() {
    let mut world = World::new(1);
    world.circumstances.differential = true;
    world.fail_over(0);
    let mut machine = machine();
    let mut ways = Vec::new();
    let mut now = 0;
    while let Some((at, way)) = until_run(&mut machine, AUTO, &world, now, 3 * 3600) {
        ways.push(way);
        let mut failure = ToolFailure::from("Only one of -i, -p, -r and --differential may be specified");
        failure.verdict.refuses_differential = true;
        machine.ended(Some(failure).filter(|_| way == Method::Differential), at + 5);
        now = at + 10;
    }
    assert_eq!(ways, [Method::Incremental, Method::Incremental, Method::Differential]);
    let down = &machine.status(now + 3 * 3600).down[0];
    assert_eq!((down.failures, down.remedy.is_some()), (2, true), "{down:?}");
}

/// All or nothing: one that the tool cannot reach lets the others of its run fail.
#[test]
fn one_that_cannot_be_reached_stops_no_other_and_climbs_no_ladder() {
    let mut world = World::new(2);
    world.fail_over(0);
    world.fail_over(1);
    world.pods[0].ssh = false;
    let mut machine = machine();
    let mut runs = Vec::new();
    let mut now = 0;
    while let Some((at, method)) = until_run(&mut machine, AUTO, &world, now, 5 * 3600) {
        let run = machine.work.as_ref().unwrap().run.clone();
        runs.push((run.pods(), method));
        let failure = world.run(&run);
        machine.ended(failure, at + 5);
        world.probe();
        now = at + 10;
        if runs.len() == 6 {
            break;
        }
    }
    let pods: Vec<&str> = runs.iter().map(|(pods, _)| &**pods).collect();
    assert_eq!(pods, ["pod-0, pod-2", "pod-0", "pod-2", "pod-0", "pod-0", "pod-0"]);
    assert!(runs.iter().all(|(_, method)| *method == Method::Incremental));
}

/// Every look shows that it has replayed more.
#[test]
fn a_mirror_that_replays_is_waited_for_and_others_are_not_held_up() {
    let mut world = World::new(2);
    world.to_replay = 100;
    world.fail_over(0);
    let mut machine = machine();
    let (at, _) = until_run(&mut machine, AUTO, &world, 0, 100).unwrap();
    let run = machine.work.as_ref().unwrap().run.clone();
    world.run(&run);
    machine.ended(None, at + 5);
    let mut now = at + 5;
    let mut replays = |world: &mut World, machine: &mut Recovery, seconds: u64| {
        let until = now + seconds;
        while now < until {
            now += 5;
            world.replay();
            world.probe();
            match machine.look(AUTO, &world.evidence(), now) {
                Step::Run(run) => return Some(run.pods()),
                Step::Probe => machine.probed(true, now),
                _ => {}
            }
        }
        None
    };
    assert_eq!(replays(&mut world, &mut machine, 200), None);
    world.fail_over(1);
    assert_eq!(replays(&mut world, &mut machine, 100).as_deref(), Some("pod-2"));
    assert_eq!(machine.status(at + 300).counts.failed, 0);
    machine.not_begun();
    world.lose_mirror(1, server(Role::Mirror));
    assert_eq!(replays(&mut world, &mut machine, 400), None);
    let status = machine.status(at + 700);
    assert_eq!(
        (status.counts.recovered, status.counts.failed, status.down.len()),
        (1, 0, 0)
    );
}

#[test]
fn a_mirror_that_replays_no_further_has_failed() {
    let mut world = World::new(1);
    world.fail_over(0);
    let mut machine = machine();
    let (at, _) = until_run(&mut machine, AUTO, &world, 0, 100).unwrap();
    machine.ended(None, at + 5);
    assert_eq!(until_run(&mut machine, AUTO, &world, at + 10, 40), None);
    world.pods[0].server = replaying(7);
    let (again, _) = until_run(&mut machine, AUTO, &world, at + 55, 600).unwrap();
    assert!((at + 115..at + 130).contains(&again), "{at} {again}");
    assert_eq!(machine.status(again).counts.failed, 1);
}

/// The tool stops what it works on, first of all; to the agent of that pod somebody has stopped its server.
#[test]
fn what_the_tool_has_stopped_is_brought_back_and_what_a_person_has_is_not() {
    let mut world = World::new(1);
    world.fail_over(0);
    let mut machine = machine();
    let (at, _) = until_run(&mut machine, AUTO, &world, 100_000, 100).unwrap();
    let run = machine.work.as_ref().unwrap().run.clone();
    world.stop_targets(&run, at + 7);
    machine.ended(Some("it was killed".into()), at + 10);
    let again = until_run(&mut machine, AUTO, &world, at + 15, 600);
    assert_eq!(again.map(|(_, method)| method), Some(Method::Incremental));
    let (at, _) = again.unwrap();
    machine.ended(None, at + 5);
    world.probe();
    world.lose_mirror(0, server(Role::Mirror));
    world.probe();
    machine.look(AUTO, &world.evidence(), at + 10);
    let by_person = stopped(&server(Role::Mirror), at + 30);
    world.lose_mirror(0, by_person);
    assert_eq!(until_run(&mut machine, AUTO, &world, at + 35, 3600), None);
}

/// The acting primary is stopped, its mirror has taken over, and nobody starts what was stopped.
#[test]
fn what_is_left_stopped_as_roles_were_put_back_is_brought_back() {
    let mut world = World::new(1);
    world.fail_over(0);
    world.lose_mirror(0, server(Role::Mirror));
    world.probe();
    let begun = RebalanceAttempts::begun_at(100_000);
    let (now, mut machine) = (100_020, Recovery::new(Attempts::default(), begun, 100_020));
    world.break_off_rebalance(100_005);
    let brought_back = until_run(&mut machine, AUTO, &world, now, 600);
    assert_eq!(brought_back.map(|(_, method)| method), Some(Method::Incremental));
    let last = machine.rebalances().clone();
    assert_eq!(last.failures(now + 600), 1, "it was broken off");
}

/// Its host was out of reach of ssh, or its source being copied elsewhere: then the tool ends with 0.
#[test]
fn what_the_tool_left_out_climbs_no_ladder() {
    let mut world = World::new(1);
    world.fail_over(0);
    let mut machine = machine();
    let mut now = 0;
    for _ in 0..4 {
        let (at, method) = until_run(&mut machine, AUTO, &world, now, 25 * 3600).unwrap();
        assert_eq!(method, Method::Incremental);
        let mut left_out = ToolFailure::from("gprecoverseg left out what it was told to do");
        left_out.verdict.skipped = true;
        machine.ended(Some(left_out), at + 5);
        now = at + 10;
    }
}

/// The coordinator answers nobody for two minutes just as the tool ends.
#[test]
fn a_run_is_judged_once_fts_can_be_asked() {
    let mut world = World::new(1);
    world.fail_over(0);
    let mut machine = machine();
    let (at, _) = until_run(&mut machine, AUTO, &world, 0, 100).unwrap();
    let run = machine.work.as_ref().unwrap().run.clone();
    assert_eq!(world.run(&run), None);
    machine.ended(None, at + 5);
    world.circumstances.at_work = Some("the coordinator cannot be asked: timeout".into());
    let steps: Vec<Step> = (at + 10..at + 130)
        .step_by(5)
        .map(|now| machine.look(AUTO, &world.evidence(), now))
        .collect();
    assert!(steps.contains(&Step::Probe), "{steps:?}");
    assert_eq!(machine.status(at + 130).counts.failed, 0);
    world.circumstances.at_work = None;
    machine.probed(true, at + 130);
    machine.look(AUTO, &world.evidence(), at + 135);
    assert_eq!(machine.status(at + 135).counts.failed, 0, "it streams");
    world.probe();
    machine.look(AUTO, &world.evidence(), at + 140);
    let counts = machine.status(at + 140).counts;
    assert_eq!((counts.recovered, counts.failed), (1, 0));
}
