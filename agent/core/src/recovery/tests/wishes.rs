//! What somebody asks for has its moment.

use super::{AUTO, MANUAL, machine, until_run};
use crate::cluster::directory::DirectoryKind;
use crate::recovery::machine::model::{Step, Wish};
use crate::recovery::machine::steps::Recovery;
use crate::recovery::segments::accepted::Accepted;
use crate::recovery::segments::method::Method;
use crate::recovery::simulation::world::{World, half_made};

fn full(pod: &str) -> Wish {
    Wish {
        pod: Some(pod.into()),
        full: true,
    }
}

/// What is told in so many seconds.
fn told(machine: &mut Recovery, world: &World, from: u64, seconds: u64) -> Vec<String> {
    let looks = (from..from + seconds).step_by(5);
    let steps = looks.map(|now| machine.look(MANUAL, &world.evidence(), now));
    let told = steps.filter_map(|step| match step {
        Step::GiveUp(why) => Some(why),
        _ => None,
    });
    told.collect()
}

#[test]
fn a_wish_does_not_outlive_what_hinders_it() {
    let mut world = World::new(1);
    world.lose_mirror(0, half_made());
    let mut machine = machine();
    assert_eq!(until_run(&mut machine, MANUAL, &world, 0, 100), None);
    machine.ask(full("pod-1"), &world.evidence(), 100).unwrap();
    world.circumstances.at_work = Some("gpexpand (process 7) is at work".into());
    let words = told(&mut machine, &world, 105, 3600);
    assert_eq!(
        words,
        ["pod-1: not begun within 120 s: gpexpand (process 7) is at work; ask again"]
    );
    world.circumstances.at_work = None;
    assert_eq!(
        until_run(&mut machine, AUTO, &world, 3700, 3600),
        None,
        "nobody wants that now"
    );
}

#[test]
fn who_asks_knows_of_the_damage() {
    let mut world = World::new(1);
    world.fail_over(0);
    world.pods[1].server.damaged.insert("sales".into(), 2);
    let mut machine = machine();
    assert_eq!(until_run(&mut machine, AUTO, &world, 0, 600), None);
    let wish = Wish {
        full: false,
        ..full("pod-0")
    };
    machine.ask(wish, &world.evidence(), 600).unwrap();
    assert!(until_run(&mut machine, AUTO, &world, 605, 60).is_some());
    machine.ended(Some("it was killed".into()), 700);
    let kept = machine.accepted().clone();
    assert!(until_run(&mut machine, AUTO, &world, 705, 600).is_some(), "accepted");
    let mut after = super::machine().with_accepted(kept);
    assert!(until_run(&mut after, AUTO, &world, 3000, 600).is_some(), "and kept");
    world.pods[1].server.damaged.insert("sales".into(), 3);
    let mut more = super::machine().with_accepted(machine.accepted().clone());
    assert_eq!(until_run(&mut more, AUTO, &world, 3000, 600), None, "one more");
}

#[test]
fn what_was_accepted_of_a_directory_is_not_accepted_of_the_copy_in_its_place() {
    let mut world = World::new(1);
    world.fail_over(0);
    world.pods[1].server.damaged.insert("sales".into(), 2);
    let mut machine = machine();
    assert_eq!(until_run(&mut machine, AUTO, &world, 0, 600), None);
    machine.ask(full("pod-0"), &world.evidence(), 600).unwrap();
    assert!(until_run(&mut machine, AUTO, &world, 605, 60).is_some());
    assert_ne!(machine.accepted(), &Accepted::default());
    // The other way round, and later.
    let mut world = World::new(1);
    world.lose_mirror(0, half_made());
    let mut machine = super::machine().with_accepted(machine.accepted().clone());
    until_run(&mut machine, MANUAL, &world, 9000, 60);
    machine.ask(full("pod-1"), &world.evidence(), 9060).unwrap();
    let ran = until_run(&mut machine, MANUAL, &world, 9065, 60);
    assert_eq!(ran.map(|(_, method)| method), Some(Method::Full));
    assert_eq!(machine.accepted(), &Accepted::default());
}

#[test]
fn a_wish_is_served_after_a_run_of_others() {
    let mut world = World::new(2);
    world.fail_over(0);
    world.lose_mirror(1, half_made());
    let mut machine = machine();
    let at = 60;
    assert_eq!(until_run(&mut machine, AUTO, &world, 0, at), None);
    machine.ask(full("pod-3"), &world.evidence(), at).unwrap();
    let (began, way) = until_run(&mut machine, AUTO, &world, at + 5, 60).unwrap();
    assert_eq!(
        (way, machine.status(began).activity.unwrap().pods),
        (Method::Incremental, vec!["pod-0".to_string()])
    );
    let run = machine.work.as_ref().unwrap().run.clone();
    machine.ended(world.run(&run), began + 5);
    world.probe();
    let then = until_run(&mut machine, AUTO, &world, began + 10, 60);
    assert_eq!(then.map(|(_, way)| way), Some(Method::Full));
    assert_eq!(world.pods[3].server.directory, Some(DirectoryKind::HalfMade));
}
