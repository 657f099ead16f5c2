//! PostgreSQL's log as it comes out of the server's standard error, taken apart into records.
//!
//! elog.c (send_message_to_server_log) writes one message with one write(2): a line with prefix, severity and text, then, each
//! with the prefix, DETAIL, HINT, QUERY, CONTEXT, LOCATION, BACKTRACE and STATEMENT; line breaks within a text are followed by
//! a tab.

mod last_words;
mod prefix;
#[cfg(test)]
mod tests;

pub use last_words::{last_words, stream_words};

use super::record::{LogLevel, Moment, Record};
use prefix::{Head, Tag};
use serde_json::{Map, Value};

/// What `log_line_prefix` has to be for everything to be understood: Unix time with milliseconds, PID, SQLSTATE, and for
/// sessions user and database. With another prefix severity and text are still found.
pub const PREFIX: &str = "%n [%p] %e %q%u@%d ";

/// The same for people: its end tells whether a session speaks.
pub const TEXT_PREFIX: &str = "%m [%p] %q%u@%d ";

/// What stands at the beginning of the bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Taken {
    /// The record; none for an empty line.
    pub record: Option<Record>,
    /// Bytes that it takes, at least one.
    pub bytes: usize,
}

/// Takes the first record off `bytes`; `None` when more of it may come. `settled` says that nothing has come for a while, so
/// that what is there is whole; `now` is the time of records that tell none.
pub fn take(bytes: &[u8], now: Moment, settled: bool) -> Option<Taken> {
    let first = line(bytes, settled)?;
    let Some(head) = prefix::parse(&first.text) else {
        return Some(Taken {
            record: plain(first.text.trim_end(), now),
            bytes: first.bytes,
        });
    };
    let mut message = Assembly::new(&head, now);
    let mut at = first.bytes;
    while at < bytes.len() {
        let rest = bytes.get(at..).unwrap_or_default();
        match line(rest, false) {
            Some(next) if message.takes(&next.text) => at += next.bytes,
            Some(_) => return Some(message.finish(at)),
            None => break,
        }
    }
    settled.then(|| message.finish(at))
}

/// Why a whole server ended, by the end of its log.
pub fn last_words_of(log: &[u8]) -> Option<String> {
    last_of(log, last_words)
}

/// Why a replica received no stream last, by the end of its server's log.
pub fn stream_words_of(log: &[u8]) -> Option<String> {
    last_of(log, stream_words)
}

fn last_of(mut log: &[u8], words: fn(&Record) -> Option<String>) -> Option<String> {
    let mut last = None;
    while let Some(taken) = take(log, Moment(0), true) {
        last = taken.record.as_ref().and_then(words).or(last);
        log = log.get(taken.bytes..).unwrap_or_default();
    }
    last
}

struct Line {
    text: String,
    bytes: usize,
}

/// The first line; without its end only when it is `settled`.
fn line(bytes: &[u8], settled: bool) -> Option<Line> {
    let (text, taken) = match bytes.iter().position(|b| *b == b'\n') {
        Some(end) => (bytes.get(..end)?, end + 1),
        None if settled && !bytes.is_empty() => (bytes, bytes.len()),
        None => return None,
    };
    Some(Line {
        text: String::from_utf8_lossy(text).into_owned(),
        bytes: taken,
    })
}

/// A message whose lines are being gathered.
struct Assembly {
    pid: Option<i64>,
    record: Record,
    /// The field that a continuation line belongs to; the message itself when none.
    open: Option<&'static str>,
}

impl Assembly {
    fn new(head: &Head, now: Moment) -> Assembly {
        let mut fields = Map::new();
        fields.insert("source".into(), "postgres".into());
        fields.insert("severity".into(), head.tag.as_str().into());
        let mut put = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                fields.insert(name.into(), value);
            }
        };
        put("pid", head.pid.map(Value::from));
        put("sqlstate", head.sqlstate.filter(|s| *s != "00000").map(Value::from));
        put("user", head.user.map(Value::from));
        put("database", head.database.map(Value::from));
        put("prefix", head.prefix.map(Value::from));
        Assembly {
            pid: head.pid,
            record: Record {
                time: head.time.unwrap_or(now),
                level: head.tag.level(),
                message: head.text.to_string(),
                fields,
            },
            open: None,
        }
    }

    /// Takes a line that belongs to the message; says whether it does.
    fn takes(&mut self, line: &str) -> bool {
        if let Some(more) = line.strip_prefix('\t') {
            self.append(more);
            return true;
        }
        let Some(head) = prefix::parse(line).filter(|head| head.pid == self.pid) else {
            return false;
        };
        let Tag::More(name) = head.tag else {
            return false;
        };
        let name = name.field();
        // Another message's, when it is there already.
        if self.record.fields.contains_key(name) {
            return false;
        }
        self.open = Some(name);
        self.record.fields.insert(name.into(), head.text.into());
        true
    }

    fn append(&mut self, more: &str) {
        let open = self.open.and_then(|name| self.record.fields.get_mut(name));
        let text = match open {
            Some(Value::String(text)) => text,
            _ => &mut self.record.message,
        };
        text.push('\n');
        text.push_str(more);
    }

    fn finish(self, bytes: usize) -> Taken {
        Taken {
            record: Some(self.record),
            bytes,
        }
    }
}

/// A line that no server wrote in its usual way: of sshd, of a library, of an archive command, or of Greenplum before its
/// collector runs, which writes its severity as a column of CSV.
fn plain(text: &str, now: Moment) -> Option<Record> {
    if text.is_empty() {
        return None;
    }
    let mut fields = Map::new();
    let column = prefix::severity_column(text);
    let source = if column.is_some() { "postgres" } else { "output" };
    fields.insert("source".into(), source.into());
    if let Some(tag) = column {
        fields.insert("severity".into(), tag.as_str().into());
    }
    Some(Record {
        time: now,
        level: column.map_or(LogLevel::Info, prefix::Tag::level),
        message: text.to_string(),
        fields,
    })
}
