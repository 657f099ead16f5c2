use super::*;
use proptest::prelude::*;

const PRIMARY: DesiredRole = DesiredRole::Role(Role::Primary);

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn value(role: Role) -> String {
    role.to_string()
}

fn unavailable() -> ApiError {
    ApiError::Unavailable("timed out".into())
}

/// An API server and a clock.
struct World {
    reconciler: Reconciler,
    now: Duration,
    label: Option<String>,
    up: bool,
    requests: u32,
}

impl World {
    fn new(label: Option<&str>) -> World {
        World {
            reconciler: Reconciler::new(LabelIntervals::default()),
            now: Duration::ZERO,
            label: label.map(str::to_string),
            up: true,
            requests: 0,
        }
    }

    /// Does what is due until there is nothing to do; gives the time until there is.
    fn settle(&mut self, wanted: DesiredRole) -> Option<Duration> {
        loop {
            let step = self.reconciler.next(wanted, self.now);
            if let Step::Wait(wait) = step {
                return wait;
            }
            self.requests += 1;
            if !self.up {
                let trouble = unavailable();
                self.reconciler.failed(step, &trouble, self.now, 0.5);
                continue;
            }
            if let Step::Set(role) = step {
                self.label = role.map(value);
            }
            self.reconciler.learnt(step, self.label.clone(), self.now, 0.5);
        }
    }

    /// Lets that much time pass.
    fn pass(&mut self, wanted: DesiredRole, time: Duration) {
        let end = self.now + time;
        while let Some(wait) = self.settle(wanted).filter(|wait| self.now + *wait <= end) {
            self.now += wait;
        }
        self.now = end;
    }
}

#[test]
fn a_new_container_takes_a_stale_label_away_and_sets_its_own_when_it_serves() {
    let mut world = World::new(Some("coordinator"));
    world.settle(DesiredRole::Nothing);
    assert_eq!((&world.label, world.requests), (&None, 1));
    assert!(world.reconciler.is_gone_or_out_of_reach());
    world.settle(PRIMARY);
    assert_eq!(world.label, Some(value(Role::Primary)));
    assert!(!world.reconciler.is_gone_or_out_of_reach());
    world.settle(DesiredRole::Nothing);
    assert_eq!((&world.label, world.requests), (&None, 3));
}

#[test]
fn nothing_is_asked_while_it_is_undecided() {
    let mut world = World::new(Some("primary"));
    assert_eq!(world.settle(DesiredRole::Undecided), None);
    assert_eq!(world.requests, 0);
    world.settle(PRIMARY);
    assert_eq!((world.label, world.requests), (Some(value(Role::Primary)), 1));
}

#[test]
fn an_idle_pod_asks_a_dozen_times_an_hour_and_mends_what_somebody_else_did() {
    let mut world = World::new(None);
    world.pass(PRIMARY, secs(3600));
    assert!((10..=14).contains(&world.requests), "{}", world.requests);
    world.label = Some("standby".into());
    world.pass(PRIMARY, secs(301));
    assert_eq!(world.label, Some(value(Role::Primary)));
}

#[test]
fn an_outage_is_waited_for_with_growing_pauses_and_made_good_afterwards() {
    let mut world = World::new(None);
    world.settle(PRIMARY);
    (world.up, world.requests) = (false, 0);
    world.pass(DesiredRole::Nothing, secs(60));
    assert!((8..=12).contains(&world.requests), "{}", world.requests);
    assert_eq!(world.label, Some(value(Role::Primary)));
    world.up = true;
    world.pass(DesiredRole::Nothing, secs(31));
    assert_eq!(world.label, None);
    assert_eq!(world.reconciler.failures(), 0);
    // A change that was under way when it was given up may come late.
    world.label = Some(value(Role::Primary));
    world.pass(DesiredRole::Nothing, secs(20));
    assert_eq!(world.label, None);
}

#[test]
fn what_must_go_does_not_wait_for_the_end_of_a_pause() {
    let mut world = World::new(None);
    world.up = false;
    world.pass(PRIMARY, secs(120));
    world.up = true;
    world.label = Some(value(Role::Primary));
    world.settle(DesiredRole::Nothing);
    assert_eq!(world.label, None);
    world.up = false;
    world.pass(PRIMARY, secs(600));
    let pause = world.settle(PRIMARY);
    assert!(pause > Some(secs(1)));
    world.reconciler.hurry();
    assert_eq!(
        world.reconciler.next(PRIMARY, world.now),
        Step::Set(Some(Role::Primary))
    );
}

#[test]
fn without_rights_it_is_tried_seldom_and_nobody_waits_for_it() {
    let mut reconciler = Reconciler::new(LabelIntervals::default());
    let deny = |reconciler: &mut Reconciler, wanted, at| {
        let step = reconciler.next(wanted, at);
        assert!(matches!(step, Step::Set(_)), "{step:?}");
        reconciler.failed(step, &ApiError::Denied("no".into()), at, 0.5);
    };
    for at in [0, 1, 2] {
        assert!(!reconciler.is_gone_or_out_of_reach());
        deny(&mut reconciler, PRIMARY, secs(at));
    }
    assert!(reconciler.is_gone_or_out_of_reach());
    assert_eq!(reconciler.next(PRIMARY, secs(3)), Step::Wait(Some(secs(59))));
    // A change is tried at once, and only once.
    deny(&mut reconciler, DesiredRole::Nothing, secs(4));
    let wait = reconciler.next(DesiredRole::Nothing, secs(5));
    assert_eq!(wait, Step::Wait(Some(secs(59))));
    assert_eq!(reconciler.next(PRIMARY, secs(64)), Step::Set(Some(Role::Primary)));
    let label = Some(value(Role::Primary));
    reconciler.learnt(Step::Set(Some(Role::Primary)), label, secs(64), 0.5);
    assert!(!reconciler.is_gone_or_out_of_reach());
}

