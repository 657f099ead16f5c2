//! postgresql.conf: the line that includes the agent's settings is added once. postgresql.auto.conf: what a standby follows is
//! read, and its lines are taken out.

#![no_main]

use gp_agent_core::postgres::conf::with_include;
use gp_agent_core::postgres::settings::{value_of, without};
use gp_agent_core::postgres::standby::names_another;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let once = with_include(text);
    assert!(once.starts_with(text));
    assert_eq!(with_include(&once), once);
    let name = "primary_conninfo";
    if let Some(conninfo) = value_of(text, name) {
        names_another(&conninfo, &["segment-a-0"], 40000);
    }
    let rest = without(text, &[name]);
    assert_eq!(value_of(&rest, name), None);
    assert!(rest.len() <= text.len());
});
