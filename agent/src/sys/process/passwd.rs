//! Who we are, from `/etc/passwd`.
//!
//! The file is parsed here because a statically linked program must not ask glibc, which would load NSS modules.

use std::io;
use std::path::{Path, PathBuf};

/// Where accounts are kept.
const PASSWD: &str = "/etc/passwd";

/// One line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Numeric user id.
    pub uid: u32,
    /// Numeric id of the primary group.
    pub gid: u32,
    /// Home directory.
    pub home: PathBuf,
    /// Login shell; `/bin/sh` where the field is empty (passwd(5)).
    pub shell: PathBuf,
}

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

impl Account {
    /// The account of this process's effective user id.
    ///
    /// # Errors
    /// When `/etc/passwd` cannot be read or does not name the user.
    pub fn current() -> Result<Account, AccountError> {
        let uid = rustix::process::geteuid().as_raw();
        Self::in_file(Path::new(PASSWD), uid)
    }

    /// The account of `uid` in a file of the form of passwd(5).
    ///
    /// # Errors
    /// When the file cannot be read or does not name the user.
    pub fn in_file(path: &Path, uid: u32) -> Result<Account, AccountError> {
        let text = std::fs::read(path).map_err(|source| AccountError::Unreadable {
            path: path.to_path_buf(),
            source,
        })?;
        Self::in_text(&String::from_utf8_lossy(&text), uid).ok_or_else(|| AccountError::Unknown {
            path: path.to_path_buf(),
            uid,
        })
    }

    /// The first entry of `uid`, as getpwuid(3) would choose it; lines that are no entries are passed over.
    pub fn in_text(passwd: &str, uid: u32) -> Option<Account> {
        passwd.lines().filter_map(Self::from_line).find(|a| a.uid == uid)
    }

    fn from_line(line: &str) -> Option<Account> {
        let fields: Vec<&str> = line.split(':').collect();
        let &[name, _password, uid, gid, _gecos, home, shell] = fields.as_slice() else {
            return None;
        };
        if name.is_empty() || name.starts_with(['#', '+', '-']) {
            return None;
        }
        Some(Account {
            name: name.to_string(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: PathBuf::from(home),
            shell: PathBuf::from(if shell.is_empty() { "/bin/sh" } else { shell }),
        })
    }
}

/// `gpadmin (uid 1000)`, or `uid 1000` where the image has no name for it.
pub(crate) fn describe_uid(uid: u32) -> String {
    match Account::in_file(Path::new(PASSWD), uid) {
        Ok(account) => format!("{} (uid {uid})", account.name),
        Err(_) => format!("uid {uid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "root:x:0:0:root:/root:/bin/bash\n\
        # gpadmin:x:1000:1:::\n\
        +nis:x:1000:1:::/bin/sh\n\
        short:x:1000\n\
        bad:x:ten:1:::/bin/sh\n\
        gpadmin:x:1000:1001:Greenplum,,,:/home/gpadmin:\n\
        second:x:1000:5::/tmp:/bin/sh\n";

    #[test]
    fn first_entry_of_a_uid_is_taken() {
        let gpadmin = Account::in_text(TEXT, 1000).unwrap();
        assert_eq!(gpadmin.name, "gpadmin");
        assert_eq!(gpadmin.gid, 1001);
        assert_eq!(gpadmin.home, Path::new("/home/gpadmin"));
        assert_eq!(gpadmin.shell, Path::new("/bin/sh"));
        assert_eq!(Account::in_text(TEXT, 7), None);
    }

    #[test]
    fn errors_name_the_file_and_the_uid() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("passwd");
        let missing = Account::in_file(&file, 7).unwrap_err().to_string();
        assert!(missing.contains(file.to_str().unwrap()), "{missing}");
        std::fs::write(&file, TEXT).unwrap();
        let unknown = Account::in_file(&file, 7).unwrap_err().to_string();
        assert!(unknown.contains("no entry for uid 7"), "{unknown}");
        assert!(unknown.contains("runAsUser"), "{unknown}");
    }

    #[test]
    fn the_current_user_is_the_effective_one() {
        let account = Account::current().unwrap();
        assert_eq!(account.uid, rustix::process::geteuid().as_raw());
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in ".{0,200}", uid in 0u32..5) {
            if let Some(account) = Account::in_text(&text, uid) {
                prop_assert_eq!(account.uid, uid);
            }
        }

        #[test]
        fn an_entry_is_read_back(name in "[a-z_][a-z0-9_-]{0,8}", uid: u32, gid: u32, home in "/[a-z/]{0,12}") {
            let text = format!("{name}:x:{uid}:{gid}::{home}:/bin/sh\n");
            let account = Account::in_text(&text, uid).unwrap();
            prop_assert_eq!((account.name, account.gid), (name, gid));
            prop_assert_eq!(account.home, PathBuf::from(home));
        }
    }
}
