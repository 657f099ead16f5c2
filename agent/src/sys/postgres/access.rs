//! Owner and modes of a data directory's entries, as far as a server looks at them before it serves. Single tables are not
//! looked at: a directory can have a million.

use gp_agent_core::postgres::access::{Advice, Entry, Kind, ServerUser, stray_recovery_conf};
use gp_agent_core::postgres::major::Feature;
use rustix::fs::{Access, AtFlags, CWD, accessat};
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Without one of these no server starts.
const FILES: [&str; 6] = [
    "PG_VERSION",
    "postgresql.conf",
    "postgresql.auto.conf",
    "pg_hba.conf",
    "pg_ident.conf",
    "backup_label",
];
/// The server writes it itself.
const CONTROL: &str = "global/pg_control";
/// ssl_key_file, where it is left as it is.
const KEY: &str = "server.key";
/// Directories with directories in them: databases, and links to tablespaces.
const WITHIN: [&str; 2] = ["base", "pg_tblspc"];

/// Sets right what its owner can, and says what only others can.
///
/// # Errors
/// Something cannot be looked at, or not be changed.
pub(crate) fn mend(dir: &Path, user: ServerUser) -> io::Result<Advice> {
    let Some(outer) = look(dir.to_path_buf(), Kind::DataDirectory)? else {
        return Ok(Advice::default());
    };
    // What is in it can only be seen once it is open.
    let mut advice = carry_out(user.judge(&[outer]))?;
    if !advice.findings.is_empty() {
        return Ok(advice);
    }
    for entries in [top(dir)?, within(dir)?] {
        let next = carry_out(user.judge(&entries))?;
        advice.modes.extend(next.modes);
        advice.findings.extend(next.findings);
    }
    let recovery = dir.join("recovery.conf");
    if !user.major.has(Feature::RecoveryConf) && recovery.symlink_metadata().is_ok() {
        advice.findings.push(stray_recovery_conf(&recovery));
    }
    Ok(advice)
}

fn carry_out(advice: Advice) -> io::Result<Advice> {
    for (path, mode) in &advice.modes {
        let set = std::fs::set_permissions(path, Permissions::from_mode(*mode));
        set.map_err(|e| named(&format!("cannot set the mode of {} to {mode:o}", path.display()), &e))?;
    }
    Ok(advice)
}

fn top(dir: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = directories(dir)?;
    for name in FILES {
        entries.extend(look(dir.join(name), Kind::File)?);
    }
    entries.extend(look(dir.join(KEY), Kind::Key)?);
    Ok(entries)
}

fn within(dir: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for name in WITHIN {
        let inner = dir.join(name);
        // What another user owns was named before.
        if usable(&inner, Kind::Directory) {
            entries.extend(directories(&inner)?);
        }
    }
    entries.extend(look(dir.join(CONTROL), Kind::Written)?);
    Ok(entries)
}

fn directories(dir: &Path) -> io::Result<Vec<Entry>> {
    let listed = std::fs::read_dir(dir).map_err(|e| named(&format!("cannot list {}", dir.display()), &e))?;
    let mut entries = Vec::new();
    for entry in listed {
        let path = entry?.path();
        if path.is_dir() {
            entries.extend(look(path, Kind::Directory)?);
        }
    }
    Ok(entries)
}

/// `None` when there is nothing, or it cannot be seen for a directory above, which is named itself.
fn look(path: PathBuf, kind: Kind) -> io::Result<Option<Entry>> {
    match std::fs::metadata(&path) {
        Ok(meta) => Ok(Some(Entry {
            usable: usable(&path, kind),
            owner: meta.uid(),
            mode: meta.mode() & 0o7777,
            kind,
            path,
        })),
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => Ok(None),
        Err(e) => Err(named(&format!("cannot examine {}", path.display()), &e)),
    }
}

fn usable(path: &Path, kind: Kind) -> bool {
    let needed = match kind {
        Kind::DataDirectory | Kind::Directory => Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK,
        Kind::Written => Access::READ_OK | Access::WRITE_OK,
        Kind::File | Kind::Key => Access::READ_OK,
    };
    accessat(CWD, path, needed, AtFlags::EACCESS).is_ok()
}

fn named(what: &str, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::postgres::major::Major;
    use std::fs;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    /// As the owner, whoever runs the test; root can use everything, whatever its mode.
    #[test]
    fn modes_are_mended_from_the_outside_to_the_inside() {
        let base = tempfile::tempdir().unwrap();
        let dir = base.path().join("gpseg0");
        fs::create_dir_all(dir.join("base/5")).unwrap();
        fs::create_dir(dir.join("global")).unwrap();
        fs::create_dir(dir.join("pg_tblspc")).unwrap();
        for file in ["global/pg_control", "pg_hba.conf", "server.key"] {
            fs::write(dir.join(file), "").unwrap();
        }
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        set(&dir.join("global/pg_control"), 0);
        set(&dir.join("server.key"), 0o660);
        for inner in ["base/5", "base", "global"] {
            set(&dir.join(inner), 0);
        }
        set(&dir, 0o2070);
        let user = ServerUser {
            uid: rustix::process::geteuid().as_raw(),
            major: Major::of("15"),
        };
        let advice = mend(&dir, user).unwrap();
        assert_eq!(advice.findings, []);
        assert_eq!((mode(&dir), mode(&dir.join("server.key"))), (0o700, 0o600));
        fs::read(dir.join("global/pg_control")).unwrap();
        fs::read_dir(dir.join("base/5")).unwrap();
        assert_eq!(mend(&dir, user).unwrap(), Advice::default(), "once is enough");
        let other = ServerUser {
            uid: user.uid + 1,
            ..user
        };
        let named = mend(&dir, other).unwrap();
        assert_eq!(named.findings.len(), 1, "the directory alone: {named:?}");
    }

    #[test]
    fn a_file_that_later_versions_refuse_is_named_with_what_helps() {
        let base = tempfile::tempdir().unwrap();
        let file = base.path().join("recovery.conf");
        fs::write(&file, "standby_mode = on\n").unwrap();
        let found = |version: &str| {
            let user = ServerUser {
                uid: rustix::process::geteuid().as_raw(),
                major: Major::of(version),
            };
            mend(base.path(), user).unwrap().findings
        };
        assert_eq!(found("9.4"), [], "it makes a standby there");
        for version in ["12", "17"] {
            let findings = found(version);
            assert_eq!(findings.len(), 1, "{findings:?}");
            assert_eq!(findings[0].subject, file.display().to_string());
            assert!(findings[0].remedy.contains("mv "), "{findings:?}");
        }
    }

    #[test]
    fn where_nothing_is_nothing_is_wrong() {
        let base = tempfile::tempdir().unwrap();
        let user = ServerUser {
            uid: 1,
            major: Major::default(),
        };
        let absent = base.path().join("gpseg0");
        assert!(mend(&absent, user).is_ok_and(|advice| advice == Advice::default()));
    }
}
