//! Asking other agents over the network, and this pod's own agent over its unix socket.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpStream;

/// Bytes of the largest answer that is read.
const MAX_BODY: usize = 4 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum GetError {
    /// Not within the time.
    #[error("{0} did not answer in time")]
    TimedOut(SocketAddr),
    /// Not reached.
    #[error("cannot reach {0}: {1}")]
    Unreachable(SocketAddr, io::Error),
    /// Something else than an answer.
    #[error("{0}: {1}")]
    Broken(SocketAddr, String),
}

/// GET of `path`, whatever the status code. All of it within `limit`.
pub async fn get(addr: SocketAddr, path: &str, limit: Duration) -> Result<Bytes, GetError> {
    tokio::time::timeout(limit, get_unbounded(addr, path))
        .await
        .unwrap_or(Err(GetError::TimedOut(addr)))
}

async fn get_unbounded(addr: SocketAddr, path: &str) -> Result<Bytes, GetError> {
    let broken = |e: &dyn std::fmt::Display| GetError::Broken(addr, e.to_string());
    let stream = TcpStream::connect(addr)
        .await
        .map_err(|e| GetError::Unreachable(addr, e))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|e| broken(&e))?;
    let exchange = async {
        let request = Request::get(path)
            .header("host", addr.to_string())
            .header("connection", "close")
            .body(Empty::<Bytes>::new())
            .map_err(|e| broken(&e))?;
        let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
        let body = Limited::new(response.into_body(), MAX_BODY).collect();
        Ok(body.await.map_err(|e| broken(&e))?.to_bytes())
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

/// One request to this pod's own agent, blocking, without a runtime: `gp-agent probe` is called every few seconds for
/// years. Returns the status code and the body.
pub fn ask_own_agent(
    socket: &Path,
    method: &str,
    path: &str,
    body: &str,
    limit: Duration,
) -> io::Result<(u16, String)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: agent\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_BODY as u64).read_to_end(&mut answer)?;
    parse(&answer)
}

fn parse(answer: &[u8]) -> io::Result<(u16, String)> {
    let broken = || io::Error::new(io::ErrorKind::InvalidData, "not an HTTP answer");
    let text = std::str::from_utf8(answer).map_err(|_| broken())?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(broken)?;
    let code = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3))
        .and_then(|code| code.parse().ok())
        .filter(|code| StatusCode::from_u16(*code).is_ok())
        .ok_or_else(broken)?;
    Ok((code, body.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_parsed() {
        let (code, body) = parse(b"HTTP/1.1 503 Service Unavailable\r\na: b\r\n\r\nwhy\n").unwrap();
        assert_eq!((code, body.as_str()), (503, "why\n"));
        assert!(parse(b"HTTP/1.1 5").is_err());
        assert!(parse(b"\xff\xfe").is_err());
    }
}
