//! What may be told to a shell.

use crate::finding::{Area, Finding};

/// A kind of value and the characters that it may have besides letters and digits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    noun: &'static str,
    others: &'static str,
    absolute: bool,
}

/// A host's or the cluster's name.
pub(super) const NAME: Kind = Kind {
    noun: "a host name",
    others: "._-",
    absolute: false,
};

/// A locale.
pub(super) const LOCALE: Kind = Kind {
    noun: "a locale",
    others: "._@-",
    absolute: false,
};

/// An absolute path.
pub(super) const PATH: Kind = Kind {
    noun: "an absolute path",
    others: "._/-",
    absolute: true,
};

impl Kind {
    /// What is wrong with `value`. Letters and digits are ASCII's: `~` separates the fields of an entry, and everything
    /// else may mean something to a shell, to sed or to grep.
    pub(super) fn judge(self, subject: &str, value: &str) -> Option<Finding> {
        let bad = value
            .chars()
            .find(|&c| !c.is_ascii_alphanumeric() && !self.others.contains(c));
        let first = value.chars().next();
        let begins = match self.absolute {
            true => first == Some('/') && value.len() > 1,
            false => first.is_some_and(|c| c.is_ascii_alphanumeric()),
        };
        let what = match bad {
            Some(c) => format!("{value:?} contains {c:?}, which gpinitsystem cannot be told"),
            None if !begins => format!("{value:?} is not {}", self.noun),
            None => return None,
        };
        let others: Vec<_> = self.others.chars().map(|c| format!("`{c}`")).collect();
        let first = if self.absolute { "`/`" } else { "a letter or digit" };
        let remedy = format!(
            "begin with {first}, and use only ASCII letters, digits and {}",
            others.join(" ")
        );
        Some(Finding::error(Area::Config, subject, what, remedy))
    }
}
