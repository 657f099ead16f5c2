//! What is told about a pod.

/// How an Event counts; the API knows these two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Good to know.
    Normal,
    /// Something has to be done.
    Warning,
}

impl Kind {
    /// The API's word.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Normal => "Normal",
            Kind::Warning => "Warning",
        }
    }
}

/// Something to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Normal or Warning.
    pub kind: Kind,
    /// A word in CamelCase, for programs.
    pub reason: &'static str,
    /// For people.
    pub message: String,
    /// Notices of the same reason and topic are one Event that is counted.
    pub topic: String,
}

impl Notice {
    /// One that is about the whole pod.
    pub(super) fn new(kind: Kind, reason: &'static str, message: String) -> Notice {
        Notice {
            kind,
            reason,
            message,
            topic: String::new(),
        }
    }
}
