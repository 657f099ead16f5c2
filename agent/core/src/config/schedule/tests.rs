use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

fn read(text: &str) -> Schedule {
    schedule(text).unwrap()
}

fn at(time: &str) -> u64 {
    let time: Timestamp = time.parse().unwrap();
    u64::try_from(time.as_second()).unwrap()
}

fn next(text: &str, after: &str) -> String {
    let seconds = read(text).times().next_after(at(after)).unwrap();
    civil(seconds).to_string()
}

#[test]
fn the_next_time_is_crons() {
    // 2026-11-29 is a Sunday.
    let told = [
        next("0 2 * * sun", "2026-11-29T01:59:59Z"),
        next("0 2 * * 7", "2026-11-29T02:00:00Z"),
        next("*/15 * * * *", "2026-11-29T02:00:00Z"),
        next("30 22-23,1 * * MON-fri", "2026-11-29T02:00:00Z"),
        next("5/20 0 1 */3 *", "2026-11-29T02:00:00Z"),
        next("0 0 29 feb *", "2096-03-01T00:00:00Z"),
        // Both days: one suffices. With a star in one of them both have to fit.
        next("0 0 13 * fri", "2026-11-29T00:00:00Z"),
        next("0 0 */2 * fri", "2026-11-29T00:00:00Z"),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    2026-11-29T02:00:00
    2026-12-06T02:00:00
    2026-11-29T02:15:00
    2026-11-30T01:30:00
    2027-01-01T00:05:00
    2104-02-29T00:00:00
    2026-12-04T00:00:00
    2026-12-11T00:00:00
    ");
}

#[test]
fn what_is_wrong_is_told_with_what_helps() {
    let told = [
        "",
        "@daily",
        "0 2 * *",
        "0 2 * * * *",
        "60 2 * * *",
        "0 2 0 * *",
        "0 2 * * sunday",
        "0 2 * juni *",
        "0 2-1 * * *",
        "*/0 * * * *",
        "1, * * * *",
        "+1 * * * *",
        "0 0 30 2 *",
        "fri * * * *",
    ]
    .map(|text| schedule(text).unwrap_err().message);
    insta::assert_snapshot!(told.join("\n"), @r#"
    "" is not five fields
    "@daily" is not five fields
    "0 2 * *" is not five fields
    "0 2 * * * *" is not five fields
    minute: 60 is not from 0 to 59
    day of the month: 0 is not from 1 to 31
    day of the week: "sunday" is not known; did you mean sun?
    month: "juni" is not known; did you mean jun?
    hour: the range "2-1" runs backwards
    minute: "0" is no step
    minute: "" is not known
    minute: "+1" is not known
    "0 0 30 2 *" never comes: no such month has such a day
    minute: "fri" is not known
    "#);
}

#[test]
fn a_time_that_has_begun_is_found_while_it_lasts() {
    let times = read("0 2 * * *").times();
    let begins = at("2026-11-29T02:00:00Z");
    assert_eq!(times.last_within(begins, 60), Some(begins));
    assert_eq!(times.last_within(begins + 59, 60), Some(begins));
    assert_eq!(times.last_within(begins + 60, 60), None);
    assert_eq!(times.last_within(begins - 1, 3600), None);
    assert_eq!(times.last_within(30, 3600), None, "before all time there is none");
}

#[derive(Clone, Debug)]
struct Written {
    text: String,
    sets: [BTreeSet<u64>; 5],
}

/// A field as it is written, and the values that were meant.
fn field(least: u64, most: u64) -> impl Strategy<Value = (String, BTreeSet<u64>)> {
    let value = least..=most;
    prop_oneof![
        Just(("*".to_string(), (least..=most).collect())),
        prop::collection::btree_set(value.clone(), 1..5).prop_map(|set| {
            let words: Vec<String> = set.iter().map(u64::to_string).collect();
            (words.join(","), set)
        }),
        (value.clone(), value, 1..9_usize).prop_map(|(one, other, step)| {
            let (from, to) = (one.min(other), one.max(other));
            (format!("{from}-{to}/{step}"), (from..=to).step_by(step).collect())
        }),
    ]
}

fn written() -> impl Strategy<Value = Written> {
    let fields = (field(0, 59), field(0, 23), field(1, 31), field(1, 12), field(0, 6));
    fields.prop_map(|(a, b, c, d, e)| Written {
        text: [a.0, b.0, c.0, d.0, e.0].join(" "),
        sets: [a.1, b.1, c.1, d.1, e.1],
    })
}

impl Written {
    /// By the calendar alone.
    fn meant(&self, seconds: u64) -> bool {
        let time = civil(seconds);
        let [minutes, hours, days, months, weekdays] = &self.sets;
        let has = |set: &BTreeSet<u64>, value: i8| set.contains(&u64::try_from(value).unwrap());
        let star = |at: usize| self.text.split(' ').nth(at) == Some("*");
        let day = has(days, time.day());
        let weekday = has(weekdays, time.weekday().to_sunday_zero_offset());
        let fits = if star(2) || star(4) {
            day && weekday
        } else {
            day || weekday
        };
        fits && has(minutes, time.minute()) && has(hours, time.hour()) && has(months, time.month())
    }
}

proptest! {
    /// Against going through all minutes of three days.
    #[test]
    fn times_are_those_that_were_written(written in written(), now in 1_700_000_000_u64..2_000_000_000, within in 1_u64..90_000) {
        let mut ahead = (now / MINUTE + 1..(now + 3 * DAY) / MINUTE).map(|minute| minute * MINUTE);
        let first = ahead.find(|at| written.meant(*at));
        let Ok(schedule) = schedule(&written.text) else {
            prop_assert_eq!(first, None, "it never comes");
            return Ok(());
        };
        let times = schedule.times();
        let found = times.next_after(now).unwrap();
        prop_assert!(written.meant(found) && found > now);
        prop_assert_eq!(first, Some(found).filter(|at| at / MINUTE < (now + 3 * DAY) / MINUTE));
        let mut behind = (0..=now / MINUTE).rev().map(|minute| minute * MINUTE).take_while(|at| now - at < within);
        let begun = behind.find(|at| written.meant(*at));
        prop_assert_eq!(times.last_within(now, within), begun);
    }

    #[test]
    fn no_text_is_too_strange(text in "[0-9a-z*/, -]{0,24}") {
        let _ = schedule(&text);
    }
}
