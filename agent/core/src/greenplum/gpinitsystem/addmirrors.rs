//! Mirrors added to a cluster that was made without them, or whose mirrors failed: `gpaddmirrors -i FILE`.

use super::plan::render;
use super::request::CreationRequest;
use crate::cluster::topology::Role;
use crate::finding::Finding;

/// The file's name in [`CreationRequest::folder`].
pub const GPADDMIRRORS_FILE: &str = "gpaddmirrors.conf";

/// The file, one `content|address|port|datadir` a mirror and no heading (clsAddMirrors.py, `_getParsedRow`; the same in
/// Greenplum 6, 7 and Cloudberry). Greenplum 7 and Cloudberry take the address for the host name too; Greenplum 6 asks the
/// host with `hostname`, so that the catalog may hold its short name. The tool refuses a cluster that has mirrors in its
/// catalog already, whatever their state.
///
/// # Errors
/// As [`render`].
pub fn gpaddmirrors_file(request: &CreationRequest<'_>) -> Result<String, Vec<Finding>> {
    render(request)?;
    let members = request.topology.members.iter();
    Ok(members
        .filter(|m| m.role == Role::Mirror)
        .map(|m| {
            let dir = m.data_dir.display();
            format!("{}|{}|{}|{dir}\n", m.content, m.fqdn, m.port)
        })
        .collect())
}

/// The arguments, without the program.
pub fn gpaddmirrors_arguments(request: &CreationRequest<'_>) -> Vec<String> {
    let file = request.folder.join(GPADDMIRRORS_FILE).display().to_string();
    let logs = request.logs.display().to_string();
    let words = ["-a", "-i", &file, "-l", &logs];
    let names = request.hba_host_names.then_some("--hba-hostnames");
    words.into_iter().chain(names).map(String::from).collect()
}
