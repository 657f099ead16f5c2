//! What is known at one look.

use super::charge::LostRole;
use super::role_changes::RoleChange;
use super::server::{PodOfRow, Server};
use crate::cluster::catalog::{Catalog, CatalogRole, Segment};
use crate::cluster::content::ContentId;
use crate::cluster::pairing::Pairing;
use crate::cluster::peer_error::PeerFailure;
use crate::cluster::report::PodReport;
use crate::cluster::topology::{Role, Topology};
use crate::recovery::expansion::facts::{Expanding, NewServer, new_members};
use crate::recovery::new_mirrors::lacking;
use crate::recovery::new_mirrors::lacking::Lacking;
use crate::recovery::obstacle::Obstacle;
use std::collections::BTreeMap;

/// What is true of the whole cluster.
#[derive(Clone, Debug, Default)]
pub struct Circumstances {
    /// Why this pod's coordinator decides nothing now: it does not write, or its pod ends.
    pub not_in_charge: Option<String>,
    /// How this pod came not to have the coordinator's role, where it is kept in a record and this pod has not.
    pub lost_role: Option<LostRole>,
    /// Seconds after which a coordinator's pod that is cut off has found out that it is none any more.
    pub cut_off_seconds: u64,
    /// What somebody else is at: a tool that runs anywhere, an expansion.
    pub at_work: Option<String>,
    /// How the primary of a content changed within half an hour.
    pub role_changes: BTreeMap<ContentId, Vec<RoleChange>>,
    /// Whether the tool knows differential recovery.
    pub differential: bool,
    /// Bytes of each content's databases, where the engine tells; asked only where mirrors are to be made.
    pub sizes: BTreeMap<ContentId, u64>,
}

/// One look at the cluster.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// What is true of all of it.
    pub circumstances: Circumstances,
    /// The rows of segments, as the catalog says now.
    pub rows: Vec<Segment>,
    /// Contents that have a row that is down, and those whose mirror the catalog does not list though it has a pod.
    pub down: Vec<Pair>,
    /// What is lacking of mirrors as a whole.
    pub lacking: Lacking,
    /// Contents that are served by the server made as their mirror.
    pub swapped: Vec<Swap>,
    /// What is asked only where those could be changed back.
    pub detail: Option<Detail>,
    /// Contents that are not in the catalog, and what gpexpand has left.
    pub expanding: Expanding,
}

/// A content whose servers have changed places.
#[derive(Clone, Debug)]
pub struct Swap {
    /// The content.
    pub content: ContentId,
    /// The server that acts as primary, made as the mirror.
    pub acting: PodOfRow,
    /// The server that was made as the primary.
    pub preferred: PodOfRow,
}

/// What the servers say of their work.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Detail {
    /// How many bytes each content's mirror has still to replay; none of those that nobody knows of.
    pub behind: BTreeMap<ContentId, u64>,
    /// Whether a client's transaction is open.
    pub busy: bool,
    /// A tool for backups that has a session.
    pub backup: Option<String>,
}

/// A content that has lost a server, or never had one.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The row that is down, or that the mirror will have.
    pub row: Segment,
    /// Whether the catalog has that row.
    pub listed: bool,
    /// The pod that it is about, and what its agent says.
    pub target: PodOfRow,
    /// The acting primary that is up, by its pod.
    pub primary: Option<PodOfRow>,
}

impl Pair {
    /// Whether the lost server streams: FTS has only to look.
    pub(in crate::recovery) fn streams(&self) -> bool {
        let server = self.target.server.as_ref();
        server.is_some_and(|server| server.active == Some(Role::Mirror))
    }
}

impl Evidence {
    /// Of the catalog that the server says now, and the answers of the segments' agents.
    pub fn new(
        circumstances: Circumstances,
        catalog: &Catalog,
        topology: &Topology,
        reports: &[PodReport],
    ) -> Evidence {
        let pairing = Pairing::new(topology, &catalog.segments);
        let reports: BTreeMap<&str, &PodReport> = reports.iter().map(|r| (r.pod.as_str(), r)).collect();
        // The tool goes from the active coordinator's pod to both servers of a content.
        let mut coordinators = catalog.segments.iter().filter(|row| row.content.is_coordinator());
        let head = coordinators.find(|row| row.role == CatalogRole::Primary);
        let head = head.and_then(|row| pairing.member_of(row));
        let concerned = |content| pairing.members(content).iter().copied().chain(head).collect::<Vec<_>>();
        let server = |pod: &str, content| {
            let status = &reports.get(pod)?.status.as_ref()?.status;
            Some(Server::of(status, topology, &concerned(content)))
        };
        let place = |row: &Segment| {
            let pod = pairing.member_of(row).map(|member| member.pod.clone());
            let report = pod.as_deref().and_then(|pod| reports.get(pod));
            PodOfRow {
                server: pod.as_deref().and_then(|pod| server(pod, row.content)),
                unclear: report.is_some_and(|report| report.failure == Some(PeerFailure::NotUnderstood)),
                pod,
            }
        };
        let rows: Vec<Segment> = catalog
            .segments
            .iter()
            .filter(|row| row.content.is_segment())
            .cloned()
            .collect();
        let primaries: BTreeMap<ContentId, &Segment> = rows
            .iter()
            .filter(|row| row.role == CatalogRole::Primary && row.up)
            .map(|row| (row.content, row))
            .collect();
        let pair = |row: &Segment, listed: bool| Pair {
            row: row.clone(),
            listed,
            target: place(row),
            primary: primaries.get(&row.content).map(|row| place(row)),
        };
        let (lacking, to_be) = lacking::of(&rows, topology);
        let down = rows.iter().filter(|row| !row.up).map(|row| pair(row, true));
        let down = down.chain(to_be.iter().map(|row| pair(row, false))).collect();
        let swap = |row: &Segment| {
            let other = rows
                .iter()
                .find(|other| other.content == row.content && other.dbid != row.dbid);
            Swap {
                content: row.content,
                acting: place(row),
                preferred: other.map(place).unwrap_or_default(),
            }
        };
        let out_of_place =
            |row: &&Segment| row.role == CatalogRole::Primary && row.preferred_role == CatalogRole::Mirror;
        let swapped = rows.iter().filter(out_of_place).map(swap).collect();
        let new = new_members(&rows, topology).map(|member| NewServer {
            member: member.clone(),
            server: server(&member.pod, member.content),
        });
        let expanding = Expanding {
            new: new.collect(),
            ..Expanding::default()
        };
        Evidence {
            circumstances,
            expanding,
            rows,
            down,
            lacking,
            swapped,
            detail: None,
        }
    }

    /// Why nothing is done anywhere.
    pub(in crate::recovery) fn hindrance(&self) -> Option<Obstacle> {
        let Circumstances {
            not_in_charge, at_work, ..
        } = &self.circumstances;
        let tool = || {
            self.down
                .iter()
                .find_map(|pair| pair.target.server.as_ref()?.tool.clone())
        };
        let first = not_in_charge.clone().or_else(|| at_work.clone()).or_else(tool)?;
        Some(Obstacle::wait(first))
    }
}
