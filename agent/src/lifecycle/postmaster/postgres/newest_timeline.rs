//! The newest timeline of this pod's database that it ever heard of, kept on its volume: an old primary that was told once
//! stays refused when the promoted one is silent later.

use crate::sys::storage::document;
use gp_agent_core::postgres::start_decision::{Directory, Partner, same_database};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::{Path, PathBuf};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Memory {
    /// Of the database; another one that comes into this directory begins anew.
    system_id: String,
    timeline: u32,
}

fn file(state_dir: &Path) -> PathBuf {
    state_dir.join("newest-timeline")
}

/// Remembers what the partner says of the database in `own`. Returns the newest timeline known of now; 0 when none is.
///
/// # Errors
/// The memory cannot be read, understood or written. What was never written down would be forgotten, so that is no 0.
pub(super) fn hear(state_dir: &Path, own: &Directory, partner: &Partner) -> io::Result<u32> {
    let Some(system_id) = own.system_id.clone() else {
        return Ok(0);
    };
    let known = read(state_dir)?.filter(|memory| memory.system_id == system_id);
    let known = known.map_or(0, |memory| memory.timeline);
    let heard = match partner {
        Partner::Answered { directory, .. } if same_database(own, directory) => directory.timeline,
        _ => 0,
    };
    if heard > known {
        let timeline = heard;
        document::keep(&file(state_dir), &Memory { system_id, timeline })?;
    }
    Ok(known.max(heard))
}

fn read(state_dir: &Path) -> io::Result<Option<Memory>> {
    document::read(&file(state_dir))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::postgres::start_decision::DirectoryKind;

    fn directory(system_id: &str, timeline: u32) -> Directory {
        Directory {
            kind: DirectoryKind::Primary,
            system_id: Some(system_id.into()),
            timeline,
        }
    }

    fn says(system_id: &str, timeline: u32) -> Partner {
        Partner::Answered {
            directory: directory(system_id, timeline),
            writable: true,
        }
    }

    #[test]
    fn what_was_heard_once_is_known_when_the_partner_is_silent() {
        let dir = tempfile::tempdir().unwrap();
        let own = directory("7", 1);
        let hear = |own: &Directory, partner: &Partner| hear(dir.path(), own, partner).unwrap();
        assert_eq!(hear(&own, &Partner::Silent), 0);
        assert_eq!(hear(&own, &says("7", 2)), 2);
        assert_eq!(hear(&own, &Partner::Silent), 2);
        assert_eq!(hear(&own, &says("7", 1)), 2);
        assert_eq!(hear(&own, &says("8", 9)), 2, "another database");
        assert_eq!(hear(&directory("8", 1), &Partner::Silent), 0);
    }

    #[test]
    fn a_damaged_memory_is_no_zero() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(file(dir.path()), "{").unwrap();
        let error = hear(dir.path(), &directory("7", 1), &Partner::Silent).unwrap_err();
        assert!(error.to_string().contains("newest-timeline"), "{error}");
    }
}
