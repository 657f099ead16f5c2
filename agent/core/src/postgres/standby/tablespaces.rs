//! Where a copy puts the tablespaces of its source. They have the same path in every pod, and may hold something here.

use std::path::{Path, PathBuf};

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occupancy {
    /// Nothing, or an empty directory: a copy may have it.
    Free,
    /// Something that is somebody's: an earlier copy's, which may be the one that is needed one day, or a stranger's.
    Taken,
}

/// The directory for the copy of the tablespace that is at `location` on its source; `stamp` is of this copy alone, and
/// `n` of this tablespace.
///
/// Beside what is there already, not instead of it, and on the same volume. A tablespace inside of the source's data directory
/// (PostgreSQL warns of that) would be in the way of the copy, so it goes beside `data_dir`.
pub fn place(location: &Path, data_dir: &Path, at: Occupancy, stamp: u64, n: usize) -> PathBuf {
    if location.starts_with(data_dir) {
        return data_dir.with_extension("tablespaces").join(format!("{stamp}-{n}"));
    }
    match at {
        Occupancy::Free => location.to_path_buf(),
        Occupancy::Taken => location.join(format!("gp-agent-{stamp}")),
    }
}

/// Whether a name in a tablespace's directory is one that only servers give (TABLESPACE_VERSION_DIRECTORY, relpath.h).
pub fn is_servers(name: &[u8]) -> bool {
    let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_digit);
    name.strip_prefix(b"PG_").is_some_and(|rest| digit(rest.first()))
        || name.strip_prefix(b"GPDB_").is_some_and(|rest| digit(rest.first()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_copy_goes_beside_what_is_there() {
        let dir = Path::new("/greenplum/gpseg0");
        let at = |location: &str, at| place(Path::new(location), dir, at, 7, 1);
        assert_eq!(at("/fast/ts", Occupancy::Free), Path::new("/fast/ts"));
        assert_eq!(at("/fast/ts", Occupancy::Taken), Path::new("/fast/ts/gp-agent-7"));
        for seen in [Occupancy::Free, Occupancy::Taken] {
            let inside = at("/greenplum/gpseg0/ts", seen);
            assert_eq!(inside, Path::new("/greenplum/gpseg0.tablespaces/7-1"));
        }
    }

    #[test]
    fn a_servers_folder_is_told_from_a_persons() {
        assert!(is_servers(b"PG_15_202209061") && is_servers(b"GPDB_6_301908232"));
        for name in ["PG_", "PG_backup", "pg_15", "lost+found", "data", "GPDB_old"] {
            assert!(!is_servers(name.as_bytes()), "{name}");
        }
    }

    proptest! {
        /// Never what is taken, and never within the data directory, which has to be free until the copy is whole.
        #[test]
        fn nothing_is_in_the_way(location in "(/[a-z0-9]{1,6}){1,4}", taken: bool, stamp: u64, n in 0usize..9) {
            let (location, dir) = (Path::new(&location), Path::new("/g/gpseg0"));
            let at = if taken { Occupancy::Taken } else { Occupancy::Free };
            let target = place(location, dir, at, stamp, n);
            prop_assert!(!target.starts_with(dir));
            prop_assert!(!taken || target != location);
        }
    }
}
