//! Text that somebody else wrote: bytes in any encoding. What is no UTF-8 is shown as a replacement character, and never
//! keeps the rest from being read.

use std::io;
use std::path::Path;
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// A whole file.
///
/// # Errors
/// Those of reading it; never one of its encoding.
pub(crate) fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    std::fs::read(path).map(|bytes| lossy(&bytes))
}

/// The next line of a program's output, without its end; `None` at the end.
///
/// # Errors
/// Those of reading it; never one of its encoding.
pub(crate) async fn next_line(reader: &mut (impl AsyncBufRead + Unpin)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line).await? == 0 {
        return Ok(None);
    }
    let line = line.strip_suffix(b"\n").unwrap_or(&line);
    Ok(Some(lossy(line.strip_suffix(b"\r").unwrap_or(line))))
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_encoding_hides_no_line() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut output: &[u8] = b"one\r\ncaf\xe9\nlast";
            let mut lines = Vec::new();
            while let Some(line) = next_line(&mut output).await.unwrap() {
                lines.push(line);
            }
            assert_eq!(lines, ["one", "caf\u{fffd}", "last"]);
        });
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, b"15\n\xff").unwrap();
        assert_eq!(read_text(&path).unwrap(), "15\n\u{fffd}");
    }
}
