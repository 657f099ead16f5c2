//! `gp-agent check config`: this pod's place in the cluster that the file describes.

use gp_agent_core::cluster::identity::{domain_for, domain_of, identify};
use gp_agent_core::cluster::topology::Topology;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding};

/// Everything that is wrong with this pod's place in a configuration that is valid by itself;
/// empty when nothing is. `own_fqdn` is what [`crate::sys::discovery::hostname::own_fqdn`] found.
pub(super) fn check_place(config: &Config, host_name: &str, own_fqdn: Option<&str>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let domain = match domain_for(config, host_name, own_fqdn) {
        Ok(domain) => domain,
        Err(error) => {
            findings.push(Finding::error(
                Area::Config,
                "domain",
                error.to_string(),
                "set `domain:` to the domain of the headless service",
            ));
            ""
        }
    };
    let topology = Topology::new(config, domain);
    match identify(host_name, &topology) {
        Err(error) => findings.push(Finding::error(Area::Config, host_name, error.what(), error.remedy())),
        Ok(me) => findings.extend(other_domain(config, own_fqdn, &me.pod)),
    }
    findings
}

/// The configured domain is not the one that this pod sees itself in.
fn other_domain(config: &Config, own_fqdn: Option<&str>, pod: &str) -> Option<Finding> {
    let configured = config.domain.as_deref()?;
    let own = domain_of(own_fqdn?, pod)?;
    (!own.eq_ignore_ascii_case(configured)).then(|| {
        Finding::warning(
            Area::Config,
            "domain",
            format!("is {configured}, but this pod calls itself {pod}.{own}"),
            "set it to the headless service's domain, or remove it",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::config::load;

    fn check(text: &str, host_name: &str, own_fqdn: Option<&str>) -> String {
        let config = load(text, "cluster.yaml", std::iter::empty()).unwrap();
        let findings = check_place(&config, host_name, own_fqdn);
        let lines: Vec<_> = findings.iter().map(ToString::to_string).collect();
        lines.join("\n")
    }

    const GOOD: &str = "cluster: w\nengine: postgres\nsegments: { count: 2 }\n";

    #[test]
    fn nothing_is_wrong() {
        assert_eq!(check(GOOD, "segment-a-0", Some("segment-a-0.agent.svc")), "");
        let named = format!("{GOOD}domain: agent.svc\n");
        assert_eq!(check(&named, "segment-a-0", None), "");
        assert_eq!(check(&named, "segment-a-0", Some("segment-a-0.agent.svc")), "");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let named = format!("{GOOD}domain: agent.svc\n");
        let shown = [
            check(GOOD, "segment-a-0", None),
            check(&named, "segment-a-2", None),
            check(&named, "segment-a-0", Some("segment-a-0.other.svc")),
        ];
        insta::assert_snapshot!(shown.join("\n"), @r#"
        error config domain: is not set, and neither /etc/hosts nor DNS knows a full name of "segment-a-0"; set `domain:` to the domain of the headless service
        error config segment-a-2: host name "segment-a-2" fits no pod of cluster w; segments.count is 2; raise it, or lower the replicas of StatefulSet segment-a to 2; names that fit: coordinator-0, segment-a-0, segment-a-1
        warning config domain: is agent.svc, but this pod calls itself segment-a-0.other.svc; set it to the headless service's domain, or remove it
        "#);
    }
}
