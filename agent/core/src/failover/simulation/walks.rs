//! Random walks: any sequence of deliveries, losses, faults and reliefs.

use super::world::fault::{Fault, Relief};
use super::world::state::World;
use super::world::time::Pace;
use crate::failover::candidate::CommitsWait;
use proptest::prelude::*;

#[derive(Clone, Copy, Debug)]
enum Step {
    GoOn(u8),
    Lose,
    Hold,
    Release,
    Double,
    Suffer(usize),
    Relieve(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        24 => (1u8..40).prop_map(Step::GoOn),
        2 => Just(Step::Lose),
        2 => Just(Step::Hold),
        2 => Just(Step::Release),
        1 => Just(Step::Double),
        6 => (0..Fault::ALL.len()).prop_filter("of its own", |i| !Fault::ALL[*i].is_of_record()).prop_map(Step::Suffer),
        6 => (0..Relief::ALL.len()).prop_map(Step::Relieve),
    ]
}

/// What may happen to the record while the pods can reach each other: who has seen a later one is there to say so.
fn mild() -> impl Strategy<Value = Step> {
    let faults = |wanted: fn(Fault) -> bool| {
        let of: Vec<usize> = (0..Fault::ALL.len()).filter(|i| wanted(Fault::ALL[*i])).collect();
        prop::sample::select(of).prop_map(Step::Suffer)
    };
    prop_oneof![
        10 => (1u8..40).prop_map(Step::GoOn),
        2 => faults(Fault::is_of_record),
        2 => faults(|f| matches!(f, Fault::CrashServer(_) | Fault::Switchover(_) | Fault::RestartPod(_) | Fault::EndStream)),
    ]
}

fn take(world: &mut World, step: Step) {
    match step {
        Step::GoOn(times) => (0..times).for_each(|_| world.go_on()),
        Step::Lose => world.lose_letter(),
        Step::Hold => world.hold_letter(),
        Step::Release => world.release_letter(),
        Step::Double => world.double_letter(),
        Step::Suffer(i) => {
            if world.can(Fault::ALL[i]) {
                world.suffer(Fault::ALL[i]);
            }
        }
        Step::Relieve(i) => {
            if world.can_relieve(Relief::ALL[i]) {
                world.relieve(Relief::ALL[i]);
            }
        }
    }
}

impl World {
    pub(super) fn lose_letter(&mut self) {
        if let Some(i) = self.wire.iter().position(|letter| !letter.late) {
            self.wire.remove(i);
        }
    }

    pub(super) fn hold_letter(&mut self) {
        if let Some(letter) = self.wire.iter_mut().find(|letter| !letter.late) {
            letter.late = true;
        }
    }

    fn release_letter(&mut self) {
        if let Some(i) = self.wire.iter().position(|letter| letter.late) {
            self.deliver(i);
        }
    }

    pub(super) fn double_letter(&mut self) {
        if let Some(mut letter) = self.wire.iter().find(|letter| !letter.late).cloned() {
            letter.late = true;
            self.wire.push(letter);
        }
    }

    /// Everything is mended.
    fn mend(&mut self) {
        for relief in Relief::ALL {
            if self.can_relieve(relief) {
                self.relieve(relief);
            }
        }
    }

    fn wait(&mut self, time: u64) {
        let until = self.now + time;
        while self.now < until {
            self.go_on();
        }
    }
}

fn config(cases: u32) -> ProptestConfig {
    let told = option_env!("FAILOVER_WALKS");
    let cases = told.and_then(|n| n.parse().ok()).unwrap_or(cases);
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    }
}

fn world(rates: usize, always: bool) -> World {
    let rates = [[0, 0], [-5, 5], [5, -5]][rates];
    let waits = if always {
        CommitsWait::Always
    } else {
        CommitsWait::WhileStreaming
    };
    World::new(Pace::fine(rates), waits, None)
}

