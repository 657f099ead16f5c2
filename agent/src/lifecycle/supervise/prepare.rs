//! What comes before a start: look at the directory, ask the partner, make or copy it where there is none.

use super::{ASK_AGAIN, Supervisor};
use crate::domain::finding::{Area, Finding};
use crate::domain::start::{self, Decision, Directory, DirectoryKind, Partner};
use crate::domain::status::Phase;
use crate::lifecycle::{bootstrap, partner, settings};
use crate::sys::files::set_aside;
use crate::sys::ports;
use crate::sys::postgres::directory::Examined;
use crate::sys::process::Process;
use anyhow::{Context, Result, bail};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// How long an existing primary waits for its partner's word before it starts alone.
const PARTNER_SILENT_FOR: Duration = Duration::from_secs(5);

impl Supervisor<'_> {
    pub(super) async fn prepare_and_start(&mut self) -> Result<Option<Process>> {
        let pod = self.pod;
        let examined = self.examine().await?;
        match self.decide(&examined).await {
            Decision::Wait(reason) => {
                pod.board.phase(waiting_phase(&examined), reason);
                sleep(ASK_AGAIN).await;
                Ok(None)
            }
            Decision::Refuse { what, remedy } => {
                pod.board.findings(
                    "start",
                    vec![Finding::error(
                        Area::Postgres,
                        pod.dir().display().to_string(),
                        &what,
                        &remedy,
                    )],
                );
                bail!("{what}; {remedy}");
            }
            Decision::Create => {
                self.all_peers_found().await;
                bootstrap::create(pod).await?;
                Ok(None)
            }
            Decision::Clone => {
                let partner = pod.partner().context("no partner to copy")?;
                bootstrap::clone_partner(pod, partner).await?;
                Ok(None)
            }
            Decision::Start => self.start().await.map(Some),
        }
    }

    async fn examine(&self) -> Result<Examined> {
        let pod = self.pod;
        let dir = pod.dir();
        let examined = pod
            .engine
            .examine(dir)
            .await
            .with_context(|| format!("cannot examine {}", dir.display()))?;
        pod.board.update(|s| s.directory = examined.status());
        let ours = pod.engine.major_version();
        if let Some(version) = examined.version.as_deref().filter(|v| *v != ours) {
            bail!(
                "{} was made by PostgreSQL {version}, this image holds {ours}; use an image with version {version}, or upgrade with pg_upgrade",
                dir.display()
            );
        }
        if examined.directory.kind == DirectoryKind::HalfMade {
            let aside =
                set_aside(dir).with_context(|| format!("cannot set {} aside", dir.display()))?;
            tracing::warn!(path = %dir.display(), "not a whole data directory; set aside as {}", aside.display());
            bail!(
                "{} was half made and is set aside as {}",
                dir.display(),
                aside.display()
            );
        }
        Ok(examined)
    }

    async fn decide(&self, examined: &Examined) -> Decision {
        let name = self.pod.partner().map_or("nobody", |m| m.pod.as_str());
        let patience = Instant::now();
        loop {
            let partner = partner::ask(self.pod).await;
            let settled = partner != Partner::Silent
                || examined.directory.kind != DirectoryKind::Primary
                || patience.elapsed() >= PARTNER_SILENT_FOR;
            if settled {
                return start::decide(self.pod.me.role, &examined.directory, &partner, name);
            }
            let reason = format!("asking {name} about its data directory before starting this one");
            self.pod.board.phase(Phase::Starting, reason);
            sleep(Duration::from_millis(200)).await;
        }
    }

    /// A cluster is created only when every pod that the topology names can be found.
    async fn all_peers_found(&self) {
        let mut peers = self.pod.peers.clone();
        let complete = |map: &crate::domain::peers::PeerMap| {
            self.pod
                .topology
                .peers(&self.pod.me)
                .all(|m| map.get(&m.pod).is_some_and(|p| !p.addresses.is_empty()))
        };
        if !complete(&peers.borrow()) {
            self.pod
                .board
                .phase(Phase::Discovering, "waiting for the names of all peers");
            // The sender lives as long as the pod.
            let _ = peers.wait_for(complete).await;
        }
    }

    async fn start(&mut self) -> Result<Process> {
        let pod = self.pod;
        ports::check_free(pod.me.port)?;
        settings::write_proven(pod).await?;
        pod.engine.check_settings(pod.dir()).await?;
        pod.board.findings("start", Vec::new());
        let process = Process::spawn(&mut pod.engine.start_command(pod.dir(), pod.me.port))
            .context("cannot start the postmaster")?;
        self.starts += 1;
        self.note_running(&process, format!("postmaster {} started", process.pid()));
        Ok(process)
    }
}

fn waiting_phase(examined: &Examined) -> Phase {
    match examined.directory {
        Directory {
            kind: DirectoryKind::Absent,
            ..
        } => Phase::Bootstrapping,
        _ => Phase::Starting,
    }
}
