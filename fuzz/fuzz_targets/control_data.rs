//! What pg_controldata prints.

#![no_main]

use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::postgres::control_data::ControlData;

libfuzzer_sys::fuzz_target!(|output: &str| {
    let data = ControlData::parse(output);
    let begins: Option<Lsn> = data.checkpoint.as_deref().and_then(|text| text.parse().ok());
    if let Some(end) = data.ends_at() {
        assert!(begins.is_some_and(|begin| begin < end && end.0 - begin.0 < 200));
    }
    assert!(data.wal_page != Some(0));
    assert!(!data.shut_down_cleanly() || output.contains("shut down"));
    // The first line of a name counts.
    assert_eq!(
        ControlData::parse(&format!("{output}\nDatabase cluster state: shut down")).state,
        data.state.or(Some("shut down".into()))
    );
});
