//! The catalog among the pods: the coordinator's agent reads it from its server and keeps a snapshot on its volume; every
//! pod asks the coordinator pods' agents.

use super::coordinator_timeline;
use crate::lifecycle::peers::client::PeerClient;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::session::Session;
use crate::sys::process::clock;
use crate::sys::storage::fs::write_atomically;
use gp_agent_core::cluster::catalog;
use gp_agent_core::cluster::catalog::{Catalog, CatalogAnswer, Segment};
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::peer_error::PeerError;
use gp_agent_core::cluster::state::{Event, Facts};
use gp_agent_core::process::timeouts;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

const READ_EVERY: Duration = Duration::from_secs(1);
const ANSWER_WITHIN: Duration = timeouts::CATALOG_ANSWERS;
const SERVER_ANSWERS_WITHIN: Duration = timeouts::CATALOG_SERVER_ANSWERS;

/// Before anything is known.
pub fn unknown(why: &str) -> watch::Sender<CatalogAnswer> {
    watch::Sender::new(CatalogAnswer::Unknown { why: why.into() })
}

/// What this pod tells others: all rows, or those of one content.
pub fn told(pod: &Pod, content: Option<ContentId>) -> CatalogAnswer {
    match (&*pod.catalog.borrow(), content) {
        (CatalogAnswer::Known(catalog), Some(content)) => CatalogAnswer::Known(catalog.only(content)),
        (answer, _) => answer.clone(),
    }
}

/// The whole catalog, for people to look at; `None` while nobody knows it.
pub async fn whole(pod: &Pod) -> Option<Catalog> {
    let best = match told(pod, None) {
        CatalogAnswer::Known(catalog) if catalog.live => Some(CatalogAnswer::Known(catalog)),
        _ => ask_heads(pod, None).await.best,
    };
    match best? {
        CatalogAnswer::Known(catalog) => Some(catalog),
        _ => None,
    }
}

/// What the coordinator pods' agents say.
pub struct Heard {
    /// The best of what is understood; `None` when there is nothing.
    pub best: Option<CatalogAnswer>,
    /// Why an answer cannot be read, if there is such a one: it might be better.
    pub not_understood: Option<String>,
}

/// Asks every coordinator pod's agent, this one included, about this pod's content.
pub async fn ask(pod: &Pod) -> Heard {
    let heard = ask_heads(pod, Some(pod.me.content)).await;
    if let Some(CatalogAnswer::Known(catalog)) = &heard.best {
        created(pod, catalog).await;
    }
    heard
}

/// The same about everything or one content.
async fn ask_heads(pod: &Pod, content: Option<ContentId>) -> Heard {
    let client = PeerClient::of(pod);
    let heads = pod.topology.members.iter().filter(|m| m.content.is_coordinator());
    let asked = heads.map(|head| async move {
        if head.pod == pod.me.pod {
            return Ok(told(pod, content));
        }
        client.catalog(head, content, ANSWER_WITHIN).await
    });
    let answers = futures_util::future::join_all(asked).await;
    let not_understood = answers.iter().find_map(|answer| match answer {
        Err(PeerError::NotUnderstood(why)) => Some(why.clone()),
        _ => None,
    });
    Heard {
        best: CatalogAnswer::best(answers.into_iter().flatten()),
        not_understood,
    }
}

/// The cluster exists: from now on the agent may write its files.
async fn created(pod: &Pod, catalog: &Catalog) {
    coordinator_timeline::note_catalog(pod, catalog).await;
    pod.board.on(Event::CREATED);
}

fn snapshot_file(pod: &Pod) -> PathBuf {
    pod.state_dir().join("catalog.json")
}