/// What becomes of the world after `steps`, once all is mended, and how it came to that.
fn mended(rates: usize, always: bool, steps: &[Step]) -> (World, String) {
    let mut world = world(rates, always);
    let mut story = String::new();
    for step in steps {
        story += &format!("{}\n{step:?} ", world.line());
        if let Step::Suffer(i) = step {
            story += &format!("{:?}\n", Fault::ALL[*i]);
        }
        take(&mut world, *step);
        if let Some(what) = &world.broken {
            story += &format!("{what}\n{}", world.line());
            return (world, story);
        }
    }
    story += &world.line();
    world.mend();
    story += "\nmended";
    for time in [0, 1, 5, 10, 20, 200] {
        world.wait(time * 1000);
        story += &format!("\n{}", world.line());
    }
    (world, story)
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn nothing_that_goes_wrong_makes_two_coordinators_or_loses_a_commit(
        rates in 0usize..3, always: bool, steps in prop::collection::vec(step(), 1..120),
    ) {
        let mut world = world(rates, always);
        let mut story = world.line();
        for step in steps {
            take(&mut world, step);
            story += &format!("\n{step:?}\n{}", world.line());
            prop_assert_eq!(&world.broken, &None, "{}", story);
        }
    }

    #[test]
    fn a_record_that_is_lost_or_set_back_is_taken_up_by_its_holder_alone(
        rates in 0usize..3, always: bool, steps in prop::collection::vec(mild(), 1..40),
    ) {
        let (world, story) = mended(rates, always, &steps);
        prop_assert_eq!(&world.broken, &None, "{}", story);
        prop_assert!(world.pods.iter().filter(|pod| pod.is_writable()).count() == 1 && world.is_in_sync(), "{}", story);
    }

    #[test]
    fn once_all_is_mended_one_coordinator_writes_with_its_standby_in_sync(
        rates in 0usize..3, always: bool, steps in prop::collection::vec(step(), 1..60),
    ) {
        let (world, story) = mended(rates, always, &steps);
        prop_assert_eq!(&world.broken, &None, "{}", story);
        let writable = world.pods.iter().filter(|pod| pod.is_writable()).count();
        prop_assert!(writable == 1 && world.is_in_sync(), "{}", story);
    }
}

/// It wants its role back after a crash and cannot tell whether it has it. Nobody else can take it, so no later read will say.
#[test]
fn a_pod_that_ends_does_not_wait_for_a_write_that_nobody_will_settle() {
    let steps = [
        Step::Suffer(13),
        Step::GoOn(31),
        Step::Suffer(22),
        Step::GoOn(23),
        Step::Suffer(0),
        Step::Relieve(10),
        Step::GoOn(36),
        Step::Suffer(28),
    ];
    let (world, story) = mended(0, false, &steps);
    assert_eq!(world.broken, None, "{story}");
    assert!(world.is_in_sync(), "{story}");
}

/// It has read the record, and remembers what that says; the directory beside it is of an epoch before.
#[test]
fn a_pod_on_an_old_volume_does_not_go_on_by_a_record_that_it_has_only_read() {
    for waits in [false, true] {
        let mut world = world(0, waits);
        for (pod, after) in [(0, 1), (1, 0)] {
            world.suffer(Fault::Switchover(pod));
            world.wait(20_000);
            assert!(
                world.pods[after].is_writable() && world.is_in_sync(),
                "{}",
                world.line()
            );
        }
        world.suffer(Fault::RollBack(0));
        world.wait(5_000);
        world.suffer(Fault::RestartAgent(0));
        world.wait(120_000);
        assert_eq!(world.broken, None, "{}", world.line());
    }
}

/// The standby's server ends, and its agent stands still before it has seen that. The coordinator, which does not reach the record,
/// goes on alone until its deadline.
#[test]
fn an_agent_that_stood_still_does_not_take_over_by_what_it_saw_before() {
    for moment in 0..40 {
        let mut world = world(0, false);
        world.suffer(Fault::CutAuthority(0));
        world.wait(moment * 100);
        world.suffer(Fault::CrashServer(1));
        world.suffer(Fault::FreezeAgent(1));
        world.wait(8_000);
        world.relieve(Relief::Resume(1));
        world.wait(30_000);
        assert_eq!(world.broken, None, "{moment}: {}", world.line());
    }
}

/// The standby's server says nothing and its agent promises, so that the coordinator outlives the standby's connection: that ends
/// for want of an answer in the moments in which the fence fires, and commits are let go.
#[test]
fn a_coordinator_is_dead_before_its_server_gives_up_a_silent_standby() {
    for gone in 0..=120u64 {
        let mut world = world(0, false);
        world.suffer(Fault::HangServer(1));
        world.suffer(Fault::CutAuthority(0));
        world.wait(gone * 250);
        world.suffer(Fault::CutPeers);
        world.wait(30_000);
        world.mend();
        world.wait(60_000);
        assert_eq!(world.broken, None, "{gone}: {}", world.line());
        assert!(world.is_in_sync(), "{gone}: {}", world.line());
    }
}
