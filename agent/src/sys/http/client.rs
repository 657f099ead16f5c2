//! Asking other agents over the network, and this pod's own agent over its unix socket.

pub(crate) use super::unix_client::{AskError, ask_own_agent};

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// A request without a body.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// GET or POST.
    pub(crate) method: Method,
    /// What is asked for.
    pub(crate) path: String,
    /// Bytes of the largest answer that is read; whoever listens at a peer's address may be a stranger.
    pub(crate) max_body: usize,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Not within the time.
    #[error("nothing within {0:?}")]
    TimedOut(Duration),
    /// Not reached.
    #[error("{0}")]
    Unreachable(io::Error),
    /// A code that is no success.
    #[error("HTTP {0}")]
    Refused(StatusCode),
    /// The connection ended early.
    #[error("{0}")]
    Broken(hyper::Error),
    /// No path, or no address that a header can hold.
    #[error("{0}")]
    Invalid(hyper::http::Error),
    /// Something else than HTTP.
    #[error("no HTTP server ({0})")]
    NotHttp(hyper::Error),
    /// More than [`Call::max_body`].
    #[error("something that sends more than {0} bytes")]
    TooLarge(usize),
}

impl From<hyper::Error> for CallError {
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() {
            CallError::NotHttp(error)
        } else {
            CallError::Broken(error)
        }
    }
}

/// The body of the answer to `call`. All of it within `limit`.
///
/// # Errors
/// Nobody answers in time, or something else than a success of at most [`Call::max_body`] bytes.
pub(crate) async fn call(addr: SocketAddr, call: &Call, limit: Duration) -> Result<Bytes, CallError> {
    tokio::time::timeout(limit, call_unbounded(addr, call))
        .await
        .unwrap_or(Err(CallError::TimedOut(limit)))
}

async fn call_unbounded(addr: SocketAddr, call: &Call) -> Result<Bytes, CallError> {
    let stream = TcpStream::connect(addr).await.map_err(CallError::Unreachable)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request(addr, call)?).await?;
        if !response.status().is_success() {
            return Err(CallError::Refused(response.status()));
        }
        match Limited::new(response.into_body(), call.max_body).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) => Err(match error.downcast::<hyper::Error>() {
                Ok(error) => CallError::from(*error),
                Err(_) => CallError::TooLarge(call.max_body),
            }),
        }
    };
    tokio::pin!(connection);
    tokio::pin!(exchange);
    tokio::select! {
        answer = &mut exchange => answer,
        _ = &mut connection => exchange.await,
    }
}

fn request(addr: SocketAddr, call: &Call) -> Result<Request<Empty<Bytes>>, CallError> {
    let request = Request::builder().method(&call.method).uri(&call.path);
    let request = request.header(HOST, addr.to_string()).header(CONNECTION, "close");
    request.body(Empty::new()).map_err(CallError::Invalid)
}
