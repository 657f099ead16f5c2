//! Directories for tablespaces: of a copy that is made, and of those that the primary has made since.

use crate::lifecycle::peers::client;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::data_directory::tablespace_links;
use anyhow::{Context, Result};
use gp_agent_core::cluster::status::Tablespace;
use gp_agent_core::postgres::standby::{Occupancy, place};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Where a copy into `data_dir` puts the tablespaces of its source: the path there, and the path here.
///
/// # Errors
/// What is at such a path cannot be told.
pub(super) fn places(data_dir: &Path, listed: &[Tablespace], stamp: u64) -> Result<Vec<(PathBuf, PathBuf)>> {
    let one = |(n, tablespace): (usize, &Tablespace)| {
        let there = PathBuf::from(&tablespace.location);
        let at = look(&there).with_context(|| format!("cannot look at {}", there.display()))?;
        let here = place(&there, data_dir, at, stamp, n);
        if here != there {
            tracing::warn!(
                path = %here.display(),
                "the copy of tablespace {} goes here: {} holds something already",
                tablespace.name,
                there.display()
            );
        }
        Ok((there, here))
    };
    listed.iter().enumerate().map(one).collect()
}

fn look(path: &Path) -> io::Result<Occupancy> {
    match std::fs::read_dir(path).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(Occupancy::Free),
        Ok(false) => Ok(Occupancy::Taken),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Occupancy::Free),
        Err(error) => Err(error),
    }
}

/// A standby that replays CREATE TABLESPACE ends when the directory is not there, again and again
/// (create_tablespace_directories in tablespace.c). So what the primary says it has is made before the start; a primary that
/// is silent says nothing.
pub(super) async fn provide(pod: &Pod) {
    let Some(partner) = pod.partner() else { return };
    let status = client::status_of(pod, partner).await;
    let listed = status.map(|status| status.tablespaces).unwrap_or_default();
    let dir = pod.dir().to_path_buf();
    let make = move || {
        for tablespace in unlinked(&dir, &listed) {
            make_missing(tablespace);
        }
    };
    pod.volume.run(make).await;
}

/// Those that this standby has not made yet: the directory that a link leads to held something, and is missed.
fn unlinked<'a>(dir: &Path, listed: &'a [Tablespace]) -> Vec<&'a Tablespace> {
    let links = match tablespace_links::all(dir) {
        Ok(links) => links,
        Err(error) => {
            tracing::error!(path = %dir.display(), "cannot read the links of its tablespaces: {error}");
            return Vec::new();
        }
    };
    let is_linked = |tablespace: &Tablespace| {
        let location = Path::new(&tablespace.location);
        // Greenplum's lead to a folder in it.
        links.iter().any(|link| link.end.starts_with(location))
    };
    listed.iter().filter(|tablespace| !is_linked(tablespace)).collect()
}

fn make_missing(tablespace: &Tablespace) {
    let path = Path::new(&tablespace.location);
    if path.exists() {
        return;
    }
    match std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path) {
        Ok(()) => tracing::info!(path = %path.display(), "made the directory of tablespace {}", tablespace.name),
        Err(error) => tracing::error!(
            path = %path.display(),
            "cannot make the directory of tablespace {}, without which this standby ends when it replays its creation: {error}; mount the volume that holds it in this pod too",
            tablespace.name
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_location_that_was_made_before_is_not_made_again() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        fs::create_dir_all(path("gpseg0/pg_tblspc")).unwrap();
        std::os::unix::fs::symlink(path("lost"), path("gpseg0/pg_tblspc/16384")).unwrap();
        let listed = ["lost", "new"].map(|name| Tablespace {
            name: name.into(),
            location: path(name).display().to_string(),
        });
        let missing: Vec<&str> = unlinked(&path("gpseg0"), &listed)
            .iter()
            .map(|tablespace| tablespace.name.as_str())
            .collect();
        assert_eq!(missing, ["new"]);
    }

    #[test]
    fn a_copy_goes_where_nothing_is() {
        let base = tempfile::tempdir().unwrap();
        let path = |name: &str| base.path().join(name);
        for dir in ["empty", "taken/PG_15_202209061"] {
            fs::create_dir_all(path(dir)).unwrap();
        }
        let listed = ["absent", "empty", "taken"].map(|name| Tablespace {
            name: name.into(),
            location: path(name).display().to_string(),
        });
        let places = places(&path("gpseg0"), &listed, 7).unwrap();
        let here: Vec<PathBuf> = places.into_iter().map(|(_, here)| here).collect();
        assert_eq!(here, [path("absent"), path("empty"), path("taken/gp-agent-7")]);
    }
}
