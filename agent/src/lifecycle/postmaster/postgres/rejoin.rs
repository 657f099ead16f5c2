//! The directory of a coordinator that was taken over from, made a standby's of the one that took over. The first of three ways
//! that fits: as it is, where its server stopped in order before the new timeline began; pg_rewind; a copy, beside which the old
//! directory is kept. Nothing is overwritten: what the old one has beyond the new timeline is put aside first.

use super::diverged_wal;
use crate::engine::Postgres;
use crate::lifecycle::pod::paths::SERVER_FILE_MODE;
use crate::lifecycle::pod::{Pod, partner};
use crate::lifecycle::settings;
use crate::sys::postgres::partner_session::PartnerSession;
use crate::sys::storage::fs::{rename_durably, write_atomically};
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::failover_status::RejoinTrouble;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::postgres::rejoin::{RejoinGround, Way, way};
use gp_agent_core::postgres::timeline_history::left_at;
use gp_agent_core::process::timeouts;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// For a connection or a small question.
const ANSWER_WITHIN: Duration = timeouts::SQL_ANSWERS;
/// For a checkpoint, without which pg_rewind would compare with the old timeline.
const CHECKPOINT_WITHIN: Duration = timeouts::CHECKPOINT_FOR_REWIND;
/// After so many tries in a row that failed the directory is copied anew.
const TRIES: u32 = 3;

/// What the new coordinator says of itself.
struct There {
    history: String,
    checkpointed: u32,
}

/// Tries of one agent.
#[derive(Debug, Default)]
pub(super) struct Rejoin {
    failed: AtomicU32,
}

impl Rejoin {
    /// Makes the directory a standby's. Where a copy is needed the directory is only set aside: whoever looks next copies.
    ///
    /// # Errors
    /// Why that cannot be done now.
    pub(super) async fn run(&self, pod: &Arc<Pod>, postgres: &Postgres) -> Result<()> {
        pod.board
            .phase(Phase::Rejoining, "asking the new coordinator where its timeline began");
        let done = self.attempt(pod, postgres).await;
        match &done {
            Ok(()) => {
                self.failed.store(0, Ordering::Relaxed);
                pod.leadership.report.rejoins(None);
            }
            Err(error) => {
                let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
                pod.leadership.report.rejoins((failed >= TRIES).then(|| RejoinTrouble {
                    attempts: failed,
                    why: format!("{error:#}"),
                }));
            }
        }
        done
    }

    async fn attempt(&self, pod: &Arc<Pod>, postgres: &Postgres) -> Result<()> {
        let there = ask(pod).await?;
        let examined = pod.examine().await.context("cannot examine the data directory")?;
        let ground = RejoinGround {
            control: &examined.control,
            left_at: examined
                .control
                .timeline
                .and_then(|timeline| left_at(&there.history, timeline)),
            tries_failed: self.failed.load(Ordering::Relaxed),
        };
        match way(&ground) {
            Way::AsItIs => {
                pod.board.phase(
                    Phase::Rejoining,
                    "stopped in order before the new timeline began: follows as it is",
                );
                let (slot, dir) = (postgres.slot(), pod.dir().to_path_buf());
                pod.volume.run(move || become_standby(slot, &dir)).await
            }
            Way::Rewind(from) => {
                let making = rewinding(pod.dir());
                set_old_aside(pod, &making).await?;
                if there.checkpointed == examined.control.timeline.unwrap_or(0) {
                    bail!("the new coordinator has written no checkpoint on its timeline yet");
                }
                pod.board.phase(
                    Phase::Rejoining,
                    format!("going back to {from}, where the new timeline began (pg_rewind)"),
                );
                diverged_wal::put_aside(pod, examined.control.timeline.unwrap_or(0), from).await?;
                rewind(pod, postgres, making).await
            }
            Way::Copy(why) => {
                let aside = pod.volume.set_aside(pod.dir()).await;
                let aside = aside.context("cannot set the old directory aside")?;
                tracing::warn!("{why}; the old directory is set aside as {}", aside.display());
                pod.leadership.report.keeps_aside(aside.display().to_string());
                Ok(())
            }
        }
    }
}

