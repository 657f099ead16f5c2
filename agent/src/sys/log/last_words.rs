//! What the server said last before it ended by itself, or of the stream that it does not receive, as its log passed by.

use gp_agent_core::log::postgres;
use gp_agent_core::log::record::Record;
use std::sync::{Mutex, MutexGuard, PoisonError};

static WORDS: Mutex<Option<String>> = Mutex::new(None);
static OF_STREAM: Mutex<Option<String>> = Mutex::new(None);

/// Takes in a record of the servers' log. One that repeats changes nothing.
pub(super) fn note(record: &Record) {
    if let Some(words) = postgres::last_words(record) {
        *lock(&WORDS) = Some(words);
    }
    if let Some(words) = postgres::stream_words(record) {
        *lock(&OF_STREAM) = Some(words);
    }
}

/// The last of them since it was asked; then nothing is known.
pub(super) fn take() -> Option<String> {
    lock(&WORDS).take()
}

/// The last of its stream.
pub(super) fn of_stream() -> Option<String> {
    lock(&OF_STREAM).clone()
}

/// There is a stream.
pub(super) fn forget_stream() {
    *lock(&OF_STREAM) = None;
}

fn lock(words: &'static Mutex<Option<String>>) -> MutexGuard<'static, Option<String>> {
    words.lock().unwrap_or_else(PoisonError::into_inner)
}
