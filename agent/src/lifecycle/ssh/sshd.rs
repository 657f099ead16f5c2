//! sshd as a child without root: configured, tested, started, adopted, told to read again, started again.

use super::settings::Setup;
use super::sshd_config::{Newer, cannot_write, config_file, pid_file, render, test, write_host_keys};
use crate::sys::process::{Ended, Process, ProcessInfo, process, processes};
use crate::sys::ssh::programs;
use crate::sys::ssh::programs::probe_port;
use crate::sys::ssh::secret::KeyPair;
use crate::sys::storage::fs::write_atomically;
use crate::sys::text::read_text;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::process::restart_backoff::{Backoff, HEALTHY};
use gp_agent_core::process::timeouts;
use gp_agent_core::ssh::config::ports_of;
use gp_agent_core::ssh::ports::plan_ports;
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long sshd may take until it listens, and until it ends.
const STARTS_WITHIN: Duration = timeouts::SSHD_STARTS;

/// Between two looks at the PID file while sshd starts.
const GLANCE_EVERY: Duration = Duration::from_millis(20);

/// What there is to do for the caller.
pub(super) enum DaemonEvent {
    /// sshd ended.
    Ended(Ended),
    /// The pause before the next start is over.
    Due,
}

/// Our sshd.
pub(super) struct Daemon {
    setup: Arc<Setup>,
    running: Option<(Process, Instant)>,
    backoff: Backoff,
    /// The moment before which it is not started again.
    start_at: Option<Instant>,
    /// The configuration that `sshd -t` found right.
    tested: Option<String>,
    ports: Vec<u16>,
    findings: Vec<Finding>,
    last_end: String,
}

impl Daemon {
    /// Takes hold of an sshd that an earlier agent started with our configuration file, when there is one.
    pub(super) fn adopt(setup: Arc<Setup>) -> Daemon {
        let config = config_file(&setup.run_dir);
        let text = read_text(&config).ok();
        let running = find_ours(&setup.run_dir).map(|process| (process, Instant::now()));
        if let Some((process, _)) = &running {
            tracing::info!(pid = process.pid(), "adopted a running sshd");
        }
        Daemon {
            setup,
            backoff: Backoff::new(),
            start_at: None,
            ports: text.as_deref().map(ports_of).unwrap_or_default(),
            tested: text,
            findings: Vec::new(),
            last_end: String::new(),
            running,
        }
    }

    /// Waits for something to do. Cancel-safe.
    pub(super) async fn next(&mut self) -> DaemonEvent {
        match (&mut self.running, self.start_at) {
            (Some((process, _)), _) => DaemonEvent::Ended(process.ended().await.unwrap_or(Ended::Unknown)),
            (None, Some(at)) => {
                tokio::time::sleep_until(at).await;
                DaemonEvent::Due
            }
            (None, None) => std::future::pending().await,
        }
    }

    /// Takes note of its end and plans the next start.
    pub(super) fn on_end(&mut self, ended: Ended) {
        let ran_for = self.running.take().map(|(_, since)| since.elapsed());
        let pause = self.backoff.after_end(ran_for.unwrap_or_default());
        self.last_end = ended.to_string();
        self.start_at = Some(Instant::now() + pause);
        tracing::warn!(pause_seconds = pause.as_secs(), "sshd {ended}; it is started again");
    }

    /// The pause before the next start is over.
    pub(super) fn may_start(&mut self) {
        self.start_at = None;
    }

    /// Its PID while it runs.
    pub(super) fn pid(&self) -> Option<i32> {
        Some(self.running.as_ref()?.0.pid())
    }

    /// Ports it listens on; empty while it does not run.
    pub(super) fn ports(&self) -> Vec<u16> {
        match self.running {
            Some(_) => self.ports.clone(),
            None => Vec::new(),
        }
    }

