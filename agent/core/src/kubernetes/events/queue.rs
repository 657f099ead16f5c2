//! What waits to be told, counted and in moderation. Times are counted from any fixed moment.

use super::notice::{Kind, Notice};
use crate::process::retry::doubling;
use std::collections::BTreeMap;
use std::time::Duration;

/// The API refuses longer messages (validation of core/v1 Events).
const LONGEST_MESSAGE: usize = 1024;

/// So many different Events are remembered; the one that was told longest ago is forgotten first.
const REMEMBERED: usize = 64;

/// The settings; [`EventLimits::default`] is meant for clusters, tests make it quicker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventLimits {
    /// How many may be sent in a row, and the pause that brings back one of these.
    pub sends: (u32, Duration),
    /// The same Event is brought up to date no more often.
    pub again: Duration,
    /// Pause after the first failure; doubles with each one in a row.
    pub first_retry: Duration,
    /// Longest pause after failures.
    pub longest_retry: Duration,
}

impl Default for EventLimits {
    fn default() -> Self {
        let s = Duration::from_secs;
        EventLimits {
            sends: (10, s(60)),
            again: s(60),
            first_retry: s(1),
            longest_retry: s(300),
        }
    }
}

type Key = (&'static str, String);

/// An Event as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventUpdate {
    key: Key,
    /// The Event to be changed; `None`: it is to be created.
    pub name: Option<String>,
    /// Normal or Warning.
    pub kind: Kind,
    /// A word in CamelCase.
    pub reason: &'static str,
    /// For people; at most 1024 bytes.
    pub message: String,
    /// How often it happened.
    pub count: u32,
    /// When it happened first; Unix seconds.
    pub first: u64,
    /// When it happened last; Unix seconds.
    pub last: u64,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// This is to be sent.
    Send(Box<EventUpdate>),
    /// Nothing for that long; without a time, until there is something to tell.
    Wait(Option<Duration>),
}

#[derive(Clone, Debug)]
struct Entry {
    update: EventUpdate,
    /// It has changed since it was sent.
    waits: bool,
    not_before: Duration,
}

/// What has been told, and what waits.
#[derive(Clone, Debug)]
pub struct EventQueue {
    pace: EventLimits,
    entries: BTreeMap<Key, Entry>,
    failures: u32,
    retry_at: Duration,
    /// When all sends will be available again.
    full_at: Duration,
}

impl EventQueue {
    /// Empty.
    pub fn new(pace: EventLimits) -> EventQueue {
        EventQueue {
            pace,
            entries: BTreeMap::new(),
            failures: 0,
            retry_at: Duration::ZERO,
            full_at: Duration::ZERO,
        }
    }

    /// Takes a notice in; `unix` is the time of day.
    pub fn note(&mut self, notice: Notice, unix: u64) {
        let key = (notice.reason, notice.topic);
        self.make_room(&key);
        let entry = self.entries.entry(key.clone()).or_insert_with(|| Entry {
            update: EventUpdate {
                key,
                name: None,
                kind: notice.kind,
                reason: notice.reason,
                message: String::new(),
                count: 0,
                first: unix,
                last: unix,
            },
            waits: false,
            not_before: Duration::ZERO,
        });
        entry.update.message = shortened(notice.message);
        entry.update.count = entry.update.count.saturating_add(1);
        entry.update.last = unix;
        entry.waits = true;
    }

    fn make_room(&mut self, key: &Key) {
        if self.entries.len() < REMEMBERED || self.entries.contains_key(key) {
            return;
        }
        let oldest = self.entries.iter().min_by_key(|(_, e)| (e.waits, e.update.last));
        if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
            self.entries.remove(&oldest);
        }
    }

    /// What is due at `now`.
    pub fn next(&self, now: Duration) -> Due {
        let waiting = self.entries.values().filter(|entry| entry.waits);
        let Some(entry) = waiting.min_by_key(|entry| (entry.not_before, entry.update.last)) else {
            return Due::Wait(None);
        };
        let (burst, each) = self.pace.sends;
        let room = each.saturating_mul(burst.saturating_sub(1));
        let at = entry
            .not_before
            .max(self.retry_at)
            .max(self.full_at.saturating_sub(room));
        match at.checked_sub(now) {
            Some(wait) if !wait.is_zero() => Due::Wait(Some(wait)),
            _ => Due::Send(Box::new(entry.update.clone())),
        }
    }

    /// It was sent; the API calls it `name`.
    pub fn sent(&mut self, update: &EventUpdate, name: String, now: Duration) {
        (self.failures, self.retry_at) = (0, Duration::ZERO);
        self.spend(now);
        if let Some(entry) = self.entries.get_mut(&update.key) {
            entry.update.name = Some(name);
            entry.waits = entry.update.count != update.count;
            entry.not_before = now + self.pace.again;
        }
    }

    /// The Event is gone (the API keeps them for an hour): it is created anew, and counts from one.
    pub fn expired(&mut self, update: &EventUpdate) {
        if let Some(entry) = self.entries.get_mut(&update.key) {
            entry.update.name = None;
            entry.update.count = 1;
            entry.update.first = entry.update.last;
        }
    }

    /// The API will never take it: it is forgotten.
    pub fn refused(&mut self, update: &EventUpdate, now: Duration) {
        self.spend(now);
        self.entries.remove(&update.key);
    }

    /// It could not be sent.
    pub fn failed(&mut self, lasting: bool, now: Duration) {
        self.spend(now);
        self.failures = self.failures.saturating_add(1);
        let longest = self.pace.longest_retry;
        let failures = if lasting { u32::MAX } else { self.failures };
        self.retry_at = now + doubling(self.pace.first_retry, failures, longest);
    }

    fn spend(&mut self, now: Duration) {
        self.full_at = self.full_at.max(now) + self.pace.sends.1;
    }
}

fn shortened(mut message: String) -> String {
    const MORE: &str = "...";
    if message.len() > LONGEST_MESSAGE {
        let end = (0..=LONGEST_MESSAGE - MORE.len()).rfind(|at| message.is_char_boundary(*at));
        message.truncate(end.unwrap_or(0));
        message.push_str(MORE);
    }
    message
}