#[test]
fn one_refusal_delays_no_promotion() {
    let mut reconciler = Reconciler::new(LabelIntervals::default());
    let standby = DesiredRole::Role(Role::Standby);
    let step = reconciler.next(standby, secs(0));
    reconciler.failed(step, &ApiError::Denied("token expired".into()), secs(0), 0.5);
    assert_eq!(reconciler.next(standby, secs(1)), Step::Set(Some(Role::Standby)));
    let promoted = DesiredRole::Role(Role::Coordinator);
    for at in 1..=5 {
        reconciler.failed(step, &ApiError::Denied("token expired".into()), secs(at), 0.5);
    }
    let step = reconciler.next(promoted, secs(6));
    assert_eq!(step, Step::Set(Some(Role::Coordinator)));
}

#[test]
fn what_a_policy_refuses_is_tried_again() {
    let mut reconciler = Reconciler::new(LabelIntervals::default());
    let refused = ApiError::Invalid("frozen".into());
    for at in 0..10 {
        if let step @ Step::Set(_) = reconciler.next(PRIMARY, secs(at)) {
            reconciler.failed(step, &refused, secs(at), 0.5);
        }
    }
    let later = LabelIntervals::default().lasting_retry * 2;
    assert_eq!(
        reconciler.next(PRIMARY, secs(10) + later),
        Step::Set(Some(Role::Primary))
    );
    reconciler.hurry();
    assert_eq!(reconciler.next(PRIMARY, secs(10)), Step::Set(Some(Role::Primary)));
}

#[test]
fn a_pod_that_was_replaced_never_touches_the_other_one() {
    let mut reconciler = Reconciler::new(LabelIntervals::default());
    let step = reconciler.next(PRIMARY, secs(0));
    reconciler.failed(step, &ApiError::Replaced, secs(0), 0.5);
    assert!(reconciler.is_gone_or_out_of_reach());
    reconciler.hurry();
    for wanted in [PRIMARY, DesiredRole::Nothing] {
        assert_eq!(reconciler.next(wanted, secs(1_000_000)), Step::Wait(None));
    }
}

#[test]
fn a_flapping_role_is_set_seldom_and_removed_at_once() {
    let mut world = World::new(None);
    for _ in 0..1800 {
        world.pass(PRIMARY, secs(1));
        world.settle(DesiredRole::Nothing);
        assert_eq!(world.label, None);
        world.pass(DesiredRole::Nothing, secs(1));
    }
    let per_minute = f64::from(world.requests) / 60.0;
    assert!(per_minute < 8.0, "{per_minute} requests a minute");
    // Once it is quiet the label comes back.
    world.pass(PRIMARY, secs(20));
    assert_eq!(world.label, Some(value(Role::Primary)));
}

#[test]
fn a_wrong_role_is_never_left_while_the_right_one_has_to_wait() {
    let mut world = World::new(None);
    for _ in 0..20 {
        for role in [Role::Standby, Role::Coordinator] {
            let wait = world.settle(DesiredRole::Role(role));
            let right = Some(value(role));
            assert!(wait.is_some() && (world.label.is_none() || world.label == right));
        }
    }
}

#[derive(Clone, Debug)]
enum Happens {
    Wants(DesiredRole),
    Passes(u64),
    GoesDown,
    ComesUp,
    SomebodySets(Option<Role>),
}

fn anything() -> impl Strategy<Value = Happens> {
    let role = || proptest::sample::select(&[Role::Coordinator, Role::Standby, Role::Primary][..]);
    prop_oneof![
        Just(Happens::Wants(DesiredRole::Nothing)),
        role().prop_map(|role| Happens::Wants(DesiredRole::Role(role))),
        (0u64..120).prop_map(Happens::Passes),
        Just(Happens::GoesDown),
        Just(Happens::ComesUp),
        proptest::option::of(role()).prop_map(Happens::SomebodySets),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_label_is_right_in_the_end(story in proptest::collection::vec(anything(), 0..60)) {
        let mut world = World::new(Some("coordinator"));
        let mut wanted = DesiredRole::Nothing;
        for happens in story {
            match happens {
                Happens::Wants(what) => wanted = what,
                Happens::Passes(seconds) => world.pass(wanted, secs(seconds)),
                Happens::GoesDown => world.up = false,
                Happens::ComesUp => world.up = true,
                Happens::SomebodySets(role) => world.label = role.map(value),
            }
            let before = world.requests;
            world.settle(wanted);
            prop_assert!(world.requests - before <= 3, "no storm of requests at one moment");
        }
        world.up = true;
        world.pass(wanted, secs(400));
        let right = match wanted {
            DesiredRole::Role(role) => Some(value(role)),
            _ => None,
        };
        prop_assert_eq!(world.label, right);
    }
}