/// What the volume remembers, before anything starts.
pub fn load(pod: &Pod) {
    coordinator_timeline::load(pod);
    if pod.me.content.is_segment() {
        pod.catalog.send_replace(CatalogAnswer::Unknown {
            why: "this is a segment's pod; ask a coordinator's".into(),
        });
        return;
    }
    match std::fs::read(snapshot_file(pod)) {
        Ok(text) => match serde_json::from_slice::<Catalog>(&text) {
            Ok(catalog) => {
                pod.board.on(Event::ClusterRemembered {
                    coordinator_timeline: 0,
                });
                pod.catalog
                    .send_replace(CatalogAnswer::Known(Catalog { live: false, ..catalog }));
            }
            Err(error) => tracing::warn!(
                "{} is not a snapshot of the catalog ({error}); waiting for the server's own word",
                snapshot_file(pod).display()
            ),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!("cannot read {}: {error}", snapshot_file(pod).display()),
    }
}

/// Reads the catalog once a second where this pod's server is a coordinator's. That it recovers distributed transactions is
/// no hindrance: for those it needs primaries, and they wait for the catalog. Runs as long as the pod.
pub async fn keep(pod: &Pod) {
    if pod.me.content.is_segment() {
        return std::future::pending().await;
    }
    let mut session = pod.utility_session(SERVER_ANSWERS_WITHIN);
    loop {
        if pod.board.is_created() {
            refresh(pod, &mut session).await;
        }
        sleep(READ_EVERY).await;
    }
}

/// Of a cluster that was just created: should it go down in the next moment, its pods know each other's roles.
///
/// # Errors
/// The data directory cannot be examined.
pub async fn first(pod: &Pod) -> std::io::Result<()> {
    pod.examine().await?;
    let mut session = pod.utility_session(SERVER_ANSWERS_WITHIN);
    if let Some(segments) = read(&mut session).await
        && publish(pod, segments).await
    {
        coordinator_timeline::tell_peers(pod).await;
    }
    Ok(())
}

/// Of a cluster whose creation is not finished yet: should all pods go down in the next moment, the coordinator lets its
/// primaries start first, and they know that they may. Without it they wait for the coordinator's server, and FTS may fail one
/// over that was only slow.
pub(crate) async fn remember(pod: &Pod) {
    let mut session = pod.utility_session(SERVER_ANSWERS_WITHIN);
    let Some(segments) = read(&mut session).await else {
        return;
    };
    let kept = match pod.examine().await {
        Ok(_) => keep_snapshot(pod, &snapshot(pod, segments)).await.map(drop),
        Err(error) => Err(error),
    };
    if let Err(error) = kept {
        tracing::warn!("cannot keep the catalog in {}: {error}", snapshot_file(pod).display());
    }
}

fn snapshot(pod: &Pod, segments: Vec<Segment>) -> Catalog {
    Catalog {
        segments,
        coordinator: pod.me.pod.clone(),
        timeline: pod.board.read(|s| s.directory.timeline.unwrap_or(0)),
        system_id: pod.board.read(|s| s.directory.system_id.clone()),
        read_at: clock::wall(),
        live: true,
    }
}

async fn read(session: &mut Session) -> Option<Vec<Segment>> {
    let rows = session.ask(catalog::SQL).await.ok()?;
    Catalog::segments_from_rows(&rows).filter(|segments| !segments.is_empty())
}

async fn refresh(pod: &Pod, session: &mut Session) {
    let runs =
        |s: &Facts| s.postmaster.runs() && !s.postmaster.stopping && s.directory.kind == Some(DirectoryKind::Primary);
    let segments = if pod.board.read(runs) {
        read(session).await
    } else {
        session.close();
        None
    };
    match segments {
        Some(segments) => {
            if publish(pod, segments).await {
                coordinator_timeline::tell_peers(pod).await;
            }
        }
        None => {
            pod.catalog.send_if_modified(|answer| match answer {
                CatalogAnswer::Known(catalog) if catalog.live => {
                    catalog.live = false;
                    true
                }
                _ => false,
            });
        }
    }
}

/// Tells what was just read, and keeps it on the volume when it is new. Returns whether this coordinator is new itself: on
/// a timeline that nothing was known of.
async fn publish(pod: &Pod, segments: Vec<Segment>) -> bool {
    let catalog = snapshot(pod, segments);
    let old = match &*pod.catalog.borrow() {
        CatalogAnswer::Known(old) => Some((old.segments.clone(), old.timeline)),
        _ => None,
    };
    if old.as_ref() != Some(&(catalog.segments.clone(), catalog.timeline)) {
        if old.is_some() {
            tracing::info!("the catalog changed");
        }
        if let Err(error) = keep_snapshot(pod, &catalog).await {
            tracing::error!("cannot keep the catalog in {}: {error}", snapshot_file(pod).display());
        }
    }
    let new = old.is_none_or(|(_, timeline)| timeline < catalog.timeline);
    created(pod, &catalog).await;
    pod.catalog.send_replace(CatalogAnswer::Known(catalog));
    new
}

async fn keep_snapshot(pod: &Pod, catalog: &Catalog) -> std::io::Result<bool> {
    let text = serde_json::to_vec_pretty(catalog)?;
    let path = snapshot_file(pod);
    let write = move || write_atomically(&path, &text, 0o600);
    pod.volume.run(write).await
}
