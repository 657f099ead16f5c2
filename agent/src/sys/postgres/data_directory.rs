//! What a data directory is, from its files.

use super::programs::Tools;
use crate::sys::text::read_text;
use gp_agent_core::cluster::state::DirectoryFacts;
use gp_agent_core::postgres::control_data::ControlData;
use gp_agent_core::postgres::start_decision::{Directory, DirectoryKind};
use std::io;
use std::path::Path;

/// Everything that can be told about a data directory without starting it.
#[derive(Clone, Debug)]
pub struct Examined {
    /// What the start decision needs.
    pub directory: Directory,
    /// PG_VERSION.
    pub version: Option<String>,
    /// pg_controldata.
    pub control: ControlData,
}

impl Examined {
    /// The same for the pod's state.
    pub fn facts(&self) -> DirectoryFacts {
        DirectoryFacts {
            kind: Some(self.directory.kind),
            version: self.version.clone(),
            system_id: self.directory.system_id.clone(),
            timeline: (self.directory.timeline > 0).then_some(self.directory.timeline),
            state: self.control.state.clone(),
        }
    }
}

/// Examines `dir`. PG_VERSION and global/pg_control together make a directory whole; a standby marker makes it a
/// standby's. An unreadable directory is an error, never "absent".
pub(crate) async fn examine(tools: &Tools, dir: &Path) -> io::Result<Examined> {
    let absent = !dir.try_exists()? || (dir.is_dir() && std::fs::read_dir(dir)?.next().is_none());
    let version = read_version(dir)?;
    let whole = version.is_some() && dir.join("global/pg_control").try_exists()?;
    let control = if whole {
        let text = tools.control_data(dir).await.map_err(io::Error::other)?;
        ControlData::parse(&text)
    } else {
        ControlData::default()
    };
    let standby = has_standby_marker(dir);
    let kind = match (absent, whole, standby) {
        (true, ..) => DirectoryKind::Absent,
        (_, false, _) => DirectoryKind::HalfMade,
        (_, _, true) => DirectoryKind::Standby,
        _ => DirectoryKind::Primary,
    };
    Ok(Examined {
        directory: Directory {
            kind,
            system_id: control.system_id.clone(),
            timeline: control.timeline.unwrap_or(0).max(newest_history(dir)),
        },
        version,
        control,
    })
}

/// `standby.signal`, before PostgreSQL 12 `recovery.conf` (xlogrecovery.c, xlog.c).
pub(crate) fn has_standby_marker(dir: &Path) -> bool {
    ["standby.signal", "recovery.conf"]
        .iter()
        .any(|marker| dir.join(marker).exists())
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
