//! Gathers what proves that a replica is left behind, and what decides whether the agent copies it anew.

use crate::engine::left_behind::{DATABASES_SQL, Recovery};
use crate::lifecycle::peers::client;
use crate::lifecycle::pod::{Pod, partner};
use crate::sys::postgres::partner_session::PartnerSession;
use crate::sys::postgres::{received_wal, startup_process};
use crate::sys::storage::leftovers;
use gp_agent_core::config::Recover;
use gp_agent_core::postgres::left_behind::{CopyGround, SilenceEvidence};
use gp_agent_core::postgres::start_decision::Partner;
use gp_agent_core::postgres::wal_name::WalName;
use gp_agent_core::process::timeouts;
use gp_agent_core::storage::leftovers::Leftover;
use std::time::Duration;

/// For a connection or a small question.
const ANSWER_WITHIN: Duration = timeouts::SQL_ANSWERS;
/// For the sizes of all databases, whose files are looked at one by one.
const SIZES_WITHIN: Duration = timeouts::SIZES_MEASURED;

/// Whether the other server takes writes of the database that this replica has.
pub(super) async fn other_writes(pod: &Pod) -> bool {
    let own = pod.board.read(|s| s.directory.system_id.clone());
    match client::ask(pod).await {
        Partner::Answered {
            directory,
            writable: true,
        } => own.is_some() && directory.system_id == own,
        _ => false,
    }
}

/// Everything, of the replica that runs.
pub(super) async fn gather(pod: &Pod) -> SilenceEvidence {
    let recovery = recovery(pod).await;
    SilenceEvidence {
        needs: needs(pod, recovery.late).await,
        oldest: oldest(pod).await,
        restores: recovery.restores,
    }
}

/// The same of one that does not run, of which it was known what it needs.
pub(super) async fn gather_again(pod: &Pod, needs: WalName) -> SilenceEvidence {
    SilenceEvidence {
        needs: Some(needs),
        oldest: oldest(pod).await,
        restores: recovery(pod).await.restores,
    }
}

/// The volume may not answer: nothing but its queue waits for it.
async fn recovery(pod: &Pod) -> Recovery {
    let text = match pod.engine.has_recovery_conf() {
        true => {
            let file = pod.dir().join("recovery.conf");
            pod.volume.run(move || std::fs::read(file)).await.ok()
        }
        false => None,
    };
    pod.engine.recovery(pod.dir(), text).await
}

async fn needs(pod: &Pod, late: bool) -> Option<WalName> {
    let replays = startup_process::segment(pod.board.server()?.pid())?;
    let wal = pod.dir().join(pod.engine.wal_dir());
    let looked = pod.volume.run(move || received_wal::needs(&wal, replays, late)).await;
    looked
        .inspect_err(|error| tracing::debug!("cannot tell how far write-ahead log is here: {error}"))
        .ok()
}

async fn oldest(pod: &Pod) -> Option<WalName> {
    let row = ask(pod, &pod.engine.oldest_wal_sql(), ANSWER_WITHIN).await?;
    let writes = row.first()?.as_deref() == Some("false");
    WalName::parse(row.get(1)?.as_deref()?).filter(|_| writes)
}

/// The first row that the other server answers, asked alone.
async fn ask(pod: &Pod, sql: &str, within: Duration) -> Option<Vec<Option<String>>> {
    let partner = partner::of(pod).await?;
    let said = async {
        let session = PartnerSession::connect(&partner, ANSWER_WITHIN).await?;
        session.ask(sql, within).await
    };
    let rows = said
        .await
        .inspect_err(|error| tracing::debug!("cannot ask the other server: {error}"));
    rows.ok()?.into_iter().next()
}

/// What decides whether the agent copies.
pub(super) async fn ground(pod: &Pod) -> CopyGround {
    let by_itself = pod.config.borrow().recovery.standby == Recover::Auto;
    let (knows_whom, held) = (knows_whom(pod), pod.board.read(|s| s.held.is_some()));
    let ground = CopyGround {
        by_itself,
        knows_whom,
        held,
        aside: aside(pod).await,
        bytes: None,
        free: free(pod),
    };
    let bytes = match by_itself && knows_whom && !held && ground.aside.is_none() {
        true => bytes(pod).await,
        // The question is not worth its costs.
        false => None,
    };
    CopyGround { bytes, ..ground }
}

/// Where the record says who writes it is the word; without it roles have to be those that the pods were made for.
fn knows_whom(pod: &Pod) -> bool {
    match pod.leadership.view().filter(|view| view.epoch > 0) {
        Some(view) => view.holder.is_some_and(|holder| holder.pod != pod.me.pod),
        None => pod.engine.roles_are_as_made(),
    }
}

/// One that cannot be looked for may be there.
async fn aside(pod: &Pod) -> Option<String> {
    let (dir, wal) = (pod.dir().to_path_buf(), pod.config.borrow().storage.wal.clone());
    let found = pod.volume.run(move || leftovers::find(&dir, wal.as_deref())).await;
    match found {
        Ok(found) => {
            let mut asides = found.into_iter().filter(|(kind, _)| *kind == Leftover::Aside);
            asides.next().map(|(_, path)| path.display().to_string())
        }
        Err(error) => Some(format!("something that cannot be listed ({error})")),
    }
}

fn free(pod: &Pod) -> Option<u64> {
    let path = pod.config.borrow().storage.path.display().to_string();
    pod.board.read(|s| {
        let room = s.rooms.iter().find(|room| room.path == path)?;
        Some(room.space.free_bytes)
    })
}

async fn bytes(pod: &Pod) -> Option<u64> {
    let row = ask(pod, DATABASES_SQL, SIZES_WITHIN).await?;
    row.first()?.as_deref()?.parse().ok()
}
