//! What a server last answered, as a status document has it.

use super::word::as_word;

/// What a postmaster last answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LastAnswer {
    /// It has not been asked, or not answered yet.
    None,
    /// SQL answers, or a replica that refuses SQL is known to be well.
    Ok,
    /// PostgreSQL's own words, or what kept it from answering.
    Words(String),
}

impl LastAnswer {
    /// The text in documents.
    pub fn as_str(&self) -> &str {
        match self {
            LastAnswer::None => "",
            LastAnswer::Ok => "ok",
            LastAnswer::Words(words) => words,
        }
    }
}

impl From<&str> for LastAnswer {
    fn from(text: &str) -> LastAnswer {
        match text {
            "" => LastAnswer::None,
            "ok" => LastAnswer::Ok,
            words => LastAnswer::Words(words.to_string()),
        }
    }
}

as_word!(LastAnswer);
