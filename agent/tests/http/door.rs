//! Binding: ports of one family, stale sockets, modes, the end.

use crate::support::{Server, get};
use gp_agent::internals::http::{BindError, bind_tcp, bind_unix};
use std::net::{Ipv6Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

fn said<T>(result: Result<T, BindError>) -> String {
    result.err().map(|e| e.to_string()).unwrap_or_default()
}

#[tokio::test]
async fn both_families_are_served() {
    let Ok(free) = TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)) else {
        return;
    };
    let port = free.local_addr().unwrap().port();
    drop(free);
    let listeners = bind_tcp(port).unwrap();
    let families: Vec<bool> = listeners.iter().map(|l| l.local_addr().unwrap().is_ipv4()).collect();
    assert_eq!(families, [true, false]);
    let error = said(bind_tcp(port));
    assert!(error.contains(&port.to_string()), "{error}");
    assert!(
        error.contains("IPv4 and IPv6") && error.contains("http.port"),
        "{error}"
    );
}

/// Another test may hold the port in the other family, by chance; then a new port is tried.
fn some_port_says(words: &str, mut hold: impl FnMut() -> TcpListener) {
    let says = |_| {
        let held = hold();
        said(bind_tcp(held.local_addr().unwrap().port())).contains(words)
    };
    assert!((0..20).any(says), "never: {words}");
}

#[tokio::test]
async fn a_port_in_use_on_one_family_is_named() {
    some_port_says("in use on IPv4;", || TcpListener::bind("0.0.0.0:0").unwrap());
    // One socket of the pair that bind_tcp makes is IPv6 alone.
    if bind_tcp(0).unwrap().len() == 2 {
        some_port_says("in use on IPv6;", || bind_tcp(0).unwrap().remove(1).into_std().unwrap());
    }
}

#[tokio::test]
async fn the_socket_is_this_users_alone() {
    let server = Server::start();
    let mode = std::fs::metadata(server.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let left: Vec<_> = std::fs::read_dir(server.dir.path()).unwrap().collect();
    assert_eq!(left.len(), 1);
}

#[tokio::test]
async fn a_stale_socket_is_replaced_a_living_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.sock");
    drop(UnixListener::bind(&path).unwrap());
    let listener = bind_unix(&path).unwrap();
    let error = said(bind_unix(&path));
    assert!(error.contains("another agent answers"), "{error}");
    drop(listener);
    assert!(bind_unix(&path).is_ok());
}

#[tokio::test]
async fn a_file_that_is_no_socket_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("agent.sock");
    std::fs::write(&path, "precious").unwrap();
    let error = said(bind_unix(&path));
    assert!(error.contains("not a socket"), "{error}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
    let error = said(bind_unix(&dir.path().join("absent/agent.sock")));
    assert!(error.contains("GP_AGENT_RUN_DIR"), "{error}");
}

#[tokio::test]
async fn the_end_closes_both_doors_and_removes_the_socket() {
    let server = Server::start();
    assert_eq!(server.ask_unix(&get("/livez")).await.code, 200);
    let (port, socket) = (server.port, server.socket());
    server.stop().await;
    assert!(!socket.exists());
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}
