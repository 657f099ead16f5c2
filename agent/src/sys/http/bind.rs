//! Opening the doors: a TCP port on both address families, and a unix socket of this user alone.

use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tokio::net::{TcpListener, UnixListener};

/// Connections that the kernel keeps until they are accepted. The first thing that a crowd overflows, and then a probe's too
/// are lost; the kernel has a bound of its own besides (net.core.somaxconn, 4096).
const BACKLOG: i32 = 1024;

/// Why the server could not open its door.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// A TCP port that somebody else holds.
    #[error(
        "cannot listen on TCP port {port}: it is in use on {family}; stop what holds it (ss -ltnp), or set http.port"
    )]
    InUse {
        /// The port.
        port: u16,
        /// `IPv4`, `IPv6` or `IPv4 and IPv6`.
        family: &'static str,
    },
    /// A TCP port that cannot be had for another reason.
    #[error("cannot listen on TCP port {port} ({family}): {source}; set http.port to one above 1023")]
    Tcp {
        /// The port.
        port: u16,
        /// `IPv4` or `IPv6`.
        family: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
    /// The unix socket.
    #[error("cannot listen on {path}: {source}; mount a writable tmpfs or emptyDir there, or set GP_AGENT_RUN_DIR")]
    Unix {
        /// Its path.
        path: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// Something else than a socket stands there.
    #[error("cannot listen on {0}: a file that is not a socket is in the way; move it, or set GP_AGENT_RUN_DIR")]
    NotASocket(String),
    /// Another agent answers there.
    #[error("another agent answers on {0}; one container runs one agent")]
    Taken(String),
}

/// Listens on both address families, each with a socket of its own, so that one family in use cannot go unnoticed. A
/// family that this container does not have is left out.
///
/// # Errors
/// The port is in use on either family, or may not be bound.
pub fn bind_tcp(port: u16) -> Result<Vec<TcpListener>, BindError> {
    let v4 = listen_on(SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)));
    let v6 = listen_on(SocketAddr::from((Ipv6Addr::UNSPECIFIED, port)));
    let held = |r: &io::Result<TcpListener>| r.as_ref().is_err_and(|e| e.kind() == io::ErrorKind::AddrInUse);
    let family = match (held(&v4), held(&v6)) {
        (true, true) => Some("IPv4 and IPv6"),
        (true, false) => Some("IPv4"),
        (false, true) => Some("IPv6"),
        (false, false) => None,
    };
    if let Some(family) = family {
        return Err(BindError::InUse { port, family });
    }
    let failed = |family| move |source| BindError::Tcp { port, family, source };
    match (v4, v6) {
        (Ok(v4), Ok(v6)) => Ok(vec![v4, v6]),
        (v4, Err(error)) if is_absent(&error) => Ok(vec![v4.map_err(failed("IPv4"))?]),
        (Err(error), v6) if is_absent(&error) => Ok(vec![v6.map_err(failed("IPv6"))?]),
        (Err(error), _) => Err(failed("IPv4")(error)),
        (_, Err(error)) => Err(failed("IPv6")(error)),
    }
}

/// Kernels answer EAFNOSUPPORT (ipv6.disable=1) or EADDRNOTAVAIL (disable_ipv6=1).
fn is_absent(error: &io::Error) -> bool {
    let kernel = error.raw_os_error();
    kernel == Some(libc::EAFNOSUPPORT) || kernel == Some(libc::EADDRNOTAVAIL)
}

fn listen_on(addr: SocketAddr) -> io::Result<TcpListener> {
    let family = if addr.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if addr.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &addr)?;
    rustix::net::listen(&socket, BACKLOG)?;
    TcpListener::from_std(std::net::TcpListener::from(socket))
}

/// Listens on a unix socket that only this user may open. A socket file that nobody answers on is replaced, anything
/// else is left alone.
///
/// # Errors
/// Another agent answers there, another kind of file stands there, or the directory cannot be written to.
pub fn bind_unix(path: &Path) -> Result<UnixListener, BindError> {
    let shown = || path.display().to_string();
    let failed = |source| BindError::Unix { path: shown(), source };
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => return Err(BindError::NotASocket(shown())),
        Ok(_) if is_answered(path).map_err(failed)? => return Err(BindError::Taken(shown())),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    bind_privately(path).map_err(failed)
}

/// Asks without waiting: a listener whose queue is full is still a listener.
fn is_answered(path: &Path) -> io::Result<bool> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    match rustix::net::connect(&socket, &SocketAddrUnix::new(path)?) {
        Ok(()) | Err(rustix::io::Errno::AGAIN) => Ok(true),
        Err(rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOENT) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Nobody can open the socket before its mode is right: until then it has another name.
fn bind_privately(path: &Path) -> io::Result<UnixListener> {
    let mut hidden = path.as_os_str().to_owned();
    hidden.push(".new");
    let hidden = PathBuf::from(hidden);
    match std::fs::remove_file(&hidden) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&hidden)?;
    std::fs::set_permissions(&hidden, PermissionsExt::from_mode(0o600))?;
    std::fs::rename(&hidden, path)?;
    Ok(listener)
}
