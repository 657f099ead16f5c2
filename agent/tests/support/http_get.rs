//! A GET request to an agent's port, with a limit to every wait.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Kubernetes' probes wait for one second unless told otherwise.
const LIMIT: Duration = Duration::from_secs(1);

#[allow(dead_code, reason = "pods in networks of their own are asked elsewhere")]
/// Code and body; `None` when there was no whole answer in time.
pub(crate) fn get(port: u16, path: &str) -> Option<(u16, String)> {
    get_from((Ipv4Addr::LOCALHOST, port).into(), path)
}

/// The same of an agent in another network.
pub(crate) fn get_from(agent: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&agent, LIMIT).ok()?;
    stream.set_read_timeout(Some(LIMIT)).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let code = head.split(' ').nth(1)?.parse().ok()?;
    Some((code, body.to_string()))
}

#[allow(dead_code, reason = "some tests read no metrics")]
/// The value of a line of `/metrics`, by its name and labels.
pub(crate) fn metric(port: u16, name: &str) -> Option<f64> {
    let (_, text) = get(port, "/metrics")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().parse().ok()
}
