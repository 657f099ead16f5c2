//! `gp-agent render topology`: who is who, and who replicates from whom.

use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::config::Config;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Stands for a domain that only the pods themselves know.
const UNKNOWN_DOMAIN: &str = "<domain>";

const HEADER: [&str; 6] = ["POD", "FQDN", "ROLE", "CONTENT", "PORT", "DATA DIRECTORY"];

/// The topology of a valid configuration as text; the same configuration gives the same text.
/// Without a `domain`, and without one in the configuration, the names end in `<domain>`.
pub(crate) fn render_topology(config: &Config, domain: Option<&str>) -> String {
    let domain = config.domain.as_deref().or(domain);
    let topology = Topology::new(config, domain.unwrap_or(UNKNOWN_DOMAIN));
    let mut text = format!("cluster {}, {} pods\n\n", topology.cluster, topology.members.len());
    table(&topology, &mut text);
    text.push('\n');
    replication(&topology, &mut text);
    if domain.is_none() {
        text.push_str("\n<domain> follows from each pod's own FQDN; set `domain:` to fix it\n");
    }
    text
}

fn table(topology: &Topology, text: &mut String) {
    let rows: Vec<_> = topology.members.iter().map(row).collect();
    let mut widths = HEADER.map(str::len);
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    line(&HEADER, &widths, text);
    for row in &rows {
        line(&row.each_ref().map(String::as_str), &widths, text);
    }
}

fn row(member: &Member) -> [String; 6] {
    [
        member.pod.clone(),
        member.fqdn.clone(),
        member.role.to_string(),
        member.content.to_string(),
        member.port.to_string(),
        member.data_dir.display().to_string(),
    ]
}

/// Texts to the left, numbers (content, port) to the right. Writing to a String cannot fail.
fn line(cells: &[&str; 6], widths: &[usize; 6], text: &mut String) {
    let [pod, fqdn, role, content, port, dir] = cells;
    let [a, b, c, d, e, _] = widths;
    let _ = writeln!(text, "{pod:a$}  {fqdn:b$}  {role:c$}  {content:>d$}  {port:>e$}  {dir}");
}

fn replication(topology: &Topology, text: &mut String) {
    let sources: BTreeMap<ContentId, &Member> = topology
        .members
        .iter()
        .filter(|member| member.role.is_writable())
        .map(|member| (member.content, member))
        .collect();
    let mut any = false;
    for member in topology.members.iter().filter(|m| !m.role.is_writable()) {
        if let Some(source) = sources.get(&member.content) {
            any = true;
            let _ = writeln!(text, "{} replicates from {}:{}", member.pod, source.pod, source.port);
        }
    }
    if !any {
        text.push_str("nobody replicates: there is neither a standby nor a mirror\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::config::load;

    fn config(rest: &str) -> Config {
        let text = format!("cluster: warehouse\nengine: greenplum\n{rest}\n");
        load(&text, "cluster.yaml", std::iter::empty()).unwrap()
    }

    #[test]
    fn a_mirrored_cluster() {
        let config = config(
            "domain: agent.prod.svc\ncoordinator: { standby: true }\nsegments: { count: 2, mirrors: segment-b }",
        );
        insta::assert_snapshot!(render_topology(&config, Some("other")), @r"
        cluster warehouse, 6 pods

        POD            FQDN                          ROLE         CONTENT   PORT  DATA DIRECTORY
        coordinator-0  coordinator-0.agent.prod.svc  coordinator       -1   5432  /greenplum/gpseg-1
        coordinator-1  coordinator-1.agent.prod.svc  standby           -1   5432  /greenplum/gpseg-1
        segment-a-0    segment-a-0.agent.prod.svc    primary            0  40000  /greenplum/gpseg0
        segment-a-1    segment-a-1.agent.prod.svc    primary            1  40000  /greenplum/gpseg1
        segment-b-0    segment-b-0.agent.prod.svc    mirror             0  50000  /greenplum/mirror/gpseg0
        segment-b-1    segment-b-1.agent.prod.svc    mirror             1  50000  /greenplum/mirror/gpseg1

        coordinator-1 replicates from coordinator-0:5432
        segment-b-0 replicates from segment-a-0:40000
        segment-b-1 replicates from segment-a-1:40000
        ");
    }

    #[test]
    fn a_cluster_of_two_whose_domain_is_not_known() {
        let config = config("segments: { count: 1 }\nstorage: { path: /data }");
        insta::assert_snapshot!(render_topology(&config, None), @r"
        cluster warehouse, 2 pods

        POD            FQDN                    ROLE         CONTENT   PORT  DATA DIRECTORY
        coordinator-0  coordinator-0.<domain>  coordinator       -1   5432  /data/gpseg-1
        segment-a-0    segment-a-0.<domain>    primary            0  40000  /data/gpseg0

        nobody replicates: there is neither a standby nor a mirror

        <domain> follows from each pod's own FQDN; set `domain:` to fix it
        ");
        assert!(render_topology(&config, Some("agent.svc")).contains(" segment-a-0.agent.svc "));
    }

    #[test]
    fn ten_thousand_segments_have_ten_thousand_sources() {
        let config = config("segments: { count: 10000, mirrors: m }");
        let text = render_topology(&config, None);
        assert!(text.contains("m-9999 replicates from segment-a-9999:40000\n"));
        assert_eq!(text.matches(" replicates from ").count(), 10_000);
    }
}
