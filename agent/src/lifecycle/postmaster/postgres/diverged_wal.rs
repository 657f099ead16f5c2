//! Write-ahead log of an old coordinator from the place on where the new timeline began: writes that were never acknowledged, or
//! that a forced failover lost. pg_rewind overwrites it, so it is copied first.

use crate::lifecycle::pod::Pod;
use crate::lifecycle::status_board::now;
use anyhow::{Context, Result};
use gp_agent_core::failover::lsn::Lsn;
use gp_agent_core::log::utc;
use gp_agent_core::postgres::wal_name::is_at_or_after;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Copies the segments of `timeline` from `from` on into a directory beside the data directory, whose name the leftovers of the
/// volume are found by.
///
/// # Errors
/// It cannot be copied, for want of room for example: then nothing may be overwritten.
pub(crate) async fn put_aside(pod: &Pod, timeline: u32, from: Lsn) -> Result<()> {
    let (dir, target) = (pod.dir().to_path_buf(), place(pod.dir()));
    let names = target.clone();
    let copied = pod
        .volume
        .run(move || copy(&dir.join("pg_wal"), &target, timeline, from))
        .await;
    let copied = copied.with_context(|| format!("cannot put write-ahead log aside in {}", names.display()))?;
    if copied > 0 {
        tracing::warn!(
            path = %names.display(),
            "{copied} files of write-ahead log from {from} on are not part of the new timeline; they are kept here"
        );
        pod.leadership.report.keeps_aside(names.display().to_string());
    }
    Ok(())
}

fn place(dir: &Path) -> PathBuf {
    let mut name = dir.file_name().unwrap_or_default().to_os_string();
    let stamp = utc::compact(utc::from_unix(now()));
    name.push(format!("-wal.aside-{stamp}"));
    dir.with_file_name(name)
}

fn copy(wal: &Path, target: &Path, timeline: u32, from: Lsn) -> io::Result<usize> {
    let names: Vec<_> = std::fs::read_dir(wal)?
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    let size = segment_size(wal, &names)?;
    let wanted = |name: &&std::ffi::OsString| {
        name.to_str()
            .is_some_and(|name| is_at_or_after(name, timeline, from, size))
    };
    let wanted: Vec<_> = names.iter().filter(wanted).collect();
    if wanted.is_empty() {
        return Ok(0);
    }
    std::fs::DirBuilder::new().mode(0o700).create(target)?;
    for name in &wanted {
        copy_file(&wal.join(name), &target.join(name))?;
    }
    File::open(target)?.sync_all()?;
    Ok(wanted.len())
}

/// Every segment has the size that initdb chose.
fn segment_size(wal: &Path, names: &[std::ffi::OsString]) -> io::Result<u64> {
    for name in names {
        if name.len() == 24 {
            return Ok(std::fs::metadata(wal.join(name))?.len());
        }
    }
    Ok(16 << 20)
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = File::open(from)?;
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}
