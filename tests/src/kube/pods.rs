//! What one asks of the pods of a release.

use super::Release;
use crate::wait;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::net::IpAddr;
use std::process::Output;

/// Whether write-ahead log streams at one end, as its agent's status says.
pub fn streams(status: &Value) -> bool {
    let mut ends = status["replication"].as_array().into_iter().flatten();
    ends.any(|end| end["state"] == "streaming")
}

impl Release {
    /// A pod as the API server knows it.
    ///
    /// # Errors
    /// When there is none.
    pub fn pod(&self, pod: &str) -> Result<Value> {
        self.object(&format!("pods/{pod}"))
    }

    /// What tells a pod from an earlier one of the same name.
    ///
    /// # Errors
    /// When there is none.
    pub fn uid(&self, pod: &str) -> Result<String> {
        let uid = &self.pod(pod)?["metadata"]["uid"];
        uid.as_str().map(String::from).context("no uid")
    }

    /// [`Release::uid`] of every pod, in the order of [`Release::pods`].
    ///
    /// # Errors
    /// When one is not there.
    pub fn uids(&self) -> Result<Vec<String>> {
        self.pods()?.iter().map(|pod| self.uid(pod)).collect()
    }

    /// A pod's address.
    ///
    /// # Errors
    /// While it has none.
    pub fn ip(&self, pod: &str) -> Result<IpAddr> {
        let ip = &self.pod(pod)?["status"]["podIP"];
        Ok(ip.as_str().context("no address yet")?.parse()?)
    }

    /// The node that a pod runs on.
    ///
    /// # Errors
    /// While it runs on none.
    pub fn node(&self, pod: &str) -> Result<String> {
        let node = &self.pod(pod)?["spec"]["nodeName"];
        node.as_str().map(String::from).context("not scheduled yet")
    }

    /// How often the kubelet has restarted a pod's container.
    ///
    /// # Errors
    /// While there is none.
    pub fn restarts(&self, pod: &str) -> Result<u64> {
        let count = &self.pod(pod)?["status"]["containerStatuses"][0]["restartCount"];
        count.as_u64().context("no container yet")
    }

    /// Runs a program in a pod; what it ended with.
    ///
    /// # Errors
    /// When kubectl cannot be started.
    pub fn try_exec(&self, pod: &str, command: &[&str]) -> Result<Output> {
        self.output(&[&["exec", pod, "--"], command].concat())
    }

    /// Runs a program in a pod; its standard output.
    ///
    /// # Errors
    /// When it ends with anything but 0.
    pub fn exec(&self, pod: &str, command: &[&str]) -> Result<String> {
        self.kubectl(&[&["exec", pod, "--"], command].concat())
    }

    /// The port of a pod's postmaster.
    ///
    /// # Errors
    /// When its agent does not answer.
    pub fn port(&self, pod: &str) -> Result<u64> {
        self.status(pod)?["port"].as_u64().context("no port")
    }

    /// Rows of a query over the pod's own socket, `|` between columns.
    ///
    /// # Errors
    /// What psql said.
    pub fn sql(&self, pod: &str, query: &str) -> Result<String> {
        let port = self.port(pod)?.to_string();
        let psql = ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1"];
        self.exec(pod, &[&psql[..], &["-p", &port, "-c", query]].concat())
    }

    /// What the agent of a pod says of it; asked through the API server.
    ///
    /// # Errors
    /// When it does not answer.
    pub fn status(&self, pod: &str) -> Result<Value> {
        self.object(&format!("pods/{pod}:8008/proxy/status"))
    }

    /// The process of the server that a pod runs.
    ///
    /// # Errors
    /// When it runs none, or its agent does not answer.
    pub fn postmaster(&self, pod: &str) -> Result<i64> {
        let pid = &self.status(pod)?["postmaster"]["pid"];
        pid.as_i64().with_context(|| format!("{pod} runs no server"))
    }

    /// What the pod's container wrote since it was made.
    pub fn logs(&self, pod: &str) -> String {
        let logs = self.kubectl(&["logs", pod]);
        logs.unwrap_or_else(|error| format!("(no log: {error:#})"))
    }

    /// Waits until the status of a pod is as wanted; gives that status.
    ///
    /// # Errors
    /// The last status and the end of the pod's log, when it never was.
    pub fn wait_status(&self, pod: &str, what: &str, mut wanted: impl FnMut(&Value) -> bool) -> Result<Value> {
        let answer = wait::until(&format!("{pod}: {what}"), || {
            let status = self.status(pod)?;
            ensure!(wanted(&status), "{status}");
            Ok(status)
        });
        answer.with_context(|| self.last_words(pod))
    }

    /// Waits until the agent of a pod says that its role does its work.
    ///
    /// # Errors
    /// Why it does not, and the end of its log.
    pub fn wait_ready(&self, pod: &str) -> Result<()> {
        let path = format!("pods/{pod}:8008/proxy/readyz");
        let answer = wait::until(&format!("{pod} ready"), || {
            let (code, body) = self.api.raw(&format!("/api/v1/namespaces/{}/{path}", self.namespace))?;
            ensure!(code == 200, "{code}: {body}");
            Ok(())
        });
        answer.with_context(|| self.last_words(pod))
    }

    /// Waits until every pod does its work.
    ///
    /// # Errors
    /// As [`Release::wait_ready`], of the first that does not.
    pub fn wait_all_ready(&self) -> Result<()> {
        self.pods()?.iter().try_for_each(|pod| self.wait_ready(pod))
    }

    /// Waits until a pod is another one than that of `uid`, and does its work.
    ///
    /// # Errors
    /// As [`Release::wait_ready`].
    pub fn wait_replaced(&self, pod: &str, uid: &str) -> Result<()> {
        wait::until(&format!("{pod} replaced"), || {
            let new = self.uid(pod)?;
            ensure!(new != uid, "still {uid}");
            Ok(())
        })?;
        self.wait_ready(pod)
    }

    /// Waits until write-ahead log streams from one pod to another, as the receiver sees it.
    ///
    /// # Errors
    /// As [`Release::wait_status`].
    pub fn wait_streaming(&self, receiver: &str) -> Result<()> {
        self.wait_status(receiver, "receives a stream", streams).map(drop)
    }

    fn last_words(&self, pod: &str) -> String {
        let logs = self.logs(pod);
        let lines: Vec<&str> = logs.lines().collect();
        let tail = lines[lines.len().saturating_sub(40)..].join("\n    ");
        let state = self
            .pod(pod)
            .map_or_else(|e| e.to_string(), |pod| pod["status"].to_string());
        format!("{pod} ({state}) said last:\n    {tail}\n")
    }
}
