//! Creating a Greenplum cluster, once.

use crate::engine::Greenplum;
use crate::lifecycle::pod::Pod;
use anyhow::{Result, bail};

/// To be written.
pub async fn create(_pod: &Pod, _greenplum: &Greenplum) -> Result<()> {
    bail!("not yet");
}
