//! The certificate for the server's clients: from the Secret behind `tls.secret` into the run directory, and into force by
//! the next reload. A bad one is named, and the one of before stays.

use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::run_dir;
use crate::sys::postgres::tls::shown::{Shown, shown};
use crate::sys::postgres::tls::{Pair, in_force, install, is_in_force, read};
use crate::sys::process::clock::wall;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::{Phase, TlsStatus};
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding, FindingSource};
use gp_agent_core::postgres::tls;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A reload takes the postmaster some milliseconds, and this pod's queue for its volume perhaps more.
const DOUBT_AFTER: u32 = 3;

fn dir() -> PathBuf {
    run_dir().join("tls")
}

/// Where the Secret is; none without TLS, or in a pod that no client connects to: those of a Greenplum cluster connect to
/// its coordinator.
pub(crate) fn secret_of(config: &Config, me: &Member) -> Option<PathBuf> {
    let for_clients = me.content.is_coordinator() || config.engine.segments_have_clients();
    config.tls.secret.clone().filter(|_| for_clients)
}

fn secret(pod: &Pod) -> Option<PathBuf> {
    secret_of(&pod.config.borrow(), &pod.me)
}

/// Puts what the Secret holds in force, if it should be. True when the server has to read its files again. May block.
pub(super) fn refresh(pod: &Pod) -> bool {
    let due = secret(pod).and_then(|secret| Look::at(secret).due);
    due.is_some_and(|pair| put_in_force(&pair))
}

/// The same where nothing may block.
pub(super) async fn renew(pod: &Arc<Pod>) -> bool {
    let pod = pod.clone();
    tokio::task::spawn_blocking(move || refresh(&pod))
        .await
        .unwrap_or(false)
}

/// Whether it was done. Without a certificate a server still serves.
fn put_in_force(pair: &Pair) -> bool {
    install(&dir(), pair).unwrap_or_else(|error| {
        tracing::error!("cannot put the certificate into {}: {error}", dir().display());
        false
    })
}

/// What gp-agent.conf says of the certificate that is in force.
pub(super) fn parameters(config: &Config, me: &Member) -> Vec<(&'static str, String)> {
    let current = in_force(&dir());
    match secret_of(config, me) {
        Some(_) if current.join(tls::CERTIFICATE).exists() => tls::parameters(&current, current.join(tls::CA).exists()),
        _ => Vec::new(),
    }
}

/// What one look found.
struct Look {
    secret: PathBuf,
    in_force: Option<Pair>,
    findings: Vec<Finding>,
    /// The Secret's pair, when it should be in force and is not.
    due: Option<Pair>,
}

impl Look {
    /// Reads the Secret and what is in force. May block.
    fn at(secret: PathBuf) -> Look {
        let (offered, in_force) = (read(&secret), read(&in_force(&dir())).ok());
        let old = in_force.as_ref().map(|pair| pair.validity);
        let validity = offered.as_ref().map(|pair| pair.validity).map_err(Clone::clone);
        let findings = tls::judge(&secret, old, &validity, wall());
        let due = offered
            .ok()
            .filter(|pair| tls::replaces(old, pair.validity, wall()) && !is_in_force(&dir(), pair));
        Look {
            secret,
            in_force,
            findings,
            due,
        }
    }

    /// The same. A first pair comes into force at once, also where no server runs yet: Greenplum's tools start a standby with
    /// a copy of the coordinator's settings.
    fn at_first(secret: PathBuf) -> Look {
        let look = Look::at(secret);
        if let (None, Some(pair)) = (&look.in_force, &look.due) {
            put_in_force(pair);
        }
        look
    }
}

/// What the doctor says of the Secret, looked at by itself, and the end of its certificate.
pub(crate) fn check(secret: &Path) -> (Vec<Finding>, Option<String>) {
    let offered = read(secret).map(|pair| pair.validity);
    let until = offered.as_ref().ok().map(|validity| tls::day(validity.until));
    // As if it were in use: what does not hold is an error then.
    let used = offered.as_ref().ok().copied();
    (tls::judge(secret, used, &offered, wall()), until)
}

/// Follows the Secret as long as the pod lives.
pub(crate) async fn keep(pod: &Arc<Pod>) {
    let mut server = Server::default();
    loop {
        match secret(pod) {
            Some(secret) => {
                if let Ok(look) = tokio::task::spawn_blocking(move || Look::at_first(secret)).await {
                    report(pod, &mut server, look).await;
                }
            }
            None => {
                pod.board.findings(FindingSource::Tls, Vec::new());
                pod.board.on(Event::Tls(None));
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn report(pod: &Pod, server: &mut Server, look: Look) {
    if look.due.is_some() {
        pod.settings_changed.notify_one();
    }
    let mut findings = look.findings;
    let used = look.in_force.as_ref().filter(|_| look.due.is_none());
    if let Some(pair) = used {
        findings.extend(server.judge(pod, &look.secret, pair).await);
    }
    pod.board.findings(FindingSource::Tls, findings);
    pod.board.on(Event::Tls(used.map(|pair| TlsStatus {
        fingerprint: pair.fingerprint.clone(),
        not_after: pair.validity.until,
    })));
}

/// What is known of the server that runs: whether it shows the certificate that it should.
#[derive(Default)]
struct Server {
    /// PID and certificate that were seen together.
    seen: Option<(i32, String)>,
    /// Looks in a row at which it showed another one.
    others: u32,
}

impl Server {
    async fn judge(&mut self, pod: &Pod, secret: &Path, pair: &Pair) -> Option<Finding> {
        let pid = pod
            .board
            .read(|s| s.postmaster.pid.filter(|_| s.phase == Phase::Running))?;
        if self
            .seen
            .as_ref()
            .is_some_and(|(seen, which)| *seen == pid && *which == pair.fingerprint)
        {
            return None;
        }
        let what = match shown(pod.me.port).await {
            Ok(Shown::Certificate(which)) if which == pair.fingerprint => {
                self.seen = Some((pid, which));
                self.others = 0;
                return None;
            }
            Ok(Shown::Certificate(_)) => "the server still shows the previous certificate".to_string(),
            Ok(Shown::NoTls) => "the server still answers without TLS".to_string(),
            Err(error) => format!("the server shows no certificate: {error}"),
        };
        self.others += 1;
        (self.others >= DOUBT_AFTER).then(|| {
            Finding::error(
                Area::Postgres,
                secret.display().to_string(),
                what,
                "its log says why it did not load the files; Greenplum 6 reads them at its start alone: restart the pod when convenient",
            )
        })
    }
}
