//! gpinitstandby, for a creation whose standby failed alone.

use super::plan::render;
use super::request::CreationRequest;
use crate::cluster::topology::Role;
use crate::finding::Finding;

/// The arguments with which gpinitstandby makes the standby alone, for the case that only this step failed; `None`
/// without a standby. The source is gpinitsystem's own call (`CREATE_STANDBY_QD`).
///
/// # Errors
/// As [`render`].
pub fn gpinitstandby_arguments(request: &CreationRequest<'_>) -> Result<Option<Vec<String>>, Vec<Finding>> {
    render(request)?;
    let members = &request.topology.members;
    Ok(members.iter().find(|m| m.role == Role::Standby).map(|m| {
        let (port, dir) = (m.port.to_string(), m.data_dir.display().to_string());
        let logs = request.logs.display().to_string();
        let words = ["-a", "-s", &m.fqdn, "-P", &port, "-S", &dir, "-l", &logs];
        let names = request.hba_host_names.then_some("--hba-hostnames");
        words.into_iter().chain(names).map(String::from).collect()
    }))
}
