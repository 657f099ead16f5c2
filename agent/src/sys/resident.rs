//! The pages of the program that only its start needed.
//!
//! A page fault maps the 64 KiB around it (fault-around, mm/memory.c), and what starts a program, the C library's and
//! Rust's own beginnings above all, lies scattered over megabytes. init stays small by dropping its program's code once
//! it is up: what it goes on using comes back with a few faults, from the page cache and without a read.

#![allow(
    unsafe_code,
    reason = "madvise(2) has no safe wrapper; this is the only use of it"
)]

use rustix::mm::{Advice, madvise};
use std::io;
use std::ops::Range;

/// Unmaps this program's code, which is mapped again as it runs. Returns the bytes of the mappings concerned.
///
/// # Errors
/// /proc is not there, or madvise(2) refuses (locked memory); nothing is lost then.
pub fn drop_code() -> io::Result<usize> {
    let mut dropped = 0;
    for range in untouched_code(&std::fs::read_to_string("/proc/self/smaps")?) {
        let length = range.end - range.start;
        let start = std::ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: a mapping of a file that is not writable and of which no page is this process's own copy (`Anonymous`
        // is 0). Dropping such a page changes no byte that anybody reads: the next access maps it again from the same
        // file, as it does whenever the kernel itself reclaims the page.
        unsafe { madvise(start, length, Advice::LinuxDontNeed)? };
        dropped += length;
    }
    Ok(dropped)
}

/// The mappings of files that can be executed but not written, and that hold no private copy of a page.
fn untouched_code(smaps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut code = None;
    for line in smaps.lines() {
        if let Some(mapping) = Mapping::parse(line) {
            code = mapping.is_code.then_some(mapping.range);
        } else if let Some(anonymous) = line.strip_prefix("Anonymous:") {
            found.extend(code.take().filter(|_| anonymous.trim() == "0 kB"));
        }
    }
    found
}

struct Mapping {
    range: Range<usize>,
    is_code: bool,
}

impl Mapping {
    /// The first line of a mapping (proc_pid_maps(5)): `start-end perms offset device inode path`.
    fn parse(line: &str) -> Option<Mapping> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let address = |hex| usize::from_str_radix(hex, 16).ok();
        let range = address(start)?..address(end)?;
        let code = words.next() == Some("r-xp");
        let file = words.nth(3).is_some_and(|path| path.starts_with('/'));
        let is_code = code && file && !range.is_empty();
        Some(Mapping { range, is_code })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMAPS: &str = "\
00200000-0034d000 r--p 00000000 fe:00 5980188   /usr/local/bin/gp-agent
Rss:                 576 kB
Anonymous:             0 kB
0034d000-007a3000 r-xp 0014c000 fe:00 5980188   /usr/local/bin/gp-agent
Rss:                2260 kB
Anonymous:             0 kB
AnonHugePages:         0 kB
VmFlags: rd ex mr mw me
007a8000-007ad000 rwxp 005a5000 fe:00 5980188   /usr/local/bin/gp-agent
Anonymous:             0 kB
7f0000000000-7f0000001000 r-xp 00000000 fe:00 77   /usr/lib/with a breakpoint.so (deleted)
Anonymous:             4 kB
7f0000002000-7f0000004000 r-xp 00000000 fe:00 78   /usr/lib/libc.so.6 (deleted)
Anonymous:             0 kB
7f0000005000-7f0000006000 r-xp 00000000 00:00 0
Anonymous:             0 kB
7f451efc3000-7f451efc5000 r-xp 00000000 00:00 0   [vdso]
Anonymous:             0 kB
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0   [vsyscall]
Anonymous:             0 kB
";

    #[test]
    fn only_code_that_is_in_the_file_byte_for_byte_is_dropped() {
        let expected = [0x0034_d000..0x007a_3000, 0x7f00_0000_2000..0x7f00_0000_4000];
        assert_eq!(untouched_code(SMAPS), expected);
        // Without the line that says so nothing is known of private copies.
        let silent = SMAPS.replace("Anonymous:", "Anon:");
        assert!(untouched_code(&silent).is_empty());
    }

    #[test]
    fn a_program_goes_on_without_its_code() {
        let text = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let expected: usize = untouched_code(&text).iter().map(Range::len).sum();
        assert!(expected > 0);
        for _ in 0..3 {
            assert_eq!(drop_code().unwrap(), expected);
        }
    }
}
