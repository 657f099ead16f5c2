//! Passwords in ~/.pgpass, and gppylib's dbconn.py.

#![no_main]

use gp_agent_core::postgres::pgpass::{awkward, is_refused_by, line};

libfuzzer_sys::fuzz_target!(|text: &str| {
    awkward(text);
    is_refused_by(text);
    // libpq takes a backslash for the next character, and a colon for the end of a field.
    let written = line("gpadmin", text);
    let rest = written.strip_prefix("*:*:*:gpadmin:").expect("the user has no colon");
    let mut read = String::new();
    let mut letters = rest.strip_suffix('\n').expect("a line").chars();
    while let Some(letter) = letters.next() {
        assert_ne!(letter, ':');
        read.push(if letter == '\\' {
            letters.next().expect("a letter")
        } else {
            letter
        });
    }
    assert_eq!(read, text);
});
