//! The pods of one content together.

use super::contradiction::Contradiction;
use crate::cluster::catalog::{Catalog, CatalogRole, Segment};
use crate::cluster::content::ContentId;
use crate::cluster::pairing::Pairing;
use crate::cluster::report::PodReport;
use crate::cluster::topology::Role;
use crate::finding::{Area, Finding};
use std::collections::BTreeMap;

/// Two servers that take writes, and contents that are served by the pod made as mirror.
pub(super) fn judge(entries: &[PodReport], catalog: &Catalog, pairing: &Pairing) -> Vec<Contradiction> {
    let mut found = rivals(entries, pairing);
    let swapped = catalog
        .segments
        .iter()
        .filter(|row| row.role == CatalogRole::Primary && row.preferred_role == CatalogRole::Mirror);
    found.extend(swapped.filter_map(|row| swap(pairing, row)));
    found
}

fn rivals(entries: &[PodReport], pairing: &Pairing) -> Vec<Contradiction> {
    let mut writable: BTreeMap<ContentId, Vec<&PodReport>> = BTreeMap::new();
    for entry in entries {
        let active = entry.status.as_ref().and_then(|r| r.status.active_role);
        let member = pairing.member(&entry.pod);
        if let Some(member) = member.filter(|_| active.is_some_and(Role::is_writable)) {
            writable.entry(member.content).or_default().push(entry);
        }
    }
    let mut found = Vec::new();
    for (content, entries) in writable.iter().filter(|(_, entries)| entries.len() > 1) {
        let pods: Vec<&str> = entries.iter().map(|e| e.pod.as_str()).collect();
        let what = match *content {
            ContentId::COORDINATOR => format!(
                "two coordinators run: {}; their catalogs drift apart",
                pods.join(" and ")
            ),
            _ => format!("content {content} has two primaries that run: {}", pods.join(" and ")),
        };
        found.extend(pods.iter().map(|pod| Contradiction {
            pod: pod.to_string(),
            finding: Finding::error(
                Area::Postgres,
                pods.join(", "),
                what.clone(),
                "find out which one is the older (gp-agent status --json: directory.timeline); there, at once: gp-agent hold, and pg_ctl stop -m immediate",
            ),
        }));
    }
    found
}

fn swap(pairing: &Pairing, row: &Segment) -> Option<Contradiction> {
    let pod = pairing.member_of(row)?;
    let whole = pairing.has_mirror_in_sync(row.content);
    let (what, remedy) = match (row.content, whole) {
        (ContentId::COORDINATOR, _) => (
            format!("{} is the coordinator, made as the standby", pod.pod),
            "nothing has to be done; to change back, once the other pod is the standby and streams: stop this coordinator (pg_ctl stop -m fast), gpactivatestandby -a there, then make this pod the standby as its finding says",
        ),
        (content, true) => (
            format!("content {content} is served by {}, made as its mirror", pod.pod),
            "in the active coordinator's pod: gprecoverseg -a -r brings it back; it ends the sessions of that content",
        ),
        (content, false) => (
            format!("content {content} is served by {}, made as its mirror", pod.pod),
            "in the active coordinator's pod: gprecoverseg -a brings the other one back as its mirror once its pod is there, then gprecoverseg -a -r changes them back",
        ),
    };
    Some(Contradiction {
        pod: pod.pod.clone(),
        finding: Finding::warning(Area::Postgres, &pod.pod, what, remedy),
    })
}