/// Asks the server that took over, and has it write a checkpoint.
async fn ask(pod: &Pod) -> Result<There> {
    let partner = partner::of(pod).await.context("there is no other coordinator")?;
    let session = PartnerSession::connect(&partner, ANSWER_WITHIN)
        .await
        .context("cannot ask the new coordinator")?;
    let own = pod.board.read(|s| s.directory.system_id.clone());
    let facts = "select pg_is_in_recovery()::text, (select system_identifier::text from pg_control_system()), \
        case when pg_is_in_recovery() then '' else pg_read_file('pg_wal/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '.history', 0, 1000000, true) end";
    let rows = session
        .ask(facts, ANSWER_WITHIN)
        .await
        .context("cannot ask the new coordinator")?;
    let cell = |i: usize| rows.first().and_then(|row| row.get(i).cloned().flatten());
    if cell(0).as_deref() != Some("false") {
        bail!("the other server is no coordinator yet");
    }
    if own.is_some() && cell(1) != own {
        bail!("the other server holds another database (system identifiers differ)");
    }
    session
        .ask("checkpoint", CHECKPOINT_WITHIN)
        .await
        .context("the new coordinator writes no checkpoint")?;
    let timeline = session
        .ask("select timeline_id::text from pg_control_checkpoint()", ANSWER_WITHIN)
        .await;
    let timeline = timeline.context("cannot ask the new coordinator")?;
    let checkpointed = timeline.first().and_then(|row| row.first().cloned().flatten());
    Ok(There {
        history: cell(2).unwrap_or_default(),
        checkpointed: checkpointed.and_then(|text| text.parse().ok()).unwrap_or(0),
    })
}

fn rewinding(dir: &Path) -> PathBuf {
    dir.with_extension("rewinding")
}

/// What an agent that was killed left half rewound is of no use, but it is kept.
async fn set_old_aside(pod: &Pod, making: &Path) -> Result<()> {
    if pod.volume.has(making).await {
        let aside = pod.volume.set_aside(making).await;
        let aside = aside.with_context(|| format!("cannot set {} aside", making.display()))?;
        tracing::warn!(path = %making.display(), "half rewound; set aside as {}", aside.display());
    }
    Ok(())
}

/// Under another name, so that what is half rewound is never taken for a data directory.
async fn rewind(pod: &Arc<Pod>, postgres: &Postgres, making: PathBuf) -> Result<()> {
    let (dir, hidden) = (pod.dir().to_path_buf(), making.clone());
    let hide = move || {
        settings::sync_standby::write(&dir, None)?;
        rename_durably(&dir, &hidden)
    };
    pod.volume.run(hide).await?;
    let partner = pod.partner().context("there is no other coordinator")?;
    if let Err(error) = postgres.rewind(&making, &pod.source(partner)).await {
        let aside = pod.volume.set_aside(&making).await;
        let aside = aside.context("cannot set the half rewound directory aside")?;
        tracing::warn!("{error}; set aside as {}, a copy takes its place", aside.display());
        return Ok(());
    }
    let (rewound, slot) = (pod.clone(), postgres.slot());
    // In one piece: what is rewound is set aside when it is met without its name.
    let settle = move || {
        settings::write_now(&rewound, &making)?;
        become_standby(slot, &making)?;
        Ok(rename_durably(&making, rewound.dir())?)
    };
    pod.volume.run(settle).await
}

/// What makes a standby of a directory. The slot that it kept for its own standby would hold write-ahead log for ever.
fn become_standby(slot: &str, dir: &Path) -> Result<()> {
    settings::sync_standby::write(dir, None)?;
    remove_slot(&dir.join("pg_replslot").join(slot))?;
    write_atomically(&dir.join("standby.signal"), b"", SERVER_FILE_MODE).context("cannot write standby.signal")?;
    tracing::info!(path = %dir.display(), "the old coordinator's directory is a standby's now");
    Ok(())
}

fn remove_slot(slot: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(slot) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
