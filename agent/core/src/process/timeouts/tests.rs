use super::*;
use crate::process::shutdown_schedule::ShutdownSchedule;

/// Between two questions of the monitor.
const PAUSE: Duration = Duration::from_secs(1);

/// What the table says of one bound and another: the words between two names, and what they mean.
type Relation = (&'static str, fn(Duration, Duration) -> bool);

const RELATIONS: [Relation; 6] = [
    ("at least as long as ", |this, other| this >= other),
    ("at most half of ", |this, other| 2 * this <= other),
    ("shorter than ", |this, other| this < other),
    ("longer than ", |this, other| this > other),
    ("several times ", |this, other| this >= 3 * other),
    ("many times ", |this, other| this >= 5 * other),
];

/// Relations with more than two sides, which [`there_is_time_to_ask_again`] and its neighbour hold.
const ELSEWHERE: [(&str, &str); 2] = [
    ("SHUTDOWN_SIGNALS_ARRIVE", "LABEL_WITHDRAWN"),
    ("SQL_ANSWERS", "SQL_FRESH"),
];

/// The bounds that `fits` names, each with the words that say how.
fn related(fits: &str) -> Vec<(&str, &str)> {
    let mut parts = fits.split('`');
    let mut words = parts.next().unwrap();
    let mut found = Vec::new();
    while let Some(name) = parts.next() {
        let between = parts.next().unwrap();
        found.push((words, name));
        // "shorter than `A` and `B`" says the same of both.
        if between != " and " {
            words = between;
        }
    }
    found
}

#[test]
fn the_table_is_in_order() {
    assert!(BOUNDS.is_sorted_by_key(|bound| bound.value));
}

#[test]
fn every_bound_is_what_the_table_says_of_it() {
    for bound in BOUNDS {
        for (words, name) in related(bound.fits) {
            if ELSEWHERE.contains(&(bound.name, name)) {
                continue;
            }
            let other = BOUNDS.iter().find(|other| other.name == name);
            let other = other.unwrap_or_else(|| panic!("{}: there is no {name}", bound.name));
            let relation = RELATIONS.iter().find(|(relation, _)| words.ends_with(relation));
            let (relation, holds) = relation.unwrap_or_else(|| panic!("{}: {words:?} says nothing", bound.name));
            assert!(
                holds(bound.value, other.value),
                "{} ({:?}) is not {relation}{name} ({:?})",
                bound.name,
                bound.value,
                other.value
            );
        }
    }
}

#[test]
fn words_of_the_table_are_understood() {
    assert_eq!(
        related("longer than `A` and `B`, twice; shorter than `C`: why"),
        [
            ("longer than ", "A"),
            ("longer than ", "B"),
            (", twice; shorter than ", "C")
        ]
    );
}

#[test]
fn who_is_asked_gives_up_before_who_asks() {
    for chain in [
        &[PEER_ANSWERS, CLUSTER_ANSWERS, STATUS_ANSWERS, HTTP_CONNECTION_ENDS][..],
        &[NAME_SERVER_ANSWERS, LIBC_ANSWERS, LIBC_ANSWERS_ALL],
        &[LABEL_WITHDRAWN, KUBERNETES_ANSWERS, PROBE_ANSWERS, SQL_FRESH],
        &[
            VOLUME_GLANCED_AT,
            VOLUME_LOOKED_AT,
            VOLUME_ANSWERS,
            LOOP_STANDS_STILL,
            LOOP_FRESH,
            WATCHDOG,
        ],
        &[FAILOVER_DONE, FAILOVER_ANSWERS, HTTP_CONNECTION_ENDS],
        &[
            PREFLIGHT_LOOKS,
            SSH_PROGRAM_ENDS,
            REMOTE_COMMAND_ENDS,
            GPINITSYSTEM_SPEAKS,
        ],
    ] {
        assert!(chain.is_sorted_by(|shorter, longer| shorter < longer), "{chain:?}");
    }
}

#[test]
fn there_is_time_to_ask_again() {
    assert!(2 * PEER_ANSWERS < PARTNER_SILENT);
    assert!(2 * (SQL_ANSWERS + PAUSE) < SQL_FRESH);
    assert!(5 * CATALOG_ANSWERS < PRIMARIES_START);
    assert!(2 * SERVER_ENDS < REMOTE_COMMAND_ENDS);
    assert!(2 * PREFLIGHT_LOOKS < REMOTE_COMMAND_ENDS);
    assert!(2 * USE_TOLD < CRASHED_COMES_UP);
    assert!(BACKENDS_END + BACKENDS_QUIT + BACKENDS_KILLED < SERVER_ENDS);
}

#[test]
fn a_usual_grace_period_has_room_for_what_comes_before_the_end() {
    let schedule = ShutdownSchedule::new(Duration::from_secs(30));
    assert!(LABEL_WITHDRAWN + SHUTDOWN_SIGNALS_ARRIVE < schedule.wait_for_others());
    assert!(schedule.immediate() + LOG_FINISHES < Duration::from_secs(30));
}
