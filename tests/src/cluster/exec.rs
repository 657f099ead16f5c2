//! Programs in the pods, and their processes.

use super::Cluster;
use crate::docker;
use anyhow::{Context, Result};
use std::process::Output;

impl Cluster {
    /// Runs a program in a pod; what it ended with.
    ///
    /// # Errors
    /// When docker cannot be started.
    pub fn try_exec(&self, pod: &str, command: &[&str]) -> Result<Output> {
        docker::output(&[&["exec", &self.container(pod)], command].concat())
    }

    /// Runs a program in a pod; its standard output.
    ///
    /// # Errors
    /// When it ends with anything but 0.
    pub fn exec(&self, pod: &str, command: &[&str]) -> Result<String> {
        docker::docker(&[&["exec", &self.container(pod)], command].concat())
    }

    /// Runs a shell script in the volume of a pod as root, whom no pod has.
    ///
    /// # Errors
    /// When it ends with anything but 0.
    pub fn exec_as_root(&self, pod: &str, script: &str) -> Result<()> {
        let volume = format!("{}:/greenplum", self.volume(pod));
        let image = self.image();
        let run = [
            "run",
            "--rm",
            "--user",
            "0",
            "--entrypoint",
            "bash",
            "--volume",
            &volume,
            &image,
        ];
        docker::docker(&[&run[..], &["-c", script]].concat()).map(drop)
    }

    /// Rows of a query over the pod's own socket, `|` between columns.
    ///
    /// # Errors
    /// What psql said.
    pub fn sql(&self, pod: &str, query: &str) -> Result<String> {
        let port = self.port(pod)?.to_string();
        let psql = [
            "exec",
            "-e",
            self.session_options(pod),
            &self.container(pod),
            "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
        ];
        docker::docker(&[&psql[..], &["-p", &port, "-c", query]].concat())
    }

    /// Sends a signal, such as `KILL`, to a process of a pod, by its PID there.
    ///
    /// # Errors
    /// When there is no such process.
    pub fn signal(&self, pod: &str, signal: &str, pid: i64) -> Result<()> {
        self.exec(pod, &["kill", "-s", signal, &pid.to_string()]).map(drop)
    }

    /// The PID of `gp-agent run` in a pod.
    ///
    /// # Errors
    /// When it does not run.
    pub fn agent_pid(&self, pod: &str) -> Result<i64> {
        let pids = self.exec(pod, &["pgrep", "-f", "^[^ ]*gp-agent run"])?;
        pids.lines().next().context("no PID")?.parse().context("not a PID")
    }
}
