//! What the server said last before it ended by itself, as its log passed by.

use gp_agent_core::log::postgres;
use gp_agent_core::log::record::Record;
use std::sync::{Mutex, PoisonError};

static WORDS: Mutex<Option<String>> = Mutex::new(None);

/// Takes in a record of the servers' log. One that repeats changes nothing.
pub(super) fn note(record: &Record) {
    if let Some(words) = postgres::last_words(record) {
        *WORDS.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    }
}

/// The last of them since it was asked; then nothing is known.
pub(super) fn take() -> Option<String> {
    WORDS.lock().unwrap_or_else(PoisonError::into_inner).take()
}
