//! The file that makes this pod's server give up soon on one that is lost; what stands in it is told by
//! [`gp_agent_core::greenplum::hurry`].

use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::SERVER_FILE_MODE;
use crate::lifecycle::settings::reload::tell_postmaster;
use crate::sys::storage::fs::{remove_if_there, write_atomically};
use gp_agent_core::postgres::conf::HURRY_FILE;
use std::io;
use std::path::Path;

/// Puts it there with this text, or takes it away; a copy of another server's directory may have brought one.
pub(super) async fn set(pod: &Pod, text: Option<&'static str>) {
    if let Err(error) = put(pod, text).await {
        tracing::warn!("cannot change for how long this server waits for one that is lost: {error:#}");
    }
}

async fn put(pod: &Pod, text: Option<&'static str>) -> anyhow::Result<()> {
    let dir = pod.dir().to_path_buf();
    let changed = pod.volume.run(move || write(&dir, text)).await?;
    if changed {
        tell_postmaster(pod).await?;
    }
    Ok(())
}

fn write(dir: &Path, text: Option<&str>) -> io::Result<bool> {
    let file = dir.join(HURRY_FILE);
    match text {
        Some(text) => write_atomically(&file, text.as_bytes(), SERVER_FILE_MODE),
        None => remove_if_there(&file),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_comes_and_goes_and_says_whether_it_did() {
        let dir = tempfile::tempdir().unwrap();
        let is_there = || dir.path().join(HURRY_FILE).exists();
        assert!(!write(dir.path(), None).unwrap() && !is_there());
        assert!(write(dir.path(), Some("a = 1\n")).unwrap() && is_there());
        assert!(!write(dir.path(), Some("a = 1\n")).unwrap(), "nothing to read again");
        assert!(write(dir.path(), None).unwrap() && !is_there());
    }
}
