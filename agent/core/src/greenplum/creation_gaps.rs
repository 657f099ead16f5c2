//! What a cluster that gpinitsystem has just made still lacks, judged by its catalog: exit codes say little (Greenplum 7
//! ends with 0 even when the standby failed).

use crate::cluster::catalog::{CatalogRole, Segment};
use crate::cluster::pairing::Pairing;
use crate::cluster::topology::{Role, Topology};

/// What is missing, by pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CreationGaps {
    /// Coordinator and primaries that the catalog does not list: nothing but a new creation helps.
    pub servers: Vec<String>,
    /// Mirrors that the catalog does not list: gpaddmirrors.
    pub mirrors: Vec<String>,
    /// Mirrors that are listed and down: gprecoverseg.
    pub down: Vec<String>,
    /// Mirrors that still catch up.
    pub behind: Vec<String>,
    /// The standby, when the catalog does not list it: gpinitstandby.
    pub standby: Option<String>,
    /// Whether the standby is listed and no write-ahead log streams to it.
    pub standby_silent: bool,
}

impl CreationGaps {
    /// Compares the catalog with the topology.
    pub fn of(topology: &Topology, segments: &[Segment], standby_streams: bool) -> CreationGaps {
        let pairing = Pairing::new(topology, segments);
        let mut lacks = CreationGaps::default();
        for member in &topology.members {
            let row = pairing.row_of(member);
            let pod = member.pod.clone();
            match (member.role, row) {
                (Role::Coordinator | Role::Primary, None) => lacks.servers.push(pod),
                (Role::Mirror, None) => lacks.mirrors.push(pod),
                (Role::Standby, None) => lacks.standby = Some(pod),
                (Role::Standby, Some(_)) => lacks.standby_silent = !standby_streams,
                (Role::Mirror, Some(row)) if !row.up => lacks.down.push(pod),
                (Role::Mirror, Some(row)) if !row.in_sync => lacks.behind.push(pod),
                (Role::Primary, Some(row)) if row.role == CatalogRole::Mirror => {
                    lacks.down.push(pod);
                }
                _ => {}
            }
        }
        lacks
    }

    /// Whether everything is there and in sync.
    pub fn nothing(&self) -> bool {
        *self == CreationGaps::default()
    }

    /// One line.
    pub fn summary(&self) -> String {
        let mut words = Vec::new();
        let mut list = |what: &str, pods: &[String]| {
            if !pods.is_empty() {
                words.push(format!("{what}: {}", pods.join(", ")));
            }
        };
        list("not in the catalog", &self.servers);
        list("mirrors not in the catalog", &self.mirrors);
        list("mirrors down", &self.down);
        list("mirrors not in sync", &self.behind);
        list("standby not in the catalog", self.standby.as_slice());
        if self.standby_silent {
            words.push("the standby does not stream".into());
        }
        words.join("; ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;
    use crate::fixtures::row;

    fn topology() -> Topology {
        let text = "cluster: w\nengine: greenplum\ncoordinator: { standby: true }\nsegments: { count: 1, mirrors: segment-b }\n";
        Topology::new(&load(text, "f", std::iter::empty()).unwrap(), "gp")
    }

    const COORDINATOR: &str = "1|-1|p|p|n|u|5432|coordinator-0.gp|coordinator-0.gp|/g";
    const PRIMARY: &str = "2|0|p|p|s|u|1|segment-a-0.gp|segment-a-0.gp|/g";
    const MIRROR: &str = "3|0|m|m|s|u|1|segment-b-0.gp|segment-b-0.gp|/g";
    const STANDBY: &str = "4|-1|m|m|s|u|1|coordinator-1.gp|coordinator-1.gp|/g";

    fn lacks(rows: &[&str], streams: bool) -> String {
        let segments: Vec<Segment> = rows.iter().map(|r| row(r)).collect();
        CreationGaps::of(&topology(), &segments, streams).summary()
    }

    #[test]
    fn each_missing_piece_is_named() {
        assert_eq!(lacks(&[COORDINATOR, PRIMARY, MIRROR, STANDBY], true), "");
        assert_eq!(
            lacks(&[COORDINATOR, PRIMARY, MIRROR, STANDBY], false),
            "the standby does not stream"
        );
        assert_eq!(
            lacks(&[COORDINATOR, PRIMARY, MIRROR], false),
            "standby not in the catalog: coordinator-1"
        );
        assert_eq!(
            lacks(&[COORDINATOR, STANDBY], true),
            "not in the catalog: segment-a-0; mirrors not in the catalog: segment-b-0"
        );
        let down = MIRROR.replace("|s|u|", "|n|d|");
        assert_eq!(
            lacks(&[COORDINATOR, PRIMARY, &down, STANDBY], true),
            "mirrors down: segment-b-0"
        );
        let behind = MIRROR.replace("|s|u|", "|n|u|");
        assert_eq!(
            lacks(&[COORDINATOR, PRIMARY, &behind, STANDBY], true),
            "mirrors not in sync: segment-b-0"
        );
    }
}
