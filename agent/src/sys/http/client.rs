//! Asking other agents over the network, and this pod's own agent over its unix socket.

pub(crate) use super::unix_client::ask_own_agent;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// Bytes of the largest answer that is read; whoever listens at a peer's address may be a stranger.
const MAX_BODY: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GetError {
    /// Not within the time.
    #[error("{0} did not answer within {1:?}")]
    TimedOut(SocketAddr, Duration),
    /// Not reached.
    #[error("cannot reach {0}: {1}")]
    Unreachable(SocketAddr, io::Error),
    /// Another code than 200.
    #[error("{0} answers HTTP {1}; no agent of this cluster?")]
    Refused(SocketAddr, StatusCode),
    /// Something else than an answer.
    #[error("{0}: {1}")]
    Broken(SocketAddr, String),
}

/// The body of a GET of `path`. All of it within `limit`, and at most 1 MiB.
///
/// # Errors
/// Nobody answers in time, or with another code than 200.
pub(crate) async fn get(addr: SocketAddr, path: &str, limit: Duration) -> Result<Bytes, GetError> {
    tokio::time::timeout(limit, get_unbounded(addr, path))
        .await
        .unwrap_or(Err(GetError::TimedOut(addr, limit)))
}

async fn get_unbounded(addr: SocketAddr, path: &str) -> Result<Bytes, GetError> {
    let broken = |e: &dyn std::fmt::Display| GetError::Broken(addr, e.to_string());
    let stream = TcpStream::connect(addr)
        .await
        .map_err(|e| GetError::Unreachable(addr, e))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(&e))?;
    let exchange = async {
        let request = Request::get(path)
            .header("host", addr.to_string())
            .header("connection", "close")
            .body(Empty::<Bytes>::new())
            .map_err(|e| broken(&e))?;
        let response = sender.send_request(request).await.map_err(|e| broken(&e))?;
        if response.status() != StatusCode::OK {
            return Err(GetError::Refused(addr, response.status()));
        }
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
