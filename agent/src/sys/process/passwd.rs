//! Who we are, from `/etc/passwd`.

use gp_agent_core::process::passwd::Account;
use std::io;
use std::path::{Path, PathBuf};

/// Where accounts are kept.
const PASSWD: &str = "/etc/passwd";

/// Why the account is not known.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}; the image must have that file, readable by every user", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What happened.
        source: io::Error,
    },
    /// No line of the file is about this user.
    #[error(
        "{} has no entry for uid {uid}, the user this container runs as; run it as a user of the image \
         (securityContext.runAsUser, docker --user) or add a line for that uid", path.display()
    )]
    Unknown {
        /// The file.
        path: PathBuf,
        /// Our effective uid.
        uid: u32,
    },
}

/// The account of this process's effective user id.
///
/// # Errors
/// When `/etc/passwd` cannot be read or does not name the user.
pub fn current() -> Result<Account, AccountError> {
    let uid = rustix::process::geteuid().as_raw();
    in_file(Path::new(PASSWD), uid)
}

/// The account of `uid` in a file of the form of passwd(5).
///
/// # Errors
/// When the file cannot be read or does not name the user.
pub(crate) fn in_file(path: &Path, uid: u32) -> Result<Account, AccountError> {
    let text = std::fs::read(path).map_err(|source| AccountError::Unreadable {
        path: path.to_path_buf(),
        source,
    })?;
    Account::in_text(&String::from_utf8_lossy(&text), uid).ok_or_else(|| AccountError::Unknown {
        path: path.to_path_buf(),
        uid,
    })
}

/// `gpadmin (uid 1000)`, or `uid 1000` where the image has no name for it.
pub(crate) fn describe_uid(uid: u32) -> String {
    match in_file(Path::new(PASSWD), uid) {
        Ok(account) => format!("{} (uid {uid})", account.name),
        Err(_) => format!("uid {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "gpadmin:x:1000:1001:Greenplum,,,:/home/gpadmin:\n";

    #[test]
    fn errors_name_the_file_and_the_uid() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("passwd");
        let missing = in_file(&file, 7).unwrap_err().to_string();
        assert!(missing.contains(file.to_str().unwrap()), "{missing}");
        std::fs::write(&file, TEXT).unwrap();
        let unknown = in_file(&file, 7).unwrap_err().to_string();
        assert!(unknown.contains("no entry for uid 7"), "{unknown}");
        assert!(unknown.contains("runAsUser"), "{unknown}");
    }

    #[test]
    fn the_current_user_is_the_effective_one() {
        let account = current().unwrap();
        assert_eq!(account.uid, rustix::process::geteuid().as_raw());
    }
}
