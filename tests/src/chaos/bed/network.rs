//! Cuts and losses in a container's network namespace.

use crate::chaos::fault::Fault;
use anyhow::{Context, Result, bail, ensure};
use std::net::IpAddr;
use std::process::Command;

/// Ports of the coordinators' servers and of the agents.
const SERVER: &str = "5432";
const AGENT: &str = "8008";

/// Runs a tool of this machine in the network of the container whose first process is `init`.
fn within(init: u32, words: &[&str]) -> Result<()> {
    let output = Command::new("nsenter")
        .args(["--target", &init.to_string(), "--net"])
        .args(words)
        .output()
        .context("cannot run nsenter")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(output.status.success(), "{}: {}", words.join(" "), said.trim());
    Ok(())
}

fn filter(init: u32, rule: &[&str], verdict: &[&str]) -> Result<()> {
    let append = ["iptables", "--wait", "--append"];
    within(init, &[&append, rule, &["--jump"], verdict].concat())
}

fn drop_packets(init: u32, rule: &[&str]) -> Result<()> {
    filter(init, rule, &["DROP"])
}

/// Does it, in the container of that first process; `other` is the other coordinator's address.
///
/// # Errors
/// What iptables or tc said.
pub(super) fn inflict(init: u32, fault: Fault, other: Option<IpAddr>) -> Result<()> {
    let other = other.map(|ip| ip.to_string());
    let other = || other.as_deref().context("the other coordinator has no address");
    match fault {
        Fault::CutOff => {
            drop_packets(init, &["INPUT", "--in-interface", "eth0"])?;
            drop_packets(init, &["OUTPUT", "--out-interface", "eth0"])
        }
        Fault::CutFromOther => {
            drop_packets(init, &["INPUT", "--source", other()?])?;
            drop_packets(init, &["OUTPUT", "--destination", other()?])
        }
        Fault::NothingToOther => drop_packets(init, &["OUTPUT", "--destination", other()?]),
        Fault::NothingFromOther => drop_packets(init, &["INPUT", "--source", other()?]),
        Fault::Lose(percent) => {
            let share = format!("{}", f64::from(percent) / 100.0);
            let random = ["--match", "statistic", "--mode", "random", "--probability", &share];
            drop_packets(init, &[&["INPUT", "--in-interface", "eth0"], &random[..]].concat())?;
            drop_packets(init, &[&["OUTPUT", "--out-interface", "eth0"], &random[..]].concat())
        }
        Fault::LargePacketsLost => {
            let large = ["--match", "length", "--length", "1000:65535"];
            drop_packets(init, &[&["OUTPUT", "--out-interface", "eth0"], &large[..]].concat())
        }
        Fault::CutFromClients => {
            let clients = [
                "INPUT",
                "--protocol",
                "tcp",
                "--dport",
                SERVER,
                "!",
                "--source",
                other()?,
            ];
            drop_packets(init, &clients)
        }
        Fault::AgentsPortClosed => {
            let agent = ["INPUT", "--protocol", "tcp", "--dport", AGENT, "--source", other()?];
            drop_packets(init, &agent)
        }
        Fault::ResetStream => {
            let reset = ["REJECT", "--reject-with", "tcp-reset"];
            for port in ["--sport", "--dport"] {
                let stream = ["OUTPUT", "--protocol", "tcp", port, SERVER, "--destination", other()?];
                filter(init, &stream, &reset)?;
            }
            Ok(())
        }
        Fault::Delay(millis) => {
            let late = format!("{millis}ms");
            let add = ["tc", "qdisc", "add", "dev", "eth0", "root", "netem", "delay", &late];
            within(init, &add)
        }
        _ => bail!("that is nothing of the network's"),
    }
}

/// Undoes all of it.
pub(super) fn undo(init: u32) {
    let _ = within(init, &["iptables", "--wait", "--flush"]);
    let _ = within(init, &["tc", "qdisc", "del", "dev", "eth0", "root"]);
}
