//! Where a server with `logging_collector` writes.

use rustix::fs::{Access, access};
use rustix::io::Errno;
use std::path::Path;

/// Whether a server of this user certainly finds no place for its log in `dir`: it makes the directory, but none above it
/// (SysLogger_Start in syslogger.c).
pub(crate) fn is_out_of_reach(dir: &Path) -> bool {
    let refused = |path: &Path| access(path, Access::WRITE_OK | Access::EXEC_OK).err();
    match refused(dir) {
        None => !dir.is_dir(),
        Some(Errno::NOENT) => dir
            .parent()
            .is_none_or(|above| refused(above).is_some() || !above.is_dir()),
        Some(error) => matches!(error, Errno::ACCESS | Errno::NOTDIR | Errno::ROFS | Errno::LOOP),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_directory_is_made_and_none_above_it() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path();
        fs::write(base.join("file"), "").unwrap();
        for (name, out_of_reach) in [("", false), ("log", false), ("no/log", true), ("file/log", true)] {
            assert_eq!(is_out_of_reach(&base.join(name)), out_of_reach, "{name}");
        }
    }
}
