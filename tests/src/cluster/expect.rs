//! What has to be so with either engine.

use super::Cluster;
use crate::{http, wait};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

/// The PID of the postmaster in a status.
pub fn postmaster(status: &Value) -> Option<i64> {
    status["postmaster"]["pid"].as_i64()
}

impl Cluster {
    /// Waits until pg_hba.conf of a pod holds the name of another one, and checks that no line of it is wide.
    ///
    /// # Errors
    /// The file, when it does not.
    pub fn expect_name_in_hba(&self, pod: &str, peer: &str) -> Result<()> {
        let file = format!("{}/pg_hba.conf", self.data_dir(pod));
        let name = format!("{peer}.{}", self.domain());
        wait::until("names in pg_hba.conf", || {
            let hba = self.exec(pod, &["cat", &file])?;
            let comment = |line: &&str| line.trim_start().starts_with('#');
            let lines: Vec<&str> = hba.lines().filter(|line| !comment(line)).collect();
            let wide = |line: &&str| line.contains("samenet") || line.contains("/0 ");
            ensure!(
                lines.iter().any(|line| line.contains(&name)),
                "{name} is not in {file} of {pod}:\n{hba}"
            );
            ensure!(
                !lines.iter().any(wide),
                "a line that is too wide in {file} of {pod}:\n{hba}"
            );
            Ok(())
        })
    }

    /// Checks that of the role endpoints each pod answers 200 on its own alone.
    ///
    /// # Errors
    /// The first that does not.
    pub fn expect_roles_over_http(&self) -> Result<()> {
        let active = [
            ("coordinator-0", "coordinator"),
            ("coordinator-1", "standby"),
            ("segment-a-0", "primary"),
            ("segment-b-0", "mirror"),
        ];
        for (pod, role) in active {
            let address = self.address(self.pod(pod))?;
            for (_, path) in active {
                let (code, body) = http::get(address, &format!("/{path}"))?;
                let expected = if path == role { 200 } else { 503 };
                ensure!(code == expected, "{pod}: /{path} answered {code}: {body}");
            }
            let (code, metrics) = http::get(address, "/metrics")?;
            ensure!(
                code == 200 && metrics.contains("# HELP"),
                "{pod}: /metrics: {code} {metrics}"
            );
        }
        Ok(())
    }

    /// Kills the agent of a pod; the next one has to adopt the same postmaster.
    ///
    /// # Errors
    /// When it does not.
    pub fn kill_agent(&self, pod: &str) -> Result<()> {
        let before = self.status(pod)?;
        let restarts = before["agentRestarts"].as_u64().context("no count")?;
        self.signal(pod, "KILL", self.agent_pid(pod)?)?;
        let after = self.wait_status(pod, "agent back, postmaster adopted", |s| {
            s["agentRestarts"] == restarts + 1 && s["postmaster"]["adopted"] == true
        })?;
        ensure!(
            postmaster(&before).is_some() && postmaster(&after) == postmaster(&before),
            "the postmaster's PID changed from {before} to {after}"
        );
        self.wait_ready(pod)
    }
}
