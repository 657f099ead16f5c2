//! When a tool that runs is ended, and when it is let go on.

use super::{AUTO, machine, until_run};
use crate::recovery::facts::charge::LostRole;
use crate::recovery::machine::model::Step;
use crate::recovery::machine::steps::Recovery;
use crate::recovery::segments::method::Method;
use crate::recovery::simulation::world::World;

/// A run that goes on since then.
fn runs(world: &mut World) -> (Recovery, u64) {
    world.fail_over(0);
    let mut machine = machine();
    let (at, _) = until_run(&mut machine, AUTO, world, 0, 100).unwrap();
    (machine, at)
}

/// When it is ended, within so many seconds.
fn ended(machine: &mut Recovery, world: &World, from: u64, seconds: u64) -> Option<u64> {
    let mut looks = (from..=from + seconds).step_by(5);
    looks.find(|now| matches!(machine.look(AUTO, &world.evidence(), *now), Step::End(_)))
}

#[test]
fn a_coordinator_that_is_none_any_more_ends_its_tool() {
    let mut world = World::new(1);
    let (mut machine, at) = runs(&mut world);
    assert_eq!(ended(&mut machine, &world, at + 5, 3600), None);
    let now = at + 4000;
    world.circumstances.not_in_charge = Some("failover is paused".into());
    assert_eq!(ended(&mut machine, &world, now, 600), None, "it has the role yet");
    let now = now + 700;
    world.circumstances.lost_role = Some(LostRole::Doubtful);
    assert_eq!(ended(&mut machine, &world, now, 25), None);
    world.circumstances.lost_role = None;
    assert_eq!(ended(&mut machine, &world, now + 30, 60), None);
    world.circumstances.lost_role = Some(LostRole::Doubtful);
    assert_eq!(ended(&mut machine, &world, now + 95, 600), Some(now + 125));
    world.circumstances.lost_role = Some(LostRole::Elsewhere);
    assert_eq!(ended(&mut machine, &world, now + 200, 600), Some(now + 200));
    machine.ended(Some("it was ended".into()), now + 200);
    assert_eq!(ended(&mut machine, &world, now + 205, 600), None, "once");
}

#[test]
fn a_tool_whose_servers_are_all_away_is_ended_and_tried_again() {
    let mut world = World::new(2);
    world.fail_over(1);
    let (mut machine, at) = runs(&mut world);
    world.pods[0].answers = false;
    assert_eq!(ended(&mut machine, &world, at + 5, 3600), None, "one of two answers");
    let now = at + 4000;
    world.pods[2].server.hung = true;
    assert_eq!(ended(&mut machine, &world, now, 600), Some(now + 300));
    machine.ended(Some("it was ended".into()), now + 300);
    world.pods[0].answers = true;
    world.pods[2].server.hung = false;
    let again = until_run(&mut machine, AUTO, &world, now + 305, 3600);
    assert_eq!(again.map(|(_, method)| method), Some(Method::Incremental));
}

/// The tool of the one that is cut off may go on until that one finds out.
#[test]
fn whoever_takes_over_waits_for_one_that_is_cut_off() {
    let mut world = World::new(1);
    world.fail_over(0);
    world.circumstances.cut_off_seconds = 120;
    let begun = until_run(&mut machine(), AUTO, &world, 0, 300);
    assert_eq!(begun, Some((125, Method::Incremental)));
}
