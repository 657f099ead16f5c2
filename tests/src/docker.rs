//! The Docker command line.

use anyhow::{Context, Result, bail};
use std::process::{Command, Output, Stdio};

/// The image under test: `GP_IMAGE`, or the one that `image/up` and `tests/run` build.
pub fn image() -> String {
    std::env::var("GP_IMAGE").unwrap_or_else(|_| "gp-agent:local".into())
}

/// `docker`, or what `GP_DOCKER` names, such as `sudo docker`.
pub fn command(args: &[&str]) -> Command {
    let words = std::env::var("GP_DOCKER").unwrap_or_else(|_| "docker".into());
    let mut words = words.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or("docker"));
    command.args(words).args(args).stdin(Stdio::null());
    command
}

/// Runs docker and returns what it and the command ended with, whatever that was.
///
/// # Errors
/// When docker itself cannot be started.
pub fn output(args: &[&str]) -> Result<Output> {
    command(args)
        .output()
        .with_context(|| format!("cannot run docker {}", args.join(" ")))
}

/// Runs docker; its standard output without the last line feed.
///
/// # Errors
/// When it ends with anything but 0, with what it said.
pub fn docker(args: &[&str]) -> Result<String> {
    let output = output(args)?;
    let out = String::from_utf8_lossy(&output.stdout);
    if !output.status.success() {
        let err = String::from_utf8_lossy(&output.stderr);
        bail!(
            "docker {} ended with {}:\n{}{}",
            args.join(" "),
            output.status,
            out,
            err
        );
    }
    Ok(out.trim_end_matches('\n').to_string())
}

/// Why no container of the image can be started here, if so.
pub fn missing(image: &str) -> Option<String> {
    if docker(&["version", "--format", "{{.Server.Version}}"]).is_err() {
        return Some("no Docker engine answers; tests/run starts one".into());
    }
    docker(&["image", "inspect", "--format", "{{.Id}}", image])
        .is_err()
        .then(|| format!("the image {image} is not built; tests/run builds it"))
}
