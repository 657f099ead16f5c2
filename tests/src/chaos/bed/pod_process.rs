//! A pod's first process, where nodes are parts of this machine: by the environment that the chart gives it.

use super::place::At;
use anyhow::Result;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};

/// That of the newest pod of this name, and the address in its network. What was found before is looked at first.
///
/// # Errors
/// When /proc cannot be read.
pub(super) fn find(namespace: &str, pod: &str, before: Option<At>) -> Result<Option<At>> {
    if let Some(at) = before.filter(|at| is_of(at.init, namespace, pod)) {
        return Ok(Some(At { ip: ip(at.init), ..at }));
    }
    let mut newest: Option<(u64, u32)> = None;
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if is_of(pid, namespace, pod) {
            newest = newest.max(started(pid).map(|start| (start, pid)));
        }
    }
    Ok(newest.map(|(_, init)| At { init, ip: ip(init) }))
}

fn is_of(pid: u32, namespace: &str, pod: &str) -> bool {
    let words = |file: &str| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let line = words("cmdline");
    let mut line = line.split(|byte| *byte == 0);
    let is_init = line.next().is_some_and(|program| program.ends_with(b"gp-agent")) && line.next() == Some(b"init");
    if !is_init {
        return false;
    }
    let environment = words("environ");
    let wanted = [format!("POD_NAME={pod}"), format!("POD_NAMESPACE={namespace}")];
    let is_set = |wanted: &String| environment.split(|byte| *byte == 0).any(|set| set == wanted.as_bytes());
    wanted.iter().all(is_set)
}

/// In clock ticks since the machine's start (proc(5)).
fn started(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, behind) = stat.rsplit_once(')')?;
    behind.split_whitespace().nth(19)?.parse().ok()
}

fn ip(pid: u32) -> Option<IpAddr> {
    own_address(&fs::read_to_string(format!("/proc/{pid}/net/fib_trie")).ok()?).map(IpAddr::V4)
}

/// The first address that is the host's own and not of the loopback, in what the kernel says of its routes.
fn own_address(routes: &str) -> Option<Ipv4Addr> {
    let lines: Vec<&str> = routes.lines().map(str::trim).collect();
    let own = lines.windows(2).filter(|two| two[1] == "/32 host LOCAL");
    let mut addresses = own.filter_map(|two| two[0].strip_prefix("|-- ")?.parse().ok());
    addresses.find(|address: &Ipv4Addr| !address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pods_own_address_is_found() {
        let routes = "\
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
     |-- 10.244.11.0
        /24 link UNICAST
Local:
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 10.244.11.7
           /32 host LOCAL
        |-- 10.244.11.255
           /32 link BROADCAST
";
        assert_eq!(own_address(routes), Some(Ipv4Addr::new(10, 244, 11, 7)));
        assert_eq!(own_address(""), None);
    }

    #[test]
    fn this_process_is_nobodys_first() {
        assert!(!is_of(std::process::id(), "n", "p"));
        assert!(started(std::process::id()).is_some());
    }
}
