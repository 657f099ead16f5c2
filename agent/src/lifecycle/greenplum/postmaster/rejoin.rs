//! The directory of a coordinator that was taken over from, made a standby's of the one that took over. The first of three ways
//! that fits: as it is, where its server stopped in order before the new timeline began; pg_rewind; a copy, beside which the old
//! directory is kept. In each the new catalog has to list it first: the number that it gets there goes into the directory.

use super::rejoin_files;
use crate::engine::Greenplum;
use crate::lifecycle::pod::{Pod, partner};
use crate::lifecycle::postmaster::postgres::diverged_wal;
use crate::lifecycle::settings;
use crate::sys::postgres::partner_session::PartnerSession;
use anyhow::{Context, Result, bail};
use gp_agent_core::cluster::failover_status::RejoinTrouble;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::config::quote;
use gp_agent_core::postgres::rejoin::{RejoinGround, Way, way};
use gp_agent_core::postgres::timeline_history::left_at;
use gp_agent_core::process::timeouts;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// For a connection or a small question.
const ANSWER_WITHIN: Duration = timeouts::SQL_ANSWERS;
/// For a checkpoint, without which pg_rewind would compare with the old timeline and find nothing to do.
const CHECKPOINT_WITHIN: Duration = timeouts::CHECKPOINT_FOR_REWIND;
/// After so many tries in a row that failed it is said.
const TRIES: u32 = 3;

/// Tries of one agent.
#[derive(Debug, Default)]
pub(super) struct Rejoin {
    failed: AtomicU32,
    /// Of them, those in which the new coordinator had answered: only they say anything of the way.
    on_the_way: AtomicU32,
}

impl Rejoin {
    /// Makes the directory a standby's. Where a copy is needed the directory is only set aside: whoever looks next copies.
    ///
    /// # Errors
    /// Why that cannot be done now.
    pub(super) async fn run(&self, pod: &Arc<Pod>, greenplum: &Greenplum) -> Result<()> {
        pod.board
            .phase(Phase::Rejoining, "asking the new coordinator where its timeline began");
        let done = self.attempt(pod, greenplum).await;
        self.note(pod, &done);
        done
    }

    /// Copies the coordinator to a place where no directory is.
    ///
    /// # Errors
    /// Why that cannot be done now.
    pub(super) async fn copy(&self, pod: &Arc<Pod>, greenplum: &Greenplum) -> Result<()> {
        let done = copy(pod, greenplum).await;
        self.note(pod, &done);
        done
    }

    fn note(&self, pod: &Pod, done: &Result<()>) {
        let Err(error) = done else {
            self.failed.store(0, Ordering::Relaxed);
            self.on_the_way.store(0, Ordering::Relaxed);
            return pod.leadership.report.rejoins(None);
        };
        let failed = self.failed.fetch_add(1, Ordering::Relaxed) + 1;
        pod.leadership.report.rejoins((failed >= TRIES).then(|| RejoinTrouble {
            attempts: failed,
            why: format!("{error:#}"),
        }));
    }

    async fn attempt(&self, pod: &Arc<Pod>, greenplum: &Greenplum) -> Result<()> {
        let there = Coordinator::find(pod).await?;
        let history = there.history(pod).await?;
        let examined = pod.examine().await.context("cannot examine the data directory")?;
        let timeline = examined.control.timeline.unwrap_or(0);
        let ground = RejoinGround {
            control: &examined.control,
            left_at: left_at(&history, timeline),
            tries_failed: self.on_the_way.fetch_add(1, Ordering::Relaxed),
        };
        match way(&ground) {
            Way::AsItIs => {
                let why = "stopped in order before the new timeline began: follows as it is";
                pod.board.phase(Phase::Rejoining, why);
                let dbid = there.list(pod).await?;
                rejoin_files::become_standby(pod, greenplum, pod.dir(), dbid).await?;
                rejoin_files::copy_is_made(pod).await
            }
            Way::Rewind(from) if greenplum.can_rewind() => {
                there.checkpoint(timeline).await?;
                let why = format!("going back to {from}, where the new timeline began (pg_rewind)");
                pod.board.phase(Phase::Rejoining, why);
                diverged_wal::put_aside(pod, timeline, from).await?;
                let dbid = there.list(pod).await?;
                rewind(pod, greenplum, dbid).await
            }
            Way::Rewind(_) => give_way(pod, "it crashed, or has more than the new coordinator").await,
            Way::Copy(why) => give_way(pod, &why).await,
        }
    }
}

/// Sets the directory aside; that a copy takes its place is written down first.
async fn give_way(pod: &Pod, why: &str) -> Result<()> {
    rejoin_files::want_copy(pod).await?;
    let aside = rejoin_files::set_aside(pod, pod.dir()).await?;
    tracing::warn!("{why}; the old directory is set aside as {}", aside.display());
    pod.leadership.report.keeps_aside(aside.display().to_string());
    Ok(())
}

