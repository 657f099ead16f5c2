//! What a server says when its settings are tried or it refuses a session, and what a connection string says of where it leads.

#![no_main]

use gp_agent_core::greenplum::replica_refusal::replayed;
use gp_agent_core::postgres::kept_out::KeptOut;
use gp_agent_core::postgres::settings::{Parameters, blamed, is_about_a_library, is_asked_for, verdict};
use gp_agent_core::postgres::standby::names_another;

libfuzzer_sys::fuzz_target!(|text: &str| {
    verdict(false, text);
    verdict(true, text);
    names_another(text, &["segment-a-0.agent"], 5432);
    is_about_a_library(text);
    assert!(KeptOut::of(text).is_none() || text.len() == 5, "a SQLSTATE");
    let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
    let parameters = Parameters::from([
        (name.to_string(), rest.to_string()),
        ("session_preload_libraries".into(), rest.to_string()),
    ]);
    is_asked_for(text, &parameters);
    // Somebody is to blame wherever something was changed, and only for what was changed.
    let found = blamed(text, None, &parameters);
    assert!(!found.is_empty() && found.iter().all(|name| parameters.contains_key(*name)));
    assert!(blamed(text, Some(&parameters), &parameters).is_empty());
    if let Some(place) = replayed(text) {
        assert_eq!(replayed(&format!("last replayed record at {place}")), Some(place));
    }
});
