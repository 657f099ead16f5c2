//! Lost servers that come back by themselves: a mirror replays what it has of the write-ahead log before it asks for a stream.

use crate::cluster::content::ContentId;
use crate::cluster::directory::DirectoryKind;
use crate::cluster::status::Phase;
use crate::recovery::facts::evidence::Pair;
use crate::recovery::facts::server::Server;
use crate::recovery::segments::judgement::COMES_BACK_SECONDS;
use std::collections::BTreeMap;

/// By content, the mirror that has no stream yet.
#[derive(Clone, Debug, Default)]
pub(in crate::recovery) struct ComingBack(BTreeMap<ContentId, Progress>);

#[derive(Clone, Copy, Debug)]
struct Progress {
    replayed: Option<u64>,
    /// Since when it is there.
    since: u64,
}

impl ComingBack {
    /// An agent that does not answer says nothing new.
    pub(super) fn note(&mut self, down: &[Pair], now: u64) {
        self.0
            .retain(|content, _| down.iter().any(|pair| pair.row.content == *content));
        for pair in down {
            let (content, Some(server)) = (pair.row.content, &pair.target.server) else {
                continue;
            };
            let replayed = server.replayed;
            let known = self.0.get(&content).filter(|known| known.replayed == replayed);
            let since = known.map_or(now, |known| known.since);
            match comes_back(server) {
                true => _ = self.0.insert(content, Progress { replayed, since }),
                false => _ = self.0.remove(&content),
            }
        }
    }

    /// Whether it may still do so.
    pub(in crate::recovery) fn has(&self, content: ContentId, now: u64) -> bool {
        let progress = self.0.get(&content);
        progress.is_some_and(|progress| now.saturating_sub(progress.since) < COMES_BACK_SECONDS)
    }
}

fn comes_back(server: &Server) -> bool {
    let whole = server.directory == Some(DirectoryKind::Standby);
    whole && server.active.is_none() && !server.stopping && matches!(server.phase, Phase::Starting | Phase::Running)
}
