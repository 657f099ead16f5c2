//! Which keys were current when we last looked, and which were replaced a moment ago: two small files on the volume.

use crate::sys::storage::fs::write_atomically;
use crate::sys::text::read_text;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::ssh::key_rotation::{Overlap, Purpose, Purposed};
use gp_agent_core::ssh::public_key::PublicKey;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The memory of rotations. Holds public halves only.
pub(super) struct Ledger {
    directory: PathBuf,
    current: Vec<Purposed>,
    overlap: Overlap,
}

impl Ledger {
    /// What an earlier agent wrote; empty when there is nothing.
    pub(super) fn load(directory: &Path) -> Ledger {
        let read = |name: &str| read_text(directory.join(name)).unwrap_or_default();
        let mut current: Vec<Purposed> = read("current_keys").lines().filter_map(Purposed::parse).collect();
        current.sort();
        Ledger {
            directory: directory.to_path_buf(),
            current,
            overlap: Overlap::parse(&read("previous_keys")),
        }
    }

    /// `current` are the keys from now on; those that were current before and are not any more count as replaced now.
    pub(super) fn replace(&mut self, mut current: Vec<Purposed>, now: u64) -> Result<(), Finding> {
        current.sort();
        if self.overlap.replace(&self.current, &current, now) {
            let new = current.iter().map(|k| k.key.fingerprint());
            tracing::info!(keys = %new.collect::<Vec<_>>().join(" "), "the SSH keys were rotated; the replaced ones stay accepted for a while");
        }
        self.current = current;
        self.save()
    }

    /// Forgets keys whose overlap is over; true when there were any.
    pub(super) fn expire(&mut self, now: u64, overlap: Duration) -> bool {
        // What cannot be written now is written with the next change; the time of each key is in the file.
        self.overlap.expire(now, overlap) && {
            let _ = self.save();
            true
        }
    }

    /// Replaced keys that are still accepted.
    pub(super) fn replaced(&self, purpose: Purpose) -> impl Iterator<Item = &PublicKey> {
        self.overlap.keys(purpose)
    }

    fn save(&self) -> Result<(), Finding> {
        let lines: String = self.current.iter().map(|key| key.line() + "\n").collect();
        // Replaced keys first: if we end in between, they are replaced once more, and nothing is lost.
        let write = || {
            fs::create_dir_all(&self.directory)?;
            let previous = self.directory.join("previous_keys");
            write_atomically(&previous, self.overlap.render().as_bytes(), 0o600)?;
            write_atomically(&self.directory.join("current_keys"), lines.as_bytes(), 0o600)
        };
        write().map(drop).map_err(|error| {
            Finding::warning(
                Area::Ssh,
                self.directory.display().to_string(),
                format!("cannot write down which keys are current: {error}"),
                "make the volume writable; until then a replaced key is forgotten when the agent restarts",
            )
        })
    }
}
