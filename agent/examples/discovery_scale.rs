//! How discovery grows: time and memory until all of 1,000 and all of 10,000 peers are found.
//!
//! The DNS server runs in this process, the discovery in a child, so that the memory is the discovery's alone.
//! `cargo run --release --example discovery_scale`

#![allow(clippy::unwrap_used, reason = "an example may fail by panicking")]

#[path = "../tests/support/fake_dns.rs"]
mod fake_dns;

use fake_dns::FakeDns;
use gp_agent::internals::discovery::Discovery;
use gp_agent::internals::discovery::NssResolver;
use gp_agent::internals::discovery::Resolver;
use gp_agent_core::cluster::topology::{Member, Role, Topology};
use gp_agent_core::discovery::intervals::LookupIntervals;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::process::Command;

fn topology(count: usize) -> Topology {
    let domain = "agent.prod.svc.cluster.local";
    let member = |i: usize| Member {
        pod: format!("segment-a-{i}"),
        fqdn: format!("segment-a-{i}.{domain}"),
        role: Role::Primary,
        content: gp_agent_core::cluster::content::ContentId::new(i32::try_from(i).unwrap()),
        port: 40000,
        data_dir: format!("/greenplum/gpseg{i}").into(),
    };
    Topology {
        cluster: "scale".into(),
        domain: domain.into(),
        members: (0..=count).map(member).collect(),
    }
}

/// A line of /proc/self/status, in KiB.
fn memory(key: &str) -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|l| l.strip_prefix(key)?.strip_prefix(':'));
    line.and_then(|l| l.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}

/// The child: prints seconds and KiB of memory that discovery took beyond the topology.
async fn discover(server: SocketAddr, count: usize) {
    let topology = topology(count);
    let before = memory("VmRSS");
    let start = Instant::now();
    let discovery = Discovery::start(
        &topology,
        &topology.members[0],
        Resolver::from_server(server),
        NssResolver::system(),
        LookupIntervals::default(),
        None,
    );
    discovery.all_found().await;
    let time = start.elapsed().as_secs_f64();
    println!("{time} {} {}", memory("VmHWM").saturating_sub(before), memory("VmHWM"));
}

/// The parent: serves DNS and starts the child.
async fn measure(count: usize) -> anyhow::Result<Vec<f64>> {
    let dns = FakeDns::local().await;
    for (i, member) in topology(count).members.iter().enumerate() {
        dns.set_addresses(
            &member.fqdn,
            &[&format!("10.{}.{}.{}", i >> 16, (i >> 8) & 255, i & 255)],
        );
    }
    let child = Command::new(std::env::current_exe()?)
        .arg(dns.address.to_string())
        .arg(count.to_string())
        .output()
        .await?;
    let text = String::from_utf8(child.stdout)?;
    Ok(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, server, count] = &arguments[..] {
        discover(server.parse()?, count.parse()?).await;
        return Ok(());
    }
    println!(
        "{:>8} {:>10} {:>16} {:>12}",
        "peers", "seconds", "discovery KiB", "peak KiB"
    );
    let mut rows = Vec::new();
    for count in [1_000, 10_000] {
        let row = measure(count).await?;
        println!("{count:>8} {:>10.3} {:>16} {:>12}", row[0], row[1], row[2]);
        rows.push(row);
    }
    println!(
        "{:>8} {:>9.1}x {:>15.1}x {:>11.1}x",
        "growth",
        rows[1][0] / rows[0][0],
        rows[1][1] / rows[0][1],
        rows[1][2] / rows[0][2]
    );
    Ok(())
}
