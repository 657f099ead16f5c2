//! The answer of this pod's own agent: what an agent writes is read back, and what is cut off is no answer.

#![no_main]

use gp_agent_core::cluster::own_agent::{AnswerError, parse, request};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    match parse(bytes) {
        Ok((_, body)) => assert!(bytes.ends_with(body.as_bytes())),
        Err(error) => assert_eq!(error == AnswerError::Nothing, bytes.is_empty()),
    }
    let Ok(body) = std::str::from_utf8(bytes) else { return };
    let code = 100 + u16::from(bytes.first().copied().unwrap_or_default());
    let answer = format!(
        "HTTP/1.1 {code} Words\r\ncontent-type: text/plain\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    assert_eq!(parse(answer.as_bytes()), Ok((code, body.to_string())));
    for cut in 1..answer.len().min(200) {
        let whole = &answer.as_bytes()[..answer.len() - cut];
        assert!(parse(whole).is_err(), "{cut} bytes less");
    }
    // A request has its body, and tells its length.
    let asked = request("POST", "/hold", body);
    let (head, rest) = asked.split_once("\r\n\r\n").expect("an empty line");
    assert_eq!(rest, body);
    assert!(head.ends_with(&format!("content-length: {}", body.len())));
});
