//! The doctor's look at SSH, and known_hosts for review. Nothing is changed.

use super::known_hosts::known_hosts_text;
use super::rotation_log::Ledger;
use super::settings::Setup;
use super::sshd_config;
use crate::sys::ssh::programs::{ToolError, login, public_half};
use crate::sys::ssh::secret::{KeyPair, PrivateKey, RawSecret, Reading, examine};
use crate::sys::text::read_text;
use futures_util::{StreamExt, stream};
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::process::timeouts;
use gp_agent_core::ssh::key_rotation::Purpose;
use gp_agent_core::ssh::known_hosts::Pins;
use gp_agent_core::ssh::public_key::PublicKey;
use std::fs;
use std::time::Duration;

/// Logins tried at the same time.
const LOGINS: usize = 16;

/// The time that one login has.
const LOGIN: Duration = timeouts::SSH_LOGIN_ENDS;

/// Are the Secret's keys good, does sshd accept its configuration, and does every peer let us in? Empty when all is well.
pub async fn check(setup: &Setup) -> Vec<Finding> {
    let reading = read(setup).await;
    let mut findings = reading.findings;
    if reading.keys.user.is_empty() {
        return findings;
    }
    let host_keys = match reading.keys.host.is_empty() {
        false => reading.keys.host,
        true => volume_key(setup).await.into_iter().collect(),
    };
    if host_keys.is_empty() {
        findings.push(Finding::error(
            Area::Ssh,
            setup.state("ssh_host_ed25519_key").display().to_string(),
            "there is no host key yet",
            "start the agent (`gp-agent run`), which makes one, or put one into the Secret",
        ));
    } else {
        findings.extend(sshd_config::check_config(setup, &host_keys).await);
    }
    findings.extend(logins(setup).await);
    findings
}

async fn logins(setup: &Setup) -> Vec<Finding> {
    let config = setup.ssh_dir().join("config");
    if !config.is_file() {
        return vec![Finding::error(
            Area::Ssh,
            config.display().to_string(),
            "is missing, so that the peers cannot be tried",
            "start the agent (`gp-agent run`), which writes it",
        )];
    }
    let peers: Vec<String> = setup
        .topology
        .peers(&setup.me)
        .map(|member| member.fqdn.clone())
        .collect();
    let tries = stream::iter(peers).map(|host| {
        let config = &config;
        async move { (login(config, &host, LOGIN).await, host) }
    });
    tries
        .buffered(LOGINS)
        .filter_map(|(answer, host)| async move { Some(not_let_in(&host, &answer.err()?)) })
        .collect()
        .await
}

fn not_let_in(host: &str, error: &ToolError) -> Finding {
    let words = error.to_string();
    let remedy = if words.contains("Permission denied") {
        "both pods need the same key: compare the key's fingerprint in `gp-agent status` of both; a Secret that was just rotated \
         reaches all pods within about two minutes"
    } else if words.contains("Host key verification failed") {
        "see the findings about host keys in `gp-agent status`"
    } else if words.contains("resolve") {
        "see `gp-agent check dns`"
    } else {
        "see whether sshd runs there (`gp-agent status`), and whether a NetworkPolicy is in the way"
    };
    Finding::error(Area::Ssh, host, format!("cannot log in: {words}"), remedy)
}

/// The text of ~/.ssh/known_hosts as it follows from the Secret and the volume now.
pub async fn known_hosts(setup: &Setup) -> String {
    let keys = read(setup).await.keys;
    let own: Option<PublicKey> = volume_key(setup).await.map(|pair| pair.public);
    let text = read_text(setup.state("known_hosts")).unwrap_or_default();
    let ledger = Ledger::load(&setup.state(""));
    known_hosts_text(
        setup,
        keys.host.into_iter().map(|pair| pair.public).collect(),
        ledger.replaced(Purpose::Host).cloned().collect(),
        own.into_iter().collect(),
        &Pins::parse(&text, &setup.topology),
    )
}

async fn read(setup: &Setup) -> Reading {
    let directory = setup.config.secret.clone();
    match tokio::task::spawn_blocking(move || RawSecret::read(&directory)).await {
        Ok(raw) => examine(&raw, &setup.run_dir).await,
        Err(_) => Reading::default(),
    }
}

async fn volume_key(setup: &Setup) -> Option<KeyPair> {
    let text = fs::read(setup.state("ssh_host_ed25519_key")).ok()?;
    let public = public_half(&text, &setup.run_dir).await.ok()?;
    Some(KeyPair {
        private: PrivateKey::new(text),
        public,
    })
}
