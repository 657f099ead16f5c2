//! Follows a log file that a tool writes: its new whole lines, each once.

use std::fs;
use std::fs::File;
use std::io;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// The most that one look reads; the rest waits for the next.
const CHUNK: u64 = 1024 * 1024;

/// A line that grows beyond this is given before it ends.
const LINE_MAX: usize = 64 * 1024;

/// The log file of a folder whose name begins with a prefix; the date behind it need not be known.
#[derive(Debug)]
pub(crate) struct LogTail {
    folder: PathBuf,
    prefix: String,
    offset: u64,
    begun: Vec<u8>,
}

impl LogTail {
    /// Follows the first file in `folder` called `<prefix>...log`, from its beginning; it need not be there yet.
    pub(crate) fn new(folder: &Path, prefix: &str) -> LogTail {
        LogTail {
            folder: folder.to_path_buf(),
            prefix: prefix.to_string(),
            offset: 0,
            begun: Vec::new(),
        }
    }

    /// The lines that were written since the last look, without their ends. Blocking, of the order of a page cache read.
    ///
    /// # Errors
    /// When the folder or the file cannot be read; that either is missing is no error.
    pub(crate) fn lines(&mut self) -> io::Result<Vec<String>> {
        let Some(path) = self.file()? else {
            return Ok(Vec::new());
        };
        let mut file = File::open(path)?;
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
            self.begun.clear();
        }
        file.seek(SeekFrom::Start(self.offset))?;
        let mut bytes = Vec::new();
        self.offset += file.take(CHUNK).read_to_end(&mut bytes)? as u64;
        Ok(self.whole(&bytes))
    }

    fn file(&self) -> io::Result<Option<PathBuf>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let named = name
                .to_str()
                .is_some_and(|n| n.starts_with(&self.prefix) && n.ends_with(".log"));
            names.extend(named.then_some(name));
        }
        names.sort();
        Ok(names.first().map(|name| self.folder.join(name)))
    }

    fn whole(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|b| *b == b'\n') {
            self.begun.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.begun.len() >= LINE_MAX {
                let line = std::mem::take(&mut self.begun);
                lines.push(text(line.strip_suffix(b"\n").unwrap_or(&line)));
            }
        }
        lines
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn every_line_is_given_once_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("logs");
        let mut tail = LogTail::new(&folder, "gpinitsystem_");
        assert_eq!(tail.lines().unwrap(), [""; 0]);
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("gpstart_20261125.log"), "other\n").unwrap();
        fs::write(folder.join("backout_gpinitsystem_x"), "other\n").unwrap();
        assert_eq!(tail.lines().unwrap(), [""; 0]);
        let path = folder.join("gpinitsystem_20261125.log");
        let mut log = File::create(&path).unwrap();
        log.write_all(b"one\ntw").unwrap();
        assert_eq!(tail.lines().unwrap(), ["one"]);
        log.write_all(b"o\n\nf\xff").unwrap();
        assert_eq!(tail.lines().unwrap(), ["two", ""]);
        assert_eq!(tail.lines().unwrap(), [""; 0]);
        log.write_all(b"\n").unwrap();
        assert_eq!(tail.lines().unwrap(), ["f\u{fffd}"]);
        log.set_len(0).unwrap();
        fs::write(&path, "anew\n").unwrap();
        assert_eq!(tail.lines().unwrap(), ["anew"]);
    }

    #[test]
    fn a_flood_is_read_in_bounded_pieces() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("gpinitsystem_1.log");
        let flood = "x".repeat(3 * 1024 * 1024);
        fs::write(path, &flood).unwrap();
        let mut tail = LogTail::new(dir.path(), "gpinitsystem_");
        let mut seen = 0;
        for _ in 0..3 {
            let lines = tail.lines().unwrap();
            assert!(
                lines
                    .iter()
                    .all(|line| line.len() <= 2 * usize::try_from(CHUNK).unwrap())
            );
            seen += lines.iter().map(String::len).sum::<usize>();
        }
        seen += tail.begun.len();
        assert_eq!(seen, flood.len());
    }
}
