//! The pages of the program that only its start needed.
//!
//! A page fault maps the 64 KiB around it (fault-around, mm/memory.c), and what starts a program, the C library's and
//! Rust's own beginnings above all, lies scattered over megabytes. init stays small by unmapping its program's code and
//! constants once it is up: what it goes on using comes back with a few faults, from the page cache and without a read.

#![allow(unsafe_code, reason = "madvise(2) has no safe wrapper; this is the only use of it")]

use crate::sys::text::read_text;
use rustix::mm::{Advice, madvise};
use std::io;
use std::ops::Range;

/// Unmaps this program's code and constants, which are mapped again as they are used. Returns the bytes of the mappings
/// concerned.
///
/// # Errors
/// /proc is not there, or madvise(2) refuses (locked memory); nothing is lost then.
pub(crate) fn unmap_program() -> io::Result<usize> {
    let mut unmapped = 0;
    for range in unchanged(&read_text("/proc/self/smaps")?) {
        let length = range.end - range.start;
        let start = std::ptr::with_exposed_provenance_mut(range.start);
        // SAFETY: a private mapping of a file that cannot be written and has no page that is this process's own, in
        // memory (`Anonymous` is 0) or swapped out (`Swap` is 0). So every page is the file's, and dropping it changes no
        // byte that anybody reads: the next access maps it again, as when the kernel itself reclaims it.
        unsafe { madvise(start, length, Advice::LinuxDontNeed)? };
        unmapped += length;
    }
    Ok(unmapped)
}

/// The mappings of files that cannot be written and hold no page of this process's own.
fn unchanged(smaps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut candidate: Option<Range<usize>> = None;
    let mut anonymous = None;
    for line in smaps.lines() {
        if let Some(mapping) = Mapping::parse(line) {
            candidate = mapping.is_file.then_some(mapping.range);
            anonymous = None;
        } else if let Some(size) = line.strip_prefix("Anonymous:") {
            anonymous = Some(size.trim());
        } else if let Some(size) = line.strip_prefix("Swap:")
            && (anonymous, size.trim()) == (Some("0 kB"), "0 kB")
        {
            found.extend(candidate.take());
        }
    }
    found
}

struct Mapping {
    range: Range<usize>,
    /// Private, of a file, and not writable.
    is_file: bool,
}

impl Mapping {
    /// The first line of a mapping (proc_pid_maps(5)): `start-end perms offset device inode path`.
    fn parse(line: &str) -> Option<Mapping> {
        let mut words = line.split_ascii_whitespace();
        let (start, end) = words.next()?.split_once('-')?;
        let address = |hex| usize::from_str_radix(hex, 16).ok();
        let range = address(start)?..address(end)?;
        let read_only = matches!(words.next(), Some("r-xp" | "r--p"));
        let file = words.nth(3).is_some_and(|path| path.starts_with('/'));
        let is_file = read_only && file && !range.is_empty();
        Some(Mapping { range, is_file })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smaps(mappings: &[(&str, &str, &str)]) -> String {
        let mapping = |(first, anonymous, swap): &(&str, &str, &str)| {
            format!(
                "{first}\nRss:   8 kB\nAnonymous: {anonymous}\nAnonHugePages: 0 kB\nSwap: {swap}\n\
                 SwapPss: 0 kB\nVmFlags: rd ex mr mw me\n"
            )
        };
        mappings.iter().map(mapping).collect()
    }

    #[test]
    fn only_what_is_the_files_byte_for_byte_is_unmapped() {
        let (no, page) = ("       0 kB", "       4 kB");
        let text = smaps(&[
            ("1000-2000 r--p 00000000 fe:00 5 /bin/gp-agent", no, no),
            ("2000-4000 r-xp 00001000 fe:00 5 /bin/gp-agent", no, no),
            // Relocated at the start, then protected: pages of this process alone, perhaps swapped out by now.
            ("4000-5000 r--p 00003000 fe:00 5 /bin/gp-agent", page, no),
            ("5000-6000 r--p 00003000 fe:00 5 /bin/gp-agent", no, page),
            ("6000-7000 rw-p 00004000 fe:00 5 /bin/gp-agent", no, no),
            ("7000-8000 rwxp 00004000 fe:00 5 /bin/gp-agent", no, no),
            ("8000-9000 r--s 00004000 fe:00 5 /bin/gp-agent", no, no),
            ("9000-a000 ---p 00004000 fe:00 5 /bin/gp-agent", no, no),
            ("a000-b000 r-xp 00000000 fe:00 6 /lib/of an old image (deleted)", no, no),
            ("b000-c000 r-xp 00000000 00:00 0", no, no),
            ("c000-d000 r-xp 00000000 00:00 0 [vdso]", no, no),
        ]);
        let expected = [0x1000..0x2000, 0x2000..0x4000, 0xa000..0xb000];
        assert_eq!(unchanged(&text), expected);
        // Of what a kernel does not say, nothing is assumed.
        for silent in ["Anonymous:", "Swap:"] {
            assert!(unchanged(&text.replace(silent, "Other:")).is_empty());
        }
    }

    #[test]
    fn a_program_goes_on_without_its_pages() {
        let constants = include_str!("memory.rs");
        for _ in 0..3 {
            assert!(unmap_program().unwrap() > 0);
            assert!(constants.ends_with("}\n"));
        }
    }
}
