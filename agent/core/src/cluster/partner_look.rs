//! What one pod sees of the other end of replication when it is asked to look: the answer to `GET /partner`. Whether a node is lost
//! is for two observers to say.

use super::document::{Document, Origin};
use serde::{Deserialize, Serialize};

/// One look at the partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PartnerLook {
    /// Who looked.
    #[serde(flatten)]
    pub origin: Origin,
    /// Whether neither its agent answers nor its server, by so much as a refusal.
    pub silent: bool,
    /// Whether its kernel takes connections all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_connections: bool,
}

impl Document for PartnerLook {
    const NAME: &'static str = "a look at its partner";
    const NEEDS_PROOF: bool = true;
}
