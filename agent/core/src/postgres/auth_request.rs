//! The start-up message of a client, and what the first message of a server asks it for (protocol.sgml, message formats).

const PROTOCOL_3: u32 = 196_608;
/// AuthenticationCleartextPassword.
const CLEAR_TEXT: u32 = 3;
/// invalid_authorization_specification: no line for the role, or one that rejects it.
const NO_LINE: &[u8] = b"C28000\0";
/// Longer than any first message.
const LONGEST: u32 = 65_536;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthRequest {
    /// The password, in clear text.
    ClearText,
    /// Something else, nothing, or it has no line for the role.
    Other,
    /// It accepts no connections now: it starts, recovers, stops, or has gone.
    NotNow,
}

/// What the first message says, of this kind and with this body.
pub fn understood(kind: u8, body: &[u8]) -> AuthRequest {
    match kind {
        b'R' if body.first_chunk() == Some(&CLEAR_TEXT.to_be_bytes()) => AuthRequest::ClearText,
        b'R' => AuthRequest::Other,
        b'E' if body.windows(NO_LINE.len()).any(|window| window == NO_LINE) => AuthRequest::Other,
        _ => AuthRequest::NotNow,
    }
}

/// The length of a message's body by the length that it tells, which counts itself.
pub fn body_length(told: u32) -> usize {
    told.clamp(4, LONGEST) as usize - 4
}

/// The start-up message: `role` wants to work in the database `postgres`, with these options.
pub fn start_up(role: &str, options: Option<&str>) -> Vec<u8> {
    let mut body = PROTOCOL_3.to_be_bytes().to_vec();
    let parameters = [
        ("user", Some(role)),
        ("database", Some("postgres")),
        ("options", options),
    ];
    for (name, value) in parameters {
        if let Some(value) = value {
            body.extend([name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
        }
    }
    body.push(0);
    let length = u32::try_from(body.len() + 4).unwrap_or_default();
    [&length.to_be_bytes()[..], &body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_told_apart() {
        assert_eq!(understood(b'R', &[0, 0, 0, 3]), AuthRequest::ClearText);
        assert_eq!(understood(b'R', &[0, 0, 0, 5, 1, 2, 3, 4]), AuthRequest::Other);
        assert_eq!(understood(b'R', &[0, 0, 0, 0]), AuthRequest::Other);
        let no_line = b"SFATAL\0C28000\0Mno pg_hba.conf entry\0\0";
        assert_eq!(understood(b'E', no_line), AuthRequest::Other);
        assert_eq!(
            understood(b'E', b"SFATAL\0C57P03\0Mstarting up\0\0"),
            AuthRequest::NotNow
        );
        assert_eq!(understood(b'X', b""), AuthRequest::NotNow);
    }
}
