//! Lines of `/etc/passwd` (passwd(5)).
//!
//! They are parsed here because a statically linked program must not ask glibc, which would load NSS modules.

use std::path::PathBuf;

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

impl Account {
    /// The first entry of `uid`, as getpwuid(3) would choose it; lines that are no entries are passed over.
    pub fn in_text(passwd: &str, uid: u32) -> Option<Account> {
        // libc knows no other end of a line.
        passwd.split('\n').filter_map(Self::from_line).find(|a| a.uid == uid)
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;

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
    fn a_field_is_the_same_on_the_last_line() {
        let line = "n:x:01000:101:,:,:m\r";
        let last = Account::in_text(line, 1000).unwrap();
        assert_eq!(last.shell, Path::new("m\r"));
        assert_eq!(Account::in_text(&format!("{line}\n{TEXT}"), 1000), Some(last));
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
