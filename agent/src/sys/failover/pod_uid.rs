//! Which of the pods of its name this one is.
//!
//! In Kubernetes a pod has a UID, which its restarted containers keep and its successor has not. Elsewhere there is none, and
//! the volume stands for the pod: a random one is kept there. The lock of the volume keeps two pods from having the same.

use crate::sys::storage::fs::{while_trying, write_atomically};
use gp_agent_core::failover::pod_uid::{line, of_pod};
use std::io;
use std::path::Path;

const FILE: &str = "pod-uid";

/// The UID that the agent's directory on the volume (`.gp-agent`) keeps for the pod of that name, made when there is none. One
/// that was made for another name is not this pod's: somebody copied the volume.
///
/// # Errors
/// The volume's: without a UID that lasts a pod must not hold anything by it.
pub(crate) fn kept(directory: &Path, pod: &str) -> io::Result<String> {
    let path = directory.join(FILE);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            if let Some(uid) = of_pod(&text, pod) {
                return Ok(uid.to_string());
            }
        }
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => {}
        Err(e) => return Err(while_trying("read", &path)(e)),
    }
    let uid = random();
    write_atomically(&path, line(pod, &uid).as_bytes(), 0o600)?;
    Ok(uid)
}

/// In the shape that Kubernetes' have (RFC 9562, version 4).
fn random() -> String {
    let bits: u128 = rand::random();
    let bits = bits & !(0xF << 76) | 0x4 << 76;
    let bits = bits & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{bits:032x}");
    let part = |range| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let uid = kept(dir.path(), "coordinator-0").unwrap();
        let shape: Vec<usize> = uid.split('-').map(str::len).collect();
        assert_eq!(shape, [8, 4, 4, 4, 12], "{uid}");
        assert!(uid[14..].starts_with('4') && "89ab".contains(&uid[19..20]), "{uid}");
        for _ in 0..2 {
            assert_eq!(kept(dir.path(), "coordinator-0").unwrap(), uid);
        }
    }

    #[test]
    fn a_copied_volume_is_another_pod() {
        let dir = tempfile::tempdir().unwrap();
        let first = kept(dir.path(), "coordinator-0").unwrap();
        let second = kept(dir.path(), "coordinator-1").unwrap();
        assert_ne!(first, second);
        assert_eq!(kept(dir.path(), "coordinator-1").unwrap(), second);
    }

    #[test]
    fn what_is_no_uid_is_made_anew_and_an_unreadable_volume_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        for text in [
            "",
            "coordinator-0",
            "coordinator-0 \n",
            "coordinator-0 ../../etc/passwd\n",
            "\u{0}",
        ] {
            std::fs::write(&path, text).unwrap();
            let uid = kept(dir.path(), "coordinator-0").unwrap();
            assert_eq!(
                std::fs::read_to_string(&path).unwrap(),
                format!("coordinator-0 {uid}\n")
            );
        }
        std::fs::write(&path, [0xFF, 0xFE]).unwrap();
        assert!(kept(dir.path(), "coordinator-0").is_ok());
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(kept(dir.path(), "coordinator-0").is_err());
        assert!(kept(&dir.path().join("gone"), "coordinator-0").is_err());
    }
}
