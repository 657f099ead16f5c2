//! Streaming replication as a server shows it.

use super::status::ReplicationStatus;

/// How far a stream is: the `state` of pg_stat_replication, the `status` of pg_stat_wal_receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StreamState {
    /// Write-ahead log arrives as it is written.
    Streaming,
    /// The sending end still reads what was written earlier.
    Catchup,
    /// Any other word of the server, such as `startup` or `waiting`.
    Other(String),
}

impl StreamState {
    /// The state of the server's word.
    pub fn from_word(word: &str) -> StreamState {
        match word {
            "streaming" => StreamState::Streaming,
            "catchup" => StreamState::Catchup,
            other => StreamState::Other(other.to_string()),
        }
    }

    /// The server's word.
    pub fn as_str(&self) -> &str {
        match self {
            StreamState::Streaming => "streaming",
            StreamState::Catchup => "catchup",
            StreamState::Other(word) => word,
        }
    }
}

/// Whether commits wait for a replica: `sync_state` of pg_stat_replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyncState {
    /// They do not.
    Async,
    /// They will once one that is waited for is gone.
    Potential,
    /// They do.
    Sync,
    /// They wait for some of several, this one among them.
    Quorum,
}

impl SyncState {
    /// The state of the server's word; `None` for none, and for one that no version has.
    pub fn from_word(word: &str) -> Option<SyncState> {
        [
            SyncState::Async,
            SyncState::Potential,
            SyncState::Sync,
            SyncState::Quorum,
        ]
        .into_iter()
        .find(|state| state.as_str() == word)
    }

    /// The server's word.
    pub fn as_str(self) -> &'static str {
        match self {
            SyncState::Async => "async",
            SyncState::Potential => "potential",
            SyncState::Sync => "sync",
            SyncState::Quorum => "quorum",
        }
    }
}

/// Which end of a link this server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEnd {
    /// It receives.
    Receiver,
    /// It sends to a replica of this kind.
    Sender(SyncState),
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
            state: self.state.as_str().to_string(),
            sync_state: match self.end {
                LinkEnd::Receiver => String::new(),
                LinkEnd::Sender(sync) => sync.as_str().to_string(),
            },
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
            assert_eq!(StreamState::from_word(word).as_str(), word);
        }
        for word in ["async", "potential", "sync", "quorum"] {
            assert_eq!(SyncState::from_word(word).map(SyncState::as_str), Some(word));
        }
        assert_eq!(SyncState::from_word(""), None);
    }

    #[test]
    fn only_the_receiving_end_has_no_sync_state() {
        let link = Link::received();
        assert!(link.receives());
        assert_eq!(link.status().sync_state, "");
        let sender = Link {
            end: LinkEnd::Sender(SyncState::Async),
            ..link
        };
        assert!(!sender.receives());
        assert_eq!(sender.status().sync_state, "async");
    }
}
