//! What comes before a start: look at the directory, ask the partner, make or copy it where there is none.

use super::Supervisor;
use super::{bootstrap, start_decision};
use crate::engine::Making;
use crate::lifecycle::greenplum::creation;
use crate::lifecycle::peers::discovered;
use crate::lifecycle::settings;
use crate::sys::log;
use crate::sys::postgres::data_directory::Examined;
use crate::sys::postgres::pidfile;
use crate::sys::postgres::port_check;
use crate::sys::process::Process;
use crate::sys::storage::fs::set_aside;
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::postgres::start_decision::{Decision, Directory, DirectoryKind};
use std::path::Path;
use tokio::time::sleep;

impl Supervisor<'_> {
    pub(super) async fn prepare_and_start(&mut self) -> Result<Option<Process>> {
        let pod = self.pod;
        let examined = self.examine().await?;
        match start_decision::decide(pod, &examined).await {
            Decision::Wait(reason) => {
                if examined.directory.kind != DirectoryKind::Primary {
                    self.others.refused();
                }
                pod.board.phase(waiting_phase(&examined), reason);
                sleep(self.waiting.pause()).await;
                Ok(None)
            }
            Decision::Refuse { what, remedy } => {
                self.others.refused();
                pod.board.findings(
                    FindingSource::Start,
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
                match pod.engine.making() {
                    Making::EachPod(postgres) => {
                        discovered::all_found(pod).await;
                        bootstrap::create(pod, postgres).await?;
                    }
                    Making::Coordinator(greenplum) => creation::create(pod, greenplum).await?,
                }
                Ok(None)
            }
            Decision::Clone => {
                let partner = pod.partner().context("no partner to copy")?;
                if let Making::EachPod(postgres) = pod.engine.making() {
                    bootstrap::clone_partner(pod, postgres, partner).await?;
                }
                Ok(None)
            }
            Decision::Start => match self.others_first(&examined)? {
                Some(reason) => {
                    pod.board.phase(Phase::Starting, reason);
                    sleep(self.waiting.pause()).await;
                    Ok(None)
                }
                None => {
                    if examined.directory.kind == DirectoryKind::Primary {
                        self.primaries_first().await;
                    }
                    self.start().await.map(Some)
                }
            },
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
        pod.board.on(Event::DirectoryExamined(examined.facts()));
        let ours = pod.engine.major_version();
        if let Some(version) = examined.version.as_deref().filter(|v| *v != ours) {
            bail!(
                "{} was made by PostgreSQL {version}, this image holds {ours}; use an image with version {version}, or upgrade with pg_upgrade",
                dir.display()
            );
        }
        // Where a tool makes the directories, a half made one may be under way.
        let ours_to_make = matches!(pod.engine.making(), Making::EachPod(_));
        if examined.directory.kind == DirectoryKind::HalfMade && ours_to_make {
            let aside = set_aside(dir).with_context(|| format!("cannot set {} aside", dir.display()))?;
            tracing::warn!(path = %dir.display(), "not a whole data directory; set aside as {}", aside.display());
            bail!(
                "{} was half made and is set aside as {}",
                dir.display(),
                aside.display()
            );
        }
        Ok(examined)
    }

    async fn start(&mut self) -> Result<Process> {
        let pod = self.pod;
        port_check::check_free(pod.me.port)?;
        if settings::write_proven(pod).await?.stands_unproven {
            pod.engine.check_settings(pod.dir()).await?;
        }
        let (port, content) = (pod.me.port, pod.me.content);
        // An emptyDir at /tmp outlives the container, whose PIDs begin anew.
        if pidfile::remove_stale_socket_lock(Path::new("/tmp"), port)? {
            tracing::info!("removed the lock file of a server socket: its server is gone");
        }
        let mut command = pod.engine.start_command(pod.dir(), port, content);
        log::attach(&mut command);
        let process = Process::spawn(&mut command).context("cannot start the postmaster")?;
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
