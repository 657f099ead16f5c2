//! One pod and its row.

use super::contradiction::{role_of, serves};
use crate::cluster::catalog::{Catalog, CatalogRole, Segment};
use crate::cluster::content::ContentId;
use crate::cluster::report::PodReport;
use crate::cluster::status::{Phase, PodStatus};
use crate::cluster::topology::{Member, Role};
use crate::finding::{Area, Finding, Severity};
use crate::greenplum::remedy::{self, Listed};
use crate::postgres::start_decision::DirectoryKind;

/// Everything between the two. `live`: whether the coordinator's server says so at this moment; `failover`: whether a record says
/// which coordinator may write.
pub(super) fn judge(
    member: &Member,
    row: &Segment,
    entry: Option<&PodReport>,
    live: bool,
    failover: bool,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let status = entry.and_then(|e| e.status.as_ref()).map(|r| &r.status);
    let lie = status.and_then(|status| lie(member, row, status, failover));
    match (status, lie) {
        (_, Some(lie)) => findings.push(lie),
        _ if !live => {}
        (Some(status), None) => findings.extend(presence(member, row, status, failover)),
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
pub(super) fn not_listed(
    member: &Member,
    catalog: &Catalog,
    listed: &Listed<'_>,
    entry: Option<&PodReport>,
    failover: bool,
) -> Finding {
    let severity = match member.content.is_coordinator() && catalog.coordinator != member.pod {
        true => Severity::Warning,
        false => Severity::Error,
    };
    let directory = entry
        .and_then(|e| e.status.as_ref())
        .and_then(|r| r.status.directory.kind());
    let occupied = directory.is_some_and(|kind| kind != DirectoryKind::Absent);
    let refused = entry
        .and_then(|e| e.status.as_ref())
        .is_some_and(|report| report.status.phase == Phase::Refused);
    let remedy = match member.content.is_coordinator() && failover && !refused {
        true => REJOINS.into(),
        false => remedy::add(member, listed, occupied),
    };
    let what = format!("the catalog of {} does not list this pod", catalog.coordinator);
    finding(severity, member, what, remedy)
}

/// A coordinator that was taken over from comes back without anybody's doing where failover runs, unless it says that it does not.
const REJOINS: &str =
    "bring the pod back, if it is not there: it becomes the standby by itself, and says what keeps it";
/// Who takes over from a coordinator is settled by the record, and by nobody's gpactivatestandby beside it.
const TAKES_OVER: &str = "the standby takes over by itself once this pod has been silent for the whole lease, if it is in sync (gp-agent check ha); otherwise gp-agent failover --accept-data-loss in its pod";

fn finding(severity: Severity, member: &Member, what: impl Into<String>, remedy: impl Into<String>) -> Finding {
    Finding::new(severity, Area::Postgres, &member.pod, what, remedy)
}

/// Of the standby the catalog says `u` whatever happens to it.
fn silent(member: &Member, row: &Segment, why: &str) -> Finding {
    if !row.up {
        return finding(
            Severity::Error,
            member,
            format!("the catalog says down ({row}); its agent does not answer either"),
            format!("bring the pod back first, then {}", remedy::recover(row)),
        );
    }
    finding(
        Severity::Error,
        member,
        format!("the catalog says up ({row}), but its agent is silent: {why}"),
        match row.content {
            ContentId::COORDINATOR => "bring the pod back; FTS does not look after coordinator and standby",
            _ => {
                "bring the pod back; FTS decides by itself meanwhile, and what it has marked down is brought back then, with recovery.segments: manual by gp-agent recover"
            }
        },
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
fn lie(member: &Member, row: &Segment, status: &PodStatus, failover: bool) -> Option<Finding> {
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
                match row.content {
                    ContentId::COORDINATOR if failover && status.phase != Phase::Refused => REJOINS.into(),
                    _ => old_primary(member, row, writable),
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
                ContentId::COORDINATOR if failover => {
                    "gp-agent check ha says who has the role, and what keeps this pod from taking it".into()
                }
                ContentId::COORDINATOR => format!(
                    "if the other coordinator pod is lost, gpactivatestandby -a -d {} in this pod; otherwise {}",
                    member.data_dir.display(),
                    remedy::make_standby(member, None, true)
                ),
                _ => {
                    "FTS promotes it when it next looks: select gp_request_fts_probe_scan(); if that does not help, see the server's log".into()
                }
            },
        )),
        (_, DirectoryKind::Absent) => Some(finding(
            Severity::Error,
            member,
            format!("there is no data directory, but the catalog says {row}"),
            lost(member, row, failover),
        )),
        // Tools that only rewind, or start what is there, do not help.
        (_, DirectoryKind::HalfMade | DirectoryKind::Unreadable) => Some(finding(
            Severity::Error,
            member,
            format!("the data directory is not whole, but the catalog says {row}"),
            lost(member, row, failover),
        )),
        _ => None,
    }
}

/// What becomes of a directory whose mirror, or standby, took over.
fn old_primary(member: &Member, row: &Segment, writable: bool) -> String {
    let dir = member.data_dir.display();
    match (row.content, writable) {
        // gpinitstandby wants the directory out of the way, and the hold for that stops nothing.
        (ContentId::COORDINATOR, true) => format!(
            "at once, in this pod: gp-agent hold; pg_ctl stop -D {dir} -m immediate; then {}",
            remedy::make_standby(member, Some(true), true)
        ),
        (ContentId::COORDINATOR, false) => remedy::make_standby(member, Some(true), true),
        (_, true) => format!(
            "at once, in this pod: gp-agent hold; pg_ctl stop -D {dir} -m immediate; gp-agent resume; then {}",
            remedy::recover(row)
        ),
        (_, false) => remedy::recover(row),
    }
}

/// What brings a directory back that is not there.
fn lost(member: &Member, row: &Segment, failover: bool) -> String {
    match (row.content, row.role) {
        (ContentId::COORDINATOR, CatalogRole::Primary) if failover => {
            format!("bring the lost volume back, or keep this pod away: {TAKES_OVER}")
        }
        (ContentId::COORDINATOR, CatalogRole::Mirror) => format!(
            "bring the lost volume back, or {}",
            remedy::make_standby(member, Some(true), false)
        ),
        (ContentId::COORDINATOR, CatalogRole::Primary) => format!(
            "bring the lost volume back, or activate the standby: gpactivatestandby -a -d {} in its pod",
            member.data_dir.display()
        ),
        _ => remedy::copy(row),
    }
}

/// Up or down, and whether the server is there.
fn presence(member: &Member, row: &Segment, status: &PodStatus, failover: bool) -> Option<Finding> {
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
        (false, false) => Some(down(member, row, status, &words)),
        (true, false) => Some(absent(member, row, status, &words, failover)),
    }
}

