//! How small and how fast: gp-agent beside the programs that do the same, as a table of ratios from one run.
//!
//! Needs root (PID namespaces), Docker, and Debian's tini, dumb-init and catatonit: `tests/bench` sees to all of that.

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

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        Some(inits::ECHO) => inits::echo(),
        Some("--help" | "-h") => {
            println!("Usage: bench PATH-OF-GP-AGENT | kubernetes");
            Ok(())
        }
        Some("kubernetes") => {
            let mut table = Table::default();
            kube::measure(&mut table).context("Kubernetes")?;
            println!("{table}");
            Ok(())
        }
        Some(path) => measure(Path::new(path)),
        None => anyhow::bail!("the path of gp-agent is missing; tests/bench gives it"),
    }
}

fn measure(gp_agent: &Path) -> Result<()> {
    let mut table = Table::default();
    println!("load of this machine before: {}", load()?);
    inits::measure(gp_agent, &mut table).context("init")?;
    pods::binary(gp_agent, &mut table)?;
    pods::exec_to_livez(gp_agent, &mut table).context("exec to /livez")?;
    cluster::sweep();
    eprintln!("starting a cluster of six containers");
    let cluster = Cluster::up(Settings::default())?;
    pods::resident(&cluster, &mut table).context("resident memory")?;
    pods::probes(&cluster, &mut table).context("probes")?;
    pods::restarts(&cluster, &mut table).context("restarts")?;
    drop(cluster);
    greenplum::measure(&mut table).context("Greenplum")?;
    println!("{table}");
    Ok(())
}

fn load() -> Result<String> {
    let text = std::fs::read_to_string("/proc/loadavg")?;
    Ok(text.split(' ').take(3).collect::<Vec<_>>().join(" "))
}
