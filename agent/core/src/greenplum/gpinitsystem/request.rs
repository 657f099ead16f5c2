//! What is to be created.

use crate::cluster::topology::Topology;
use crate::greenplum::version::Family;
use std::collections::BTreeMap;
use std::path::Path;

/// What the cluster should become.
#[derive(Clone, Copy, Debug)]
pub struct CreationRequest<'a> {
    /// The pods.
    pub topology: &'a Topology,
    /// Whose gpinitsystem it is.
    pub family: Family,
    /// The locale, spelled as the coordinator's `locale -a` spells it: gpinitsystem compares letter by letter there.
    pub locale: &'a str,
    /// Whether the tools write host names into pg_hba.conf (`HBA_HOSTNAMES=1`) or the hosts' addresses.
    pub hba_host_names: bool,
    /// Parameters of postgresql.conf.
    pub parameters: &'a BTreeMap<String, String>,
    /// The folder for the two files, which gpinitsystem has to be able to write to: it replaces the input file.
    pub folder: &'a Path,
    /// The folder for gpinitsystem's log and its backout script; has to exist.
    pub logs: &'a Path,
}
