//! A log record, and the line of JSON that it becomes.

mod model;
mod split;
#[cfg(test)]
mod tests;

pub use model::{FORMAT_VARIABLE, Identity, LogFormat, LogLevel, Moment, Record};

use model::LONGEST_LINE;

impl Record {
    /// The record as lines of JSON, each with its line break and none longer than a container runtime passes on whole: what
    /// is too long is continued in further records, numbered by the field `part`.
    pub fn lines(&self, who: &Identity) -> String {
        let line = self.line(who);
        if line.len() <= LONGEST_LINE {
            return line;
        }
        split::split(self).iter().map(|part| part.line(who)).collect()
    }
}
