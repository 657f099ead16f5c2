//! One request to this pod's own agent and its answer, as bytes: the connection is closed after it.

/// Why the bytes that came are no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// Not one byte.
    #[error("the connection was closed without one; too many clients at once?")]
    Nothing,
    /// Other bytes than text.
    #[error("not UTF-8")]
    NotText,
    /// No empty line after the header.
    #[error("it ends in its header")]
    OnlyHeader,
    /// No status line.
    #[error("not HTTP")]
    NotHttp,
    /// Less or more than content-length says.
    #[error("it was cut off")]
    CutOff,
}

/// The bytes of a request.
pub fn request(method: &str, path: &str, body: &str) -> String {
    let length = match method {
        "POST" => format!("content-length: {}\r\n", body.len()),
        _ => String::new(),
    };
    format!("{method} {path} HTTP/1.1\r\nhost: gp-agent\r\nconnection: close\r\n{length}\r\n{body}")
}

/// Status code and body.
///
/// # Errors
/// It is no whole answer of an agent.
pub fn parse(answer: &[u8]) -> Result<(u16, String), AnswerError> {
    if answer.is_empty() {
        return Err(AnswerError::Nothing);
    }
    let text = std::str::from_utf8(answer).map_err(|_| AnswerError::NotText)?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or(AnswerError::OnlyHeader)?;
    let mut lines = head.lines();
    let code = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .ok_or(AnswerError::NotHttp)?;
    let length = lines
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok());
    match length {
        Some(length) if length != body.len() => Err(AnswerError::CutOff),
        _ => Ok((code, body.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers_are_parsed() {
        let whole = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nwhy\n";
        assert_eq!(parse(whole), Ok((503, "why\n".into())));
        assert_eq!(parse(&whole[..whole.len() - 1]), Err(AnswerError::CutOff));
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\n\r\n"), Ok((200, String::new())));
        assert!(parse(b"HTTP/1.1 5").is_err());
        assert!(parse(b"SSH-2.0-x\r\n\r\n").is_err());
        assert!(parse(b"\xff\xfe").is_err());
        assert!(parse(b"").is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(answer in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&answer);
        }

        #[test]
        fn no_header_makes_it_panic(answer in "HTTP/1.1 [0-9 ]{0,4}(\r\n[a-z:0-9-]{0,20}){0,3}\r\n\r\n.{0,9}") {
            let _ = parse(answer.as_bytes());
        }
    }
}
