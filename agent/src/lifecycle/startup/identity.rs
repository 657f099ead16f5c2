//! Who a pod is.

use crate::sys::discovery::hostname;
use crate::sys::process::passwd;
use gp_agent_core::cluster::identity;
use gp_agent_core::cluster::identity::DomainError;
use gp_agent_core::cluster::topology::{Member, Topology};
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::process::passwd::Account;

/// Who this pod is, from its host name, and the cluster it belongs to.
pub(crate) fn identify(config: &Config) -> Result<(Account, Topology, Member), Finding> {
    let host = hostname::host_name();
    let account = passwd::current().map_err(|e| {
        Finding::error(
            Area::Config,
            "/etc/passwd",
            e.to_string(),
            "run the container as gpadmin, or add the user to the image",
        )
    })?;
    let domain = domain(config).map_err(|e| {
        Finding::error(
            Area::Config,
            "domain",
            e.to_string(),
            "set `domain:` in cluster.yaml, or give the pod a subdomain (the headless service's name)",
        )
    })?;
    let topology = Topology::new(config, &domain);
    let me = identity::identify(&host, &topology)
        .map_err(|e| Finding::error(Area::Config, &host, e.what(), e.remedy()))?
        .clone();
    Ok((account, topology, me))
}

/// The domain of all pods. Asks for this pod's own name, which may take long, only where the configuration says none.
///
/// # Errors
/// Nobody knows it.
pub(crate) fn domain(config: &Config) -> Result<String, DomainError> {
    let own = match config.domain {
        Some(_) => None,
        None => hostname::own_fqdn(),
    };
    identity::domain_for(config, &hostname::host_name(), own.as_deref()).map(str::to_string)
}
