//! Following cluster.yaml: the ConfigMap may change under a running pod.

use super::begin_anew;
use crate::lifecycle::pod::kept_config;
use crate::lifecycle::status_board::StatusBoard;
use crate::sys::config::config_file;
use crate::sys::failover::kept_record;
use gp_agent_core::config::{Change, Config, Growth, diff, growth, is_settled, same_leave};
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::sleep;

const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Follows the file: publishes each valid new state; an invalid one is reported and the last valid one stays in use. Where there are
/// new pods the agent begins anew, as soon as nothing is under way.
pub(crate) async fn follow(path: &Path, board: &StatusBoard, current: watch::Sender<Arc<Config>>, now: &Notify) {
    // The file may have changed since it was first read, so the first look always counts.
    let mut seen = None;
    let mut grown = Growth::None;
    loop {
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            () = now.notified() => {}
        }
        if grown == Growth::Added && begin_anew::may(board) {
            begin_anew::now().await;
        }
        let read = std::fs::read(path).ok();
        if read == seen {
            continue;
        }
        seen = read;
        match config_file::read_whole(path) {
            Ok((new, text)) => {
                let grows = growth(&current.borrow(), &new) == Growth::Added;
                let remembers = grows && remembers_a_record(&new).await;
                let change;
                (change, grown) = publish(path, board, &current, &new, remembers);
                if change.needs_restart.is_empty() {
                    kept_config::keep(&new, text).await;
                }
            }
            Err(error) => board.findings(FindingSource::Config, error.findings()),
        }
    }
}

/// Whether this pod's volume has had to do with a record of the coordinators.
async fn remembers_a_record(config: &Config) -> bool {
    let volume = config.storage.path.clone();
    let looked = tokio::task::spawn_blocking(move || kept_record::is_there(&volume)).await;
    looked.unwrap_or(true)
}

/// What has changed. The pod does all that the file says where nothing of it needs a restart.
fn publish(
    path: &Path,
    board: &StatusBoard,
    current: &watch::Sender<Arc<Config>>,
    new: &Config,
    remembers: bool,
) -> (Change, Growth) {
    let old = current.borrow().clone();
    let change = diff(&old, new);
    // Beside this server the next agent would not have them either.
    let growth = match growth(&old, new) {
        Growth::Added if !same_leave(&old, new, remembers) => Growth::None,
        growth => growth,
    };
    let finding = |key: &String| match growth {
        Growth::Added => Finding::info(
            Area::Config,
            format!("{}: {key}", path.display()),
            "there are new pods",
            "nothing has to be done: the agent begins anew with them once its server runs and no tool is at work",
        ),
        _ => not_followed(path, key, &old, new),
    };
    let findings = change.needs_restart.iter().map(finding).collect();
    let nothing = change.is_empty();
    board.findings(FindingSource::Config, findings);
    if nothing {
        return (change, growth);
    }
    tracing::info!("configuration changed");
    let mut next = Config::clone(&old);
    next.follow(new);
    current.send_replace(Arc::new(next));
    (change, growth)
}

/// A pod that starts anew without its partner's pod no longer lets that in; Kubernetes may have removed the other one by then.
fn not_followed(path: &Path, key: &str, old: &Config, new: &Config) -> Finding {
    let subject = format!("{}: {key}", path.display());
    let gone = match key {
        _ if is_settled(key, old, new) => {
            return Finding::warning(
                Area::Config,
                subject,
                "changed, but it was settled when the cluster was made; this pod goes on with the old value",
                "put the old value back before a pod starts anew, which would be refused",
            );
        }
        _ if !new.engine.has_catalog() => None,
        "segments.mirrors" if new.segments.mirrors.is_none() => {
            Some("put segments.mirrors back before a pod starts anew: no tool takes mirrors out of a catalog")
        }
        "segments.count" if new.segments.count < old.segments.count => {
            Some("put segments.count back before a pod starts anew: the catalog goes on with all of its segments")
        }
        "coordinator.standby" if !new.coordinator.standby => Some(
            "put coordinator.standby back; or have coordinator-0 be the active coordinator (gp-agent switchover), call \
             gpinitstandby -a -r there, and restart the pods one by one",
        ),
        _ => None,
    };
    match gone {
        Some(remedy) => {
            let what = "takes away what the catalog may still have; this pod goes on with it";
            Finding::warning(Area::Config, subject, what, remedy)
        }
        None => Finding::warning(
            Area::Config,
            subject,
            "changed, but a running pod cannot follow it",
            "restart the pods one by one to apply it, or put the old value back",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(engine: &str, coordinator: &str, segments: &str) -> Config {
        let text =
            format!("cluster: w\nengine: {engine}\ncoordinator: {{ {coordinator} }}\nsegments: {{ {segments} }}\n");
        gp_agent_core::config::load(&text, "cluster.yaml", std::iter::empty()).unwrap()
    }

    #[test]
    fn what_would_do_harm_is_not_told_to_be_applied() {
        let told = |engine, coordinator, segments| {
            let old = config(engine, "standby: true", "count: 2, mirrors: b");
            let new = config(engine, coordinator, segments);
            let keys = diff(&old, &new).needs_restart;
            let findings = keys.iter().map(|key| not_followed(Path::new("f"), key, &old, &new));
            findings.map(|finding| finding.remedy).collect::<Vec<_>>().join("; ")
        };
        let anew = "restart the pods one by one to apply it";
        assert!(told("greenplum", "standby: true", "count: 2").starts_with("put segments.mirrors back"));
        assert!(
            told("greenplum", "standby: false", "count: 2, mirrors: b").starts_with("put coordinator.standby back")
        );
        assert!(told("greenplum", "standby: true", "count: 1, mirrors: b").starts_with("put segments.count back"));
        assert!(told("greenplum", "standby: true", "count: 3, mirrors: b").starts_with(anew));
        assert!(told("postgres", "standby: true", "count: 2").starts_with(anew));
        let back = "put the old value back before a pod starts anew";
        assert!(told("greenplum", "standby: true, port: 6000", "count: 2, mirrors: b").starts_with(back));
        assert!(told("postgres", "standby: true, port: 6000", "count: 2, mirrors: b").starts_with(anew));
        assert!(told("postgres", "standby: true, pods: c", "count: 2, mirrors: b").starts_with(back));
    }
}
