//! The requests to the authority: one at a time, and what became of those whose answer was lost.

use super::event::{RequestError, Ticket};
use crate::failover::record::{Record, Version};
use std::time::Duration;

/// A write that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sent {
    pub(super) ticket: Ticket,
    pub(super) record: Record,
    pub(super) over: Version,
    /// When it was decided on, before it was sent: deadlines count from here (R3).
    pub(super) at: Duration,
}

/// What the authority was asked.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Requests {
    next: u64,
    reading: Option<(Ticket, Duration)>,
    writing: Option<Sent>,
    /// Writes that may be in force, or come into force later.
    unsettled: Vec<Sent>,
    /// No request before this: the last one was in vain.
    pub(super) not_before: Duration,
    /// When a candidate that does not write looks again.
    pub(super) look_at: Duration,
    /// The next request has to be a read: what is there now is not what was read last.
    pub(super) look_first: bool,
    /// Writes in a row that ended in a conflict; more than a few are not counted.
    pub(super) conflicts: u8,
    /// Why the last request failed, and since when all have.
    pub(super) silent: Option<(RequestError, Duration)>,
    /// The highest serial that was sent or seen.
    pub(super) serial: u64,
}

impl Requests {
    pub(super) fn new(now: Duration) -> Requests {
        Requests {
            next: 0,
            reading: None,
            writing: None,
            unsettled: Vec::new(),
            not_before: now,
            look_at: now,
            look_first: true,
            conflicts: 0,
            silent: None,
            serial: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn last(&self) -> u64 {
        self.next
    }

    #[cfg(test)]
    pub(super) fn normalize(&mut self, frame: &mut impl super::frame::Frame, open: &super::frame::Open) {
        self.next = 0;
        frame.due(&mut self.not_before);
        frame.due(&mut self.look_at);
        frame.serial(&mut self.serial);
        if let Some((reading, at)) = &mut self.reading {
            open.ticket(reading);
            frame.time(at);
        }
        for sent in self.writing.iter_mut().chain(&mut self.unsettled) {
            open.ticket(&mut sent.ticket);
            frame.record(&mut sent.record);
            frame.version(&mut sent.over);
            frame.time(&mut sent.at);
        }
        if let Some((why, since)) = &mut self.silent {
            *why = RequestError::NoAnswer;
            *since = Duration::ZERO;
        }
    }

    pub(super) fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }

    /// Since when a request has been waiting for its answer.
    pub(super) fn waiting_since(&self) -> Option<Duration> {
        let reading = self.reading.map(|(_, at)| at);
        reading.or_else(|| self.writing.as_ref().map(|sent| sent.at))
    }

    /// Whether the answer to a write is waited for.
    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    pub(super) fn read(&mut self, now: Duration) -> Ticket {
        let ticket = self.ticket();
        self.reading = Some((ticket, now));
        ticket
    }

    pub(super) fn write(&mut self, record: Record, over: Version, now: Duration) -> Ticket {
        let ticket = self.ticket();
        self.serial = self.serial.max(record.serial);
        self.writing = Some(Sent {
            ticket,
            record,
            over,
            at: now,
        });
        ticket
    }

    /// When the read was sent, if `ticket` is the one that is waited for; it is not any more.
    pub(super) fn end_read(&mut self, ticket: Ticket) -> Option<Duration> {
        self.reading.take_if(|(t, _)| *t == ticket).map(|(_, at)| at)
    }

    /// The write that is waited for, if `ticket` is its; it is not any more.
    pub(super) fn end_write(&mut self, ticket: Ticket) -> Option<Sent> {
        self.writing.take_if(|sent| sent.ticket == ticket)
    }

    /// A write whose outcome is not known. Of equals the first stands for all: one of them at most can come into force.
    pub(super) fn unsettle(&mut self, sent: Sent) {
        let known = self
            .unsettled
            .iter()
            .any(|s| s.record == sent.record && s.over == sent.over);
        if !known {
            self.unsettled.push(sent);
        }
    }

    /// The record with a serial of its own; with the one that it had where it was sent before, over the same state, and may
    /// still come into force. So an authority that is silent for a day leaves one open write, not one for each renewal.
    pub(super) fn numbered(&self, record: Record, over: &Version) -> Record {
        let again = |sent: &&Sent| {
            let serial = sent.record.serial;
            let same = Record {
                serial,
                ..record.clone()
            };
            sent.over == *over && sent.record == same
        };
        match self.unsettled.iter().find(again) {
            Some(sent) => sent.record.clone(),
            None => record,
        }
    }

    /// The authority is in another state than those that the lost writes would have replaced, by this candidate's own doing.
    pub(super) fn settle_all(&mut self) {
        self.unsettled.clear();
    }

    /// The authority was seen as `version`, with this record: the write that did it, if it was one of the lost ones, the first
    /// of equals. What stood on another state can never come into force.
    pub(super) fn settle(&mut self, record: Option<&Record>, version: &Version) -> Option<Sent> {
        let done = self.unsettled.iter().find(|sent| Some(&sent.record) == record).cloned();
        self.unsettled.retain(|sent| sent.over == *version);
        done
    }

    /// Both requests are given up; their answers, should they come, count for nothing.
    pub(super) fn give_up(&mut self) {
        self.reading = None;
        if let Some(sent) = self.writing.take() {
            self.unsettle(sent);
        }
    }

    pub(super) fn failed(&mut self, why: RequestError, now: Duration) {
        let since = self.silent.take().map_or(now, |(_, since)| since);
        self.silent = Some((why, since));
    }

    /// Everything that may be in force without this candidate knowing.
    pub(super) fn open(&self) -> impl Iterator<Item = &Record> {
        self.writing.iter().chain(&self.unsettled).map(|sent| &sent.record)
    }
}
