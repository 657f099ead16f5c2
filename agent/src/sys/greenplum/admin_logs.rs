//! The folder where Greenplum's tools keep their logs: ~/gpAdminLogs, whatever they are told. A home directory in memory would
//! fill with them, and then neither a key nor the password that is rotated could be written: they lie on the volume.

use crate::sys::process::clock;
use crate::sys::storage::fs::while_trying;
use gp_agent_core::greenplum::admin_logs::{LogFile, excess};
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

/// Makes `folder`, where logs are to lie, and leads `link` there. A folder with logs of somebody else that stands in its place
/// is left alone: the answer is where logs lie now.
///
/// # Errors
/// Name the path.
pub(crate) fn lead(link: &Path, folder: &Path) -> io::Result<PathBuf> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(while_trying("make", folder))?;
    match fs::symlink_metadata(link) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(while_trying("examine", link)(e)),
        Ok(found) if found.is_symlink() => {
            if fs::read_link(link).map_err(while_trying("read", link))? == folder {
                return Ok(folder.to_path_buf());
            }
            fs::remove_file(link).map_err(while_trying("remove", link))?;
        }
        Ok(_) => match fs::remove_dir(link) {
            Ok(()) => {}
            Err(e) if e.kind() == io::ErrorKind::DirectoryNotEmpty => return Ok(link.to_path_buf()),
            Err(e) => return Err(while_trying("replace", link)(e)),
        },
    }
    symlink(folder, link).map_err(while_trying("make", link))?;
    Ok(folder.to_path_buf())
}

/// Removes what is too much in `folder`; the number of logs that went. What cannot be looked at or removed stays.
///
/// # Errors
/// The folder cannot be read.
pub(crate) fn prune(folder: &Path) -> io::Result<usize> {
    let logs = fs::read_dir(folder)?.flatten().filter_map(|entry| {
        let found = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        let age = clock::file_time().duration_since(found.modified().ok()?);
        Some(LogFile {
            name: entry.file_name().into_string().ok()?,
            bytes: found.len(),
            age: age.unwrap_or_default().as_secs(),
        })
    });
    let gone = excess(logs.collect());
    Ok(gone
        .iter()
        .filter(|name| fs::remove_file(folder.join(name)).is_ok())
        .count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::time::Duration;

    #[test]
    fn logs_lie_on_the_volume_and_those_of_somebody_else_where_they_are() {
        let (home, volume) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (link, folder) = (
            home.path().join("gpAdminLogs"),
            volume.path().join(".gp-agent/gpAdminLogs"),
        );
        for _ in 0..2 {
            assert_eq!(lead(&link, &folder).unwrap(), folder);
            fs::write(link.join("gpstart_20261128.log"), "x").unwrap();
            assert!(folder.join("gpstart_20261128.log").exists());
        }
        // One that an image brought, or that led to another volume.
        fs::remove_file(&link).unwrap();
        symlink("/nowhere", &link).unwrap();
        assert_eq!(lead(&link, &folder).unwrap(), folder);
        fs::remove_file(&link).unwrap();
        fs::create_dir(&link).unwrap();
        assert_eq!(lead(&link, &folder).unwrap(), folder);
        fs::remove_file(&link).unwrap();
        fs::create_dir(&link).unwrap();
        fs::write(link.join("mine.log"), "x").unwrap();
        assert_eq!(lead(&link, &folder).unwrap(), link);
        assert!(link.join("mine.log").exists());
    }

    #[test]
    fn old_logs_go_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let make = |name: &str, mib: u64, days: u64| {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_len(mib << 20).unwrap();
            file.set_modified(clock::file_time() - Duration::from_secs(days * 86_400))
                .unwrap();
        };
        make("gpstate_20261001.log", 40, 58);
        make("gpstate_20261120.log", 40, 8);
        make("gpstate_20261128.log", 5, 0);
        fs::create_dir(folder.path().join("somebody's")).unwrap();
        assert_eq!(prune(folder.path()).unwrap(), 1);
        assert!(!folder.path().join("gpstate_20261001.log").exists());
        assert_eq!(prune(folder.path()).unwrap(), 0);
    }
}
