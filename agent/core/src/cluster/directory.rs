//! What a data directory is.

use super::word::as_word;

/// What a data directory says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DirectoryKind {
    /// There is none.
    Absent,
    /// Initialised, no standby marker: it would start writable.
    Primary,
    /// Initialised, with a standby marker (`standby.signal`, before PostgreSQL 12 `recovery.conf`).
    Standby,
    /// Something is there, but not a whole data directory: a tool is at work on it, was broken off, or files were lost.
    HalfMade,
    /// Something is there, and it cannot be looked at: a file that says what it is is damaged, or the volume fails.
    Unreadable,
}

impl DirectoryKind {
    /// The word used in status documents.
    pub fn as_str(self) -> &'static str {
        match self {
            DirectoryKind::Absent => "absent",
            DirectoryKind::Primary => "primary",
            DirectoryKind::Standby => "standby",
            DirectoryKind::HalfMade => "half-made",
            DirectoryKind::Unreadable => "unreadable",
        }
    }

    /// Whether a server can be started on it.
    pub fn is_whole(self) -> bool {
        matches!(self, DirectoryKind::Primary | DirectoryKind::Standby)
    }

    /// The reverse of [`DirectoryKind::as_str`]; `None` for a word of another version, or none at all.
    fn from_word(word: &str) -> Option<Self> {
        [
            Self::Absent,
            Self::Primary,
            Self::Standby,
            Self::HalfMade,
            Self::Unreadable,
        ]
        .into_iter()
        .find(|k| k.as_str() == word)
    }
}

/// What a data directory is, as its pod's agent says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectoryWord {
    /// It has not looked yet.
    NotLooked,
    /// One of these; 0.1.0 does not know [`DirectoryKind::Unreadable`].
    Known(DirectoryKind),
    /// What only a later version has a word for.
    Other(String),
}

impl DirectoryWord {
    /// The word in documents.
    pub fn as_str(&self) -> &str {
        match self {
            DirectoryWord::NotLooked => "",
            DirectoryWord::Known(kind) => kind.as_str(),
            DirectoryWord::Other(word) => word,
        }
    }
}

impl From<&str> for DirectoryWord {
    fn from(word: &str) -> DirectoryWord {
        match (word, DirectoryKind::from_word(word)) {
            ("", _) => DirectoryWord::NotLooked,
            (_, Some(kind)) => DirectoryWord::Known(kind),
            (word, None) => DirectoryWord::Other(word.to_string()),
        }
    }
}

as_word!(DirectoryWord);
