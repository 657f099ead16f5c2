//! What a data directory is.

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
    pub fn from_word(word: &str) -> Option<Self> {
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
