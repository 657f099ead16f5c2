//! postgresql.conf: the line that includes the agent's settings is added once.

#![no_main]

use gp_agent_core::postgres::conf::with_include;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let once = with_include(text);
    assert!(once.starts_with(text));
    assert_eq!(with_include(&once), once);
});
