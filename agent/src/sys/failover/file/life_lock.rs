//! The proof that a coordinator is dead: a lock that ends with the last of its processes.
//!
//! flock(2) locks an open file, and the lock lasts until its last descriptor is closed. The agent has one, init keeps one from
//! agent to agent, and every process of the server inherits one. That of the server counts: where PID 1 of a container ends,
//! the kernel closes its files before it kills the others (do_exit, kernel/exit.c), so init's alone would be free too early.
//! A process closes its files only when it cannot write any more.

use super::place::RecordDirectory;
use crate::sys::failover::authority::AuthorityError;
use crate::sys::process::clock::boottime;
use crate::sys::process::init_channel::Heartbeat;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, openat};
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

/// Who looks whether it is free has it for a moment.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// UIDs are longer nowhere.
const LONGEST_UID: usize = 64;

/// This pod's own.
#[derive(Debug)]
pub(super) struct LifeLock(Arc<OwnedFd>);

impl LifeLock {
    /// Takes the lock of the pod of that UID, or takes it over from an earlier agent, and has init keep it.
    pub(super) fn take(
        place: &RecordDirectory,
        uid: &str,
        init: Option<&Heartbeat>,
        deadline: Duration,
    ) -> Result<LifeLock, AuthorityError> {
        let name = name(uid).ok_or_else(|| AuthorityError::Unusable(format!("`{uid}` is no UID of a pod")))?;
        let directory = place.open()?;
        loop {
            let file = place.open_lock(&directory, &name)?;
            let kept = init.and_then(|init| same_file(&file, init.kept_locks()));
            let entrusted = kept.is_some();
            let file = kept.unwrap_or(file);
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) if place.is_still(&directory, &name, &file)? => {
                    if let (Some(init), false) = (init, entrusted) {
                        entrust(place, &name, init, &file)?;
                    }
                    return Ok(LifeLock(Arc::new(file)));
                }
                Ok(()) | Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(e) => return Err(place.error("flock", &place.join(&name), e)),
            }
            if boottime() >= deadline {
                return Err(held(place, &name));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    pub(super) fn descriptor(&self) -> Arc<OwnedFd> {
        self.0.clone()
    }
}

fn held(place: &RecordDirectory, name: &str) -> AuthorityError {
    AuthorityError::Unavailable(format!(
        "{} is locked: processes of this pod's server that an earlier container started are left; end them",
        place.join(name).display()
    ))
}

fn entrust(place: &RecordDirectory, name: &str, init: &Heartbeat, file: &OwnedFd) -> Result<(), AuthorityError> {
    init.entrust_lock(file.as_fd()).map_err(|why| {
        // Closing alone unlocks late where a child has just been forked.
        let _ = flock(file, FlockOperation::Unlock);
        let path = place.join(name);
        AuthorityError::Unavailable(format!("cannot hand the lock {} to init: {why}", path.display()))
    })
}

/// Whether nobody has the lock of that pod, and somebody had: where there is no file, nothing is known.
pub(super) fn is_free(place: &RecordDirectory, uid: &str) -> Result<bool, AuthorityError> {
    let Some(name) = name(uid) else { return Ok(false) };
    let directory = place.open()?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(&directory, &name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT | Errno::LOOP) => return Ok(false),
        Err(e) => return Err(place.error("open", &place.join(&name), e)),
    };
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => {
            let still = place.is_still(&directory, &name, &file);
            let _ = flock(&file, FlockOperation::Unlock);
            still
        }
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(e) => Err(place.error("flock", &place.join(&name), e)),
    }
}

/// The lock file's name. A UID that comes from a record may be anything.
fn name(uid: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let good = !uid.is_empty() && uid.len() <= LONGEST_UID && uid.chars().all(plain);
    good.then(|| format!("{uid}.lock"))
}

/// A duplicate of the one among `kept` that is the same file.
fn same_file(file: &OwnedFd, kept: &[OwnedFd]) -> Option<OwnedFd> {
    let wanted = fstat(file).ok()?;
    let same = |kept: &&OwnedFd| fstat(kept).is_ok_and(|s| (s.st_dev, s.st_ino) == (wanted.st_dev, wanted.st_ino));
    kept.iter().find(same)?.try_clone().ok()
}
