//! Owner and modes of a data directory, with which a server refuses to start: after a restore, or a fsGroup, which makes all
//! of a volume group-writable. And a file with which later versions refuse as well.

use super::major::{Feature, Major};
use crate::finding::{Area, Finding};
use std::path::{Path, PathBuf};

/// What an entry is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The data directory itself, whose owner and mode the server compares (checkDataDir in miscinit.c).
    DataDirectory,
    /// Another directory of it.
    Directory,
    /// A file that it has to read.
    File,
    /// A file that it has to read and write.
    Written,
    /// The private key of its TLS certificate, which others must not read (check_ssl_key_file_permissions).
    Key,
}

/// An entry of a data directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// The owner's user ID.
    pub owner: u32,
    /// Permission bits, the three special ones included.
    pub mode: u32,
    /// Whether this user can do with it what the server has to, by whatever right.
    pub usable: bool,
}

/// Who runs the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerUser {
    /// Its user ID.
    pub uid: u32,
    /// The server's version.
    pub major: Major,
}

/// What to do about the entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advice {
    /// Modes that the owner can set right.
    pub modes: Vec<(PathBuf, u32)>,
    /// What only somebody else can.
    pub findings: Vec<Finding>,
}

/// recovery.conf in a data directory of a version that refuses to start while it is there (xlogrecovery.c,
/// readRecoverySignalFile): a tool or a person brought it who knows older versions.
pub fn stray_recovery_conf(path: &Path) -> Finding {
    Finding::error(
        Area::Postgres,
        path.display().to_string(),
        "servers since PostgreSQL 12 do not start while this file is there",
        format!(
            "move it away: mv {0} {0}.old; the agent says whom a mirror or standby follows; what else it sets (restore_command, a recovery target) goes into `parameters` of cluster.yaml, for the time of the recovery, with an empty recovery.signal in the place of this file",
            path.display()
        ),
    )
}

impl ServerUser {
    /// What keeps the server from starting, and what helps.
    pub fn judge(self, entries: &[Entry]) -> Advice {
        let mut advice = Advice::default();
        for entry in entries {
            if entry.owner == self.uid {
                let mode = self.mode_for(entry);
                if mode != entry.mode {
                    advice.modes.push((entry.path.clone(), mode));
                }
            } else if entry.kind == Kind::DataDirectory {
                let refuses = "the server refuses a data directory that another user owns";
                advice.findings.push(self.foreign(entry, refuses));
            } else if !entry.usable {
                advice.findings.push(self.foreign(entry, "the server cannot use it"));
            }
        }
        advice
    }

    /// As little is changed as makes it right.
    fn mode_for(self, entry: &Entry) -> u32 {
        let mode = entry.mode;
        match entry.kind {
            Kind::DataDirectory if mode & self.refused() == 0 && mode & 0o700 == 0o700 => mode,
            // Who may write did not get that from initdb: the group came with the volume.
            Kind::DataDirectory if mode & 0o020 != 0 || !self.group_may_read() => 0o700,
            Kind::DataDirectory => mode & 0o050 | 0o700,
            Kind::Directory if !entry.usable => mode | 0o700,
            Kind::File if !entry.usable => mode | 0o400,
            Kind::Written if !entry.usable => mode | 0o600,
            Kind::Key if mode & 0o077 != 0 || !entry.usable => 0o600,
            Kind::Directory | Kind::File | Kind::Written | Kind::Key => mode,
        }
    }

    fn group_may_read(self) -> bool {
        self.major.has(Feature::GroupAccess)
    }

    /// PG_MODE_MASK_GROUP, before PostgreSQL 11 everything that is not the owner's.
    fn refused(self) -> u32 {
        if self.group_may_read() { 0o027 } else { 0o077 }
    }

    fn foreign(self, entry: &Entry, why: &str) -> Finding {
        let path = entry.path.display().to_string();
        let what = format!(
            "it belongs to user {} (mode {:o}), and the server runs as {}: {why}",
            entry.owner, entry.mode, self.uid
        );
        let remedy = format!(
            "as root: chown -R {} {} (in Kubernetes: in an init container)",
            self.uid, path
        );
        Finding::error(Area::Postgres, path, what, remedy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn user(version: &str) -> ServerUser {
        ServerUser {
            uid: 1000,
            major: Major::of(version),
        }
    }

    fn entry(kind: Kind, owner: u32, mode: u32, usable: bool) -> Entry {
        Entry {
            path: "/greenplum/gpseg0".into(),
            kind,
            owner,
            mode,
            usable,
        }
    }

    fn mode(user: ServerUser, kind: Kind, mode: u32, usable: bool) -> Option<u32> {
        let advice = user.judge(&[entry(kind, user.uid, mode, usable)]);
        assert_eq!(advice.findings, []);
        advice.modes.first().map(|(_, mode)| *mode)
    }

    #[test]
    fn a_volumes_group_is_taken_out_of_the_data_directory() {
        let data = |given| mode(user("15"), Kind::DataDirectory, given, true);
        assert_eq!(data(0o2770), Some(0o700));
        assert_eq!((data(0o755), data(0o777)), (Some(0o750), Some(0o700)));
        assert_eq!(
            (data(0o700), data(0o750), data(0o2750)),
            (None, None, None),
            "as they may be"
        );
        assert_eq!(data(0o500), Some(0o700));
        assert_eq!(mode(user("9.4"), Kind::DataDirectory, 0o750, true), Some(0o700));
    }

    #[test]
    fn what_the_server_needs_it_can_use_and_a_key_is_its_own() {
        assert_eq!(mode(user("15"), Kind::File, 0o000, false), Some(0o400));
        assert_eq!(mode(user("15"), Kind::Written, 0o040, false), Some(0o640));
        assert_eq!(mode(user("15"), Kind::File, 0o660, true), None);
        assert_eq!(mode(user("15"), Kind::Directory, 0o2570, false), Some(0o2770));
        assert_eq!(mode(user("15"), Kind::Key, 0o660, true), Some(0o600));
        assert_eq!(mode(user("15"), Kind::Key, 0o400, true), None);
    }

    #[test]
    fn what_belongs_to_another_user_is_named_with_who_can_help() {
        let of_root = |kind, usable| user("15").judge(&[entry(kind, 0, 0o2770, usable)]);
        for (kind, usable) in [
            (Kind::DataDirectory, true),
            (Kind::File, false),
            (Kind::Directory, false),
        ] {
            let advice = of_root(kind, usable);
            assert_eq!(advice.modes, []);
            assert!(
                advice.findings[0].remedy.contains("chown -R 1000 /greenplum/gpseg0"),
                "{advice:?}"
            );
        }
        // By its group.
        assert_eq!(of_root(Kind::File, true), Advice::default());
    }

    proptest! {
        /// Once is enough, and the owner keeps what it had.
        #[test]
        fn a_mended_mode_is_right(given in 0u32..0o7777, new: bool) {
            let user = user(if new { "11" } else { "9.4" });
            let mended = mode(user, Kind::DataDirectory, given, true).unwrap_or(given);
            prop_assert_eq!(mended & user.refused(), 0);
            prop_assert_eq!(mended & 0o700, 0o700);
            prop_assert_eq!(mode(user, Kind::DataDirectory, mended, true), None);
        }
    }
}