    /// What is wrong with it.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut findings = self.findings.clone();
        let shaky = match &self.running {
            Some((_, since)) => since.elapsed() < HEALTHY,
            None => true,
        };
        if self.backoff.is_loop() && shaky {
            findings.push(Finding::error(
                Area::Ssh,
                "sshd",
                format!(
                    "ended {} times in a row (last: {}); it is started again and again",
                    self.backoff.crashes(),
                    self.last_end
                ),
                "read sshd's own lines in this pod's log, just before each end",
            ));
        }
        findings
    }

    /// Sees to it that sshd runs with these host keys. False when that has to be tried again later.
    pub(super) async fn apply(&mut self, host_keys: &[KeyPair]) -> bool {
        if self.start_at.is_some() {
            return true;
        }
        self.findings.clear();
        match self.try_apply(host_keys).await {
            Ok(done) => done,
            Err(finding) => {
                self.findings.push(finding);
                false
            }
        }
    }

    async fn try_apply(&mut self, host_keys: &[KeyPair]) -> Result<bool, Finding> {
        let Some(ports) = self.choose_ports() else {
            return Ok(false);
        };
        let run_dir = self.setup.run_dir.clone();
        let writing = |error| cannot_write(&run_dir, &error);
        let (files, new_keys) = write_host_keys(&run_dir, host_keys).map_err(writing)?;
        let text = self.tested_config(&ports, &files, new_keys).await?;
        let config = config_file(&run_dir);
        let new_text = write_atomically(&config, text.as_bytes(), 0o600).map_err(writing)?;
        self.ports = ports;
        match (&self.running, new_keys || new_text) {
            (None, _) => self.start(&config).await.map(|()| true),
            (Some(_), true) => self.read_again().await.map(|()| true),
            (Some(_), false) => Ok(true),
        }
    }

    /// A running sshd keeps its ports, unless the configuration names another one; the others are tried first.
    fn choose_ports(&mut self) -> Option<Vec<u16>> {
        let configured = self.setup.config.port;
        if self.running.is_some() && !self.ports.is_empty() {
            let kept = self.ports.clone();
            return Some(configured.map_or(kept, |port| vec![port]));
        }
        let plan = plan_ports(configured, probe_port);
        self.findings.extend(plan.findings);
        (!plan.listen.is_empty()).then_some(plan.listen)
    }

    /// The text of sshd_config, as `sshd -t` found it right.
    async fn tested_config(&mut self, ports: &[u16], host_keys: &[PathBuf], new_keys: bool) -> Result<String, Finding> {
        if !new_keys
            && let Some(tested) = &self.tested
            && Newer::ALL
                .iter()
                .any(|newer| *tested == render(&self.setup, ports, host_keys, *newer))
        {
            return Ok(tested.clone());
        }
        let text = test(&self.setup, &self.setup.run_dir, ports, host_keys).await?;
        self.tested = Some(text.clone());
        Ok(text)
    }

    async fn start(&mut self, config: &Path) -> Result<(), Finding> {
        let _ = fs::remove_file(pid_file(&self.setup.run_dir));
        let process = Process::spawn(&mut programs::sshd(config)).map_err(|error| {
            Finding::error(
                Area::Ssh,
                "sshd",
                format!("cannot be started: {error}"),
                "install openssh-server in the image",
            )
        })?;
        tracing::info!(pid = process.pid(), ports = ?self.ports, "started sshd");
        self.running = Some((process, Instant::now()));
        self.listening().await;
        Ok(())
    }

    /// sshd executes itself again on SIGHUP: same PID, new configuration and host keys; open sessions go on.
    async fn read_again(&mut self) -> Result<(), Finding> {
        let Some((process, _)) = &self.running else {
            return Ok(());
        };
        let _ = fs::remove_file(pid_file(&self.setup.run_dir));
        tracing::info!(pid = process.pid(), "sshd reads its configuration and host keys again");
        // One that ends at this moment is noticed by next().
        let _ = process.signal(Signal::HUP);
        self.listening().await;
        Ok(())
    }

    /// Waits until sshd has written its PID file, which it does once it listens. Its end is left to next().
    async fn listening(&mut self) {
        let file = pid_file(&self.setup.run_dir);
        let Some((process, _)) = &mut self.running else {
            return;
        };
        let pid = process.pid();
        let written = async {
            while read_pid(&file) != Some(pid) {
                tokio::time::sleep(GLANCE_EVERY).await;
            }
        };
        tokio::select! {
            () = written => {}
            _ = process.ended() => {}
            () = tokio::time::sleep(STARTS_WITHIN) => {
                tracing::warn!(pid, "sshd runs and has not written its PID file; perhaps it does not listen");
            }
        }
    }

    /// Stops the listener; sessions that are open stay.
    pub(super) async fn stop(&mut self) {
        self.start_at = None;
        let Some((process, _)) = self.running.take() else {
            return;
        };
        for signal in [Signal::TERM, Signal::KILL] {
            let _ = process.signal(signal);
            if let Ok(Ok(ended)) = tokio::time::timeout(STARTS_WITHIN / 4, process.ended()).await {
                tracing::info!("sshd {ended}");
                return;
            }
        }
    }
}

fn read_pid(file: &Path) -> Option<i32> {
    read_text(file).ok()?.trim().parse().ok()
}

/// The sshd that listens with our configuration file: by its PID file, or, should that be missing, by its command line (sshd keeps
/// the arguments in its process title; its sessions show none).
fn find_ours(run_dir: &Path) -> Option<Process> {
    let config = config_file(run_dir).display().to_string();
    let ours = |info: &ProcessInfo| {
        let line = info.args.join(" ");
        info.comm == "sshd" && line.contains(" -D ") && line.contains(&config)
    };
    let listed = read_pid(&pid_file(run_dir)).filter(|pid| process(*pid).is_some_and(|i| ours(&i)));
    let pid = listed.or_else(|| Some(processes().ok()?.into_iter().find(ours)?.pid))?;
    let adopted = Process::adopt(pid).ok()?;
    // Asked again: the PID could have changed hands before we held it.
    process(pid).is_some_and(|i| ours(&i)).then_some(adopted)
}
