//! What a data directory is, from its files.

pub(crate) mod tablespace_links;

use super::database_record;
use super::database_record::Keepers;
use super::databases_nearby;
use super::programs::Tools;
use crate::sys::text::read_text;
use gp_agent_core::cluster::directory::DirectoryKind;
use gp_agent_core::cluster::state::DirectoryFacts;
use gp_agent_core::postgres::control_data::ControlData;
use gp_agent_core::postgres::data_directory::{Contents, Look, judge, missing_parts};
use gp_agent_core::postgres::major::{Feature, Major, is_version};
use gp_agent_core::postgres::start_decision::Directory;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

/// Everything that can be told about a data directory without starting it.
#[derive(Clone, Debug)]
pub(crate) struct Examined {
    /// What the start decision needs.
    pub directory: Directory,
    /// What the volume holds of a database, where the directory is not whole.
    pub remains: Option<String>,
    /// PG_VERSION.
    pub version: Option<String>,
    /// pg_controldata.
    pub control: ControlData,
}

impl Examined {
    /// The same for the pod's state.
    pub(crate) fn facts(&self) -> DirectoryFacts {
        DirectoryFacts {
            kind: Some(self.directory.kind),
            version: self.version.clone(),
            system_id: self.directory.system_id.clone(),
            timeline: (self.directory.timeline > 0).then_some(self.directory.timeline),
            state: self.control.state.clone(),
            remains: self.remains.clone(),
        }
    }
}

/// Where the directory is, and what may tell of it where it is not whole.
#[derive(Clone, Debug)]
pub(crate) struct Whereabouts {
    /// The directory.
    pub dir: PathBuf,
    /// The volume.
    pub volume: PathBuf,
    /// Where the pod's database is remembered.
    pub keepers: Keepers,
}

/// Bytes of global/pg_control in every version (PG_CONTROL_FILE_SIZE in pg_control.h).
const PG_CONTROL_SIZE: u64 = 8192;

/// Examines the directory; [`judge`] says what it is. A standby marker makes it a standby's. An unreadable directory, or where
/// that matters an unreadable record, is an error, never "absent".
pub(crate) async fn examine(tools: &Tools, at: &Whereabouts) -> io::Result<Examined> {
    let first = away(at, |at| first_look(&at.dir)).await?;
    let control = match first.has_control {
        true => control_data(tools, &at.dir, first.standby).await?,
        false => ControlData::default(),
    };
    away(at, move |at| second_look(at, first, control)).await
}

/// Off the task: a volume may hang, and whoever waits for it no longer than he likes has to be able to go on.
async fn away<T, F>(at: &Whereabouts, look: F) -> io::Result<T>
where
    T: Send + 'static,
    F: FnOnce(&Whereabouts) -> io::Result<T> + Send + 'static,
{
    let at = at.clone();
    tokio::task::spawn_blocking(move || look(&at))
        .await
        .map_err(io::Error::other)?
}

/// What is seen before pg_control is read.
struct FirstLook {
    place: Contents,
    version: Option<String>,
    standby: bool,
    has_control: bool,
}

fn first_look(dir: &Path) -> io::Result<FirstLook> {
    let place = place(dir)?;
    let version = read_version(dir)?;
    let major = version.as_deref().map(Major::of).unwrap_or_default();
    let standby = has_standby_marker(dir, major);
    if let Some(version) = &version
        && !is_version(version)
    {
        return Err(damaged(
            "PG_VERSION",
            &format!("holds {version:?}, which is no version"),
            standby,
        ));
    }
    let has_control = matches!(dir.join("global/pg_control").try_exists(), Ok(true));
    Ok(FirstLook {
        place,
        version,
        standby,
        has_control,
    })
}

