//! postmaster.pid (pidfile.h). Bytes: its second line is a path of any encoding.

/// What the file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pidfile {
    /// The PID on its first line; negative for a standalone backend (miscinit.c, CreateLockFile).
    pub pid: Option<i32>,
    /// Whether the postmaster has begun to stop, as line 8 says from PostgreSQL 10 on.
    pub stopping: bool,
}

impl Pidfile {
    /// Reads the whole file, or the first line of a socket's lock file. PostgreSQL writes it in pieces: what is not there
    /// yet is left out.
    pub fn parse(file: &[u8]) -> Pidfile {
        let mut lines = file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let pid = lines.next().and_then(|line| str::from_utf8(line).ok()?.parse().ok());
        Pidfile {
            pid,
            stopping: lines.nth(6) == Some(b"stopping"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_and_half_written_files_are_read() {
        let whole = b"4711\n/data/caf\xe9\n1764356400\n5432\n/tmp\n*\n  5432001    32768\nstopping\n";
        let running = b"-12\n/data\n1764356400\n5432\n/tmp\n*\n  5432001    32768\nready   \n";
        let read = |pid, stopping| Pidfile { pid, stopping };
        assert_eq!(Pidfile::parse(whole), read(Some(4711), true));
        assert_eq!(Pidfile::parse(running), read(Some(-12), false));
        assert_eq!(Pidfile::parse(b"12"), read(Some(12), false));
        for none in [&b""[..], b"\n4\n", b"99999999999\n", b"\xff\n"] {
            assert_eq!(Pidfile::parse(none), read(None, false));
        }
    }
}
