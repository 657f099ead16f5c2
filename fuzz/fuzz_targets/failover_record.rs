//! The record of who may write, and the words of the other coordinator's agent about it.

#![no_main]

use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::failover::promise::PromiseQuestion;
use gp_agent_core::failover::record::{Record, Seen};

libfuzzer_sys::fuzz_target!(|text: &str| {
    if let Seen::Record(record) = Record::parse(text) {
        let again = record.to_json().expect("a record can be written");
        assert_eq!(Record::parse(&again), Seen::Record(record));
    }
    if let Ok(question) = text.parse::<PromiseQuestion>() {
        assert_eq!(question.to_string().parse(), Ok(question));
    }
    if let Ok(lsn) = text.parse::<Lsn>() {
        assert_eq!(lsn.to_string().parse(), Ok(lsn));
    }
});
