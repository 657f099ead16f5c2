//! What a server says when its settings are tried, and what a connection string says of where it leads.

#![no_main]

use gp_agent_core::postgres::settings::verdict;
use gp_agent_core::postgres::standby::names_another;

libfuzzer_sys::fuzz_target!(|text: &str| {
    verdict(false, text);
    verdict(true, text);
    names_another(text, &["segment-a-0.agent"], 5432);
});
