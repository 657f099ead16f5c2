//! How small and how fast: gp-agent beside the programs that do the same, as a table of ratios from one run.
//!
//! Needs root (PID namespaces), Docker, and Debian's tini, dumb-init and catatonit: `tests/bench` sees to all of that.

mod failover;
mod greenplum;
mod inits;
mod kube;
mod pods;
mod samples;
mod table;

use anyhow::{Context, Result};
use cluster_tests::cluster::{self, Cluster};
use cluster_tests::settings::Settings;
use std::path::Path;
use std::process::ExitCode;
use table::Table;

const USAGE: &str =
    "Usage: bench PATH-OF-GP-AGENT PART ...\nParts: init, agent, failover, greenplum, kubernetes, nodes";

fn main() -> ExitCode {
    match run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("bench: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<bool> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some(inits::ECHO) => inits::echo().map(|()| true),
        Some("--help" | "-h") => {
            println!("{USAGE}");
            Ok(true)
        }
        Some(path) => measure(Path::new(path), &args.collect::<Vec<_>>()),
        None => anyhow::bail!("the path of gp-agent is missing; tests/bench gives it"),
    }
}

/// A part that fails does not take the others' rows with it. Returns whether none failed.
fn measure(gp_agent: &Path, parts: &[String]) -> Result<bool> {
    let mut table = Table::default();
    println!("load of this machine before: {}", load()?);
    cluster::sweep();
    let mut whole = true;
    for part in parts {
        let measured = match part.as_str() {
            "init" => inits::measure(gp_agent, &mut table),
            "agent" => agent(gp_agent, &mut table),
            "failover" => failover::measure(&mut table),
            "greenplum" => greenplum::measure(&mut table),
            "kubernetes" => kube::measure(&mut table),
            "nodes" => failover::measure_on_nodes(&mut table),
            _ => Err(anyhow::anyhow!("no such part\n{USAGE}")),
        };
        if let Err(why) = measured {
            eprintln!("bench: {part}: {why:#}");
            whole = false;
        }
    }
    println!("{table}");
    Ok(whole)
}

fn agent(gp_agent: &Path, table: &mut Table) -> Result<()> {
    pods::binary(gp_agent, table)?;
    pods::exec_to_livez(gp_agent, table).context("exec to /livez")?;
    eprintln!("starting a cluster of six containers");
    let cluster = Cluster::up(Settings::default())?;
    pods::resident(&cluster, table).context("resident memory")?;
    pods::probes(&cluster, table).context("probes")?;
    pods::restarts(&cluster, table).context("restarts")
}

fn load() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
