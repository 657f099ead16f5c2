//! Variables that change what gpinitsystem does when it inherits them.

/// Set by a user or a Service (a Service called `coordinator` gives every container `COORDINATOR_PORT=tcp://...`, which
/// gpinitsystem -I refuses), or left behind by an earlier tool. The names are those that gpinitsystem and
/// gp_bash_functions.sh read before they set them.
const NAMES: &[&str] = &[
    "ARRAY_NAME",
    "BACKOUT_FILE",
    "CHECK_POINT_SEGMENTS",
    "CLUSTER_CONFIG",
    "DATABASE_NAME",
    "DATA_DIRECTORY",
    "DEBUG_LEVEL",
    "ENCODING",
    "HBA_HOSTNAMES",
    "HEAP_CHECKSUM",
    "LCCOLLATE",
    "LCCTYPE",
    "LCMESSAGES",
    "LCMONETARY",
    "LCNUMERIC",
    "LCTIME",
    "LOCALE_SETTING",
    "LOG_DIR",
    "MACHINE_LIST_FILE",
    "MACHINE_LIST_FILE_ALT",
    "MIRROR_ARRAY",
    "MIRROR_DATA_DIRECTORY",
    "MIRROR_PORT_BASE",
    "NEW_BUFFERS",
    "PORT_BASE",
    "PRIMARY_ARRAY",
    "QD_PRIMARY_ARRAY",
    "REQ_LOCALE_SETTING",
    "SEG_PREFIX",
    "TRUSTED_COPY",
    "TRUSTED_SHELL",
    "__DCA_VERSION_FILE__",
];

/// `MASTER_HOSTNAME`, `COORDINATOR_PORT`, `STANDBY_DATADIR` and their like, and libpq's, which would send the tools'
/// connections elsewhere.
const PREFIXES: &[&str] = &["MASTER_", "COORDINATOR_", "STANDBY_", "PG"];

/// Whether a variable has to be taken out of gpinitsystem's environment.
pub fn must_not_inherit(name: &str) -> bool {
    NAMES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}
