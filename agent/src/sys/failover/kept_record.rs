//! Where a volume keeps what it remembers of the coordinators' record.

use crate::sys::storage::fs::volume_lock::STATE_DIR;
use std::path::{Path, PathBuf};

const FILE: &str = "failover";

/// Its file, in the agent's folder on the volume.
pub(crate) fn file(state_dir: &Path) -> PathBuf {
    state_dir.join(FILE)
}

/// Whether this volume has had to do with a record. One that cannot be looked at has.
pub(crate) fn is_there(volume: &Path) -> bool {
    file(&volume.join(STATE_DIR)).try_exists().unwrap_or(true)
}
