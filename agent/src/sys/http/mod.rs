//! An HTTP server, on TCP and on a unix socket, that does not know what it serves.
//!
//! Everything a client can make it do is bounded: connections, header size and time, total time. Each socket has bounds of its
//! own, so nobody on the network can keep `gp-agent probe` from its answer. Connections that wait give way to newcomers, so
//! nobody on the network can keep others from theirs.

mod admission;
pub(crate) mod bind;
pub(crate) mod client;
pub(crate) mod unix_client;

pub use bind::{bind_tcp, bind_unix};

use admission::{Admission, Admitted};
use gp_agent_core::process::timeouts;
use gp_agent_core::resources::places::Holder;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;

/// How much a client may ask of the server.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    /// Time for a request's header to arrive whole, and for its body; also how long a kept connection may be idle.
    pub header: Duration,
    /// Time for a whole connection; a request that is being answered then gets as long as a header to end.
    pub connection: Duration,
    /// Connections at once, on each of the two sides. For one more, one that waits is closed.
    pub connections: usize,
    /// How many of them one address on the network may hold, or one /64 of IPv6.
    pub share: usize,
    /// Requests on one connection.
    pub requests: u32,
}

impl Default for HttpLimits {
    fn default() -> Self {
        HttpLimits {
            header: timeouts::HTTP_HEADER_COMES,
            connection: timeouts::HTTP_CONNECTION_ENDS,
            connections: 128,
            share: 16,
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

/// Where a request on the network comes from; among the request's extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CameFrom(pub(crate) IpAddr);

/// Who answers the requests.
pub(crate) trait Handler: Send + Sync {
    /// The answer to one request; every request has one.
    fn answer(&self, request: Request<Incoming>) -> Reply<'_, Response<Body>>;
}

/// What all connections of one socket share.
struct Server {
    handler: Arc<dyn Handler>,
    limits: HttpLimits,
    admission: Arc<Admission>,
}

impl Server {
    fn new(handler: Arc<dyn Handler>, limits: HttpLimits, share: usize) -> Arc<Server> {
        Arc::new(Server {
            handler,
            limits,
            admission: Admission::new(limits.connections, share),
        })
    }
}

/// Serves on the network until `stop` becomes true. Connections that are open then end by their own time-outs.
pub(crate) async fn serve_tcp(
    listeners: Vec<TcpListener>,
    handler: Arc<dyn Handler>,
    limits: HttpLimits,
    stop: watch::Receiver<bool>,
) {
    let server = Server::new(handler, limits, limits.share);
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
            Ok((stream, peer)) => {
                let from = CameFrom(peer.ip().to_canonical());
                welcome(stream, server, Holder::at(peer.ip()), Some(from)).await;
            }
            Err(error) => pause_after(&error).await,
        }
    }
}

/// Serves this container's own user until `stop` becomes true, then removes the socket.
pub(crate) async fn serve_unix(
    listener: UnixListener,
    path: PathBuf,
    handler: Arc<dyn Handler>,
    limits: HttpLimits,
    mut stop: watch::Receiver<bool>,
) {
    // All who may open it are one user.
    let server = Server::new(handler, limits, limits.connections);
    let user = Holder::at(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) => welcome(stream, &server, user, None).await,
            Err(error) => pause_after(&error).await,
        }
    }
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::debug!(path = %path.display(), "cannot remove the socket: {error}");
    }
}

/// Out of file descriptors, say: trying again at once would only burn the processor.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

async fn pause_after(error: &io::Error) {
    tracing::warn!("cannot accept an HTTP connection: {error}");
    tokio::time::sleep(ACCEPT_AGAIN).await;
}

/// Begins the conversation before the next one is accepted, so that a request that has come counts before it could be cut off.
async fn welcome<S>(stream: S, server: &Arc<Server>, client: Holder, from: Option<CameFrom>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (admitted, cut) = server.admission.enter(client);
    tokio::spawn(serve((stream, from), server.clone(), admitted, cut));
    tokio::task::yield_now().await;
}

async fn serve<S>(stream: (S, Option<CameFrom>), server: Arc<Server>, admitted: Admitted, cut: oneshot::Receiver<()>)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = server.limits;
    let (retire, retired) = mpsc::channel(1);
    let talk = converse(stream, server, Arc::new(admitted), retired);
    let bounded = async {
        tokio::pin!(talk);
        if timeout(limits.connection, &mut talk).await.is_err() {
            // The receiver lives as long as the conversation.
            let _ = retire.try_send(());
            if timeout(limits.header, talk).await.is_err() {
                tracing::debug!("HTTP connection cut off after {:?}", limits.connection);
            }
        }
    };
    tokio::select! {
        () = bounded => {}
        _ = cut => {}
    }
}

/// One connection. When `retired` speaks it ends after the response that is under way.
async fn converse<S>(
    (stream, from): (S, Option<CameFrom>),
    server: Arc<Server>,
    admitted: Arc<Admitted>,
    mut retired: mpsc::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = server.limits;
    let served = Arc::new(AtomicU32::new(0));
    // The place itself is held until this function ends, also while the rest of a refused request is read.
    let held = admitted.clone();
    let service = service_fn(move |mut request: Request<Incoming>| {
        if let Some(from) = from {
            request.extensions_mut().insert(from);
        }
        let (server, served, admitted) = (server.clone(), served.clone(), held.clone());
        async move {
            let _at_work = admitted.at_work();
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
