//! The pods of one content together.

use super::contradiction::Contradiction;
use crate::cluster::catalog::{Catalog, CatalogRole, Segment};
use crate::cluster::content::ContentId;
use crate::cluster::pairing::Pairing;
use crate::cluster::report::PodReport;
use crate::cluster::topology::Role;
use crate::finding::{Area, Finding};
use std::collections::{BTreeMap, BTreeSet};

/// Two servers that take writes, and contents that are served by the pod made as mirror.
pub(super) fn judge(entries: &[PodReport], catalog: &Catalog, pairing: &Pairing, failover: bool) -> Vec<Contradiction> {
    let mut found = rivals(entries, pairing);
    let told = told(entries);
    let swapped = catalog
        .segments
        .iter()
        .filter(|row| row.role == CatalogRole::Primary && row.preferred_role == CatalogRole::Mirror);
    let untold = swapped.filter(|row| !told.contains(&row.content));
    found.extend(untold.filter_map(|row| swap(pairing, row, failover)));
    found
}

/// What the active coordinator's agent says itself, with what is waited for.
fn told(entries: &[PodReport]) -> BTreeSet<ContentId> {
    let statuses = entries.iter().filter_map(|entry| entry.status.as_ref());
    let roles = statuses.filter_map(|report| Some(&report.status.recovery.as_ref()?.roles));
    roles
        .flat_map(|roles| roles.swapped.iter().map(|swapped| swapped.content))
        .collect()
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
        let stop = |pod: &&str| {
            let dir = pairing.member(pod).map(|member| member.data_dir.display())?;
            Some(format!("in {pod}: pg_ctl stop -m immediate -D {dir}"))
        };
        let stops: Vec<String> = pods.iter().filter_map(stop).collect();
        let remedy = format!(
            "find out which one is the older (gp-agent status --json: directory.timeline); there, at once: gp-agent hold, and stop it ({})",
            stops.join("; ")
        );
        found.extend(pods.iter().map(|pod| Contradiction {
            pod: pod.to_string(),
            finding: Finding::error(Area::Postgres, pods.join(", "), what.clone(), remedy.clone()),
        }));
    }
    found
}

fn swap(pairing: &Pairing, row: &Segment, failover: bool) -> Option<Contradiction> {
    let pod = pairing.member_of(row)?;
    let whole = pairing.has_mirror_in_sync(row.content);
    let coordinator = || format!("{} is the coordinator, made as the standby", pod.pod);
    let served = |content| format!("content {content} is served by {}, made as its mirror", pod.pod);
    let finding = match (row.content, whole) {
        // Either is as good a coordinator as the other where the role goes to and fro by itself.
        (ContentId::COORDINATOR, _) if failover => Finding::info(
            Area::Postgres,
            &pod.pod,
            coordinator(),
            "nothing has to be done; gp-agent switchover in this pod changes them back, once the other one is in sync",
        ),
        (ContentId::COORDINATOR, _) => Finding::warning(
            Area::Postgres,
            &pod.pod,
            coordinator(),
            format!(
                "nothing has to be done; to change back, once the other pod is the standby and streams: stop this coordinator (pg_ctl stop -m fast -D {}), gpactivatestandby -a there, then make this pod the standby as its finding says",
                pod.data_dir.display()
            ),
        ),
        (content, true) => Finding::warning(
            Area::Postgres,
            &pod.pod,
            served(content),
            "in the active coordinator's pod: gp-agent rebalance changes them back; it cancels the sessions that use that content",
        ),
        (content, false) => Finding::warning(
            Area::Postgres,
            &pod.pod,
            served(content),
            "the other one is brought back as its mirror once its pod is there, with recovery.segments: manual by gp-agent recover; then in the active coordinator's pod: gp-agent rebalance changes them back",
        ),
    };
    Some(Contradiction {
        pod: pod.pod.clone(),
        finding,
    })
}
