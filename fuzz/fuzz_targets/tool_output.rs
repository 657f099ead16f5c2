//! What gpinitsystem and its kin print.

#![no_main]

use gp_agent_core::greenplum::tool_output::{Line, Progress, Reasons};

libfuzzer_sys::fuzz_target!(|output: &str| {
    let (mut progress, mut reasons) = (Progress::new(2, 2), Reasons::default());
    for line in output.lines().filter_map(Line::parse) {
        progress.feed(&line);
        reasons.feed(&line);
    }
    reasons.summary();
});
