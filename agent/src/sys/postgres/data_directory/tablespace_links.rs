//! The links of `pg_tblspc`: where tablespaces with a directory of their own are. A server that finds nothing at the end of one
//! starts all the same, and takes the files of its tables for empty ones (tried with 15).

use std::fs::{read_dir, read_link};
use std::io;
use std::path::{Path, PathBuf};

/// Such a link, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TablespaceLink {
    /// The tablespace's OID.
    pub name: String,
    /// The directory.
    pub end: PathBuf,
}

/// All of a data directory; none where there is no `pg_tblspc`. A tablespace without a link is made inside it
/// (allow_in_place_tablespaces, and a replay that meets a database of a tablespace it has not made yet).
///
/// # Errors
/// The folder is there and cannot be read.
pub(crate) fn all(dir: &Path) -> io::Result<Vec<TablespaceLink>> {
    let entries = match read_dir(dir.join("pg_tblspc")) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut links = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_symlink() {
            links.push(TablespaceLink {
                name: entry.file_name().to_string_lossy().into_owned(),
                end: read_link(entry.path())?,
            });
        }
    }
    links.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(links)
}

/// Links at whose end no tablespace is, in words. The server makes the folder of its version before the link, and removes the
/// link when a tablespace is dropped (create_tablespace_directories in tablespace.c), so one that was never used has that folder
/// too. Where a backup's `tablespace_map` lies, the server makes the links anew from it (xlogrecovery.c).
///
/// # Errors
/// A link, or what is at its end, cannot be read: that is no "missing".
pub(super) fn astray(dir: &Path) -> io::Result<Vec<String>> {
    if dir.join("tablespace_map").exists() {
        return Ok(Vec::new());
    }
    let mut astray = Vec::new();
    for link in all(dir)? {
        if !holds_tablespace(&dir.join("pg_tblspc").join(&link.end))? {
            astray.push(format!(
                "pg_tblspc/{} (a link to {}, where nothing of a database is: is that volume mounted? if that tablespace was dropped, remove the link)",
                link.name,
                link.end.display()
            ));
        }
    }
    Ok(astray)
}

/// `PG_15_202209061`, and Greenplum's `GPDB_7_302307241`.
fn holds_tablespace(end: &Path) -> io::Result<bool> {
    let entries = match read_dir(end) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(false);
        }
        Err(error) => return Err(io::Error::new(error.kind(), format!("{}: {error}", end.display()))),
    };
    for entry in entries {
        let name = entry?.file_name();
        if ["PG_", "GPDB_"].iter().any(|of| name.to_string_lossy().starts_with(of)) {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_counts_when_a_servers_folder_is_at_its_end() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("gpseg0");
        assert_eq!(all(&dir).unwrap(), []);
        fs::create_dir_all(dir.join("pg_tblspc/16390/PG_15_202209061")).unwrap();
        assert_eq!(astray(&dir).unwrap(), Vec::<String>::new(), "one in its place");
        let away = base.path().join("fast");
        symlink(&away, dir.join("pg_tblspc/16384")).unwrap();
        let named = format!(
            "pg_tblspc/16384 (a link to {}, where nothing of a database is: is that volume mounted? if that tablespace was dropped, remove the link)",
            away.display()
        );
        assert_eq!(astray(&dir).unwrap(), [named.as_str()], "not there");
        for empty in ["", "lost+found"] {
            fs::create_dir_all(away.join(empty)).unwrap();
            assert_eq!(astray(&dir).unwrap(), [named.as_str()], "mounted empty");
        }
        fs::create_dir(away.join("GPDB_7_302307241")).unwrap();
        assert_eq!(astray(&dir).unwrap(), Vec::<String>::new());
        fs::remove_dir_all(&away).unwrap();
        fs::write(dir.join("tablespace_map"), "16384 /fast\n").unwrap();
        assert_eq!(
            astray(&dir).unwrap(),
            Vec::<String>::new(),
            "the server makes them anew"
        );
    }
}
