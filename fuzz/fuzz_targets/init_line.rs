//! What the agent says to init: a word is heard as it is said, and none that was cut off.

#![no_main]

use gp_agent_core::process::init_line::{ROOM, Word};

libfuzzer_sys::fuzz_target!(|said: &[u8]| {
    if let Some(word) = Word::parse(said) {
        assert!(said.len() < ROOM);
        let again = word.to_string();
        assert!(again.len() <= said.len() && again.len() < ROOM);
        assert_eq!(Word::parse(again.as_bytes()), Some(word));
    }
    // However long it was, the room that it is received in is full then.
    let long = [said, &[b'0'; ROOM]].concat();
    assert_eq!(Word::parse(&long[..ROOM]), None);
});
