//! The pods as entries of the input file: `hostname~address~port~datadir~dbid~content`.

use super::shell;
use crate::cluster::topology::{Member, Role, Topology};
use crate::finding::{Area, Finding};
use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

/// One pod with its number in gp_segment_configuration.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostEntry<'a> {
    /// The role it is made for.
    pub role: Role,
    member: &'a Member,
    dbid: usize,
}

/// The name stands for both hostname and address: gpstop, gpinitstandby and gprecoverseg use the first, dispatch, FTS and
/// gpstart the second.
impl fmt::Display for HostEntry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Member {
            fqdn,
            port,
            data_dir,
            content,
            ..
        } = self.member;
        let (dir, dbid) = (data_dir.display(), self.dbid);
        write!(f, "{fqdn}~{fqdn}~{port}~{dir}~{dbid}~{content}")
    }
}

/// All pods but the standby, which gpinitstandby numbers: coordinator 1, then primaries, then mirrors.
pub(super) fn numbered(topology: &Topology) -> Vec<HostEntry<'_>> {
    let of = |role| topology.members.iter().filter(move |m| m.role == role);
    of(Role::Coordinator)
        .chain(of(Role::Primary))
        .chain(of(Role::Mirror))
        .zip(1..)
        .map(|(member, dbid)| HostEntry {
            role: member.role,
            member,
            dbid,
        })
        .collect()
}

/// Everything that gpinitsystem would refuse, or would take for something else.
pub(super) fn judge(topology: &Topology) -> Vec<Finding> {
    let mut findings = Vec::new();
    for member in &topology.members {
        let dir = member.data_dir.to_string_lossy();
        findings.extend(shell::NAME.judge(&member.pod, &member.fqdn));
        findings.extend(shell::PATH.judge(&member.pod, &dir));
        let coordinating = matches!(member.role, Role::Coordinator | Role::Standby);
        if coordinating && !dir.ends_with("-1") {
            let what = format!("the data directory {dir} of the coordinator does not end in -1");
            findings.push(finding(&member.pod, what, "let its name be gpseg-1"));
        }
    }
    findings.extend(judge_counts(topology));
    findings.extend(judge_ports(topology));
    findings.extend(judge_parents(topology));
    findings
}

fn finding(subject: &str, what: String, remedy: &str) -> Finding {
    Finding::error(Area::Config, subject, what, remedy)
}

fn judge_counts(topology: &Topology) -> Option<Finding> {
    let count = |role| topology.members.iter().filter(|m| m.role == role).count();
    let (coordinators, primaries) = (count(Role::Coordinator), count(Role::Primary));
    let mirrors = count(Role::Mirror);
    let whole = coordinators == 1 && primaries > 0 && (mirrors == 0 || mirrors == primaries);
    (!whole).then(|| {
        let what = format!("{coordinators} coordinators, {primaries} primaries and {mirrors} mirrors make no cluster");
        finding(
            &topology.cluster,
            what,
            "one coordinator, at least one primary, and as many mirrors or none",
        )
    })
}

/// The ranges of ports must not overlap (`CHK_QE_ARRAY_PORT_RANGES`).
fn judge_ports(topology: &Topology) -> Vec<Finding> {
    let range = |role| {
        let ports = topology.members.iter().filter(|m| m.role == role).map(|m| m.port);
        Some((role, ports.clone().min()?, ports.max()?))
    };
    let ranges: Vec<_> = [Role::Coordinator, Role::Primary, Role::Mirror]
        .into_iter()
        .filter_map(range)
        .collect();
    let mut findings = Vec::new();
    for (i, (role, low, high)) in ranges.iter().enumerate() {
        for (other, other_low, other_high) in &ranges[..i] {
            if low <= other_high && other_low <= high {
                let what = format!(
                    "the ports {low} to {high} of the role {role} overlap with {other_low} to {other_high} of the role {other}"
                );
                let remedy = "give every role a port of its own";
                findings.push(finding(&topology.cluster, what, remedy));
            }
        }
    }
    findings
}

/// No mirror's directory may have the same parent as any primary's (`CHK_PARAMS`).
fn judge_parents(topology: &Topology) -> Option<Finding> {
    let parents = |role| -> BTreeSet<&Path> {
        topology
            .members
            .iter()
            .filter(|m| m.role == role)
            .filter_map(|m| m.data_dir.parent())
            .collect()
    };
    let (primaries, mirrors) = (parents(Role::Primary), parents(Role::Mirror));
    let shared = primaries.intersection(&mirrors).next()?;
    let what = format!(
        "primaries and mirrors both have their data directories in {}, which gpinitsystem refuses",
        shared.display()
    );
    let remedy = "put the mirrors' into another folder";
    Some(finding(&topology.cluster, what, remedy))
}
