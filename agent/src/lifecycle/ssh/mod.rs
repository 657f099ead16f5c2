//! SSH between the pods, for as long as the pod lives: keys from the Secret into ~/.ssh, host keys of the peers into known_hosts,
//! and sshd as a supervised child without root.
//!
//! Nothing here ends the agent: what is wrong is reported as a finding, watched, and continued with when it is mended.

mod check;
mod host_keys;
mod install;
mod known_hosts;
mod report;
mod rotation_log;
pub(crate) mod service;
pub(crate) mod settings;
mod sshd;
mod sshd_config;

pub use check::{check, known_hosts};
pub use report::SshReport;
pub use settings::{PeerAddresses, Setup};

use crate::sys::process::clock;
use crate::sys::ssh::secret::{KeyPair, RawSecret, Reading, SecretKeys, SecretWatch, examine};
use gp_agent_core::cluster::status::SshStatus;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::ssh::key_rotation::{Purpose, Purposed};
use gp_agent_core::ssh::known_hosts::patterns;
use gp_agent_core::ssh::public_key::PublicKey;
use host_keys::Hosts;
use known_hosts::known_hosts_text;
use report::publish;
use rotation_log::Ledger;
use sshd::{Daemon, DaemonEvent};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::time::Instant;

/// The keeper of keys and sshd.
pub struct Ssh {
    setup: Arc<Setup>,
    /// Absent while a blocking task has it.
    watch: Option<SecretWatch>,
    /// The last reading was not whole: what it lacked.
    secret_findings: Vec<Finding>,
    /// The Secret's keys in use.
    keys: Option<SecretKeys>,
    /// The host's own keys: the Secret's, or the one on the volume.
    host_keys: Vec<KeyPair>,
    /// Whole pairs of replaced user keys, for peers that do not know the new one yet.
    previous: Vec<KeyPair>,
    ledger: Ledger,
    hosts: Hosts,
    daemon: Daemon,
    install_findings: Vec<Finding>,
    /// Something has to be written or started, not before this moment.
    due: Option<Instant>,
}

enum Event {
    Shutdown,
    Daemon(DaemonEvent),
    Turn,
}

impl Ssh {
    /// Reads what an earlier agent left (keys, pins, a running sshd, which is adopted). Changes nothing.
    pub fn new(setup: Setup) -> Ssh {
        let setup = Arc::new(setup);
        let ledger = Ledger::load(&setup.state(""));
        let previous = install::installed_pairs(&setup.ssh_dir());
        Ssh {
            watch: Some(SecretWatch::new(&setup.config.secret)),
            secret_findings: Vec::new(),
            keys: None,
            host_keys: Vec::new(),
            previous,
            ledger,
            hosts: Hosts::load(setup.clone()),
            daemon: Daemon::adopt(setup.clone()),
            install_findings: Vec::new(),
            due: None,
            setup,
        }
    }

