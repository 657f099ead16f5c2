//! Streaming replication as a server shows it.

use super::word::{as_word, words};
use serde::{Deserialize, Serialize};

words! {
    /// How far a stream is: the `state` of pg_stat_replication, the `status` of pg_stat_wal_receiver. The server has more words,
    /// such as `startup` or `waiting`.
    StreamState {
        /// Write-ahead log arrives as it is written.
        Streaming = "streaming",
        /// The sending end still reads what was written earlier.
        Catchup = "catchup",
    }

    /// Whether commits wait for a replica: `sync_state` of pg_stat_replication.
    SyncState {
        /// They do not.
        Async = "async",
        /// They will once one that is waited for is gone.
        Potential = "potential",
        /// They do.
        Sync = "sync",
        /// They wait for some of several, this one among them.
        Quorum = "quorum",
    }
}

/// Which end of a link this server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkEnd {
    /// It receives. In documents that is the empty word, since PostgreSQL gives a `sync_state` to the sending end alone.
    Receiver,
    /// It sends to a replica of this kind.
    Sender(SyncState),
}

impl LinkEnd {
    /// The word in documents.
    pub fn as_str(&self) -> &str {
        match self {
            LinkEnd::Receiver => "",
            LinkEnd::Sender(sync) => sync.as_str(),
        }
    }
}

impl From<&str> for LinkEnd {
    fn from(word: &str) -> LinkEnd {
        match word {
            "" => LinkEnd::Receiver,
            word => LinkEnd::Sender(word.into()),
        }
    }
}

as_word!(LinkEnd);

/// One link as a status document has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicationStatus {
    /// The name of the other end, as far as it is known.
    pub peer: String,
    /// How far the stream is.
    pub state: StreamState,
    /// Which end it is, and whether commits wait for the other one.
    pub sync_state: LinkEnd,
    /// Bytes of write-ahead log not yet replayed at the receiving end.
    pub lag_bytes: Option<i64>,
}

/// One link of replication, seen from one end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The name of the other end, as far as it is known.
    pub peer: String,
    /// Which end this is.
    pub end: LinkEnd,
    /// How far the stream is.
    pub state: StreamState,
    /// Bytes of write-ahead log not yet replayed at the receiving end.
    pub lag_bytes: Option<i64>,
}

impl Link {
    /// The receiving end of a stream whose sender is not known.
    pub fn received() -> Link {
        Link {
            peer: String::new(),
            end: LinkEnd::Receiver,
            state: StreamState::Streaming,
            lag_bytes: None,
        }
    }

    /// Whether this end receives write-ahead log now.
    pub fn receives(&self) -> bool {
        self.end == LinkEnd::Receiver && self.state == StreamState::Streaming
    }

    /// The same for a status document.
    pub fn status(&self) -> ReplicationStatus {
        ReplicationStatus {
            peer: self.peer.clone(),
            state: self.state.clone(),
            sync_state: self.end.clone(),
            lag_bytes: self.lag_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_the_server_is_kept() {
        for word in ["streaming", "catchup", "startup", "backup", "waiting", ""] {
            assert_eq!(StreamState::from(word).as_str(), word);
        }
        for word in ["async", "potential", "sync", "quorum"] {
            assert_eq!(LinkEnd::from(word).as_str(), word);
            assert!(!matches!(SyncState::from(word), SyncState::Other(_)));
        }
        assert_eq!(LinkEnd::from(""), LinkEnd::Receiver);
    }

    #[test]
    fn only_the_receiving_end_has_no_sync_state() {
        let link = Link::received();
        assert!(link.receives());
        assert_eq!(link.status().sync_state.as_str(), "");
        let sender = Link {
            end: LinkEnd::Sender(SyncState::Async),
            ..link
        };
        assert!(!sender.receives());
        assert_eq!(sender.status().sync_state.as_str(), "async");
    }
}