/// Under another name, so that what is half rewound is never taken for a data directory.
async fn rewind(pod: &Arc<Pod>, greenplum: &Greenplum, dbid: u32) -> Result<()> {
    let (dir, making) = (pod.dir(), pod.dir().with_extension("rewinding"));
    if pod.volume.has(&making).await {
        let aside = rejoin_files::set_aside(pod, &making).await?;
        tracing::warn!(path = %making.display(), "half rewound; set aside as {}", aside.display());
    }
    let partner = pod.partner().context("there is no other coordinator")?;
    // Whoever looks meanwhile knows that a copy is next.
    rejoin_files::want_copy(pod).await?;
    pod.volume.rename(dir, &making).await?;
    if let Err(error) = greenplum.rewind(&making, &pod.source(partner)).await {
        let aside = rejoin_files::set_aside(pod, &making).await?;
        tracing::warn!("{error}; set aside as {}, a copy takes its place", aside.display());
        pod.leadership.report.keeps_aside(aside.display().to_string());
        return Ok(());
    }
    settings::write(pod, &making).await?;
    rejoin_files::become_standby(pod, greenplum, &making, dbid).await?;
    pod.volume.rename(&making, dir).await?;
    rejoin_files::copy_is_made(pod).await
}

async fn copy(pod: &Arc<Pod>, greenplum: &Greenplum) -> Result<()> {
    let partner = pod.partner().context("there is no other coordinator")?;
    pod.board
        .phase(Phase::Rejoining, format!("copying {} (pg_basebackup)", partner.pod));
    // On a new volume nobody has said so yet; what is half made next time is the copy's.
    rejoin_files::want_copy(pod).await?;
    let making = rejoin_files::clear_the_place(pod).await?;
    let there = Coordinator::find(pod).await?;
    let dbid = there.list(pod).await?;
    greenplum.copy(&making, &pod.source(partner), dbid).await?;
    settings::write(pod, &making).await?;
    rejoin_files::become_standby(pod, greenplum, &making, dbid).await?;
    pod.volume.rename(&making, pod.dir()).await?;
    rejoin_files::copy_is_made(pod).await
}

/// The server that took over, asked alone.
struct Coordinator {
    session: PartnerSession,
}

impl Coordinator {
    async fn find(pod: &Pod) -> Result<Coordinator> {
        let partner = partner::of(pod).await.context("there is no other coordinator")?;
        let session = PartnerSession::connect(&partner, ANSWER_WITHIN).await;
        let session = session.context("cannot ask the new coordinator")?;
        Ok(Coordinator { session })
    }

    async fn ask(&self, sql: &str, within: Duration) -> Result<Vec<Option<String>>> {
        let rows = self
            .session
            .ask(sql, within)
            .await
            .context("cannot ask the new coordinator")?;
        Ok(rows.into_iter().next().unwrap_or_default())
    }

    /// Where its timeline came from.
    async fn history(&self, pod: &Pod) -> Result<String> {
        let row = self.ask(pod.engine.failover_sql().history(), ANSWER_WITHIN).await?;
        let cell = |i: usize| row.get(i).cloned().flatten();
        let own = pod.board.read(|s| s.directory.system_id.clone());
        if cell(0).as_deref() != Some("false") {
            bail!("the other server is no coordinator yet");
        }
        if own.is_some() && cell(1).is_some() && cell(1) != own {
            bail!("the other server holds another database (system identifiers differ)");
        }
        Ok(cell(2).unwrap_or_default())
    }

    /// Has it write one, on its own timeline.
    async fn checkpoint(&self, old: u32) -> Result<()> {
        self.ask("checkpoint", CHECKPOINT_WITHIN).await?;
        let row = self
            .ask("select timeline_id::text from pg_control_checkpoint()", ANSWER_WITHIN)
            .await?;
        let timeline = row.first().and_then(|cell| cell.as_deref()?.parse::<u32>().ok());
        if timeline.is_none_or(|timeline| timeline <= old) {
            bail!("the new coordinator has written no checkpoint on its timeline yet");
        }
        Ok(())
    }

    /// Has its catalog list this pod as the standby; the number there. A row that is there already serves.
    async fn list(&self, pod: &Pod) -> Result<u32> {
        let me = &pod.me;
        let listed = "select dbid::text, hostname, port::text, datadir from gp_segment_configuration \
            where content = -1 and role = 'm'";
        let row = self.ask(listed, ANSWER_WITHIN).await?;
        let cell = |i: usize| row.get(i).cloned().flatten().unwrap_or_default();
        let dir = me.data_dir.display().to_string();
        if cell(1) == me.fqdn && cell(2) == me.port.to_string() && cell(3) == dir {
            return number(&row);
        }
        if !row.is_empty() {
            self.ask("select gp_remove_master_standby()::text", ANSWER_WITHIN)
                .await?;
        }
        let (host, dir) = (quote::sql_literal(&me.fqdn), quote::sql_literal(&dir));
        let add = format!("select gp_add_master_standby({host}, {host}, {dir}, {})::text", me.port);
        number(&self.ask(&add, ANSWER_WITHIN).await?)
    }
}

fn number(row: &[Option<String>]) -> Result<u32> {
    let cell = row.first().and_then(|cell| cell.as_deref());
    cell.and_then(|cell| cell.parse().ok())
        .context("the new coordinator gave the standby no number")
}
