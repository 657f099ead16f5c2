//! The servers' log: every byte becomes part of a record, whatever it is.

#![no_main]

use gp_agent_core::log::postgres::{last_words, last_words_of, take};
use gp_agent_core::log::record::{Identity, Moment};

/// Container runtimes cut lines that are longer than 16 KiB, line break included.
const LONGEST_LINE: usize = 16 * 1024 - 1;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (mut rest, mut words) = (bytes, None);
    while !rest.is_empty() {
        take(rest, Moment(0), false);
        let taken = take(rest, Moment(0), true).expect("what is settled is taken");
        assert!((1..=rest.len()).contains(&taken.bytes));
        if let Some(record) = taken.record {
            words = last_words(&record).or(words);
            let lines = record.lines(&Identity::default());
            assert!(
                lines
                    .split_inclusive('\n')
                    .all(|line| line.len() <= LONGEST_LINE && line.ends_with('\n'))
            );
        }
        rest = &rest[taken.bytes..];
    }
    assert!(
        words
            .as_ref()
            .is_none_or(|words| !words.contains('\n') && words.len() < 2 * LONGEST_LINE)
    );
    assert_eq!(last_words_of(bytes), words);
});
