//! Single decisions about roles.

use super::attempts::RebalanceAttempts;
use super::when::When;
use super::window::Window;
use crate::cluster::content::ContentId;
use crate::cluster::roles_status::RolesStatus;
use crate::cluster::topology::Role;
use crate::config::Schedule;
use crate::recovery::machine::model::{Policy, Step};
use crate::recovery::machine::steps::Recovery;
use crate::recovery::segments::attempts::Attempts;
use crate::recovery::simulation::world::{World, server};

const HOUR: u64 = 3600;

fn policy(roles: When) -> Policy {
    Policy {
        redistribute: true,
        auto: true,
        full: false,
        roles,
    }
}

/// Recovered after a failover, not changed back.
fn swapped() -> World {
    let mut world = World::new(2);
    world.fail_over(0);
    world.pods[0].server = server(Role::Mirror);
    world.probe();
    world
}

struct Day {
    machine: Recovery,
    when: When,
    now: u64,
    announced: Option<u64>,
    called_off: Vec<String>,
}

impl Day {
    fn new(when: When) -> Day {
        Day::after(RebalanceAttempts::default(), when, 0)
    }

    fn after(attempts: RebalanceAttempts, when: When, now: u64) -> Day {
        Day {
            machine: Recovery::new(Attempts::default(), attempts, now),
            when,
            now,
            announced: None,
            called_off: Vec::new(),
        }
    }

    /// Looks every five seconds until the tool is begun, for so long at most; when it was.
    fn until_begun(&mut self, world: &World, seconds: u64) -> Option<u64> {
        let until = self.now + seconds;
        while self.now < until {
            self.now += 5;
            let evidence = match self.machine.wants_detail() {
                true => world.detailed(),
                false => world.evidence(),
            };
            match self.machine.look(policy(self.when), &evidence, self.now) {
                Step::Probe => self.machine.probed(true, self.now),
                Step::Announce(_, at) => self.announced = Some(at),
                Step::CallOff(why) => self.called_off.push(why),
                Step::Rebalance(_) => return Some(self.now),
                Step::Rest
                | Step::Run(_)
                | Step::End(_)
                | Step::GiveUp(_)
                | Step::Expand(_)
                | Step::GiveUpExpanding(_) => {}
            }
        }
        None
    }

    fn ask(&mut self, world: &World) -> Result<String, String> {
        self.machine
            .ask_rebalance(policy(self.when), &world.detailed(), self.now)
            .map_err(|refusal| refusal.to_string())
    }

    fn status(&self) -> RolesStatus {
        self.machine.status(self.now).roles
    }
}

#[test]
fn by_hand_it_is_done_at_once_and_judged_by_the_catalog() {
    let mut world = swapped();
    let mut day = Day::new(When::Manual);
    assert_eq!(day.until_begun(&world, HOUR), None);
    let status = day.status();
    assert_eq!(status.swapped[0].pod, "pod-1");
    assert_eq!(
        status.remedy.as_deref(),
        Some("gp-agent rebalance in the active coordinator's pod")
    );
    insta::assert_snapshot!(day.ask(&world).unwrap(), @"gprecoverseg -r begins within a few seconds; sessions that use content 0 are cancelled; gp-agent status says how it goes on");
    let began = day.until_begun(&world, 60).unwrap();
    assert!(began <= HOUR + 10 && day.announced.is_none());
    assert!(day.ask(&world).unwrap_err().contains("runs already"));
    assert_eq!(day.status().activity.unwrap().contents, [ContentId::new(0)]);
    world.rebalance();
    day.machine.ended(None, day.now + 10);
    // The one that was stopped is down until FTS has looked.
    day.until_begun(&world, 20);
    assert!(day.status().activity.unwrap().judging);
    world.probe();
    day.until_begun(&world, 20);
    let status = day.status();
    assert!(
        status.activity.is_none() && status.swapped.is_empty() && status.waits.is_none(),
        "{status:?}"
    );
    let last = status.last.unwrap();
    assert!(last.rebalanced && last.at == began, "{last:?}");
    assert_eq!(status.counts.rebalanced, 1);
    day.until_begun(&world, 30);
    assert!(
        day.ask(&world)
            .unwrap_err()
            .contains("in the role that it was made for")
    );
}

#[test]
fn idle_begins_a_minute_after_it_was_announced() {
    let mut world = swapped();
    world.busy = true;
    let mut day = Day::new(When::Idle);
    assert_eq!(day.until_begun(&world, HOUR), None);
    world.busy = false;
    let began = day.until_begun(&world, 600).unwrap();
    assert_eq!((day.announced, began), (Some(HOUR + 125), HOUR + 130));
}

#[test]
fn what_happens_in_the_minute_after_it_was_announced_calls_it_off() {
    let mut world = swapped();
    let mut day = Day::new(When::Idle);
    while day.announced.is_none() {
        assert_eq!(day.until_begun(&world, 5), None);
    }
    world.busy = true;
    assert_eq!(day.until_begun(&world, 120), None);
    world.busy = false;
    assert_eq!(
        day.called_off,
        ["a client's transaction is open, or was within the last minute"]
    );
    // And is not announced again for a while.
    assert_eq!(day.until_begun(&world, 590), None);
    assert!(day.until_begun(&world, 120).is_some());
}

