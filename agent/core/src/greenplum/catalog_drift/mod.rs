//! Where gp_segment_configuration and what the agents see say different things.
//!
//! The catalog is what FTS believes: it notices a dead primary within a minute or two, a dead mirror when a write waits for
//! it, and a dead standby never. The agents see their own pods at once. A row and its pod that agree are no news.

mod contradiction;
mod pair;
mod row;
#[cfg(test)]
mod tests;

use contradiction::Contradiction;

use crate::cluster::catalog::Catalog;
use crate::cluster::failover_status::FailoverStatus;
use crate::cluster::pairing::Pairing;
use crate::cluster::report::{Listing, PodReport};
use crate::cluster::topology::{Member, Topology};
use crate::finding::{Area, Finding, Severity};
use crate::greenplum::remedy::Listed;
use std::collections::BTreeMap;

/// Gives every entry its row of the catalog, and the contradictions that concern it.
pub fn annotate(entries: &mut [PodReport], topology: &Topology, catalog: &Catalog) {
    let pairing = catalog.pairing(topology);
    let mut found: BTreeMap<String, Vec<Finding>> = BTreeMap::new();
    for Contradiction { pod, finding } in find(entries, topology, catalog, &pairing) {
        found.entry(pod).or_default().push(finding);
    }
    for entry in entries {
        let row = pairing.member(&entry.pod).and_then(|m| pairing.row_of(m));
        entry.catalog = row.map(|row| Listing {
            row: row.clone(),
            live: catalog.live,
        });
        entry.contradictions = found.remove(&entry.pod).unwrap_or_default();
    }
}

/// All contradictions, in the order of the topology. A snapshot says nothing of who is up now.
fn find(entries: &[PodReport], topology: &Topology, catalog: &Catalog, pairing: &Pairing) -> Vec<Contradiction> {
    let listed = Listed::of(catalog);
    let by_pod: BTreeMap<&str, &PodReport> = entries.iter().map(|e| (e.pod.as_str(), e)).collect();
    let mut statuses = entries.iter().filter_map(|entry| entry.status.as_ref());
    let failover = statuses.any(|report| report.status.failover.as_ref().is_some_and(FailoverStatus::runs));
    let mut found = Vec::new();
    for member in &topology.members {
        let entry = by_pod.get(member.pod.as_str()).copied();
        let findings = match pairing.row_of(member) {
            None => vec![row::not_listed(member, catalog, &listed, entry, failover)],
            Some(row) => row::judge(member, row, entry, catalog.live, failover),
        };
        let pod = member.pod.clone();
        found.extend(findings.into_iter().map(|finding| Contradiction {
            pod: pod.clone(),
            finding,
        }));
    }
    found.extend(pair::judge(entries, catalog, pairing, failover));
    found.extend(strangers(topology, catalog, pairing));
    if !catalog.live {
        found.extend(snapshot(topology, catalog));
    }
    found
}

/// The pod that findings about the catalog itself are shown with.
fn head<'a>(topology: &'a Topology, catalog: &Catalog) -> Option<&'a Member> {
    let said_so = topology.member(&catalog.coordinator);
    said_so.or_else(|| topology.coordinator())
}

fn snapshot(topology: &Topology, catalog: &Catalog) -> Option<Contradiction> {
    let head = head(topology, catalog)?;
    Some(Contradiction {
        pod: head.pod.clone(),
        finding: Finding::new(
            Severity::Info,
            Area::Postgres,
            &head.pod,
            "no coordinator's server answers; the catalog shown is what it last said",
            "see why the coordinator does not answer",
        ),
    })
}

/// Rows that no pod of the topology is meant by.
fn strangers(topology: &Topology, catalog: &Catalog, pairing: &Pairing) -> Vec<Contradiction> {
    let Some(shown_with) = head(topology, catalog) else {
        return Vec::new();
    };
    let strangers = catalog.segments.iter().filter(|row| pairing.member_of(row).is_none());
    strangers
        .map(|row| Contradiction {
            pod: shown_with.pod.clone(),
            finding: Finding::warning(
                Area::Postgres,
                format!("{}:{}", row.address, row.port),
                format!(
                    "the catalog lists content {} there ({row}), and cluster.yaml has no such pod",
                    row.content
                ),
                "raise segments.count when gpexpand made it; otherwise put the pod back into cluster.yaml, or do what the pod that it should be in says",
            ),
        })
        .collect()
}
