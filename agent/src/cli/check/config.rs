//! `gp-agent check config`: the domain of the file, beside the one in which this pod sees itself. Who it is at all was settled
//! before any area is looked at.

use gp_agent_core::cluster::identity::domain_of;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding};

/// The configured domain is not the one in `own_fqdn`, which is what
/// [`crate::sys::discovery::hostname::own_fqdn`] found.
pub(super) fn other_domain(config: &Config, own_fqdn: Option<&str>, pod: &str) -> Option<Finding> {
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

    #[test]
    fn another_domain_is_named() {
        let text = "cluster: w\nengine: postgres\nsegments: { count: 2 }\n";
        let check = |text: &str, own_fqdn| {
            let config = load(text, "cluster.yaml", std::iter::empty()).unwrap();
            other_domain(&config, own_fqdn, "segment-a-0").map(|finding| finding.to_string())
        };
        let (mine, other) = (Some("segment-a-0.agent.svc"), Some("segment-a-0.other.svc"));
        let named = format!("{text}domain: agent.svc\n");
        assert_eq!(
            [check(text, mine), check(&named, None), check(&named, mine)],
            [None, None, None]
        );
        insta::assert_snapshot!(check(&named, other).unwrap(), @"warning config domain: is agent.svc, but this pod calls itself segment-a-0.other.svc; set it to the headless service's domain, or remove it");
    }
}
