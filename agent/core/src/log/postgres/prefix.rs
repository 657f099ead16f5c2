//! The beginning of a line: prefix and severity.

use crate::log::record::{LogLevel, Moment};

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    /// The first line of a message, with its severity and level.
    First(&'static str, LogLevel),
    /// A further part of it.
    More(Part),
}

/// A further part of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part(&'static str, &'static str);

impl Part {
    /// Its name among a record's fields.
    pub(super) fn field(self) -> &'static str {
        self.1
    }
}

impl Tag {
    /// PostgreSQL's own word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Tag::First(word, _) | Tag::More(Part(word, _)) => word,
        }
    }

    pub(super) fn level(self) -> LogLevel {
        match self {
            Tag::First(_, level) => level,
            Tag::More(_) => LogLevel::Info,
        }
    }
}

/// The words of elog.c (error_severity), untranslated.
const TAGS: [Tag; 15] = [
    Tag::First("DEBUG", LogLevel::Debug),
    Tag::First("LOG", LogLevel::Info),
    Tag::First("INFO", LogLevel::Info),
    Tag::First("NOTICE", LogLevel::Info),
    Tag::First("WARNING", LogLevel::Warn),
    Tag::First("ERROR", LogLevel::Error),
    Tag::First("FATAL", LogLevel::Fatal),
    Tag::First("PANIC", LogLevel::Fatal),
    Tag::More(Part("DETAIL", "detail")),
    Tag::More(Part("HINT", "hint")),
    Tag::More(Part("QUERY", "query")),
    Tag::More(Part("CONTEXT", "context")),
    Tag::More(Part("LOCATION", "location")),
    Tag::More(Part("BACKTRACE", "backtrace")),
    Tag::More(Part("STATEMENT", "statement")),
];

/// A line that has a severity.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Head<'a> {
    pub time: Option<Moment>,
    pub pid: Option<i64>,
    pub sqlstate: Option<&'a str>,
    pub user: Option<&'a str>,
    pub database: Option<&'a str>,
    /// What stands before the severity, when it is not [`super::PREFIX`].
    pub prefix: Option<&'a str>,
    pub tag: Tag,
    pub text: &'a str,
}

/// Reads a line; `None` when it has no severity.
pub(super) fn parse(line: &str) -> Option<Head<'_>> {
    if line.starts_with('\t') {
        return None;
    }
    let own = own_prefix(line);
    let rest = own.as_ref().map_or(line, |own| own.rest);
    let (at, tag) = find_tag(rest)?;
    let before = rest.get(..at)?.trim_end();
    let text = rest.get(at + tag.as_str().len() + 3..)?;
    let foreign = Head {
        time: None,
        pid: None,
        sqlstate: None,
        user: None,
        database: None,
        prefix: Some(before).filter(|p| !p.is_empty()),
        tag,
        text,
    };
    let Some(own) = own else { return Some(foreign) };
    let session = before.rsplit_once('@');
    Some(Head {
        time: Some(own.time),
        pid: Some(own.pid),
        sqlstate: Some(own.sqlstate),
        user: session.map(|(user, _)| user),
        database: session.map(|(_, database)| database),
        prefix: None,
        ..foreign
    })
}

struct OwnPrefix<'a> {
    time: Moment,
    pid: i64,
    sqlstate: &'a str,
    rest: &'a str,
}

/// `1709251199.123 [4242] 00000 `
fn own_prefix(line: &str) -> Option<OwnPrefix<'_>> {
    let (time, rest) = line.split_once(" [")?;
    let (pid, rest) = rest.split_once("] ")?;
    let (sqlstate, rest) = rest.split_once(' ')?;
    // Always three digits of a fraction (elog.c, log_line_prefix, %n).
    let (seconds, millis) = time.split_once('.').filter(|(_, millis)| millis.len() == 3)?;
    let (seconds, millis): (u64, u64) = (seconds.parse().ok()?, millis.parse().ok()?);
    let right = sqlstate.len() == 5 && sqlstate.bytes().all(|b| b.is_ascii_alphanumeric());
    Some(OwnPrefix {
        time: Moment(seconds.checked_mul(1_000_000)?.checked_add(millis * 1000)?),
        pid: pid.parse().ok()?,
        sqlstate: Some(sqlstate).filter(|_| right)?,
        rest,
    })
}

/// The first severity, at the beginning or after a space: two spaces follow its colon.
fn find_tag(text: &str) -> Option<(usize, Tag)> {
    text.match_indices(":  ").find_map(|(colon, _)| {
        let before = text.get(..colon)?;
        let start = before.rfind(' ').map_or(0, |space| space + 1);
        let word = before.get(start..)?;
        let tag = TAGS.iter().find(|tag| tag.as_str() == word)?;
        Some((start, *tag))
    })
}

/// Greenplum's log of columns: `...,"FATAL","22023","message",...`.
pub(super) fn severity_column(line: &str) -> Option<Tag> {
    let severe = |tag: &&Tag| matches!(tag, Tag::First(word, _) if line.contains(&format!(",\"{word}\",\"")));
    TAGS.iter().rev().find(severe).copied()
}
