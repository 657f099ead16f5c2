//! One pod and its row.

use super::contradiction::{role_of, serves};
use crate::cluster::catalog::{Catalog, CatalogRole, Segment};
use crate::cluster::content::ContentId;
use crate::cluster::report::PodReport;
use crate::cluster::status::{Phase, PodStatus};
use crate::cluster::topology::{Member, Role};
use crate::finding::{Area, Finding, Severity};
use crate::postgres::start_decision::DirectoryKind;

/// Everything between the two. `live`: whether the coordinator's server says so at this moment.
pub(super) fn judge(member: &Member, row: &Segment, entry: Option<&PodReport>, live: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    let status = entry.and_then(|e| e.status.as_ref()).map(|r| &r.status);
    let lie = status.and_then(|status| lie(member, row, status));
    match (status, lie) {
        (_, Some(lie)) => findings.push(lie),
        _ if !live => {}
        (Some(status), None) => findings.extend(presence(member, row, status)),
        (None, None) => findings.push(match entry.and_then(PodReport::not_understood) {
            Some(why) => unread(member, why),
            None => {
                let why = entry.and_then(|e| e.error.as_deref());
                silent(member, row, why.unwrap_or("no answer"))
            }
        }),
    }
    if live {
        findings.extend(behind(member, row));
    }
    findings.extend(elsewhere(member, row));
    findings
}

/// A pod without a row.
pub(super) fn not_listed(member: &Member, catalog: &Catalog) -> Finding {
    let coordinating = matches!(member.role, Role::Coordinator | Role::Standby);
    let remedy = match member.role {
        _ if coordinating => format!(
            "gpinitstandby -a -s {} -P {} -S {} in the active coordinator's pod makes it the standby",
            member.fqdn,
            member.port,
            member.data_dir.display()
        ),
        Role::Mirror => "gpaddmirrors in the coordinator's pod adds all mirrors of a cluster without any; gprecoverseg -i one that is gone".into(),
        _ => "gpexpand in the coordinator's pod adds it, or lower segments.count".into(),
    };
    let severity = match coordinating && catalog.coordinator != member.pod {
        true => Severity::Warning,
        false => Severity::Error,
    };
    finding(
        severity,
        member,
        format!("the catalog of {} does not list this pod", catalog.coordinator),
        remedy,
    )
}

fn finding(severity: Severity, member: &Member, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding::new(severity, Area::Postgres, &member.pod, what, remedy)
}

/// Of the standby the catalog says `u` whatever happens to it.
fn silent(member: &Member, row: &Segment, why: &str) -> Finding {
    if !row.up {
        return down(member, row, "its agent does not answer either");
    }
    finding(
        Severity::Error,
        member,
        format!("the catalog says up ({row}), but its agent is silent: {why}"),
        "see whether the pod runs; FTS decides by itself, and gprecoverseg brings a segment back that was marked down",
    )
}

/// Nothing is known of it, good or bad.
fn unread(member: &Member, why: &str) -> Finding {
    finding(
        Severity::Warning,
        member,
        format!("whether the catalog is right about it cannot be told: {why}"),
        "upgrade the pod that says so to the newest version of gp-agent in the cluster",
    )
}

/// The directory, or the server that runs on it, is something else than the catalog says.
fn lie(member: &Member, row: &Segment, status: &PodStatus) -> Option<Finding> {
    let writable = status.active_role.is_some_and(Role::is_writable);
    match (row.role, status.directory.kind()?) {
        (CatalogRole::Mirror, DirectoryKind::Primary) => {
            let other = role_of(row).partner();
            let runs = match writable {
                true => ", and its server runs as one: two servers take writes",
                false => "",
            };
            Some(finding(
                Severity::Error,
                member,
                format!("the directory is a {other}'s{runs}, but the catalog says {row}: the other one took over"),
                match (writable, row.content) {
                    (true, _) => "gp-agent hold in this pod and stop the server at once (pg_ctl stop -m immediate), then gprecoverseg or gpinitstandby".to_string(),
                    (_, ContentId::COORDINATOR) => "set the directory aside, then gpinitstandby in the active coordinator's pod".to_string(),
                    _ => "gprecoverseg in the coordinator's pod brings it back as a mirror".to_string(),
                },
            ))
        }
        (CatalogRole::Primary, DirectoryKind::Standby) => Some(finding(
            Severity::Error,
            member,
            format!(
                "the directory is a {}'s, but the catalog says {row}",
                role_of(row).partner()
            ),
            match row.content {
                ContentId::COORDINATOR => {
                    "if the other coordinator pod is lost, gpactivatestandby in this pod; otherwise set this directory aside and gpinitstandby there"
                }
                _ => {
                    "FTS promotes it when it next looks: select gp_request_fts_probe_scan(); if that does not help, see the server's log"
                }
            },
        )),
        (_, DirectoryKind::Absent) => Some(finding(
            Severity::Error,
            member,
            format!("there is no data directory, but the catalog says {row}"),
            match (row.role, row.content) {
                (_, ContentId::COORDINATOR) => {
                    "bring the lost volume back, or gpinitstandby -r and gpinitstandby in the coordinator's pod"
                }
                (CatalogRole::Mirror, _) => "gprecoverseg -F in the coordinator's pod copies it from its primary",
                (CatalogRole::Primary, _) => {
                    "bring the lost volume back; with a mirror in sync FTS lets that take over, then gprecoverseg -F"
                }
            },
        )),
        _ => None,
    }
}

