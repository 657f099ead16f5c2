//! A process's files in /proc: stat, cmdline and status (proc(5)).

/// What /proc/PID/stat says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Its PID.
    pub pid: i32,
    /// The command's name, cut to 15 bytes by the kernel.
    pub comm: String,
    /// `R`, `S`, `D`, `Z`, ...: see proc_pid_stat(5).
    pub state: char,
    /// Its parent's PID; 0 when the parent is outside this PID namespace.
    pub ppid: i32,
    /// Start time in clock ticks since boot.
    pub start_ticks: u64,
}

impl Stat {
    /// Reads `pid (comm) state ppid ... starttime ...`; comm may itself hold spaces, parentheses and any bytes.
    pub fn parse(stat: &[u8]) -> Option<Stat> {
        let stat = String::from_utf8_lossy(stat);
        let (pid, rest) = stat.split_once(" (")?;
        let (comm, rest) = rest.rsplit_once(") ")?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let ppid = fields.next()?.parse().ok()?;
        // starttime is field 22, counted from 1; two after comm (fields 3 and 4) are already taken.
        let start_ticks = fields.nth(17)?.parse().ok()?;
        Some(Stat {
            pid: pid.parse().ok()?,
            comm: comm.to_string(),
            state,
            ppid,
            start_ticks,
        })
    }
}

/// The argument vector in /proc/PID/cmdline; empty for zombies and kernel threads.
pub fn arguments(cmdline: &[u8]) -> Vec<String> {
    let cmdline = cmdline.strip_suffix(b"\0").unwrap_or(cmdline);
    if cmdline.is_empty() {
        return Vec::new();
    }
    cmdline
        .split(|b| *b == 0)
        .map(|arg| String::from_utf8_lossy(arg).into_owned())
        .collect()
}

/// Whether the process has a handler for the signal of that number: SigCgt of /proc/PID/status.
pub fn catches(status: &[u8], signal: u32) -> bool {
    let mask = status
        .split(|byte| *byte == b'\n')
        .find_map(|line| line.strip_prefix(b"SigCgt:"))
        .and_then(|mask| u64::from_str_radix(str::from_utf8(mask).ok()?.trim(), 16).ok());
    let bit = signal.checked_sub(1).and_then(|bit| 1u64.checked_shl(bit));
    mask.zip(bit).is_some_and(|(mask, bit)| mask & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_name_may_hold_parentheses_spaces_and_any_bytes() {
        let stat = Stat::parse(b"12 (a) b\xff (c) Z 7 1 1 0 -1 4 0 0 0 0 0 0 0 0 20 0 1 0 987654 0 0").unwrap();
        assert_eq!((stat.pid, stat.ppid, stat.state), (12, 7, 'Z'));
        assert_eq!(stat.comm, "a) b\u{fffd} (c");
        assert_eq!(stat.start_ticks, 987_654);
        assert_eq!(Stat::parse(b"12 (a) Z"), None);
    }

    #[test]
    fn arguments_end_with_a_zero_byte() {
        assert_eq!(arguments(b"postgres\0-D\0\0"), ["postgres", "-D", ""]);
        assert!(arguments(b"").is_empty());
    }

    #[test]
    fn signals_are_counted_from_one() {
        let status = b"Name:\tx\xff\nSigCgt:\t0000000000000201\n";
        assert!(catches(status, 1) && catches(status, 10));
        assert!(!catches(status, 2) && !catches(status, 0) && !catches(status, 65));
        assert!(!catches(b"SigCgt:\tno\n", 1) && !catches(b"", 1));
    }
}
