//! What the catalog and a pod say differently.

use crate::cluster::catalog::Segment;
use crate::cluster::content::ContentId;
use crate::cluster::topology::Role;
use crate::finding::Finding;

/// A contradiction and the pod that it is shown with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contradiction {
    /// Short host name.
    pub pod: String,
    /// What it is.
    pub finding: Finding,
}

/// Whether the pod does at this moment what its row says it is.
pub(super) fn serves(row: &Segment, active: Option<Role>) -> bool {
    active == Some(role_of(row))
}

/// The role of a row in the words of the topology.
pub(super) fn role_of(row: &Segment) -> Role {
    use crate::cluster::catalog::CatalogRole::{Mirror, Primary};
    match (row.role, row.content) {
        (Primary, ContentId::COORDINATOR) => Role::Coordinator,
        (Mirror, ContentId::COORDINATOR) => Role::Standby,
        (Primary, _) => Role::Primary,
        (Mirror, _) => Role::Mirror,
    }
}