fn second_look(at: &Whereabouts, first: FirstLook, control: ControlData) -> io::Result<Examined> {
    let FirstLook {
        place,
        version,
        standby,
        ..
    } = first;
    let dir = &at.dir;
    let whole = matches!(&place, Contents::Filled { missing, .. } if missing.is_empty());
    let look = Look {
        place,
        standby,
        control,
        newest_history: newest_history(dir),
        remembered: if whole {
            None
        } else {
            database_record::read(&at.keepers)?
        },
        beside: if whole {
            Vec::new()
        } else {
            [
                databases_nearby::find(&at.volume, dir)?,
                database_record::logs_of(dir, &at.keepers)?,
            ]
            .concat()
        },
    };
    let (directory, remains) = judge(&look);
    Ok(Examined {
        directory,
        remains,
        version,
        control: look.control,
    })
}

/// The same of the directory of a server that runs, as far as it can be told where [`examine`] fails: that the server works is
/// proof enough of the rest.
pub(crate) fn glance(at: &Whereabouts, major: Major) -> DirectoryFacts {
    let kind = match has_standby_marker(&at.dir, major) {
        true => DirectoryKind::Standby,
        false => DirectoryKind::Primary,
    };
    DirectoryFacts {
        kind: Some(kind),
        version: read_version(&at.dir).ok().flatten().filter(|v| is_version(v)),
        system_id: database_record::read(&at.keepers)
            .ok()
            .flatten()
            .map(|had| had.system_id),
        timeline: Some(newest_history(&at.dir)).filter(|timeline| *timeline > 0),
        ..DirectoryFacts::default()
    }
}

/// The same of a directory that [`examine`] fails on, where no server runs: what the volume remembers, and the newest timeline
/// that a promotion left a history file of.
pub(crate) fn unreadable(at: &Whereabouts, why: &str) -> DirectoryFacts {
    let had = database_record::read(&at.keepers).ok().flatten();
    let timeline = had.as_ref().map_or(0, |had| had.timeline).max(newest_history(&at.dir));
    DirectoryFacts {
        kind: Some(DirectoryKind::Unreadable),
        system_id: had.map(|had| had.system_id),
        timeline: (timeline > 0).then_some(timeline),
        remains: Some(format!("it cannot be examined: {why}")),
        ..DirectoryFacts::default()
    }
}

async fn control_data(tools: &Tools, dir: &Path, standby: bool) -> io::Result<ControlData> {
    let text = match tools.control_data(dir).await {
        Ok(text) => text,
        Err(error) => {
            let file = dir.join("global/pg_control");
            let size = tokio::task::spawn_blocking(move || file.metadata().map(|meta| meta.len()));
            return Err(match size.await.map_err(io::Error::other)? {
                Ok(size) if size != PG_CONTROL_SIZE => {
                    let what = format!("has {size} bytes instead of {PG_CONTROL_SIZE}");
                    damaged("global/pg_control", &what, standby)
                }
                // The program failed, and nothing is known of the directory.
                _ => io::Error::new(io::ErrorKind::Interrupted, error.to_string()),
            });
        }
    };
    // pg_controldata goes on all the same, with whatever it has read.
    if text.contains("CRC checksum does not match") {
        return Err(damaged("global/pg_control", "does not match its checksum", standby));
    }
    Ok(ControlData::parse(&text))
}

fn place(dir: &Path) -> io::Result<Contents> {
    let meta = match std::fs::symlink_metadata(dir) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Contents::Nothing),
        Err(error) => return Err(error),
    };
    if meta.is_symlink() && !dir.try_exists()? {
        return Ok(Contents::Dangling(end_of_link(dir)));
    }
    if !dir.is_dir() {
        return Ok(Contents::Strange);
    }
    let names = std::fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut entries: Vec<String> = names.collect::<io::Result<_>>()?;
    if entries.is_empty() && !meta.is_symlink() {
        return Ok(Contents::Empty);
    }
    entries.sort();
    let missing = missing_parts(|part| is_there(&dir.join(part)));
    let mut missing: Vec<String> = missing.iter().map(|part| name_missing(dir, part)).collect();
    missing.extend(tablespace_links::astray(dir)?);
    Ok(Contents::Filled { missing, entries })
}

