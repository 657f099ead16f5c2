//! Which row of the catalog is which pod's, for whoever goes through all of them: looked up by content, since a search from the
//! beginning for each of ten thousand segments takes seconds of the agent's only thread.

use super::catalog::{Catalog, CatalogRole, Segment};
use super::content::ContentId;
use super::topology::{Member, Topology};
use std::collections::BTreeMap;

/// The pods and the rows of each content.
#[derive(Debug, Default)]
pub struct Pairing<'a> {
    contents: BTreeMap<ContentId, Content<'a>>,
    pods: BTreeMap<&'a str, &'a Member>,
}

#[derive(Debug, Default)]
struct Content<'a> {
    members: Vec<&'a Member>,
    rows: Vec<&'a Segment>,
}

impl<'a> Pairing<'a> {
    /// Of all pods and rows.
    pub fn new(topology: &'a Topology, rows: &'a [Segment]) -> Pairing<'a> {
        let mut contents: BTreeMap<ContentId, Content<'a>> = BTreeMap::new();
        for member in &topology.members {
            contents.entry(member.content).or_default().members.push(member);
        }
        for row in rows {
            contents.entry(row.content).or_default().rows.push(row);
        }
        let pods = topology.members.iter().map(|m| (m.pod.as_str(), m)).collect();
        Pairing { contents, pods }
    }

    /// The pod of that short name.
    pub(crate) fn member(&self, pod: &str) -> Option<&'a Member> {
        self.pods.get(pod).copied()
    }

    /// The pods of that content, in the order of the topology.
    pub(crate) fn members(&self, content: ContentId) -> &[&'a Member] {
        self.contents.get(&content).map_or(&[], |c| &c.members)
    }

    /// The pod that the row is about.
    pub fn member_of(&self, row: &Segment) -> Option<&'a Member> {
        self.members(row.content).iter().find(|m| row.is(m)).copied()
    }

    /// The pod's row.
    pub(crate) fn row_of(&self, member: &Member) -> Option<&'a Segment> {
        let rows = &self.contents.get(&member.content)?.rows;
        rows.iter().find(|row| row.is(member)).copied()
    }

    /// Whether a mirror of that content is up and in sync, so that FTS could let it take over (fts.c).
    pub(crate) fn has_mirror_in_sync(&self, content: ContentId) -> bool {
        let mut rows = self.contents.get(&content).into_iter().flat_map(|c| &c.rows);
        rows.any(|row| row.role == CatalogRole::Mirror && row.up && row.in_sync)
    }
}

impl Catalog {
    /// Its rows beside the pods of the topology.
    pub(crate) fn pairing<'a>(&'a self, topology: &'a Topology) -> Pairing<'a> {
        Pairing::new(topology, &self.segments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{large_catalog, large_topology, row};
    use proptest::prelude::*;

    /// A pod that is searched for from the beginning.
    fn searched<'a>(topology: &'a Topology, row: &Segment) -> Option<&'a Member> {
        topology.members.iter().find(|m| row.is(m))
    }

    proptest! {
        #[test]
        fn whoever_is_found_is_who_a_search_finds(
            segments in 1_u32..6,
            rows in prop::collection::vec((-1_i32..7, 0_u32..7, any::<bool>()), 0..12),
        ) {
            let topology = large_topology(segments);
            let name = |i: u32, mirror: bool| format!("segment-{}-{i}.gp", if mirror { "b" } else { "a" });
            let rows: Vec<Segment> = rows.iter().enumerate().map(|(dbid, (content, i, mirror))| {
                let (role, host) = (if *mirror { "m" } else { "p" }, name(*i, *mirror));
                row(&format!("{dbid}|{content}|{role}|{role}|s|u|1|{host}|{host}|/g"))
            }).collect();
            let pairing = Pairing::new(&topology, &rows);
            for row in &rows {
                prop_assert_eq!(pairing.member_of(row), searched(&topology, row));
                let in_sync = |s: &&Segment| s.content == row.content && s.role == CatalogRole::Mirror;
                prop_assert_eq!(pairing.has_mirror_in_sync(row.content), rows.iter().any(|s| in_sync(&s)));
            }
            for member in &topology.members {
                prop_assert_eq!(pairing.row_of(member), rows.iter().find(|s| s.is(member)));
                let same: Vec<&Member> = topology.members.iter().filter(|m| m.content == member.content).collect();
                prop_assert_eq!(pairing.members(member.content), same);
                prop_assert_eq!(pairing.member(&member.pod), Some(member));
            }
        }
    }

    #[test]
    fn every_row_of_a_large_catalog_is_its_pods() {
        let topology = large_topology(10_000);
        let catalog = large_catalog(&topology);
        let pairing = catalog.pairing(&topology);
        for (member, row) in topology.members.iter().zip(&catalog.segments) {
            assert_eq!(
                (pairing.member_of(row), pairing.row_of(member)),
                (Some(member), Some(row))
            );
        }
    }
}
