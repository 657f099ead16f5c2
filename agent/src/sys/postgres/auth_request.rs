//! What the server asks a role for over its socket, told by its first message, before anybody is authenticated
//! (protocol.sgml, message flow of a start-up). A client that leaves then is nothing to the server's log.

use gp_agent_core::process::timeouts;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const ANSWER_WITHIN: Duration = timeouts::SQL_ANSWERS;
const PROTOCOL_3: u32 = 196_608;
/// AuthenticationCleartextPassword.
const CLEAR_TEXT: u32 = 3;
/// invalid_authorization_specification: no line for the role, or one that rejects it.
const NO_LINE: &[u8] = b"C28000\0";
/// Longer than any first message.
const LONGEST: u32 = 65_536;

/// The answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AuthRequest {
    /// The password, in clear text.
    ClearText,
    /// Something else, nothing, or it has no line for the role.
    Other,
    /// It accepts no connections now: it starts, recovers, stops, or has gone.
    NotNow,
}

/// Asks the server behind `socket_dir` and `port`, as `role` with the start-up `options`.
pub(crate) async fn auth_request(socket_dir: &Path, port: u16, role: &str, options: Option<&str>) -> AuthRequest {
    let socket = socket_dir.join(format!(".s.PGSQL.{port}"));
    let answer = tokio::time::timeout(ANSWER_WITHIN, first_message(&socket, role, options));
    match answer.await {
        Ok(Ok((kind, body))) => understood(kind, &body),
        Ok(Err(_)) | Err(_) => AuthRequest::NotNow,
    }
}

fn understood(kind: u8, body: &[u8]) -> AuthRequest {
    match kind {
        b'R' if body.first_chunk() == Some(&CLEAR_TEXT.to_be_bytes()) => AuthRequest::ClearText,
        b'R' => AuthRequest::Other,
        b'E' if body.windows(NO_LINE.len()).any(|window| window == NO_LINE) => AuthRequest::Other,
        _ => AuthRequest::NotNow,
    }
}

async fn first_message(socket: &Path, role: &str, options: Option<&str>) -> std::io::Result<(u8, Vec<u8>)> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&start_up(role, options)).await?;
    let kind = stream.read_u8().await?;
    let length = stream.read_u32().await?.clamp(4, LONGEST);
    let mut body = vec![0; length as usize - 4];
    stream.read_exact(&mut body).await?;
    Ok((kind, body))
}

fn start_up(role: &str, options: Option<&str>) -> Vec<u8> {
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