    /// Keeps SSH going until `shutdown` turns true (or its sender is gone), then stops sshd. Sessions that are open end with the
    /// container.
    pub async fn run(
        mut self,
        status: watch::Sender<SshReport>,
        mut peers: watch::Receiver<PeerAddresses>,
        mut shutdown: watch::Receiver<bool>,
    ) {
        let mut ticks = tokio::time::interval(self.setup.timing.poll);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                biased;
                _ = shutdown.wait_for(|over| *over) => Event::Shutdown,
                event = self.daemon.next() => Event::Daemon(event),
                _ = ticks.tick() => Event::Turn,
            };
            match event {
                Event::Shutdown => break,
                Event::Daemon(DaemonEvent::Ended(ended)) => self.daemon.on_end(ended),
                Event::Daemon(DaemonEvent::Due) => {
                    self.daemon.may_start();
                    self.due = Some(Instant::now());
                    self.settle().await;
                }
                Event::Turn => {
                    let addresses = peers.borrow_and_update().clone();
                    self.turn(&addresses).await;
                }
            }
            publish(&status, self.report());
        }
        self.daemon.stop().await;
        publish(&status, self.report());
    }

    /// One look at everything that may have changed.
    async fn turn(&mut self, addresses: &PeerAddresses) {
        if let Some(raw) = self.poll_secret().await {
            let reading = examine(&raw, &self.setup.run_dir).await;
            self.take(reading);
        }
        if self.ledger.expire(clock::now(), self.setup.timing.overlap) {
            tracing::info!("the replaced SSH keys are no longer accepted");
            self.is_due();
        }
        let scans = self.keys.as_ref().is_some_and(|keys| keys.host.is_empty());
        if self.hosts.turn(addresses, scans).await {
            self.is_due();
        }
        if self.due.is_some_and(|due| due <= Instant::now()) {
            self.settle().await;
        }
    }

    fn is_due(&mut self) {
        self.due = Some(Instant::now());
    }

    async fn poll_secret(&mut self) -> Option<RawSecret> {
        let mut watch = self
            .watch
            .take()
            .unwrap_or_else(|| SecretWatch::new(&self.setup.config.secret));
        let polled = tokio::task::spawn_blocking(move || {
            let raw = watch.poll();
            (watch, raw)
        });
        let (watch, raw) = polled.await.ok()?;
        self.watch = Some(watch);
        raw
    }

    /// Takes over what the Secret holds now. A reading that is not whole (a file half written, a key that does not fit) never
    /// replaces keys that work.
    fn take(&mut self, reading: Reading) {
        let whole = reading.is_whole();
        self.secret_findings = reading.findings;
        if self.keys.is_some() && !whole {
            self.secret_findings.push(Finding::warning(
                Area::Ssh,
                self.setup.config.secret.display().to_string(),
                "what the Secret holds now cannot be used as a whole; the keys installed before stay in use",
                "mend the Secret; the agent follows within seconds",
            ));
            return;
        }
        if reading.keys.user.is_empty() || self.keys.as_ref() == Some(&reading.keys) {
            return;
        }
        self.host_keys = reading.keys.host.clone();
        let replaced = self.keys.replace(reading.keys);
        self.previous.extend(replaced.into_iter().flat_map(|keys| keys.user));
        self.is_due();
    }

    /// Writes, tests and starts what is due; what fails is tried again later.
    async fn settle(&mut self) {
        self.due = None;
        let Some(keys) = self.keys.clone() else {
            return;
        };
        self.install_findings.clear();
        let mut done = self.provide_host_key(&keys).await;
        if done {
            self.remember(&keys);
            done = self.install(&keys).await && self.daemon.apply(&self.host_keys).await;
        }
        if !done {
            self.due = Some(Instant::now() + self.setup.timing.retry);
        }
    }

    async fn provide_host_key(&mut self, keys: &SecretKeys) -> bool {
        if !keys.host.is_empty() || !self.host_keys.is_empty() {
            return true;
        }
        match host_keys::own_key(&self.setup).await {
            Ok(pair) => {
                self.host_keys.push(pair);
                true
            }
            Err(finding) => {
                self.install_findings.push(finding);
                false
            }
        }
    }

    /// Writes down which keys are current, so that a rotation is noticed also when the agent was not there.
    fn remember(&mut self, keys: &SecretKeys) {
        let mut current = keys.public();
        if keys.host.is_empty() {
            current.extend(self.host_keys.iter().map(|pair| Purposed {
                purpose: Purpose::Host,
                key: pair.public.clone(),
            }));
        }
        if let Err(finding) = self.ledger.replace(current, clock::now()) {
            // The overlap still works, only not across a restart.
            self.install_findings.push(finding);
        }
        let replaced: Vec<&PublicKey> = self.ledger.replaced(Purpose::User).collect();
        self.previous.retain(|pair| replaced.contains(&&pair.public));
        self.previous.sort_by(|a, b| a.public.cmp(&b.public));
        self.previous.dedup_by(|a, b| a.public == b.public);
    }

    async fn install(&mut self, keys: &SecretKeys) -> bool {
        let accepted = keys.user.iter().map(|pair| &pair.public);
        let contents = install::Contents {
            directory: self.setup.ssh_dir(),
            user: self.setup.account.name.clone(),
            authorized: accepted.chain(self.ledger.replaced(Purpose::User)).cloned().collect(),
            current: keys.user.clone(),
            previous: self.previous.clone(),
            known_hosts: self.known_hosts(keys),
            hosts: patterns(&self.setup.topology),
            domain: self.setup.topology.domain.clone(),
            port: self.setup.port(),
        };
        let installed = tokio::task::spawn_blocking(move || install::install(&contents)).await;
        match installed {
            Ok(Ok(())) => true,
            Ok(Err(finding)) => {
                self.install_findings.push(finding);
                false
            }
            Err(_) => false,
        }
    }

    fn known_hosts(&self, keys: &SecretKeys) -> String {
        let public = |pairs: &[KeyPair]| pairs.iter().map(|p| p.public.clone()).collect();
        let replaced: Vec<PublicKey> = self.ledger.replaced(Purpose::Host).cloned().collect();
        known_hosts_text(
            &self.setup,
            public(&keys.host),
            replaced,
            public(&self.host_keys),
            self.hosts.pins(),
        )
    }

    fn report(&self) -> SshReport {
        let mut findings = self.secret_findings.clone();
        findings.extend(self.install_findings.iter().cloned());
        findings.extend(self.daemon.findings());
        findings.extend(self.hosts.findings());
        findings.sort();
        findings.dedup();
        let key = self.keys.as_ref().and_then(|keys| keys.user.first());
        SshReport {
            status: SshStatus {
                ports: self.daemon.ports(),
                key: key.map_or_else(String::new, |pair| pair.public.fingerprint()),
                pid: self.daemon.pid(),
            },
            findings,
        }
    }
}
