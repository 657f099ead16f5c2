//! For whom commits wait: synchronous_standby_names, in a file of its own that gp-agent.conf includes at its end. So it changes
//! without a proof of all other settings, and also while `parameters` are refused.

use super::reload::tell_postmaster;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::SERVER_FILE_MODE;
use crate::sys::storage::fs::write_atomically;
use anyhow::Result;
use gp_agent_core::config::quote;
use gp_agent_core::postgres::conf;
use std::io;
use std::path::Path;

/// What the parameter is for a standby of that name; a server calls its standbys by their cluster_name.
pub(crate) fn value(standby: Option<&str>) -> String {
    standby.map(quote::sql_identifier).unwrap_or_default()
}

/// Writes the file into a data directory.
///
/// # Errors
/// It cannot be written; it is as it was.
pub(crate) fn write(dir: &Path, standby: Option<&str>) -> io::Result<bool> {
    let value = quote::postgres_setting(&value(standby));
    let text = format!("# Written by gp-agent.\nsynchronous_standby_names = {value}\n");
    write_atomically(&dir.join(conf::SYNC_FILE), text.as_bytes(), SERVER_FILE_MODE)
}

/// No server begins to wait for a standby: that is proven for each anew.
///
/// # Errors
/// The file cannot be written.
pub(crate) async fn begin(pod: &Pod) -> io::Result<()> {
    if pod.leadership.off().is_some() {
        return Ok(());
    }
    let dir = pod.dir().to_path_buf();
    pod.volume.run(move || write(&dir, None)).await.map(drop)
}

/// Writes it for the running server, and has that read it.
///
/// # Errors
/// It cannot be written, or the server cannot be told.
pub(crate) async fn set(pod: &Pod, standby: Option<String>) -> Result<()> {
    let dir = pod.dir().to_path_buf();
    pod.volume.run(move || write(&dir, standby.as_deref())).await?;
    tell_postmaster(pod).await?;
    Ok(())
}
