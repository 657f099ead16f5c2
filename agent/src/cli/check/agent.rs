//! What this pod's agent says, which the doctor cannot see for itself.

use crate::cli::status::ask_agent;
use crate::sys::config::config_file::DEFAULT_PATH;
use crate::sys::http::client::AskError;
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::cluster::status::PodStatus;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::process::timeouts;
use serde::de::DeserializeOwned;
use std::path::Path;
use std::sync::OnceLock;
use tokio::sync::OnceCell;

/// The answers of one run, each asked for once and when an area needs it. One that is silent may take all of
/// [`timeouts::STATUS_ANSWERS`], and is asked nothing more.
#[derive(Debug, Default)]
pub(super) struct OwnAgent {
    silent: OnceLock<String>,
    status: OnceCell<Result<PodStatus, String>>,
    cluster: OnceCell<Result<Vec<PodReport>, String>>,
}

impl OwnAgent {
    /// Its own pod.
    ///
    /// # Errors
    /// It does not answer, or in words of another version.
    pub(super) async fn status(&self) -> Result<&PodStatus, &String> {
        self.status.get_or_init(|| self.ask("/status")).await.as_ref()
    }

    /// All pods, as it asks them.
    ///
    /// # Errors
    /// As for [`OwnAgent::status`].
    pub(super) async fn cluster(&self) -> Result<&[PodReport], &String> {
        let answer = self.cluster.get_or_init(|| self.ask("/cluster")).await;
        answer.as_deref()
    }

    /// What it has found in that area, and whoever looks once cannot: with what the server did not come up, which lines it
    /// refused. Nothing where another file than the agent's is looked at.
    pub(super) async fn found(&self, area: Area, file: &Path) -> Vec<Finding> {
        if !is_its(file) {
            return Vec::new();
        }
        let findings = self.status().await.map(|status| status.findings.as_slice());
        let findings = findings.unwrap_or_default().iter();
        findings.filter(|finding| finding.area == area).cloned().collect()
    }

    async fn ask<T: DeserializeOwned>(&self, path: &'static str) -> Result<T, String> {
        if let Some(error) = self.silent.get() {
            return Err(error.clone());
        }
        let asked = tokio::task::spawn_blocking(move || ask_agent("GET", path, "", timeouts::STATUS_ANSWERS)).await;
        let answer = asked.map_err(|e| e.to_string())?;
        let (_, text) = answer.map_err(|error| {
            let words = error.to_string();
            match error {
                AskError::TimedOut(..) => self.silent.get_or_init(|| words).clone(),
                _ => words,
            }
        })?;
        serde_json::from_str(&text).map_err(|e| e.to_string())
    }
}

/// Whether the running agent reads that file too.
pub(super) fn is_its(file: &Path) -> bool {
    let its = std::env::var_os("GP_AGENT_CONFIG").unwrap_or_else(|| DEFAULT_PATH.into());
    file == Path::new(&its)
}

/// That it does not answer.
pub(super) fn silent(area: Area, error: &str) -> Finding {
    let remedy = "is gp-agent running in this pod? Its log says why not";
    Finding::warning(area, "agent", format!("does not answer: {error}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_that_was_silent_is_asked_nothing_more() {
        let agent = OwnAgent::default();
        agent.silent.set("nothing within 20s".into()).unwrap();
        assert_eq!(agent.status().await.unwrap_err(), "nothing within 20s");
        assert_eq!(agent.cluster().await.unwrap_err(), "nothing within 20s");
    }
}
