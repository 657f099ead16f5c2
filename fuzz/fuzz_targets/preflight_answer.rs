//! What another host says of itself, with whatever a login script prints around it; a script's first line; locales.

#![no_main]

use gp_agent_core::greenplum::preflight::{python_of, read_answer, same_locale};

libfuzzer_sys::fuzz_target!(|printed: &str| {
    let _ = read_answer(printed);
    python_of(printed);
    assert!(same_locale(printed, printed));
});
