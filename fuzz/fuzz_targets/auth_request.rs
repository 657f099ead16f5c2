//! A server's first message, and the start-up message that it answers: only a request for a password in clear text is one.

#![no_main]

use gp_agent_core::postgres::auth_request::{AuthRequest, body_length, start_up, understood};

/// The parameters of a start-up message, as a server reads them (ProcessStartupPacket).
fn parameters(message: &[u8]) -> Vec<(&[u8], &[u8])> {
    let (length, rest) = message.split_first_chunk().expect("a length");
    assert_eq!(u32::from_be_bytes(*length) as usize, message.len());
    let (protocol, rest) = rest.split_first_chunk().expect("a protocol");
    assert_eq!(u32::from_be_bytes(*protocol), 3 << 16);
    let mut words = rest.split(|byte| *byte == 0);
    let mut found = Vec::new();
    while let Some(name) = words.next().filter(|name| !name.is_empty()) {
        found.push((name, words.next().expect("a value")));
    }
    assert_eq!(words.collect::<Vec<_>>(), [b""; 1], "something after the end");
    found
}

libfuzzer_sys::fuzz_target!(|message: &[u8]| {
    let Some((&[kind, ref length @ ..], body)) = message.split_first_chunk::<5>() else {
        return;
    };
    let told = u32::from_be_bytes(*length);
    let said = understood(kind, body);
    assert_eq!(
        said == AuthRequest::ClearText,
        kind == b'R' && body.starts_with(&[0, 0, 0, 3])
    );
    if kind != b'R' && kind != b'E' {
        assert_eq!(said, AuthRequest::NotNow);
    }
    // Who sends garbage costs no more than one that speaks the protocol.
    assert!(body_length(told) <= 65_532);
    assert!(!(4..=65_536).contains(&told) || body_length(told) as u32 + 4 == told);
    let role = String::from_utf8_lossy(body).replace('\0', "");
    let written = start_up(&role, Some("-c geqo=off"));
    let expected: [(&[u8], &[u8]); 3] = [
        (b"user", role.as_bytes()),
        (b"database", b"postgres"),
        (b"options", b"-c geqo=off"),
    ];
    assert_eq!(parameters(&written), expected);
});
