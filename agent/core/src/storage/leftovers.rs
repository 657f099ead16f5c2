//! Directories on a volume that no server uses: what was set aside, and what copies left behind.

use crate::config::quote;
use crate::finding::{Area, Finding};
use std::path::Path;

/// What a directory was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leftover {
    /// Something with a dated name that the agent gave it, so that nothing is deleted.
    Aside,
    /// A data directory that was never whole.
    Broken,
    /// A data directory that pg_rewind was at work on.
    HalfRewound,
    /// Write-ahead log of another data directory than the present one.
    OtherWal,
    /// Tablespaces of another data directory than the present one.
    OtherTablespaces,
}

impl Leftover {
    /// What an entry of the volume is, beside a whole data directory with the name `dir`; `None` when nothing left over.
    pub fn beside(name: &str, dir: &str) -> Option<Leftover> {
        let rest = name.strip_prefix(dir)?;
        // And not another directory whose name only begins like it, `gpseg1` and `gpseg10`.
        let is_its = rest.starts_with('.') || rest.starts_with("-wal.");
        if is_its && rest.contains(".aside-") {
            return Some(Leftover::Aside);
        }
        match rest {
            ".making" | ".copying" => Some(Leftover::Broken),
            ".rewinding" => Some(Leftover::HalfRewound),
            _ => None,
        }
    }

    /// What an entry of the volume for write-ahead log is, of which the data directory `dir` uses `used`.
    pub fn wal(name: &str, dir: &str, used: Option<&str>) -> Option<Leftover> {
        let stamp = name.strip_prefix(dir)?.strip_prefix('-')?;
        let ours = !stamp.is_empty() && stamp.bytes().all(|b| b.is_ascii_digit());
        (ours && used.is_some_and(|used| used != name)).then_some(Leftover::OtherWal)
    }

    /// What an administrator should know of it.
    pub fn finding(self, path: &Path, bytes: u64) -> Finding {
        let what = match self {
            Leftover::Aside => "was set aside, and no server uses it",
            Leftover::Broken => "was left by a broken attempt to make the data directory, and no server ever used it",
            Leftover::HalfRewound => "was left by a pg_rewind that was broken off, and no server can use it",
            Leftover::OtherWal => "is write-ahead log of another data directory than the present one",
            Leftover::OtherTablespaces => "belongs to another data directory than the present one",
        };
        let path = path.display().to_string();
        let size = size(bytes);
        let remedy = format!("when you need nothing of it: rm -r {}", quote::shell(&path));
        Finding::warning(Area::Storage, path, format!("{what}; it takes {size}"), remedy)
    }
}

fn size(bytes: u64) -> String {
    match bytes >> 20 {
        0 => format!("{} KiB", bytes.div_ceil(1 << 10)),
        mib => format!("{mib} MiB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_no_longer_used_is_left_over() {
        let beside = |name| Leftover::beside(name, "gpseg0");
        assert_eq!(beside("gpseg0.aside-20261124T061309Z-2"), Some(Leftover::Aside));
        assert_eq!(beside("gpseg0.making.aside-20261124T061309Z"), Some(Leftover::Aside));
        assert_eq!(beside("gpseg0.making"), Some(Leftover::Broken));
        assert_eq!(beside("gpseg0.copying"), Some(Leftover::Broken));
        assert_eq!(beside("gpseg0.rewinding"), Some(Leftover::HalfRewound));
        assert_eq!(beside("gpseg0-wal.aside-1796000000"), Some(Leftover::Aside));
        for name in [
            "gpseg0",
            "gpseg01",
            "gpseg01.aside-1",
            "gpseg0.old",
            "aside-1",
            "gpseg0.tablespaces",
        ] {
            assert_eq!(beside(name), None, "{name}");
        }
        let wal = |name| Leftover::wal(name, "gpseg0", Some("gpseg0-1700000000"));
        assert_eq!(wal("gpseg0-1600000000"), Some(Leftover::OtherWal));
        for name in ["gpseg0-1700000000", "gpseg0-", "gpseg0-old", "gpseg-1", "gpseg01"] {
            assert_eq!(wal(name), None, "{name}");
        }
        assert_eq!(
            Leftover::wal("gpseg0-1", "gpseg0", None),
            None,
            "not known to be another's"
        );
    }

    #[test]
    fn its_size_is_said() {
        let finding = Leftover::Broken.finding(Path::new("/g/gpseg0.making"), 441 << 20);
        assert!(finding.what.ends_with("it takes 441 MiB"), "{finding}");
        assert_eq!(
            (size(0), size(1), size(1 << 20)),
            ("0 KiB".into(), "1 KiB".into(), "1 MiB".into())
        );
    }
}
