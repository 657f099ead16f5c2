//! One line of a tool.

use crate::log::printable::one_line;
use std::fmt;

/// How serious a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ToolLevel {
    /// What only the tool's makers care for.
    Debug,
    /// The usual.
    Info,
    /// `WARN` of the shell tools, `WARNING` of the Python tools.
    Warn,
    /// Something failed.
    Error,
    /// `FATAL` of the shell tools, `CRITICAL` of the Python tools: the tool gives up.
    Fatal,
}

impl ToolLevel {
    fn of(word: &str) -> Option<ToolLevel> {
        match word {
            "DEBUG" => Some(ToolLevel::Debug),
            "INFO" => Some(ToolLevel::Info),
            "WARN" | "WARNING" => Some(ToolLevel::Warn),
            "ERROR" => Some(ToolLevel::Error),
            "FATAL" | "CRITICAL" => Some(ToolLevel::Fatal),
            _ => None,
        }
    }
}

/// A line without its decoration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The tool; empty for the words of programs that the tools call (initdb, ssh, ping).
    pub tool: String,
    /// How serious it says it is.
    pub level: ToolLevel,
    /// Which of gpinitsystem's parallel processes says so.
    pub process: Option<u32>,
    /// What it says, on one line.
    pub text: String,
}

impl Line {
    /// Reads one line; `None` when it says nothing (blank, dots of waiting, rules of dashes or stars).
    ///
    /// The formats: `date:time:pid tool:host:user-[LEVEL]:-text` (`LOG_MSG` in gp_bash_functions.sh, gplog.py), the same
    /// without the pid (`ERROR_EXIT` in older versions), with `[process]` behind the level (gpcreateseg.sh), and with `:` or `-`
    /// alone for `:-`, which occur in gpinitsystem.
    pub fn parse(raw: &str) -> Option<Line> {
        let raw = raw.trim();
        let dotless = raw.trim_start_matches('.');
        let line = match Header::parse(dotless) {
            Some(header) => header.line(),
            None => Line {
                tool: String::new(),
                level: ToolLevel::Info,
                process: None,
                text: one_line(raw),
            },
        };
        line.text.contains(|c: char| c.is_alphanumeric()).then_some(line)
    }
}

/// `gpinitsystem: text`
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tool.as_str() {
            "" => f.write_str(&self.text),
            tool => write!(f, "{tool}: {}", self.text),
        }
    }
}

struct Header<'a> {
    tool: &'a str,
    level: ToolLevel,
    process: Option<u32>,
    rest: &'a str,
}

impl<'a> Header<'a> {
    fn parse(text: &'a str) -> Option<Header<'a>> {
        let digits = |part: &str, n: usize| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
        let mut parts = text.splitn(7, ':');
        let (date, time) = (parts.next()?, [parts.next()?, parts.next()?, parts.next()?]);
        if !digits(date, 8) || !time.iter().all(|part| digits(part, 2)) {
            return None;
        }
        let program = parts.next()?;
        let tool = program.split_once(' ').map_or(program, |(_, tool)| tool);
        let _host = parts.next()?;
        // A user's name may hold a `-`; the level does not.
        let (_user, rest) = parts.next()?.split_once("-[")?;
        let (word, rest) = rest.split_once(']')?;
        let (process, rest) = match rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            Some((number, rest)) => (number.parse().ok(), rest),
            None => (None, rest),
        };
        Some(Header {
            tool: tool.trim(),
            level: ToolLevel::of(word)?,
            process,
            rest,
        })
    }

    fn line(self) -> Line {
        let rest = self.rest.strip_prefix(':').unwrap_or(self.rest);
        let rest = rest.strip_prefix('-').unwrap_or(rest);
        let text = one_line(rest.trim().trim_end_matches("Script Exiting!"));
        let traced = text.starts_with("Start Function ") || text.starts_with("End Function ");
        Line {
            tool: self.tool.to_string(),
            level: if traced { ToolLevel::Debug } else { self.level },
            process: self.process,
            text,
        }
    }
}
