//! The line in the lock file of a volume by which its holder says who it is.

/// What it says: `pod ..., pid ..., host ..., since ...`.
pub fn line(pod: &str, pid: u32, host: &str, since: &str) -> String {
    format!("pod {pod}, pid {pid}, host {host}, since {since}\n")
}

/// What a holder has said, to be shown; `None` when that is nothing.
pub fn said(file: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(file);
    let line = text.lines().next()?.replace(char::is_control, "");
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_string())
}

/// The holder's pod.
pub fn pod(said: &str) -> Option<&str> {
    Some(said.strip_prefix("pod ")?.split_once(',')?.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_is_known_by_its_line() {
        let written = line("segment-a-0", 7, "node-1", "2026-12-01T10:00:00Z");
        let read = said(written.as_bytes()).unwrap();
        assert_eq!(format!("{read}\n"), written);
        assert_eq!(pod(&read), Some("segment-a-0"));
        assert_eq!(said(b"pod \x1b[2Jx\xff\nmore").as_deref(), Some("pod [2Jx\u{fffd}"));
        for nothing in [&b""[..], b" \x07\n", b"\nmore"] {
            assert_eq!(said(nothing), None);
        }
        assert_eq!(pod("it has not said"), None);
    }
}
