//! Looks for what no server uses any more beside a data directory, and for its size. It may take as long as the volume is
//! large.

use gp_agent_core::postgres::standby::is_servers;
use gp_agent_core::storage::leftovers::Leftover;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// What is left over beside the data directory `dir`, which is whole, on the volume `wal` for write-ahead log, and in the
/// directories of its tablespaces.
///
/// # Errors
/// A directory cannot be listed.
pub(crate) fn find(dir: &Path, wal: Option<&Path>) -> io::Result<Vec<(Leftover, PathBuf)>> {
    let (Some(volume), Some(name)) = (dir.parent(), dir.file_name().and_then(|name| name.to_str())) else {
        return Ok(Vec::new());
    };
    let mut found = matching(volume, |entry| Leftover::beside(entry, name))?;
    if let Some(wal) = wal {
        let used = std::fs::canonicalize(dir.join("pg_wal")).ok();
        let used = used.as_deref().and_then(Path::file_name).and_then(|name| name.to_str());
        found.extend(matching(wal, |entry| Leftover::wal(entry, name, used))?);
    }
    for link in std::fs::read_dir(dir.join("pg_tblspc")).into_iter().flatten().flatten() {
        found.extend(
            std::fs::read_link(link.path())
                .ok()
                .map(|target| around(&target))
                .transpose()?
                .unwrap_or_default(),
        );
    }
    found.sort_by(|a, b| a.1.cmp(&b.1));
    Ok(found)
}

fn matching(folder: &Path, rule: impl Fn(&str) -> Option<Leftover>) -> io::Result<Vec<(Leftover, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let kind = entry.file_name().to_str().and_then(&rule);
        found.extend(kind.map(|kind| (kind, entry.path())));
    }
    Ok(found)
}

/// A copy's tablespace that had to go beside another's files (`place` of the core) shows that these are another's.
fn around(target: &Path) -> io::Result<Vec<(Leftover, PathBuf)>> {
    let is_copys = |name: &[u8]| name.starts_with(b"gp-agent-");
    let (Some(parent), Some(own)) = (target.parent(), target.file_name()) else {
        return Ok(Vec::new());
    };
    if !is_copys(own.as_bytes()) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != own && (is_servers(name.as_bytes()) || is_copys(name.as_bytes())) {
            found.push((Leftover::OtherTablespaces, entry.path()));
        }
    }
    Ok(found)
}

/// Bytes on the disk below `path`, symbolic links not followed; what goes meanwhile is not counted.
pub(crate) fn bytes(path: &Path) -> u64 {
    let Ok(meta) = std::fs::symlink_metadata(path) else {
        return 0;
    };
    let own = meta.blocks() * 512;
    if !meta.is_dir() {
        return own;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    own + entries.map(|entry| bytes(&entry.path())).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_used_is_told_from_what_is_not() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        for dir in [
            "g/gpseg0/pg_tblspc",
            "g/gpseg0.aside-20261124T061309Z",
            "g/gpseg0.making",
            "g/elsewhere",
            "wal/gpseg0-1",
            "wal/gpseg0-2",
            "ts/PG_15_202209061/5",
            "ts/gp-agent-7/PG_15_202209061",
            "ts/gp-agent-6/PG_15_202209061",
            "ts/a person's",
            "other/PG_15_202209061",
        ] {
            fs::create_dir_all(path(dir)).unwrap();
        }
        symlink(path("wal/gpseg0-2"), path("g/gpseg0/pg_wal")).unwrap();
        symlink(path("ts/gp-agent-7"), path("g/gpseg0/pg_tblspc/16385")).unwrap();
        symlink(path("other"), path("g/gpseg0/pg_tblspc/16386")).unwrap();
        let found = find(&path("g/gpseg0"), Some(&path("wal"))).unwrap();
        let expected = [
            (Leftover::Aside, path("g/gpseg0.aside-20261124T061309Z")),
            (Leftover::Broken, path("g/gpseg0.making")),
            (Leftover::OtherTablespaces, path("ts/PG_15_202209061")),
            (Leftover::OtherTablespaces, path("ts/gp-agent-6")),
            (Leftover::OtherWal, path("wal/gpseg0-1")),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn bytes_are_those_on_the_disk() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("file"), vec![1u8; 1 << 20]).unwrap();
        symlink(base.path(), base.path().join("loop")).unwrap();
        let bytes = bytes(base.path());
        assert!((1 << 20..2 << 20).contains(&bytes), "{bytes}");
    }
}
