//! The log files of a server that writes its own: Greenplum's, or one with `logging_collector`.

use gp_agent_core::log::postgres::{last_words_of, stream_words_of};
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The server's last lines are within so many bytes of the end.
const TAIL: u64 = 64 * 1024;

/// Why the server in `dir` that was started at `since` ended, as its newest log file says.
///
/// # Errors
/// Those of reading it; that there is none is no error.
pub(crate) fn last_words_since(dir: &Path, since: SystemTime) -> io::Result<Option<String>> {
    Ok(tail(dir, since)?.and_then(|bytes| last_words_of(&bytes)))
}

/// Why the replica in `dir` received no stream last, as its log file that was written since then says.
///
/// # Errors
/// Those of reading it; that there is none is no error.
pub(crate) fn stream_words_since(dir: &Path, since: SystemTime) -> io::Result<Option<String>> {
    Ok(tail(dir, since)?.and_then(|bytes| stream_words_of(&bytes)))
}

fn tail(dir: &Path, since: SystemTime) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = newest(dir, since)? else {
        return Ok(None);
    };
    let mut file = File::open(file)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL)))?;
    let mut bytes = Vec::new();
    file.take(TAIL).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

fn newest(dir: &Path, since: SystemTime) -> io::Result<Option<PathBuf>> {
    let mut found: Option<(SystemTime, PathBuf)> = None;
    for folder in ["log", "pg_log"] {
        let entries = match fs::read_dir(dir.join(folder)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let meta = entry.metadata()?;
            let changed = meta.modified()?;
            if meta.is_file() && changed >= since && found.as_ref().is_none_or(|(newest, _)| changed > *newest) {
                found = Some((changed, entry.path()));
            }
        }
    }
    Ok(found.map(|(_, path)| path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_file_of_this_start_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let begun = SystemTime::UNIX_EPOCH;
        assert_eq!(last_words_since(dir.path(), begun).unwrap(), None);
        fs::create_dir(dir.path().join("log")).unwrap();
        let file = dir.path().join("log/gpdb-1.csv");
        let line =
            "2026 UTC,,,p1,,\"FATAL\",\"58P01\",\"no library\",,\n2026 UTC,\"u\",\"d\",p2,,\"LOG\",\"0\",\"x\",,\n";
        fs::write(&file, "y".repeat(100_000) + "\n" + line).unwrap();
        let words = last_words_since(dir.path(), begun).unwrap();
        assert_eq!(words.as_deref(), Some("FATAL: no library"));
        let later = SystemTime::now() + std::time::Duration::from_secs(60);
        assert_eq!(last_words_since(dir.path(), later).unwrap(), None);
    }
}
