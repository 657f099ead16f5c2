//! `gp-agent check`: whether a server starts with the parameters, and what the running agent says of the server.

use crate::cli::status::ask_agent;
use crate::engine;
use crate::lifecycle::settings;
use gp_agent_core::cluster::status::{Phase, PodStatus};
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::process::timeouts;

/// What a start of the server would say to `parameters`; nothing where there is no engine or no database to try it with.
pub(super) async fn try_parameters(config: &Config, me: &Member) -> Vec<Finding> {
    match engine::find(config).await {
        Ok(engine) => settings::check_parameters(&engine, me, config).await,
        Err(_) => Vec::new(),
    }
}

/// What the agent finds of the server, what the files say, and whether the server works.
pub(super) async fn check(config: &Config, me: &Member) -> (Vec<Finding>, String) {
    let asked = tokio::task::spawn_blocking(|| ask_agent("GET", "/status", "", timeouts::STATUS_ANSWERS)).await;
    let answer = asked
        .map_err(|e| e.to_string())
        .and_then(|asked| asked.map_err(|e| e.to_string()));
    let status = answer.and_then(|(_, text)| serde_json::from_str::<PodStatus>(&text).map_err(|e| e.to_string()));
    let mut findings = match engine::find(config).await {
        Ok(engine) => settings::check_overrides(&engine, &me.data_dir),
        // The agent says so itself.
        Err(_) => Vec::new(),
    };
    match status {
        Ok(status) => {
            findings.extend(trouble(&status, me));
            (findings, format!("{}: {}", status.phase.as_str(), status.reason))
        }
        Err(error) => {
            let remedy = "is gp-agent running in this pod? Its log says why not";
            findings.push(Finding::warning(
                Area::Postgres,
                "agent",
                format!("does not answer: {error}"),
                remedy,
            ));
            (findings, "its files are as the agent wrote them".into())
        }
    }
}

/// What the agent itself found of the server; a phase in which no server runs counts too.
fn trouble(status: &PodStatus, me: &Member) -> Vec<Finding> {
    let by_agent = status
        .findings
        .iter()
        .filter(|f| f.area == Area::Postgres && !f.subject.starts_with("parameter "));
    let mut findings: Vec<Finding> = by_agent.cloned().collect();
    let down = matches!(
        status.phase,
        Phase::Crashed | Phase::CrashLoop | Phase::Refused | Phase::Hung
    );
    if down && findings.is_empty() {
        let what = format!("{}: {}", status.phase.as_str(), status.reason);
        let remedy = "mend what it says; gp-agent status shows all findings";
        findings.push(Finding::error(
            Area::Postgres,
            me.data_dir.display().to_string(),
            what,
            remedy,
        ));
    }
    findings
}
