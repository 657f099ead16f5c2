//! `gp-agent check`: the doctor. Looks for itself, so it also works where the agent cannot; what only the running agent can
//! have seen of cluster.yaml is asked of it.

mod agent;
pub(super) mod config;
mod ha;
pub(super) mod limits;
mod recovery;
mod server;

use super::args::CheckArea;
use crate::lifecycle::peers::discovered;
use crate::lifecycle::settings::{hba_verification, tls};
use crate::lifecycle::startup::volume;
use crate::lifecycle::{ssh, startup};
use crate::sys::config::config_file;
use crate::sys::discovery::hostname;
use crate::sys::storage::{fts_probe, leftovers, shm_bytes};
use agent::OwnAgent;
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::cluster::volume::VolumeFacts;
use gp_agent_core::config::Config;
use gp_agent_core::discovery::peers::PeerMap;
use gp_agent_core::finding::{Area, Finding, Severity};
use gp_agent_core::log::printable::printable;
use gp_agent_core::process::passwd::Account;
use gp_agent_core::storage::fts_probe::judge_probe_file;
use gp_agent_core::storage::judge_shm;
use gp_agent_core::storage::room;
use gp_agent_core::storage::room::RoomLevel;
use std::path::Path;

const ALL: [CheckArea; 9] = [
    CheckArea::Config,
    CheckArea::Storage,
    CheckArea::Limits,
    CheckArea::Dns,
    CheckArea::Hba,
    CheckArea::Ssh,
    CheckArea::Postgres,
    CheckArea::Ha,
    CheckArea::Recovery,
];

struct Subject {
    config: Config,
    account: Account,
    topology: Topology,
    me: Member,
}

/// Prints a paragraph per area. The exit code is 1 when something is wrong; warnings do not count.
pub(super) async fn check(path: &Path, areas: &[CheckArea]) -> u8 {
    let areas = if areas.is_empty() { &ALL[..] } else { areas };
    let config = match config_file::read(path) {
        Ok(config) => config,
        Err(error) => return report(CheckArea::Config, &error.findings(), ""),
    };
    let subject = match startup::identify(&config) {
        Ok((account, topology, me)) => Subject {
            config,
            account,
            topology,
            me,
        },
        Err(stranger) if matches!(areas, [CheckArea::Config]) => return check_file(&config, stranger).await,
        Err(stranger) => return report(CheckArea::Config, &[stranger], ""),
    };
    let needs_peers = areas.iter().any(|a| matches!(a, CheckArea::Dns | CheckArea::Hba));
    let (peers, dns) = if needs_peers {
        discovered::look(&subject.topology, &subject.me, &subject.account.name).await
    } else {
        (PeerMap::new(), Vec::new())
    };
    let agent = OwnAgent::default();
    let mut code = 0;
    for area in areas {
        let (findings, good) = match area {
            CheckArea::Config => {
                let (own, good) = check_config(&subject).await;
                (server::merged(own, agent.found(Area::Config, path).await), good)
            }
            CheckArea::Storage => storage(&subject).await,
            CheckArea::Limits => limits::check(&subject.config, &subject.me, path, &agent).await,
            CheckArea::Dns => (
                dns.clone(),
                format!("{} peers resolve", peers.values().filter(|p| p.found()).count()),
            ),
            CheckArea::Hba => (
                server::merged(hba(&subject, &peers).await, agent.found(Area::Hba, path).await),
                "every connection of the topology is admitted by a narrow line".into(),
            ),
            CheckArea::Ssh => {
                let setup = startup::ssh_setup(&subject.config, &subject.account, &subject.topology, &subject.me);
                (ssh::check(&setup).await, "keys are right and every peer answers".into())
            }
            CheckArea::Postgres => server::check(&subject.config, &subject.me, &agent).await,
            CheckArea::Ha => ha::check(&subject.config, &subject.me, &agent).await,
            CheckArea::Recovery => recovery::check(&subject.config, &agent).await,
        };
        code = code.max(report(*area, &findings, &good));
    }
    code
}

/// The file where no pod is, before anything is deployed: what only a pod can say is left out.
async fn check_file(config: &Config, stranger: Finding) -> u8 {
    let grammar = hba_verification::grammar(config).await;
    let mut findings = hba_verification::judge_hba(&config.hba, grammar);
    findings.push(Finding {
        severity: Severity::Warning,
        ..stranger
    });
    report(
        CheckArea::Config,
        &findings,
        "the file can be read; what only its pods can say is left out",
    )
}

