//! The record as a file.
//!
//! Readers need no lock: a rename shows them the old record or the new one. A writer prepares everything first and then holds
//! the lock for a comparison and a rename alone, so that a process that is stopped at a bad moment hardly ever holds it.

use super::place::RecordDirectory;
use crate::sys::failover::authority::{AuthorityError, WriteError};
use crate::sys::process::clock::boottime;
use gp_agent_core::failover::record::{Record, Seen, Version};
use rustix::fs::{AtFlags, FileType, FlockOperation, Mode, OFlags, flock, fstat, fsync, openat, renameat, unlinkat};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// No record is longer, in bytes.
const LONGEST: u64 = 64 * 1024;

/// Between two looks at a lock that somebody else holds: flock(2) itself could not be given up.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The version of no record.
const ABSENT: &str = "absent";

/// The version of something that is no file.
const NO_FILE: &str = "no file";

#[derive(Clone, Debug)]
pub(super) struct RecordFile {
    place: RecordDirectory,
    name: String,
    lock: String,
    temporary: String,
}

impl RecordFile {
    /// `uid` tells this pod's unfinished file from the other's.
    pub(super) fn new(place: RecordDirectory, cluster: &str, uid: &str) -> RecordFile {
        RecordFile {
            place,
            name: format!("{cluster}-coordinator.json"),
            lock: format!(".{cluster}-coordinator.lock"),
            temporary: format!(".{cluster}-coordinator.{uid}.new"),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn read(&self) -> Result<(Seen, Version), AuthorityError> {
        self.read_in(&self.place.open()?)
    }

    fn read_in(&self, directory: &OwnedFd) -> Result<(Seen, Version), AuthorityError> {
        let fails = |tried, e: std::io::Error| self.place.error(tried, &self.place.join(&self.name), e);
        let garbled = |why: &str| Ok((Seen::Garbled(why.into()), Version(NO_FILE.into())));
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = match openat(directory, &self.name, flags, Mode::empty()) {
            Ok(file) => file,
            Err(Errno::NOENT) => return Ok((Seen::Absent, Version(ABSENT.into()))),
            Err(Errno::LOOP) => return garbled("it is a symbolic link"),
            Err(e) => return Err(fails("open", e.into())),
        };
        let kind = fstat(&file).map_err(|e| fails("examine", e.into()))?.st_mode;
        if FileType::from_raw_mode(kind) != FileType::RegularFile {
            return garbled("it is no file");
        }
        let mut bytes = Vec::new();
        let mut limited = File::from(file).take(LONGEST + 1);
        limited.read_to_end(&mut bytes).map_err(|e| fails("read", e))?;
        let version = version(&bytes);
        let seen = match str::from_utf8(&bytes) {
            _ if bytes.len() as u64 > LONGEST => Seen::Garbled("it is too long for a record".into()),
            Ok(text) => Record::parse(text),
            Err(_) => Seen::Garbled("it is no text".into()),
        };
        Ok((seen, version))
    }

    /// Writes it over that version, before that moment of CLOCK_BOOTTIME.
    pub(super) fn write(
        &self,
        record: &Record,
        over: Option<&Version>,
        deadline: Duration,
    ) -> Result<Version, WriteError> {
        let directory = self.place.open().map_err(WriteError::Failed)?;
        let before = self.expect(&directory, over)?;
        let bytes = self.bytes(record).map_err(WriteError::Failed)?;
        let durable = !is_renewal(&before, record);
        let prepared = self.prepare(&directory, &bytes, durable);
        let swapped = prepared.map_err(WriteError::Failed).and_then(|()| {
            let _lock = self.lock(&directory, deadline).map_err(WriteError::Failed)?;
            self.expect(&directory, over)?;
            if boottime() >= deadline {
                return Err(WriteError::Failed(self.late()));
            }
            let renamed = renameat(&directory, &self.temporary, &directory, &self.name);
            renamed.map_err(|e| WriteError::Failed(self.place.error("replace", &self.place.join(&self.name), e)))
        });
        if let Err(error) = swapped {
            // Best effort: the next write removes it as well.
            let _ = unlinkat(&directory, &self.temporary, AtFlags::empty());
            return Err(error);
        }
        if durable {
            let synced = fsync(&directory);
            synced.map_err(|e| WriteError::Unknown(self.place.error("fsync", self.place.path(), e)))?;
        }
        Ok(version(&bytes))
    }

    fn expect(&self, directory: &OwnedFd, over: Option<&Version>) -> Result<Seen, WriteError> {
        let (seen, version) = self.read_in(directory).map_err(WriteError::Failed)?;
        let expected = over.map_or(ABSENT, |version| &version.0);
        match version.0 == expected {
            true => Ok(seen),
            false => Err(WriteError::Conflict),
        }
    }

    fn bytes(&self, record: &Record) -> Result<Vec<u8>, AuthorityError> {
        let json = record.to_json();
        let mut text = json.map_err(|e| self.place.error("encode", &self.place.join(&self.name), e))?;
        text.push('\n');
        Ok(text.into_bytes())
    }

    fn prepare(&self, directory: &OwnedFd, bytes: &[u8], durable: bool) -> Result<(), AuthorityError> {
        let path = self.place.join(&self.temporary);
        let fails = |tried, e: std::io::Error| self.place.error(tried, &path, e);
        match unlinkat(directory, &self.temporary, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(e) => return Err(fails("remove", e.into())),
        }
        let mut file = File::from(self.place.create(directory, &self.temporary)?);
        file.write_all(bytes).map_err(|e| fails("write", e))?;
        if durable {
            file.sync_all().map_err(|e| fails("fsync", e))?;
        }
        Ok(())
    }

    fn lock(&self, directory: &OwnedFd, deadline: Duration) -> Result<Locked, AuthorityError> {
        loop {
            let file = self.place.open_lock(directory, &self.lock)?;
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {
                    let locked = Locked(file);
                    if self.place.is_still(directory, &self.lock, &locked.0)? {
                        return Ok(locked);
                    }
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(e) => return Err(self.place.error("flock", &self.place.join(&self.lock), e)),
            }
            if boottime() >= deadline {
                return Err(self.late());
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn late(&self) -> AuthorityError {
        let lock = self.place.join(&self.lock);
        AuthorityError::Unavailable(format!(
            "the record in {} could not be written in time: its disk is slow, or a process that stands still holds {}",
            self.place,
            lock.display()
        ))
    }
}

/// Unlocks by word: a child of this process between its fork and its exec still has the descriptor.
struct Locked(OwnedFd);

impl Drop for Locked {
    fn drop(&mut self) {
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

/// Whether nothing is lost when the machine fails before it is on disk: all processes are gone then, and the record before it
/// says the same. A disk that is busy with a checkpoint holds up no renewal.
fn is_renewal(before: &Seen, record: &Record) -> bool {
    let Seen::Record(before) = before else { return false };
    let serial = record.serial;
    *record
        == Record {
            serial,
            ..before.clone()
        }
}

fn version(bytes: &[u8]) -> Version {
    let digest = Sha256::digest(bytes);
    Version(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}
