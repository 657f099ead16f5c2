use super::*;

const C: ContentId = ContentId::new(0);

fn tried(times: &[(u64, Method, AttemptOutcome)]) -> Attempts {
    let mut attempts = Attempts::default();
    for (at, method, outcome) in times {
        attempts.begin(C, *method, *at);
        attempts.end(C, outcome.clone());
    }
    attempts
}

fn failed() -> AttemptOutcome {
    AttemptOutcome::Failed("could not find previous WAL record".into())
}

#[test]
fn waits_grow_and_limits_hold() {
    let inc = Method::Incremental;
    assert_eq!(tried(&[]).not_before(C, 100), 0);
    assert_eq!(tried(&[(100, inc, failed())]).not_before(C, 100), 160);
    let two = [(100, inc, failed()), (160, inc, failed())];
    assert_eq!(tried(&two).not_before(C, 160), 460);
    let three = [two[0].clone(), two[1].clone(), (460, Method::Differential, failed())];
    assert_eq!(tried(&three).not_before(C, 460), 100 + HOUR, "three an hour");
    // What helps resets the backoff, and counts for the limits.
    let flapping: Vec<_> = (0..3).map(|i| (i * 100, inc, AttemptOutcome::Recovered)).collect();
    assert_eq!(tried(&flapping).not_before(C, 200), HOUR);
    let all_day: Vec<_> = (0..6).map(|i| (i * 2 * HOUR, inc, AttemptOutcome::Recovered)).collect();
    assert_eq!(tried(&all_day).not_before(C, 10 * HOUR), DAY, "six a day");
}

#[test]
fn the_ladder_is_climbed_by_failures_alone() {
    let inc = Method::Incremental;
    let broken = [
        (0, inc, AttemptOutcome::BrokenOff),
        (1, inc, AttemptOutcome::BrokenOff),
        (2, inc, failed()),
    ];
    assert_eq!(tried(&broken).next(C, true, 10), Next::Method(inc));
    let twice = [(0, inc, failed()), (1, inc, failed())];
    assert_eq!(tried(&twice).next(C, true, 10), Next::Method(Method::Differential));
    assert!(matches!(tried(&twice).next(C, false, 10), Next::OnlyFull(why) if why.contains("WAL record")));
    let thrice = [twice[0].clone(), twice[1].clone(), (2, Method::Differential, failed())];
    assert!(matches!(tried(&thrice).next(C, true, 10), Next::OnlyFull(_)));
    let healed = [
        twice[0].clone(),
        twice[1].clone(),
        (2, Method::Differential, AttemptOutcome::Recovered),
    ];
    assert_eq!(tried(&healed).next(C, true, 10), Next::Method(inc), "begins anew");
}

#[test]
fn what_failed_elsewhere_is_waited_for_and_climbs_nothing() {
    let mut attempts = Attempts::default();
    for at in [0, 60, 400] {
        attempts.begin(C, Method::Incremental, at);
        attempts.fail_elsewhere(C, "cannot reach another one".into());
    }
    assert_eq!(attempts.next(C, false, 401), Next::Method(Method::Incremental));
    assert!(attempts.goes_alone(C, 401) && attempts.not_before(C, 401) > 401);
    let kept = serde_json::to_string(&attempts).unwrap();
    assert!(kept.contains(r#""elsewhere":true"#));
    assert_eq!(serde_json::from_str::<Attempts>(&kept).unwrap(), attempts);
}

#[test]
fn what_failed_is_over_after_a_day_and_when_the_segment_is_up() {
    let inc = Method::Incremental;
    let mut twice = tried(&[(0, inc, failed()), (60, inc, failed())]);
    assert!(matches!(twice.next(C, false, 61), Next::OnlyFull(_)));
    assert_eq!(twice.next(C, false, DAY), Next::Method(inc));
    let copy = tried(&[(0, Method::Full, AttemptOutcome::BrokenOff)]);
    assert!(copy.copy_unfinished(C, DAY - 1) && !copy.copy_unfinished(C, DAY));
    twice.is_up(C);
    assert_eq!(
        (twice.failures(C, 61), twice.next(C, false, 61)),
        (0, Next::Method(inc))
    );
    assert_eq!(twice.not_before(C, 61), 60, "counts for the limits all the same");
}

#[test]
fn a_clock_that_was_set_back_forgives_nothing() {
    let later = tried(&[(1_000_000, Method::Incremental, failed())]);
    assert_eq!(later.recalled(500).not_before(C, 500), 560);
}

#[test]
fn another_coordinator_learns_what_was_tried() {
    let mut old = tried(&[(100, Method::Incremental, failed())]);
    let mut new = Attempts::default();
    old.begin(C, Method::Incremental, 160);
    new.learn(&old.told());
    assert_eq!(new, old);
    old.end(C, failed());
    new.learn(&old.told());
    assert_eq!((new.not_before(C, 160), &new), (460, &old));
    let mut foreign = old.told();
    foreign[0].attempt.insert("method".into(), "magic".into());
    new.learn(&foreign);
    assert_eq!(new, old, "a word of another version is left out");
}

#[test]
fn the_memory_is_readable() {
    let attempts = tried(&[(7, Method::Full, failed()), (9, Method::Full, AttemptOutcome::UnderWay)]);
    let kept = serde_json::to_string(&attempts).unwrap();
    let text = r#"{"0":[{"at":7,"method":"full","outcome":"failed","why":"could not find previous WAL record"},{"at":9,"method":"full","outcome":"underWay"}]}"#;
    assert_eq!(kept, text);
    assert_eq!(serde_json::from_str::<Attempts>(&kept).unwrap(), attempts);
}
