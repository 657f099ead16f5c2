//! What the agents of a cluster say, and waiting for it.

use super::{Cluster, HTTP};
use crate::{http, wait};
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};

impl Cluster {
    /// Where the agent of a running pod listens.
    ///
    /// # Errors
    /// When the container does not run.
    pub fn address(&self, pod: &str) -> Result<SocketAddr> {
        let ip = self.inspect(pod, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")?;
        let ip: IpAddr = ip.parse().with_context(|| format!("{pod} does not run"))?;
        Ok(SocketAddr::new(ip, HTTP))
    }

    /// What the agent of a pod says of it.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn status(&self, pod: &str) -> Result<Value> {
        let (code, body) = http::get(self.address(pod)?, "/status")?;
        ensure!(code == 200, "{pod}: /status answered {code}: {body}");
        serde_json::from_str(&body).with_context(|| format!("{pod}: /status is not JSON: {body}"))
    }

    /// Waits until the status of a pod is as wanted; gives that status.
    ///
    /// # Errors
    /// The last status and the end of the pod's log, when it never was.
    pub fn wait_status(&self, pod: &str, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Result<Value> {
        let what = format!("{pod}: {what}");
        let answer = wait::until(&what, || {
            let status = self.status(pod)?;
            ensure!(wanted(&status), "{status}");
            Ok(status)
        });
        answer.with_context(|| self.last_words(pod))
    }

    /// Waits until a pod is ready.
    ///
    /// # Errors
    /// Why it is not, and the end of its log.
    pub fn wait_ready(&self, pod: &str) -> Result<()> {
        let answer = wait::until(&format!("{pod} ready"), || {
            let (code, body) = http::get(self.address(pod)?, "/readyz")?;
            ensure!(code == 200, "/readyz answered {code}: {body}");
            Ok(())
        });
        answer.with_context(|| self.last_words(pod))
    }

    /// Waits until every pod is ready.
    ///
    /// # Errors
    /// As [`Cluster::wait_ready`], of the first that is not.
    pub fn wait_all_ready(&self) -> Result<()> {
        self.pods.iter().try_for_each(|pod| self.wait_ready(pod))
    }

    pub(super) fn last_words(&self, pod: &str) -> String {
        let logs = self.logs(pod);
        let lines: Vec<&str> = logs.lines().collect();
        let tail = lines[lines.len().saturating_sub(40)..].join("\n    ");
        format!("{pod} said last:\n    {tail}\n")
    }
}
