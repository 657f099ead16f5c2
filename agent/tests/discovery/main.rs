//! Discovery against a real DNS server, its faults, and the real libc.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests are tests"
)]

mod doubts;
#[path = "../support/fake_dns.rs"]
mod fake_dns;
mod hosts;
mod libc;
mod resolver;
#[path = "../support/skipped.rs"]
mod skipped;
mod watching;

use fake_dns::{FakeDns, Says};
use gp_agent::internals::discovery::{Discovery, look};
use gp_agent::internals::discovery::{DnsError, Families, Resolver};
use gp_agent::internals::discovery::{LookupLimits, NssResolver};
use gp_agent_core::cluster::topology::{Member, Role, Topology};
use gp_agent_core::discovery::intervals::LookupIntervals;
use gp_agent_core::discovery::name_check::{Forward, NameVerdict, Reverse};
use gp_agent_core::discovery::peers::{PeerMap, PeerView};
use hickory_server::proto::op::ResponseCode;
use skipped::skipped;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::time::Duration;

const DOMAIN: &str = "agent.prod.svc.cluster.local";

fn fqdn(pod: &str) -> String {
    format!("{pod}.{DOMAIN}")
}

fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|a| a.parse().unwrap()).collect()
}

fn member(pod: &str, role: Role, content: i32) -> Member {
    Member {
        pod: pod.into(),
        fqdn: fqdn(pod),
        role,
        content: gp_agent_core::cluster::content::ContentId::new(content),
        port: 5432,
        data_dir: "/greenplum/gpseg".into(),
    }
}

/// Six pods; "me" is segment-a-0, its partner segment-b-0.
fn topology() -> Topology {
    Topology {
        cluster: "test".into(),
        domain: DOMAIN.into(),
        members: vec![
            member("coordinator-0", Role::Coordinator, -1),
            member("coordinator-1", Role::Standby, -1),
            member("segment-a-0", Role::Primary, 0),
            member("segment-a-1", Role::Primary, 1),
            member("segment-b-0", Role::Mirror, 0),
            member("segment-b-1", Role::Mirror, 1),
        ],
    }
}

const PEERS: [&str; 5] = [
    "coordinator-0",
    "coordinator-1",
    "segment-a-1",
    "segment-b-0",
    "segment-b-1",
];

fn quick() -> LookupIntervals {
    let ms = Duration::from_millis;
    LookupIntervals {
        first_retry: ms(10),
        longest_retry: ms(50),
        near: (ms(50), ms(0)),
        far: (ms(50), ms(0)),
        names: (ms(50), ms(0)),
        names_longest: ms(50),
        names_recovering: ms(20),
        recheck: ms(10),
        progress: ms(10),
        ..LookupIntervals::default()
    }
}

fn resolver(dns: &FakeDns) -> Resolver {
    Resolver::from_server(dns.address).with_timeout(Duration::from_millis(300))
}

fn no_names() -> NssResolver {
    NssResolver::with_command(vec!["/nonexistent/getent".into()])
}

fn discover(dns: &FakeDns, names: NssResolver, pace: LookupIntervals) -> Discovery {
    let topology = topology();
    let me = topology.member("segment-a-0").unwrap();
    Discovery::start(&topology, me, resolver(dns), names, pace, None)
}

fn set_all(dns: &FakeDns) {
    for (i, pod) in PEERS.iter().enumerate() {
        dns.set_addresses(&fqdn(pod), &[&format!("10.0.0.{}", i + 1)]);
    }
}

async fn until(discovery: &Discovery, pod: &str, good: impl Fn(&PeerView) -> bool) -> PeerView {
    let seen = |map: &PeerMap| map.get(pod).is_some_and(&good);
    let mut peers = discovery.peers();
    let wait = peers.wait_for(seen);
    match tokio::time::timeout(Duration::from_secs(60), wait).await {
        Ok(map) => map.unwrap()[pod].clone(),
        Err(error) => panic!(
            "{pod} never came so far ({error}): {:?}",
            discovery.peers().borrow()[pod]
        ),
    }
}

/// A server on port 53 of some loopback address: libc's resolv.conf has no ports.
async fn privileged_dns() -> Option<FakeDns> {
    for _ in 0..20 {
        let [a, b] = rand::random::<[u8; 2]>();
        let address: SocketAddr = ([127, 53, a, b.clamp(1, 254)], 53).into();
        match FakeDns::start(address).await {
            Ok(dns) => return Some(dns),
            Err(e) if e.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(e) => {
                skipped(&format!("cannot listen on port 53 ({e}); run as root"));
                return None;
            }
        }
    }
    skipped("no free loopback address with port 53");
    None
}

/// `getent` as a container would see it: own resolv.conf, hosts and nsswitch.conf, through mounts of its own.
fn contained_getent(dir: &Path, server: IpAddr, hosts: &str) -> Option<Vec<OsString>> {
    let write = |name: &str, text: String| std::fs::write(dir.join(name), text).unwrap();
    write(
        "resolv.conf",
        format!("nameserver {server}\noptions timeout:5 attempts:1\n"),
    );
    write("hosts", format!("127.0.0.1 localhost\n{hosts}"));
    write("nsswitch.conf", "passwd: files\nhosts: files dns\n".into());
    let script = "for f in resolv.conf hosts nsswitch.conf; do mount --bind \"$0/$f\" \"/etc/$f\" || exit 99; done; exec getent \"$@\"";
    let command: Vec<OsString> = vec![
        "unshare".into(),
        "-m".into(),
        "sh".into(),
        "-c".into(),
        script.into(),
        dir.into(),
    ];
    let mut probe = std::process::Command::new(&command[0]);
    let probe = probe.args(&command[1..]).args(["hosts", "127.0.0.1"]).output();
    if probe.is_ok_and(|out| out.status.success()) {
        return Some(command);
    }
    skipped("no mount namespace for getent; run as root with unshare(1)");
    None
}

struct Contained {
    dns: FakeDns,
    command: Vec<OsString>,
    dir: tempfile::TempDir,
}

impl Contained {
    async fn new(hosts: &str) -> Option<Contained> {
        let dns = privileged_dns().await?;
        let dir = tempfile::tempdir().unwrap();
        let command = contained_getent(dir.path(), dns.address.ip(), hosts)?;
        Some(Contained { dns, command, dir })
    }

    /// Changes /etc/hosts.
    fn set_hosts(&self, hosts: &str) {
        std::fs::write(self.dir.path().join("hosts"), format!("127.0.0.1 localhost\n{hosts}")).unwrap();
    }

    /// As in a pod: by the same files.
    fn resolver(&self) -> Resolver {
        let file = |name| self.dir.path().join(name);
        Resolver::from_files(file("resolv.conf"), file("hosts")).with_timeout(Duration::from_millis(300))
    }

    fn names(&self) -> NssResolver {
        NssResolver::with_command(self.command.clone())
    }

    fn good(&self, pod: &str, address: &str) {
        self.dns.set_addresses(&fqdn(pod), &[address]);
        self.dns.set_reverse(address, Says::Names(vec![fqdn(pod)]));
    }
}
