//! Why a name gave no address.

use std::path::PathBuf;
use std::time::Duration;
use thiserror::Error;

/// Why a name gave no address; `Display` is short enough for a line of progress.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum DnsError {
    /// The name does not exist. CoreDNS says so, too, for a pod that is not ready unless the service has
    /// publishNotReadyAddresses, and for up to 30 s after it came up.
    #[error("NXDOMAIN")]
    NoSuchName,
    /// The name exists, without an address.
    #[error("no address (the name exists)")]
    NoAddress,
    /// The name server failed.
    #[error("SERVFAIL from {servers}")]
    ServerFailure {
        /// The name server, or all of them when it is not known which.
        servers: String,
    },
    /// The name server does not answer this client.
    #[error("REFUSED by {servers}")]
    Refused {
        /// The name server, or all of them when it is not known which.
        servers: String,
    },
    /// Nothing came back.
    #[error("no answer from {servers} within {} s", within.as_secs_f64())]
    NoAnswer {
        /// The name server, or all of them.
        servers: String,
        /// How long was waited.
        within: Duration,
    },
    /// Any other answer or failure.
    #[error("{what} from {servers}")]
    Other {
        /// The name server, or all of them.
        servers: String,
        /// What it answered.
        what: String,
    },
    /// resolv.conf cannot be used.
    #[error("{} cannot be used: {reason}", path.display())]
    Configuration {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a name that DNS could know.
    #[error("not a DNS name: {reason}")]
    BadName {
        /// What is wrong with it.
        reason: String,
    },
}

impl DnsError {
    /// Whether the name server knows that there is nothing, as opposed to having failed.
    pub fn is_negative(&self) -> bool {
        matches!(self, DnsError::NoSuchName | DnsError::NoAddress)
    }
}
