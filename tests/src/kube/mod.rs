//! Clusters on Kubernetes: installed by the chart into namespaces of their own, on whatever cluster KUBECONFIG points to.

mod api;
mod client;
mod pods;
mod release;
mod roles;
mod tool;

pub use api::Api;
pub use client::{Client, Clients};
pub use pods::streams;
pub use release::{Release, sweep, values};
pub use tool::Tool;

use crate::helm;
use anyhow::{Context, Result, bail};
use std::process::{Command, Output, Stdio};

/// Why no test can run on Kubernetes here, if so.
pub fn missing() -> Option<String> {
    if std::env::var_os("KUBECONFIG").is_none() {
        return Some("KUBECONFIG is not set; tests/run brings a cluster up where it can".into());
    }
    if output(&["version", "-o", "json"]).is_err() {
        return Some("there is no kubectl; tests/run installs it".into());
    }
    match kubectl(&["get", "namespaces", "-o", "name"]) {
        Ok(_) => helm::missing(),
        Err(why) => Some(format!("no cluster answers: {why:#}")),
    }
}

/// kubectl with its arguments.
pub fn command(args: &[&str]) -> Command {
    let mut command = Command::new("kubectl");
    command.args(args).stdin(Stdio::null());
    command
}

/// Runs kubectl; what it, or the program in the pod, ended with.
///
/// # Errors
/// When kubectl cannot be started.
pub fn output(args: &[&str]) -> Result<Output> {
    command(args)
        .output()
        .with_context(|| format!("cannot run kubectl {}", args.join(" ")))
}

/// Runs kubectl; its standard output without the last line feed.
///
/// # Errors
/// What kubectl said when it fails.
pub fn kubectl(args: &[&str]) -> Result<String> {
    let output = output(args)?;
    let out = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let err = String::from_utf8_lossy(&output.stderr);
        bail!("kubectl {} failed:\n{out}{err}", args.join(" "));
    }
    Ok(out.trim_end_matches('\n').to_string())
}
