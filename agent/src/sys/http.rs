//! The HTTP server: probes, status, metrics and role endpoints on TCP, and the same plus hold/resume on a unix socket.
//!
//! Everything a client can make it do is bounded: connections, header size and time, body size, total time.

mod routes;

pub use routes::{Agent, Reply};

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::{AddressFamily, SocketType, bind, listen, sockopt};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};

/// How much a client may ask of the server.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Time for a request's header to arrive whole.
    pub header: Duration,
    /// Time for a whole connection.
    pub connection: Duration,
    /// Connections at once, on each of the two sides.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            header: Duration::from_secs(5),
            connection: Duration::from_secs(30),
            connections: 128,
        }
    }
}

/// Bytes of a request's header, its first line included.
const MAX_HEADER: usize = 8192;
const BACKLOG: i32 = 128;

/// Where a request came in; only the unix socket, which is this user's alone, may change anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The network.
    Tcp,
    /// This user, in this container.
    Unix,
}

/// Why the server could not open its door.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A TCP port.
    #[error(
        "cannot listen on TCP port {port} ({family}): {source}; stop what holds it (ss -ltnp), or set http.port"
    )]
    Tcp {
        /// The port.
        port: u16,
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The unix socket.
    #[error(
        "cannot listen on {path}: {source}; mount a writable tmpfs or emptyDir there, or set GP_AGENT_RUN_DIR"
    )]
    Unix {
        /// Its path.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Another agent answers there.
    #[error("another agent answers on {0}; one container runs one agent")]
    Taken(String),
}

/// Listens on both address families, or on IPv4 alone where the container has no IPv6.
pub fn bind_tcp(port: u16) -> Result<Vec<TcpListener>, BindError> {
    let mut listeners = Vec::new();
    let v4 = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
    let v6 = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    for (family, addr) in [("IPv4", v4), ("IPv6", v6)] {
        match listen_on(addr) {
            Ok(listener) => listeners.push(listener),
            Err(e) if family == "IPv6" && e.kind() != io::ErrorKind::AddrInUse => {
                tracing::debug!("no IPv6 here: {e}");
            }
            Err(source) => {
                return Err(BindError::Tcp {
                    port,
                    family,
                    source,
                });
            }
        }
    }
    Ok(listeners)
}

fn listen_on(addr: SocketAddr) -> io::Result<TcpListener> {
    let family = if addr.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let socket = rustix::net::socket_with(
        family,
        SocketType::STREAM,
        rustix::net::SocketFlags::CLOEXEC | rustix::net::SocketFlags::NONBLOCK,
        None,
    )?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if addr.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &addr)?;
    listen(&socket, BACKLOG)?;
    TcpListener::from_std(std::net::TcpListener::from(socket))
}

/// Listens on a unix socket that only this user may open. A socket file that nobody answers on is replaced.
pub fn bind_unix(path: &Path) -> Result<UnixListener, BindError> {
    let failed = |source| BindError::Unix {
        path: path.display().to_string(),
        source,
    };
    if std::os::unix::net::UnixStream::connect(path).is_ok() {
        return Err(BindError::Taken(path.display().to_string()));
    }
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(failed(e)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Serves on the network until the shutdown is announced.
pub async fn serve_tcp(
    listener: TcpListener,
    agent: Arc<dyn Agent>,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => return,
        };
        match accepted {
            Ok((stream, _)) => welcome(stream, &places, &agent, limits, Side::Tcp),
            Err(error) => pause_after(&error).await,
        }
    }
}

/// Serves this container's own user until the shutdown is announced, then removes the socket.
pub async fn serve_unix(
    listener: UnixListener,
    path: PathBuf,
    agent: Arc<dyn Agent>,
    limits: Limits,
    mut stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) => welcome(stream, &places, &agent, limits, Side::Unix),
            Err(error) => pause_after(&error).await,
        }
    }
    if let Err(error) = std::fs::remove_file(&path) {
        tracing::debug!("cannot remove {}: {error}", path.display());
    }
}

/// Out of file descriptors, say: trying again at once would only burn the processor.
async fn pause_after(error: &io::Error) {
    tracing::warn!("cannot accept a connection: {error}");
    tokio::time::sleep(Duration::from_millis(200)).await;
}

fn welcome<S>(
    stream: S,
    places: &Arc<Semaphore>,
    agent: &Arc<dyn Agent>,
    limits: Limits,
    side: Side,
) where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Beyond the limit the connection is closed at once.
    let Ok(place) = places.clone().try_acquire_owned() else {
        return;
    };
    let agent = agent.clone();
    tokio::spawn(async move {
        let service = service_fn(move |request| {
            let agent = agent.clone();
            async move {
                Ok::<_, std::convert::Infallible>(routes::answer(&*agent, side, request).await)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header)
            .max_buf_size(MAX_HEADER)
            .max_headers(64)
            .keep_alive(true)
            .serve_connection(TokioIo::new(stream), service);
        match tokio::time::timeout(limits.connection, connection).await {
            Ok(Err(error)) => tracing::debug!("HTTP connection: {error}"),
            Err(_) => tracing::debug!("HTTP connection closed after {:?}", limits.connection),
            Ok(Ok(())) => {}
        }
        drop(place);
    });
}

/// The body of every response.
pub type Body = Full<Bytes>;
