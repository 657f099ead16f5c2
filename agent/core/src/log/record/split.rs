//! Records that do not fit on one line.

use super::model::Record;
use serde_json::{Map, Value};

/// Bytes, as JSON writes them, that the first record keeps of each text; at most five are long (message, detail, context,
/// query, statement).
const KEPT: usize = 2500;

/// Bytes, as JSON writes them, of each further record's text.
const CARRIED: usize = 12_000;

/// Bytes, as JSON writes them, of a field that goes with every record; there are about a dozen of those.
const SHORT: usize = 200;

/// The record with shortened texts, and further ones with the rest of each. A short field goes with every one of them, so
/// that they can be found together.
pub(super) fn split(record: &Record) -> Vec<Record> {
    let mut first = record.clone();
    let mut rests: Vec<(String, String)> = Vec::new();
    if let Some(rest) = shorten(&mut first.message) {
        rests.push(("message".into(), rest));
    }
    for (name, value) in &mut first.fields {
        if let Value::String(text) = value
            && let Some(rest) = shorten(text)
        {
            rests.push((name.clone(), rest));
        }
    }
    let common: Map<String, Value> = first
        .fields
        .iter()
        .filter(|(_, value)| value.as_str().is_none_or(|text| fitting(text, SHORT) == text.len()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    first.fields.insert("part".into(), 1.into());
    let mut parts = vec![first];
    for (name, mut rest) in rests {
        while !rest.is_empty() {
            let tail = rest.split_off(fitting(&rest, CARRIED));
            let mut fields = common.clone();
            fields.insert("continues".into(), name.as_str().into());
            fields.insert("part".into(), (parts.len() + 1).into());
            parts.push(Record {
                message: rest,
                fields,
                ..record_head(record)
            });
            rest = tail;
        }
    }
    parts
}

fn record_head(record: &Record) -> Record {
    Record {
        time: record.time,
        level: record.level,
        message: String::new(),
        fields: Map::new(),
    }
}

fn shorten(text: &mut String) -> Option<String> {
    let rest = text.split_off(fitting(text, KEPT));
    (!rest.is_empty()).then_some(rest)
}

/// Bytes of `text` that take at most `room` bytes in JSON; at least one character.
fn fitting(text: &str, room: usize) -> usize {
    let mut taken = 0;
    for (at, c) in text.char_indices() {
        taken += match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            c if c < ' ' => 6,
            c => c.len_utf8(),
        };
        if taken > room && at > 0 {
            return at;
        }
    }
    text.len()
}
