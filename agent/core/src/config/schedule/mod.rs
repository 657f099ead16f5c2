//! Times that come again and again, written as cron's five fields. They are of UTC: neither containers nor their nodes agree on
//! another zone, and no hour of it is left out or comes twice.

use super::diagnostic::Fault;
use super::suggest::nearest;
use super::value_rules::shown;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

const MINUTE: u64 = 60;
const DAY: u64 = 24 * 60 * MINUTE;
/// The 29th of February is missing for eight years at most.
const DAYS_AHEAD: u64 = 8 * 366 + 1;

const REMEDY: &str =
    "write minute, hour, day of the month, month and day of the week as cron does, such as \"0 2 * * sun\"";
const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// A schedule, and how it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    text: String,
    times: Times,
}

/// The minutes of a schedule: a bit for each value of each field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    minutes: u64,
    hours: u64,
    days: u64,
    months: u64,
    weekdays: u64,
    /// Both days are limited: then one of the two suffices, as crontab(5) says.
    either_day: bool,
}

/// One field: its name, and its least and greatest value; the names of the values, from the least on.
struct FieldRule {
    name: &'static str,
    least: u64,
    most: u64,
    names: &'static [&'static str],
}

const FIELDS: [FieldRule; 5] = [
    FieldRule::numbers("minute", 0, 59),
    FieldRule::numbers("hour", 0, 23),
    FieldRule::numbers("day of the month", 1, 31),
    FieldRule {
        names: &MONTHS,
        ..FieldRule::numbers("month", 1, 12)
    },
    // Sunday is 0 and 7.
    FieldRule {
        names: &WEEKDAYS,
        ..FieldRule::numbers("day of the week", 0, 7)
    },
];

impl Schedule {
    /// How it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// One that is written well.
    #[cfg(test)]
    pub(crate) fn known(text: &str) -> Schedule {
        schedule(text).unwrap()
    }

    /// When it comes.
    pub fn times(&self) -> Times {
        self.times
    }
}

/// Five fields with numbers, names, lists, ranges and steps.
pub(super) fn schedule(text: &str) -> Result<Schedule, Fault> {
    let fields: Vec<&str> = text.split_ascii_whitespace().collect();
    let [minute, hour, day, month, weekday] = fields[..] else {
        return Err(Fault::new(format!("{} is not five fields", shown(text)), REMEDY));
    };
    let [minutes, hours, days, months, weekdays] = &FIELDS;
    let sunday = |bits: u64| (bits | bits >> 7) & 0x7f;
    let limited = |field: &str| !field.starts_with('*');
    let times = Times {
        minutes: minutes.read(minute)?,
        hours: hours.read(hour)?,
        days: days.read(day)?,
        months: months.read(month)?,
        weekdays: sunday(weekdays.read(weekday)?),
        either_day: limited(day) && limited(weekday),
    };
    if times.next_after(0).is_none() {
        let what = format!("{} never comes: no such month has such a day", shown(text));
        return Err(Fault::new(what, REMEDY));
    }
    Ok(Schedule {
        text: fields.join(" "),
        times,
    })
}

impl FieldRule {
    const fn numbers(name: &'static str, least: u64, most: u64) -> FieldRule {
        FieldRule {
            name,
            least,
            most,
            names: &[],
        }
    }

    fn fault(&self, what: String) -> Fault {
        Fault::new(format!("{}: {what}", self.name), REMEDY)
    }

    /// A list of ranges.
    fn read(&self, text: &str) -> Result<u64, Fault> {
        let parts = text.split(',').map(|part| self.range(part));
        parts.sum::<Result<Union, Fault>>().map(|union| union.0)
    }

