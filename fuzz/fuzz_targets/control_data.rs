//! What pg_controldata prints.

#![no_main]

use gp_agent_core::postgres::control_data::ControlData;

libfuzzer_sys::fuzz_target!(|output: &str| {
    ControlData::parse(output).shut_down_cleanly();
});
