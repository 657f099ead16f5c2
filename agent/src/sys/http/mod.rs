//! An HTTP server, on TCP and on a unix socket, that does not know what it serves.
//!
//! Everything a client can make it do is bounded: connections, header size and time, total time. Each socket has bounds of its
//! own, so nobody on the network can keep `gp-agent probe` from its answer.

pub(crate) mod bind;
pub(crate) mod client;
pub(crate) mod unix_client;

pub use bind::{bind_tcp, bind_unix};

use gp_agent_core::process::timeouts;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

/// How much a client may ask of the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for a request's header to arrive whole, and for its body; also how long a kept connection may be idle.
    pub header: Duration,
    /// Time for a whole connection; a request that is being answered then gets as long as a header to end.
    pub connection: Duration,
    /// Connections at once, on each of the two sides; more are closed as soon as they come.
    pub connections: usize,
    /// Requests on one connection.
    pub requests: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header: timeouts::HTTP_HEADER_COMES,
            connection: timeouts::HTTP_CONNECTION_ENDS,
            connections: 128,
            requests: 100,
        }
    }
}

/// Bytes of a request's header, its first line included.
const MAX_HEADER: usize = 8192;
/// Header lines of a request.
const MAX_HEADERS: usize = 64;
/// Bytes of a refused request that are read before the connection is closed.
const LINGER: usize = 64 << 10;

/// The body of every response.
pub(crate) type Body = Full<Bytes>;

/// A future that a trait object can return.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who answers the requests.
pub(crate) trait Handler: Send + Sync {
    /// The answer to one request; every request has one.
    fn answer(&self, request: Request<Incoming>) -> Reply<'_, Response<Body>>;
}

/// What all connections of one socket share.
struct Server {
    handler: Arc<dyn Handler>,
    limits: Limits,
    places: Arc<Semaphore>,
}

impl Server {
    fn new(handler: Arc<dyn Handler>, limits: Limits) -> Arc<Server> {
        Arc::new(Server {
            handler,
            limits,
            places: Arc::new(Semaphore::new(limits.connections)),
        })
    }
}

/// Serves on the network until `stop` becomes true. Connections that are open then end by their own time-outs.
pub(crate) async fn serve_tcp(
    listeners: Vec<TcpListener>,
    handler: Arc<dyn Handler>,
    limits: Limits,
    stop: watch::Receiver<bool>,
) {
    let server = Server::new(handler, limits);
    let doors = listeners.into_iter().map(|listener| {
        let (server, stop) = (server.clone(), stop.clone());
        async move { accept_tcp(&listener, &server, stop).await }
    });
    futures_util::future::join_all(doors).await;
}

async fn accept_tcp(listener: &TcpListener, server: &Arc<Server>, mut stop: watch::Receiver<bool>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, _)) => welcome(stream, server),
            Err(error) => pause_after(&error).await,
        }
    }
}

/// Serves this container's own user until `stop` becomes true, then removes the socket.
pub(crate) async fn serve_unix(
    listener: UnixListener,
    path: PathBuf,
    handler: Arc<dyn Handler>,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let server = Server::new(handler, limits);
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) => welcome(stream, &server),
            Err(error) => pause_after(&error).await,
        }
    }
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::debug!(path = %path.display(), "cannot remove the socket: {error}");
    }
}

/// Out of file descriptors, say: trying again at once would only burn the processor.
async fn pause_after(error: &io::Error) {
    tracing::warn!("cannot accept an HTTP connection: {error}");
    tokio::time::sleep(Duration::from_millis(200)).await;
}

fn welcome<S>(stream: S, server: &Arc<Server>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Ok(place) = server.places.clone().try_acquire_owned() else {
        tracing::debug!("too many HTTP connections; closed one");
        return;
    };
    let server = server.clone();
    tokio::spawn(async move {
        let limits = server.limits;
        let (retire, retired) = mpsc::channel(1);
        let talk = converse(stream, server, retired);
        tokio::pin!(talk);
        if timeout(limits.connection, &mut talk).await.is_err() {
            // The receiver lives as long as the conversation.
            let _ = retire.try_send(());
            if timeout(limits.header, talk).await.is_err() {
                tracing::debug!("HTTP connection cut off after {:?}", limits.connection);
            }
        }
        drop(place);
    });
}

/// One connection. When `retired` speaks it ends after the response that is under way.
async fn converse<S>(stream: S, server: Arc<Server>, mut retired: mpsc::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = server.limits;
    let served = Arc::new(AtomicU32::new(0));
    let service = service_fn(move |request| {
        let (server, served) = (server.clone(), served.clone());
        async move {
            let mut response = server.handler.answer(request).await;
            if served.fetch_add(1, Ordering::Relaxed) + 1 >= server.limits.requests {
                let close = HeaderValue::from_static("close");
                response.headers_mut().insert(CONNECTION, close);
            }
            Ok::<_, Infallible>(response)
        }
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(MAX_HEADER)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let ended = tokio::select! {
        ended = &mut connection => ended,
        _ = retired.recv() => {
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    if let Err(error) = ended {
        tracing::debug!("HTTP connection: {error}");
        if error.is_parse() {
            linger(connection.into_parts().io.into_inner(), limits.header).await;
        }
    }
}

/// Closing a socket with unread bytes makes TCP send a reset, which can overtake the response that says what was wrong.
async fn linger<S: AsyncRead + Unpin>(stream: S, at_most: Duration) {
    let mut rest = stream.take(LINGER as u64);
    let _ = timeout(at_most, tokio::io::copy(&mut rest, &mut tokio::io::sink())).await;
}
