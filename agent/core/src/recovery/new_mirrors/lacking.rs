//! Which contents have no mirror, though cluster.yaml has a pod for one.

use crate::cluster::catalog::{CatalogRole, Segment};
use crate::cluster::content::ContentId;
use crate::cluster::topology::{Member, Role, Topology};
use std::collections::BTreeMap;

/// What the catalog lacks, beside each mirror by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Some mirror is listed: then gpaddmirrors refuses the whole cluster.
    pub some_listed: bool,
    /// A content that has neither a mirror nor a pod for one.
    pub without_pod: Option<ContentId>,
    /// How many pods cluster.yaml has.
    pub pods: usize,
}

/// It, and the rows that the mirrors will have. None of them while cluster.yaml has no mirrors.
pub(in crate::recovery) fn of(rows: &[Segment], topology: &Topology) -> (Lacking, Vec<Segment>) {
    let mirrors: BTreeMap<ContentId, &Member> = topology
        .members
        .iter()
        .filter(|member| member.role == Role::Mirror)
        .map(|member| (member.content, member))
        .collect();
    let mut of_content: BTreeMap<ContentId, usize> = BTreeMap::new();
    for row in rows {
        *of_content.entry(row.content).or_default() += 1;
    }
    let alone = || {
        of_content
            .iter()
            .filter(|(_, rows)| **rows == 1)
            .map(|(content, _)| *content)
    };
    let lacking = Lacking {
        some_listed: of_content.values().any(|rows| *rows > 1),
        without_pod: alone().find(|content| !mirrors.contains_key(content)),
        pods: topology.members.len(),
    };
    let to_be = alone()
        .filter_map(|content| mirrors.get(&content).copied())
        .map(row)
        .collect();
    (lacking, to_be)
}

/// As gpaddmirrors will write it. Its number is not known before.
fn row(member: &Member) -> Segment {
    Segment {
        dbid: 0,
        content: member.content,
        role: CatalogRole::Mirror,
        preferred_role: CatalogRole::Mirror,
        in_sync: false,
        up: false,
        port: member.port,
        hostname: member.fqdn.clone(),
        address: member.fqdn.clone(),
        datadir: member.data_dir.clone(),
    }
}