fn down(member: &Member, row: &Segment, status: &PodStatus, words: &str) -> Finding {
    let first = match status.phase {
        Phase::CrashLoop | Phase::Hung => "mend what the agent says, then ",
        _ => "",
    };
    finding(
        Severity::Error,
        member,
        format!("the catalog says down ({row}); its agent says {words}"),
        format!("{first}{}", remedy::recover(row)),
    )
}

fn absent(member: &Member, row: &Segment, status: &PodStatus, words: &str, failover: bool) -> Finding {
    if row.role == CatalogRole::Mirror && status.phase == Phase::Running {
        // FTS looks after mirrors; after the standby nobody does.
        let (severity, remedy) = match row.content {
            ContentId::COORDINATOR if failover => (
                Severity::Error,
                "see its log; where the write-ahead log that it lacks is gone it is copied anew, and a finding of its own says what keeps it".into(),
            ),
            ContentId::COORDINATOR => (
                Severity::Error,
                format!(
                    "see its log; if the write-ahead log that it lacks is gone, {}",
                    // gpinitstandby -r removes the directory itself, when its server answers.
                    remedy::make_standby(member, Some(true), false)
                ),
            ),
            _ => (Severity::Warning, format!("see its log; {}", remedy::recover(row))),
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
                "mend what the agent says; FTS marks the segment down if it stays away, and it is brought back then, with recovery.segments: manual by gp-agent recover"
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
            format!(
                "it catches up by itself while write-ahead log streams: gpstate -e shows how far it is; if it stays behind, \
                 in this pod: pg_ctl stop -D {} -m fast; then {}",
                member.data_dir.display(),
                remedy::copy(row)
            ),
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
