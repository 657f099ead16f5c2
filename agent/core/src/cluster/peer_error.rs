//! Why a peer's agent gave no answer that could be used.

use super::document::Misread;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Its name does not resolve.
    #[error("its name, {0}, does not resolve")]
    NoName(String),
    /// No connection, or one that broke.
    #[error("cannot reach {at}: {why}")]
    Unreachable {
        /// Where.
        at: SocketAddr,
        /// What the network said.
        why: String,
    },
    /// Nothing within the time.
    #[error("{at} did not answer within {within:?}")]
    TimedOut {
        /// Where.
        at: SocketAddr,
        /// The time that this address had.
        within: Duration,
    },
    /// Another pod answers there, or something that is no agent.
    #[error("at {at} answers {who}")]
    Stranger {
        /// Where.
        at: SocketAddr,
        /// Who.
        who: String,
    },
    /// An HTTP code other than success.
    #[error("{at} answers HTTP {code}; no agent of this cluster?")]
    Refused {
        /// Where.
        at: SocketAddr,
        /// The code.
        code: u16,
    },
    /// The peer itself answers, and this agent cannot tell what: no silence, so nothing may follow from it that silence
    /// allows.
    #[error("{0}")]
    NotUnderstood(String),
}

impl PeerError {
    /// What came from `at` instead of a document.
    pub fn misread(at: SocketAddr, misread: Misread) -> PeerError {
        match misread {
            Misread::Stranger(who) => PeerError::Stranger { at, who },
            Misread::NotUnderstood(why) => PeerError::NotUnderstood(why),
        }
    }

    /// Its word in documents.
    pub(crate) fn failure(&self) -> PeerFailure {
        match self {
            PeerError::NoName(_) => PeerFailure::NoName,
            PeerError::Unreachable { .. } => PeerFailure::Unreachable,
            PeerError::TimedOut { .. } => PeerFailure::TimedOut,
            PeerError::Stranger { .. } => PeerFailure::Stranger,
            PeerError::Refused { .. } => PeerFailure::Refused,
            PeerError::NotUnderstood(_) => PeerFailure::NotUnderstood,
        }
    }

    /// Whether nothing came from there.
    pub fn is_silence(&self) -> bool {
        matches!(self, PeerError::TimedOut { .. } | PeerError::Unreachable { .. })
    }

    /// Of what two addresses of one peer gave, what says more: an answer more than none, and the later of two alike.
    #[must_use]
    pub fn or(self, later: PeerError) -> PeerError {
        let weight = |error: &PeerError| match error {
            PeerError::NoName(_) => 0,
            PeerError::Unreachable { .. } => 1,
            PeerError::TimedOut { .. } => 2,
            PeerError::Refused { .. } | PeerError::Stranger { .. } => 3,
            PeerError::NotUnderstood(_) => 4,
        };
        if weight(&self) > weight(&later) { self } else { later }
    }
}

/// The same as one word, in the entries of `/cluster`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerFailure {
    /// See [`PeerError::NoName`].
    NoName,
    /// See [`PeerError::Unreachable`].
    Unreachable,
    /// See [`PeerError::TimedOut`].
    TimedOut,
    /// See [`PeerError::Stranger`].
    Stranger,
    /// See [`PeerError::Refused`].
    Refused,
    /// See [`PeerError::NotUnderstood`].
    NotUnderstood,
    /// A word of a later version.
    #[serde(other)]
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_more_than_none() {
        let at = SocketAddr::from(([127, 0, 0, 1], 8008));
        let why = "x".to_string();
        let weak = PeerError::Unreachable { at, why };
        let slow = PeerError::TimedOut {
            at,
            within: Duration::from_secs(1),
        };
        let newer = PeerError::NotUnderstood("newer".into());
        assert_eq!(newer.clone().or(slow.clone()), newer);
        assert_eq!(slow.clone().or(newer.clone()), newer);
        assert_eq!(slow.clone().or(weak), slow);
        let refused = |code| PeerError::Refused { at, code };
        assert_eq!(refused(404).or(refused(503)), refused(503));
    }

    #[test]
    fn its_words_are_read_in_every_version() {
        let word = |failure: PeerFailure| serde_json::to_string(&failure).unwrap();
        assert_eq!(word(PeerFailure::NotUnderstood), "\"not-understood\"");
        let read = |word: &str| serde_json::from_str::<PeerFailure>(word).unwrap();
        assert_eq!(read("\"no-name\""), PeerFailure::NoName);
        assert_eq!(read("\"a word of the future\""), PeerFailure::Other);
    }
}
