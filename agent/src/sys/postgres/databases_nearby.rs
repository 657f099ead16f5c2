//! Other data directories that this pod may have had: a wrong path in the configuration shows an empty place where the database
//! is one folder further.

use crate::sys::storage::fs::volume_lock;
use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Other data directories beside `dir`, on its `volume` two levels deep, and between it and the root of what is mounted there: set
/// aside, moved by hand, or left behind when the path was changed. What an attempt left that never got its name was never started;
/// what lies on a volume of another pod is not meant.
///
/// # Errors
/// The volume, or the folder of `dir`, cannot be listed.
pub(crate) fn find(volume: &Path, dir: &Path) -> io::Result<Vec<String>> {
    let mut found = BTreeSet::new();
    for folder in [Some(volume), dir.parent()].into_iter().flatten() {
        for path in entries(folder)? {
            note(&path, dir, &mut found);
        }
    }
    let own = volume_lock::pod_of(volume);
    // Nearby in the wider sense: what cannot be listed tells nothing.
    let above = mounted_above(volume);
    for top in [volume].into_iter().chain(above.iter().map(PathBuf::as_path)) {
        let folders = entries(top).unwrap_or_default();
        let folders = folders
            .into_iter()
            .filter(|folder| folder != volume && is_folder(folder));
        for folder in folders.chain([top.to_path_buf()]) {
            if is_of_another(&folder, own.as_deref()) {
                continue;
            }
            for path in entries(&folder).unwrap_or_default() {
                note(&path, dir, &mut found);
            }
        }
    }
    Ok(found.into_iter().collect())
}

fn note(path: &Path, dir: &Path, found: &mut BTreeSet<String>) {
    if path != dir && !is_attempt(path, dir) && is_data_directory(path) {
        found.insert(path.display().to_string());
    }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.map(|entry| entry.path())).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// No link, which may lead anywhere, and no data directory, in which only its server looks for anything.
fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir()) && !is_data_directory(path)
}

/// The folders from `volume` up to the root of its file system as it is mounted here. None on the root file system, where anything
/// may be.
fn mounted_above(volume: &Path) -> Vec<PathBuf> {
    let device = |path: &Path| std::fs::metadata(path).ok().map(|meta| meta.dev());
    let own = device(volume);
    if own.is_none() || own == device(Path::new("/")) {
        return Vec::new();
    }
    let above = volume.ancestors().skip(1).take_while(|path| device(path) == own);
    above.map(Path::to_path_buf).collect()
}

fn is_of_another(folder: &Path, own: Option<&str>) -> bool {
    let owner = volume_lock::pod_of(folder).or_else(|| volume_lock::pod_of(folder.parent()?));
    owner.is_some_and(|owner| own != Some(&*owner))
}

fn is_data_directory(path: &Path) -> bool {
    ["PG_VERSION", "global/pg_control"]
        .iter()
        .any(|part| path.join(part).exists())
}

/// The name under which a directory is made; see [`being_made`]. With a date where it was set aside.
fn is_attempt(path: &Path, dir: &Path) -> bool {
    let making = being_made(dir);
    let name = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    match (name(path), name(&making)) {
        (Some(name), Some(making)) => name == making || name.starts_with(&format!("{making}.aside-")),
        _ => false,
    }
}

/// Where a directory is while it is made: it gets its own name when it is whole.
pub(crate) fn being_made(dir: &Path) -> PathBuf {
    dir.with_extension("making")
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "pod segment-a-0, pid 7, host segment-a-0, since 2026-11-24T06:13:09Z\n";
    const ANOTHERS: &str = "pod segment-a-1, pid 7, host segment-a-1, since 2026-11-24T06:13:09Z\n";

    fn write(root: &Path, name: &str, text: &str) {
        let file = root.join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }

    #[test]
    fn directories_that_were_moved_are_found_and_attempts_are_not() {
        let volume = tempfile::tempdir().unwrap();
        let dir = volume.path().join("mirror/gpseg0");
        let make = |name: &str, part: &str| {
            let part = volume.path().join(name).join(part);
            std::fs::create_dir_all(part.parent().unwrap()).unwrap();
            std::fs::write(part, "x").unwrap();
        };
        make("mirror/gpseg0", "PG_VERSION");
        make("mirror/gpseg0.making", "PG_VERSION");
        make("mirror/gpseg0.making.aside-20261124T061309Z", "PG_VERSION");
        make("mirror/other", "file");
        assert_eq!(find(volume.path(), &dir).unwrap(), Vec::<String>::new());
        make("mirror/gpseg0.aside-20261124T061309Z", "PG_VERSION");
        make("moved", "global/pg_control");
        let found = find(volume.path(), &dir).unwrap();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            find(&volume.path().join("none"), &volume.path().join("none/x"))
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_path_that_lacks_a_folder_does_not_hide_the_database_in_it() {
        let mount = tempfile::tempdir().unwrap();
        write(mount.path(), ".gp-agent/lock", OWN);
        write(mount.path(), "pg/gpseg0/PG_VERSION", "15\n");
        write(mount.path(), "another/gpseg0/PG_VERSION", "15\n");
        write(mount.path(), "another/.gp-agent/lock", ANOTHERS);
        let dir = mount.path().join("gpseg0");
        std::fs::create_dir(&dir).unwrap();
        let found = find(mount.path(), &dir).unwrap();
        assert_eq!(found, [mount.path().join("pg/gpseg0").display().to_string()]);
    }

    #[test]
    fn a_path_with_a_folder_too_many_does_not_hide_the_database_above_it() {
        // A file system of its own: a test's folders are on the root file system, or may be.
        let mount = tempfile::tempdir_in("/dev/shm").unwrap();
        write(mount.path(), "gpseg0/PG_VERSION", "15\n");
        write(mount.path(), ".gp-agent/lock", OWN);
        write(mount.path(), "sub/.gp-agent/lock", OWN);
        write(mount.path(), "former/.gp-agent/lock", OWN);
        write(mount.path(), "former/gpseg0/PG_VERSION", "15\n");
        let volume = mount.path().join("sub");
        let wanted = ["former/gpseg0", "gpseg0"].map(|name| mount.path().join(name).display().to_string());
        assert_eq!(find(&volume, &volume.join("gpseg0")).unwrap(), wanted);
        for lock in [".gp-agent/lock", "former/.gp-agent/lock"] {
            write(mount.path(), lock, ANOTHERS);
        }
        assert_eq!(find(&volume, &volume.join("gpseg0")).unwrap(), Vec::<String>::new());
    }
}