/// A part that is an empty `base` is none: every directory has databases.
fn is_there(part: &Path) -> bool {
    let emptied = part.ends_with("base") && std::fs::read_dir(part).is_ok_and(|mut entries| entries.next().is_none());
    part.exists() && !emptied
}

/// A link that leads nowhere is named with its end: what is missing may only not be mounted.
fn name_missing(dir: &Path, part: &str) -> String {
    match dir.join(part).is_symlink() {
        true => format!("{part} (a link to {})", end_of_link(&dir.join(part))),
        false => part.to_string(),
    }
}

fn end_of_link(link: &Path) -> String {
    let end = std::fs::read_link(link).unwrap_or_default();
    end.display().to_string()
}

/// The version of the data directory on a volume (`gpseg-1`, `gpseg0`, ...), so that an image with several servers runs the
/// right one; `None` when there is none, or several differ.
pub(crate) fn major_on(volume: &Path) -> Option<String> {
    let entries = std::fs::read_dir(volume).ok()?.flatten();
    let is_ours = |name: &str| {
        name.strip_prefix("gpseg")
            .is_some_and(|content| content.parse::<i32>().is_ok())
    };
    let dirs = entries.filter(|entry| entry.file_name().to_str().is_some_and(is_ours));
    let versions = dirs.filter_map(|entry| read_version(&entry.path()).ok().flatten());
    // It becomes part of a path.
    let mut versions: Vec<String> = versions.filter(|version| is_version(version)).collect();
    versions.dedup();
    versions.pop().filter(|_| versions.is_empty())
}

/// `standby.signal`, before PostgreSQL 12 `recovery.conf` (xlogrecovery.c, xlog.c). The other one says nothing.
pub(crate) fn has_standby_marker(dir: &Path, major: Major) -> bool {
    let marker = match major.has(Feature::RecoveryConf) {
        true => "recovery.conf",
        false => "standby.signal",
    };
    dir.join(marker).exists()
}

/// A small file without which no server starts, and what helps.
fn damaged(file: &str, what: &str, standby: bool) -> io::Error {
    let remedy = if standby {
        "move the directory away and it is copied again from its primary"
    } else {
        "restore the directory from a backup, or promote its mirror (pg_checksums, fsck: look what else is damaged)"
    };
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("{file} is damaged: it {what}; {remedy}"),
    )
}

fn read_version(dir: &Path) -> io::Result<Option<String>> {
    match read_text(dir.join("PG_VERSION")) {
        Ok(text) => Ok(Some(text.trim().to_string())),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => Ok(None),
        Err(e) => Err(e),
    }
}

/// A promotion writes `pg_wal/<timeline>.history` before the first checkpoint of the new timeline reaches pg_control.
/// A standby may hold history files of timelines it only follows, which is the newest it knows of all the same.
fn newest_history(dir: &Path) -> u32 {
    ["pg_wal", "pg_xlog"]
        .iter()
        .filter_map(|wal| std::fs::read_dir(dir.join(wal)).ok())
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name();
            let hex = name.to_str()?.strip_suffix(".history")?;
            u32::from_str_radix(hex, 16).ok()
        })
        .max()
        .unwrap_or(0)
}

/// Tells a directory from a copy that took its place. pg_rewind and rsync go on with the folders that are there, and write files
/// anew; a copy makes all of them, though with numbers that were free again.
///
/// # Errors
/// It cannot be looked at.
pub(crate) fn identity(dir: &Path) -> io::Result<String> {
    let meta = std::fs::metadata(dir.join("global"))?;
    let made = meta.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Ok(format!("{}/{}", meta.ino(), made.unwrap_or_default().as_nanos()))
}

#[cfg(test)]
mod tests;