    /// `*`, a value, or two with `-` between them; perhaps `/` and a step.
    fn range(&self, text: &str) -> Result<Union, Fault> {
        let (range, step) = match text.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (text, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((from, to)) => (self.value(from)?, self.value(to)?),
            // With a step, from there on.
            None => {
                let value = self.value(range)?;
                (value, if step.is_some() { self.most } else { value })
            }
        };
        if from > to {
            return Err(self.fault(format!("the range {} runs backwards", shown(range))));
        }
        let step = step.map_or(Ok(1), |step| self.step(step))?;
        let values = (from..=to).step_by(step);
        Ok(Union(values.fold(0, |bits, value| bits | 1 << value)))
    }

    fn step(&self, text: &str) -> Result<usize, Fault> {
        let step = text.parse().ok().filter(|step| *step > 0);
        step.ok_or_else(|| self.fault(format!("{} is no step", shown(text))))
    }

    fn value(&self, text: &str) -> Result<u64, Fault> {
        let number = text.parse::<u64>().ok().filter(|_| digits(text));
        let named = || {
            let at = self.names.iter().position(|name| name.eq_ignore_ascii_case(text))?;
            Some(self.least + at as u64)
        };
        match number.or_else(named) {
            Some(value) if (self.least..=self.most).contains(&value) => Ok(value),
            Some(value) => Err(self.fault(format!("{value} is not from {} to {}", self.least, self.most))),
            None => {
                // Days and months are often written out.
                let begins = |name: &&str| text.to_ascii_lowercase().starts_with(name);
                let names = || self.names.iter().copied();
                let near = names().find(begins).or_else(|| nearest(text, names()));
                let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
                Err(self.fault(format!("{} is not known{hint}", shown(text))))
            }
        }
    }
}

fn digits(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_digit())
}

/// Values of several ranges.
struct Union(u64);

impl std::iter::Sum for Union {
    fn sum<I: Iterator<Item = Union>>(all: I) -> Union {
        Union(all.fold(0, |bits, union| bits | union.0))
    }
}

impl Times {
    /// The last time at or before `now` that is less than `within` seconds ago; both in Unix seconds.
    pub(crate) fn last_within(&self, now: u64, within: u64) -> Option<u64> {
        let first = now - now % MINUTE;
        let minutes = (0..=within / MINUTE).map_while(|back| first.checked_sub(back * MINUTE));
        minutes
            .take_while(|at| now - at < within)
            .find(|at| self.is_at(civil(*at)))
    }

    /// The first time after `now`, in Unix seconds. Every schedule that was read has one.
    pub(crate) fn next_after(&self, now: u64) -> Option<u64> {
        let first = now - now % MINUTE + MINUTE;
        let today = first - first % DAY;
        let days = (0..=DAYS_AHEAD).map(|ahead| today + ahead * DAY);
        let mut days = days.filter(|day| self.is_day(civil(*day)));
        days.find_map(|day| {
            let minutes = (0..DAY / MINUTE).map(|minute| day + minute * MINUTE);
            minutes
                .skip_while(|at| *at < first)
                .find(|at| self.is_minute(civil(*at)))
        })
    }

    fn is_at(&self, time: DateTime) -> bool {
        self.is_day(time) && self.is_minute(time)
    }

    fn is_minute(&self, time: DateTime) -> bool {
        has(self.minutes, time.minute()) && has(self.hours, time.hour())
    }

    fn is_day(&self, time: DateTime) -> bool {
        let of_month = has(self.days, time.day());
        let of_week = has(self.weekdays, time.weekday().to_sunday_zero_offset());
        let day = match self.either_day {
            true => of_month || of_week,
            false => of_month && of_week,
        };
        day && has(self.months, time.month())
    }
}

fn has(bits: u64, value: i8) -> bool {
    bits >> value & 1 == 1
}

/// What lies beyond the last second that jiff knows is shown as that one.
fn civil(seconds: u64) -> DateTime {
    let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
    Offset::UTC.to_datetime(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
}

#[cfg(test)]
impl serde::Serialize for Schedule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

#[cfg(test)]
mod tests;
