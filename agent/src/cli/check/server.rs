//! `gp-agent check`: whether a server starts with the parameters, and what the running agent says of the server.

use super::agent::{OwnAgent, silent};
use crate::engine;
use crate::lifecycle::settings;
use gp_agent_core::cluster::server_check::judge;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding};

/// What a start of the server would say to `parameters`; nothing where there is no engine or no database to try it with.
pub(super) async fn try_parameters(config: &Config, me: &Member) -> Vec<Finding> {
    match engine::find(config).await {
        Ok(engine) => settings::check_parameters(&engine, me, config).await,
        Err(_) => Vec::new(),
    }
}

/// Both, what is about the same only once: in the agent's words, since it knows with what the server ran before, unless it takes
/// it for less grave.
pub(super) fn merged(own: Vec<Finding>, agents: Vec<Finding>) -> Vec<Finding> {
    let about = |finding: &Finding| finding.subject.split(": ").next().map(str::to_string);
    let known = |own: &Finding| {
        let mut same = agents.iter().filter(|agents| about(agents) == about(own));
        same.any(|agents| agents.severity >= own.severity)
    };
    let missing: Vec<Finding> = own.into_iter().filter(|finding| !known(finding)).collect();
    missing.into_iter().chain(agents).collect()
}

/// What the agent finds of the server, what the files say, and whether the server works.
pub(super) async fn check(config: &Config, me: &Member, agent: &OwnAgent) -> (Vec<Finding>, String) {
    let mut findings = match engine::find(config).await {
        Ok(engine) => settings::check_overrides(&engine, &me.data_dir),
        // The agent says so itself.
        Err(_) => Vec::new(),
    };
    match agent.status().await {
        Ok(status) => {
            findings.extend(judge(status, &me.data_dir.display().to_string()));
            (findings, format!("{}: {}", status.phase.as_str(), status.reason))
        }
        Err(error) => {
            findings.push(silent(Area::Postgres, error));
            (findings, "its files are as the agent wrote them".into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_agent_has_found_too_is_told_once() {
        let finding = |subject: &str, what: &str| Finding::error(Area::Config, subject, what, "mend it");
        let own = vec![
            finding("domain", "is another"),
            finding("parameters: ssl, work_mem", "a server does not start with it"),
        ];
        let agents = vec![finding("parameters: ssl", "the server did not work with it")];
        let both = merged(own.clone(), agents);
        let told: Vec<String> = both.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "error config domain: is another; mend it",
                "error config parameters: ssl: the server did not work with it; mend it"
            ]
        );
        assert_eq!(merged(own.clone(), Vec::new()).len(), own.len());
        let doubt = Finding::warning(Area::Config, "parameters: ssl", "only a restart will tell", "wait");
        assert_eq!(
            merged(own.clone(), vec![doubt]).len(),
            own.len() + 1,
            "an error is not hidden"
        );
    }
}
