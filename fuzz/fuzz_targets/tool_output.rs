//! What gpinitsystem and its kin print, and the file that tells how far gpexpand came.

#![no_main]

use gp_agent_core::greenplum::creation_state::AttemptLog;
use gp_agent_core::greenplum::tool_output::{Line, Progress, Reasons};
use gp_agent_core::recovery::expansion::facts::SetupFile;

libfuzzer_sys::fuzz_target!(|output: &str| {
    let (mut progress, mut reasons) = (Progress::new(2, 2), Reasons::default());
    for line in output.lines().filter_map(Line::parse) {
        progress.feed(&line);
        reasons.feed(&line);
    }
    reasons.summary();
    // That the cluster was started is not taken back by what the log says besides.
    let started = |text: &str| AttemptLog::of(text) == AttemptLog::Started;
    let line = "20261201:10:00:00:000007 gpinitsystem:c:gpadmin-[INFO]:-Completed restart of Greenplum instance";
    assert!(started(&format!("{output}{line}")) && started(&format!("{line}{output}")));
    assert!(!started(output) || started(&format!("x{output}x")));
    let file = SetupFile::parse(output, "/segments");
    let begun = SetupFile::parse(&format!("EXPANSION_PREPARE_STARTED:/segments\n{output}"), "/segments");
    assert_eq!(begun.input_is_own, Some(true));
    assert_eq!(begun.stage, file.stage);
});