async fn check_config(s: &Subject) -> (Vec<Finding>, String) {
    let own = hostname::own_fqdn();
    let mut findings: Vec<Finding> = config::other_domain(&s.config, own.as_deref(), &s.me.pod)
        .into_iter()
        .collect();
    findings.extend(startup::lowered::find(&s.config));
    let grammar = hba_verification::grammar(&s.config).await;
    findings.extend(hba_verification::judge_hba(&s.config.hba, grammar));
    findings.extend(server::try_parameters(&s.config, &s.me).await);
    let mut good = whoami(s);
    if let Some(secret) = tls::secret_of(&s.config, &s.me) {
        let (wrong, until) = tls::check(&secret);
        findings.extend(wrong);
        good.extend(until.map(|until| format!("; its certificate holds until {until}")));
    }
    (findings, good)
}

fn whoami(s: &Subject) -> String {
    format!(
        "this pod is {}, the {} of cluster {} (content {})",
        s.me.pod, s.me.role, s.topology.cluster, s.me.content
    )
}

async fn storage(subject: &Subject) -> (Vec<Finding>, String) {
    let config = subject.config.storage.clone();
    let dir = subject.me.data_dir.clone();
    let exists = dir.join("global/pg_control").exists();
    let looked = tokio::task::spawn_blocking(move || {
        let (statuses, mut findings) = volume::prove(&config, exists);
        if exists {
            let found = leftovers::find(&dir, config.wal.as_deref()).unwrap_or_default();
            findings.extend(
                found
                    .into_iter()
                    .map(|(kind, path)| kind.finding(&path, leftovers::bytes(&path))),
            );
        }
        (statuses, findings)
    })
    .await;
    let (statuses, mut findings) = looked.unwrap_or_default();
    let rooms = statuses.iter().map(VolumeFacts::room);
    findings.extend(rooms.filter_map(|room| room::finding(&room, room::level(&room, RoomLevel::Enough))));
    findings.extend(judge_shm(shm_bytes()));
    if subject.config.engine.has_fts() {
        findings.extend(fts_probe(subject).await);
    }
    let good = statuses.iter().map(|s| {
        format!(
            "{} ({}): {}, O_DIRECT {}, fsync p50 {:.2} ms p99 {:.2} ms, {} MiB free",
            s.path,
            s.purpose.as_str(),
            s.file_system,
            if s.direct_io { "works" } else { "does not work" },
            s.fsync_p50_seconds * 1e3,
            s.fsync_p99_seconds * 1e3,
            s.space.free_bytes >> 20,
        )
    });
    (findings, good.collect::<Vec<_>>().join("; "))
}

/// The file that FTS reads and writes in each primary's data directory.
async fn fts_probe(subject: &Subject) -> Option<Finding> {
    let dir = subject.me.data_dir.clone();
    let read = tokio::task::spawn_blocking(move || fts_probe::read(&dir)).await;
    judge_probe_file(&subject.me.data_dir, &read.ok()?)
}

async fn hba(s: &Subject, peers: &PeerMap) -> Vec<Finding> {
    let (user, dir) = (&s.account.name, &s.me.data_dir);
    let grammar = hba_verification::grammar(&s.config).await;
    let fts = s.config.engine.has_fts();
    let mut findings = hba_verification::prove_hba(&s.topology, &s.me, user, dir, peers, fts, grammar);
    findings.extend(hba_verification::judge_hba(&s.config.hba, grammar));
    findings
}

fn report(area: CheckArea, findings: &[Finding], good: &str) -> u8 {
    print!("{}", told(area, findings, good));
    u8::from(is_wrong(findings))
}

fn is_wrong(findings: &[Finding]) -> bool {
    findings.iter().any(|f| f.severity == Severity::Error)
}

/// The words of a finding may be another agent's, a server's or a program's, and go to a terminal.
fn told(area: CheckArea, findings: &[Finding], good: &str) -> String {
    let name = format!("{area:?}").to_lowercase();
    let verdict = match (findings.is_empty(), is_wrong(findings)) {
        (true, _) => format!("ok       {good}"),
        (false, false) => format!("warning  {good}"),
        (false, true) => "error".to_string(),
    };
    let mut text = format!("{name:<8} {verdict}\n");
    for finding in findings {
        let [subject, what, remedy] = [&finding.subject, &finding.what, &finding.remedy].map(|text| printable(text));
        text.push_str(&format!(
            "         - {}: {subject}: {what}\n           {remedy}\n",
            finding.severity
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_say_does_nothing_to_a_terminal() {
        assert_eq!(told(CheckArea::Dns, &[], "all found"), "dns      ok       all found\n");
        let finding = Finding::error(Area::Ssh, "a\u{1b}[2J", "no\r\nway", "wait");
        let text = told(CheckArea::Ssh, &[finding], "fine");
        assert_eq!(
            text,
            "ssh      error\n         - error: a [2J: no  way\n           wait\n"
        );
    }
}
