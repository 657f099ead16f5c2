//! What the server asks a role for over its socket, told by its first message, before anybody is authenticated
//! (protocol.sgml, message flow of a start-up). A client that leaves then is nothing to the server's log.

use gp_agent_core::postgres::auth_request::{AuthRequest, body_length, start_up, understood};
use gp_agent_core::process::timeouts;
use std::path::Path;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

const ANSWER_WITHIN: Duration = timeouts::SQL_ANSWERS;

/// Asks the server behind `socket_dir` and `port`, as `role` with the start-up `options`.
pub(crate) async fn auth_request(socket_dir: &Path, port: u16, role: &str, options: Option<&str>) -> AuthRequest {
    let socket = socket_dir.join(format!(".s.PGSQL.{port}"));
    let answer = tokio::time::timeout(ANSWER_WITHIN, first_message(&socket, role, options));
    match answer.await {
        Ok(Ok((kind, body))) => understood(kind, &body),
        Ok(Err(_)) | Err(_) => AuthRequest::NotNow,
    }
}

async fn first_message(socket: &Path, role: &str, options: Option<&str>) -> std::io::Result<(u8, Vec<u8>)> {
    let mut stream = UnixStream::connect(socket).await?;
    stream.write_all(&start_up(role, options)).await?;
    let kind = stream.read_u8().await?;
    let mut body = vec![0; body_length(stream.read_u32().await?)];
    stream.read_exact(&mut body).await?;
    Ok((kind, body))
}