/// Up or down, and whether the server is there.
fn presence(member: &Member, row: &Segment, status: &PodStatus) -> Option<Finding> {
    let serving = serves(row, status.active_role);
    let words = format!("{}: {}", status.phase.as_str(), status.reason);
    match (row.up, serving) {
        (true, true) => None,
        (false, true) => Some(finding(
            Severity::Warning,
            member,
            format!("the catalog says down ({row}), but the server streams"),
            "FTS marks it up when it next looks: select gp_request_fts_probe_scan()",
        )),
        (false, false) => Some(down(member, row, &format!("its agent says {words}"))),
        (true, false) => Some(absent(member, row, status, &words)),
    }
}

fn down(member: &Member, row: &Segment, besides: &str) -> Finding {
    finding(
        Severity::Error,
        member,
        format!("the catalog says down ({row}); {besides}"),
        "gprecoverseg in the coordinator's pod brings it back",
    )
}

fn absent(member: &Member, row: &Segment, status: &PodStatus, words: &str) -> Finding {
    if row.role == CatalogRole::Mirror && status.phase == Phase::Running {
        // FTS looks after mirrors; after the standby nobody does.
        let (severity, remedy) = match row.content {
            ContentId::COORDINATOR => (
                Severity::Error,
                "see its log; if the write-ahead log that it lacks is gone: gpinitstandby -r, then gpinitstandby",
            ),
            _ => (
                Severity::Warning,
                "see its log; FTS marks it down after gp_fts_mark_mirror_down_grace_period, and gprecoverseg brings it back",
            ),
        };
        return finding(
            severity,
            member,
            format!("no write-ahead log streams to it, but the catalog says {row}"),
            remedy,
        );
    }
    let severity = match status.phase {
        Phase::CrashLoop | Phase::Refused | Phase::Stopped | Phase::Hung => Severity::Error,
        _ => Severity::Warning,
    };
    finding(
        severity,
        member,
        format!("the catalog says up ({row}), but its agent says {words}"),
        match row.content {
            ContentId::COORDINATOR => "the catalog does not follow coordinator and standby: mend what the agent says",
            _ => {
                "mend what the agent says; FTS marks the segment down if it stays away, and gprecoverseg brings it back then"
            }
        },
    )
}

/// Of coordinator and standby the mode means nothing.
fn behind(member: &Member, row: &Segment) -> Option<Finding> {
    let late = row.content.is_segment() && row.role == CatalogRole::Mirror && row.up && !row.in_sync;
    late.then(|| {
        finding(
            Severity::Warning,
            member,
            format!("this mirror is not in sync ({row})"),
            "it catches up by itself while write-ahead log streams: gpstate -e shows how far it is; if it stays behind, gprecoverseg",
        )
    })
}

/// The row leads to another place than the configuration.
fn elsewhere(member: &Member, row: &Segment) -> Option<Finding> {
    let mut differences = Vec::new();
    if row.port != member.port {
        differences.push(format!("port {} and not {}", row.port, member.port));
    }
    if row.datadir != member.data_dir {
        let (there, here) = (row.datadir.display(), member.data_dir.display());
        differences.push(format!("directory {there} and not {here}"));
    }
    (!differences.is_empty()).then(|| {
        finding(
            Severity::Error,
            member,
            format!("the catalog has {}", differences.join(", ")),
            "ports and directories of a cluster that exists cannot be changed in cluster.yaml: put the old values back",
        )
    })
}
