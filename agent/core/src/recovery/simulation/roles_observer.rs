//! Remembers what happened, and judges each run that changes roles back by it: in other words than the machine's own.

use super::world::World;
use crate::cluster::catalog::CatalogRole;
use crate::cluster::status::Phase;
use crate::config::Schedule;
use crate::recovery::roles::when::When;
use crate::recovery::roles::window::Window;
use proptest::prelude::*;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
/// The window of these walks: from two o'clock, two hours.
const OPENS: u64 = 2 * HOUR;
const MINUTES: u32 = 120;

pub(super) fn roles() -> impl Strategy<Value = When> {
    let window = Window {
        times: Schedule::known("0 2 * * *").times(),
        minutes: MINUTES,
    };
    prop_oneof![Just(When::Manual), Just(When::Idle), Just(When::Window(window))]
}

pub(super) struct RolesObserver {
    pub announced: Option<u64>,
    pub asked: bool,
    begun: Vec<u64>,
    /// Those that did not bring everybody into place.
    failed: Vec<u64>,
    roles: Vec<CatalogRole>,
    changed: u64,
    last_busy: u64,
    charged: Option<u64>,
}

impl RolesObserver {
    pub(super) fn new(now: u64) -> RolesObserver {
        RolesObserver {
            announced: None,
            asked: false,
            begun: Vec::new(),
            failed: Vec::new(),
            roles: Vec::new(),
            changed: now,
            last_busy: now,
            charged: None,
        }
    }

    pub(super) fn called_off(&mut self) {
        self.announced = None;
        self.asked = false;
    }

    /// Looks at the world as often as the machine.
    pub(super) fn sees(&mut self, world: &World, now: u64) {
        let roles: Vec<CatalogRole> = world.rows.iter().map(|row| row.role).collect();
        if roles != self.roles {
            (self.roles, self.changed) = (roles, now);
        }
        if world.busy {
            self.last_busy = now;
        }
        match world.circumstances.not_in_charge {
            None => _ = self.charged.get_or_insert(now),
            Some(_) => self.charged = None,
        }
    }

    /// What must hold whenever roles are changed back.
    pub(super) fn judge_begin(&mut self, world: &World, when: When, now: u64) {
        assert!(!world.is_in_place(), "for nothing");
        assert_eq!(world.circumstances.at_work, None, "beside somebody else's tool");
        assert_eq!(
            world.circumstances.not_in_charge, None,
            "by a coordinator that does not write"
        );
        assert!(world.rows.iter().all(|row| row.up && row.in_sync), "while one is down");
        assert!(world.backup.is_none(), "during a backup");
        assert!(world.behind < 64 << 20, "with a mirror far behind");
        for pod in (0..world.contents())
            .filter(|c| world.is_swapped(*c))
            .flat_map(|c| [c * 2, c * 2 + 1])
        {
            let server = &world.pods[pod].server;
            assert!(world.pods[pod].answers && server.held.is_none() && server.phase == Phase::Running);
        }
        let ago = |at: u64| now - at;
        assert!(self.charged.is_some_and(|at| ago(at) >= MINUTE));
        if !std::mem::take(&mut self.asked) {
            self.judge_time(when, now);
        }
        self.announced = None;
        self.begun.push(now);
        if !world.rebalances {
            self.failed.push(now);
        }
    }

    fn judge_time(&self, when: When, now: u64) {
        let ago = |at: u64| now - at;
        assert!(self.announced.is_some_and(|at| at <= now), "without a word");
        assert!(self.charged.is_some_and(|at| ago(at) >= 15 * MINUTE));
        assert!(ago(self.changed) >= 15 * MINUTE, "right after a failover");
        assert!(self.begun.last().is_none_or(|at| ago(*at) >= 6 * HOUR), "again");
        assert!(
            self.failed.iter().filter(|at| ago(**at) < 24 * HOUR).count() < 2,
            "though it failed"
        );
        match when {
            When::Manual => panic!("by itself"),
            When::Idle => assert!(ago(self.last_busy) >= MINUTE, "under way of a transaction"),
            When::Window(_) => {
                let since = (now % (24 * HOUR)).checked_sub(OPENS);
                let half = u64::from(MINUTES) * MINUTE / 2;
                assert!(since.is_some_and(|since| since < half), "at another time");
            }
        }
    }
}
