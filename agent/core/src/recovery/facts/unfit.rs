//! What keeps a pod's volumes, keys or names from being used.

use crate::cluster::status::{Phase, PodStatus, StorageStatus};
use crate::cluster::topology::{Member, Topology};
use crate::finding::{Area, Finding, Severity};

const GIB: u64 = 1 << 30;
/// So much has to be free where it is less than a tenth of the volume.
const ENOUGH: u64 = 5 * GIB;

/// Why nothing is to be written to that pod, in words. `concerned`: the pods that the tool goes to for it.
pub(super) fn of(status: &PodStatus, topology: &Topology, concerned: &[&Member]) -> Option<String> {
    if let Some(volume) = status.hung_volumes.first() {
        return Some(format!("the volume at {} does not answer", volume.path));
    }
    if let Some(volume) = status.storage.iter().find(|v| v.read_only) {
        return Some(format!("the volume at {} is read-only", volume.path));
    }
    if let Some(volume) = status.storage.iter().find(|v| is_full(v)) {
        return Some(format!(
            "less than a tenth and 5 GiB are free on the volume at {}",
            volume.path
        ));
    }
    if status.storage.is_empty() {
        return Some("its volume has not passed its proof".into());
    }
    let mut errors = status
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error);
    let finding = errors.find(|finding| hinders(finding, status.phase, topology, concerned))?;
    Some(format!("{}: {}", finding.subject, finding.what))
}

/// Trouble with a database's own files is what recovery mends.
fn hinders(finding: &Finding, phase: Phase, topology: &Topology, concerned: &[&Member]) -> bool {
    let names = |member: &Member| [&member.pod, &member.fqdn].contains(&&finding.subject);
    match finding.area {
        Area::Storage => true,
        // A server goes on with the settings that it has, and is started with them, whatever stands in cluster.yaml since.
        Area::Config => matches!(phase, Phase::Preparing | Phase::Crashed | Phase::CrashLoop),
        // One that is away has such a finding in every other pod.
        Area::Dns | Area::Ssh => {
            let of_others = finding.subject == topology.domain || topology.members.iter().any(names);
            !of_others || concerned.iter().any(|member| names(member))
        }
        _ => false,
    }
}

fn is_full(volume: &StorageStatus) -> bool {
    volume.free_bytes < kept_free(volume)
}

fn kept_free(volume: &StorageStatus) -> u64 {
    ENOUGH.min(volume.total_bytes / 10)
}

/// Bytes that a copy may take on it.
pub(super) fn room(volume: &StorageStatus) -> u64 {
    volume.free_bytes.saturating_sub(kept_free(volume))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::report::{PodReport, Report};
    use crate::cluster::topology::Role;
    use crate::fixtures::{large_catalog, large_topology, status};
    use crate::recovery::facts::evidence::{Circumstances, Evidence};

    /// What is in the way of a mirror of two contents, by this finding of its agent; the other content's mirror is away.
    fn in_the_way(phase: Phase, finding: Finding) -> Option<String> {
        let topology = large_topology(2);
        let mut catalog = large_catalog(&topology);
        for row in &mut catalog.segments {
            row.up = row.content.is_coordinator() || row.role == crate::cluster::catalog::CatalogRole::Primary;
        }
        let mut told = status(phase, Some(Role::Mirror));
        told.storage.push(StorageStatus {
            free_bytes: 100 * GIB,
            total_bytes: 100 * GIB,
            ..StorageStatus::default()
        });
        told.findings.push(finding);
        told.pod = "segment-b-0".into();
        let report = PodReport::own(Report::new(told, 0));
        let evidence = Evidence::new(Circumstances::default(), &catalog, &topology, &[report]);
        let pair = evidence.down.iter().find(|pair| pair.target.server.is_some()).unwrap();
        assert_eq!(evidence.down.len(), 2);
        pair.target.server.as_ref().unwrap().unfit.clone()
    }

    #[test]
    fn trouble_elsewhere_is_in_nobodys_way() {
        let topology = large_topology(2);
        let fqdn = |pod: &str| topology.member(pod).unwrap().fqdn.clone();
        let away = |area, subject: String| in_the_way(Phase::Running, Finding::error(area, subject, "is away", "see"));
        for (pod, hinders) in [
            ("segment-b-0", true),
            ("segment-a-0", true),
            ("coordinator-0", true),
            ("coordinator-1", false),
            ("segment-b-1", false),
            ("segment-a-1", false),
        ] {
            assert_eq!(away(Area::Dns, fqdn(pod)).is_some(), hinders, "{pod}");
            assert_eq!(away(Area::Ssh, pod.to_string()).is_some(), hinders, "{pod}");
        }
        assert!(away(Area::Ssh, "sshd".into()).is_some());
        assert_eq!(away(Area::Dns, topology.domain.clone()), None);
        assert!(away(Area::Storage, "/greenplum".into()).is_some());
        assert_eq!(away(Area::Hba, "pg_hba.conf".into()), None);
    }

    #[test]
    fn a_wrong_line_in_the_configuration_is_in_the_way_of_what_cannot_start() {
        let wrong = || Finding::error(Area::Config, "cluster.yaml", "has a key that nobody knows", "mend it");
        for phase in [Phase::Running, Phase::Refused, Phase::Stopped] {
            assert_eq!(in_the_way(phase, wrong()), None, "{phase:?}");
        }
        for phase in [Phase::Preparing, Phase::CrashLoop] {
            assert!(in_the_way(phase, wrong()).is_some(), "{phase:?}");
        }
    }
}
