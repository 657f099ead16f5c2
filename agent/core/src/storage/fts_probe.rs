//! The file that FTS reads back and writes in each primary's data directory, with O_DIRECT (ftsmessagehandler.c,
//! checkIODataDirectory). Whatever is wrong with it fails a probe, and after some probes the primary is failed over.

use crate::finding::{Area, Finding};
use std::path::Path;

/// Its name in the data directory.
pub const FILE: &str = "fts_probe_file.bak";

/// What became of reading it as FTS does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeFile {
    /// There is none; FTS makes it at its first probe.
    Absent,
    /// The whole file was read.
    Whole,
    /// So many bytes, which are no block of any server: BLCKSZ is a power of two from 1 to 32 KiB (configure.in).
    NoBlock(u64),
    /// A step failed: `open` or `read`.
    Failed {
        /// The step.
        step: &'static str,
        /// The system's words.
        error: String,
        /// Whether the file system refuses O_DIRECT (EINVAL at open).
        no_direct_io: bool,
    },
}

/// What an administrator should know of it.
pub fn judge_probe_file(data_dir: &Path, seen: &ProbeFile) -> Option<Finding> {
    let path = data_dir.join(FILE).display().to_string();
    let (what, remedy) = match seen {
        ProbeFile::Absent | ProbeFile::Whole => return None,
        ProbeFile::NoBlock(bytes) => (
            format!("FTS finds {bytes} bytes where it reads a block: its next probe fails"),
            format!("remove it, FTS makes it anew: rm {path}"),
        ),
        ProbeFile::Failed {
            no_direct_io: true, ..
        } => (
            "FTS cannot open its probe file with O_DIRECT: older releases fail the primary over for nothing, newer ones lose their detector for hung disks".to_string(),
            "put the data directory on a disk (gp-agent check storage says on what it is)".to_string(),
        ),
        ProbeFile::Failed { step, error, .. } => (
            format!("FTS cannot {step} its probe file: {error}"),
            format!("let it belong to the agent's user with mode 0600, or see what the kernel says of the disk (dmesg); ls -l {path}"),
        ),
    };
    Some(Finding::error(Area::Storage, path, what, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_fails_a_probe_is_told() {
        let failed = |step, error: &str, no_direct_io| ProbeFile::Failed {
            step,
            error: error.into(),
            no_direct_io,
        };
        let shown: Vec<String> = [
            ProbeFile::Absent,
            ProbeFile::Whole,
            ProbeFile::NoBlock(0),
            failed("open", "Invalid argument (os error 22)", true),
            failed("open", "Permission denied (os error 13)", false),
            failed("read", "Input/output error (os error 5)", false),
        ]
        .iter()
        .filter_map(|seen| judge_probe_file(Path::new("/greenplum/gpseg0"), seen))
        .map(|finding| finding.to_string())
        .collect();
        insta::assert_snapshot!(shown.join("\n"), @r"
        error storage /greenplum/gpseg0/fts_probe_file.bak: FTS finds 0 bytes where it reads a block: its next probe fails; remove it, FTS makes it anew: rm /greenplum/gpseg0/fts_probe_file.bak
        error storage /greenplum/gpseg0/fts_probe_file.bak: FTS cannot open its probe file with O_DIRECT: older releases fail the primary over for nothing, newer ones lose their detector for hung disks; put the data directory on a disk (gp-agent check storage says on what it is)
        error storage /greenplum/gpseg0/fts_probe_file.bak: FTS cannot open its probe file: Permission denied (os error 13); let it belong to the agent's user with mode 0600, or see what the kernel says of the disk (dmesg); ls -l /greenplum/gpseg0/fts_probe_file.bak
        error storage /greenplum/gpseg0/fts_probe_file.bak: FTS cannot read its probe file: Input/output error (os error 5); let it belong to the agent's user with mode 0600, or see what the kernel says of the disk (dmesg); ls -l /greenplum/gpseg0/fts_probe_file.bak
        ");
    }
}