#[test]
fn a_window_is_waited_for_and_its_second_half_is_too_late() {
    let window = Window {
        times: Schedule::known("0 2 * * *").times(),
        minutes: 60,
    };
    let mut world = swapped();
    let mut day = Day::new(When::Window(window));
    assert_eq!(day.until_begun(&world, 1000), None);
    let status = day.status();
    assert_eq!(status.not_before, Some(2 * HOUR), "{status:?}");
    world.backup = Some("gpbackup_20261129".into());
    assert_eq!(day.until_begun(&world, 2 * HOUR + 1800), None);
    world.backup = None;
    assert_eq!(day.until_begun(&world, 23 * HOUR), None, "the half hour is over");
    let began = day.until_begun(&world, HOUR).unwrap();
    assert!((26 * HOUR + 60..26 * HOUR + 80).contains(&began), "{began}");
}

#[test]
fn twice_a_day_in_vain_is_enough() {
    let world = swapped();
    let mut day = Day::new(When::Idle);
    let mut began = Vec::new();
    while let Some(at) = day.until_begun(&world, 17 * HOUR) {
        began.push(at);
        assert!(began.len() <= 2, "{began:?}");
        day.machine.ended(Some("cannot stop".into()), day.now + 5);
    }
    assert_eq!(began.len(), 2);
    assert!(began[1] - began[0] >= 6 * HOUR);
    let status = day.status();
    insta::assert_snapshot!(format!("{}; {}", status.waits.unwrap(), status.remedy.unwrap()), @"gprecoverseg did not put the roles back, twice within a day; mend what the agent's log says, then gp-agent rebalance in the active coordinator's pod");
    assert_eq!(status.last.unwrap().why.as_deref(), Some("cannot stop"));
    day.ask(&world).unwrap();
    assert!(day.until_begun(&world, 60).is_some(), "whoever asks may");
}

#[test]
fn without_memory_nothing_is_begun() {
    let world = swapped();
    let mut day = Day::new(When::Idle);
    assert!(day.until_begun(&world, HOUR).is_some());
    day.machine.not_begun();
    assert_eq!(day.machine.rebalances(), &RebalanceAttempts::default());
    assert!(day.until_begun(&world, HOUR).is_some());
}

/// The agent is lost while the tool runs, or the coordinator is, and the standby's agent has listened.
#[test]
fn a_run_that_was_broken_off_is_judged_by_the_next_agent() {
    for helped in [true, false] {
        let mut world = swapped();
        let mut day = Day::new(When::Idle);
        let at = day.until_begun(&world, HOUR).unwrap();
        let mut after = Day::after(RebalanceAttempts::default(), When::Idle, at);
        after.machine.learn_rebalances(&day.status().memory);
        if helped {
            world.rebalance();
            world.probe();
        }
        assert_eq!(after.until_begun(&world, 5 * HOUR), None, "six hours are waited");
        let last = after.status().last.unwrap();
        assert_eq!((last.at, last.rebalanced), (at, helped));
        assert_eq!(after.until_begun(&world, 2 * HOUR).is_some(), !helped);
    }
}

/// What keeps somebody who asks from it.
#[test]
fn what_forbids_it() {
    let refused = |change: fn(&mut World)| {
        let mut world = swapped();
        let mut day = Day::new(When::Manual);
        day.until_begun(&world, 120);
        change(&mut world);
        day.until_begun(&world, 30);
        day.ask(&world).unwrap_err()
    };
    let told = [
        refused(|world| world.rows[3].in_sync = false),
        refused(|world| world.lose_mirror(1, server(Role::Mirror))),
        refused(|world| world.circumstances.not_in_charge = Some("failover is paused".into())),
        refused(|world| world.circumstances.at_work = Some("gpexpand (process 7) is at work".into())),
        refused(|world| world.pods[0].answers = false),
        refused(|world| world.pods[1].server.held = Some("disk".into())),
        refused(|world| world.pods[1].server.unfit = Some("the volume at /greenplum is read-only".into())),
        refused(|world| world.pods[0].server.active = None),
        refused(|world| world.backup = Some("pg_dump".into())),
        refused(|world| world.behind = 64 << 20),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    content 1: the server at pod-3 is not in sync
    content 1: the server at pod-3 is not up
    failover is paused
    gpexpand (process 7) is at work
    the agent of pod-0 does not answer
    pod-1 is held: disk; gp-agent resume in pod-1
    pod-1: the volume at /greenplum is read-only; mend what gp-agent check in pod-1 says: the volume at /greenplum is read-only
    pod-0 does not serve as mirror: active as mirror
    pg_dump is at work
    the mirror of content 0 has 64 MiB still to replay
    ");
    let mut day = Day::new(When::Manual);
    day.until_begun(&swapped(), 30);
    insta::assert_snapshot!(day.ask(&swapped()).unwrap_err(), @"this coordinator has been in charge for less than 60 s");
}
