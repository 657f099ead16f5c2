//! The pages of the program that only its start needed.
//!
//! A page fault maps the 64 KiB around it (fault-around, mm/memory.c), and what starts a program, the C library's and
//! Rust's own beginnings above all, lies scattered over megabytes. init stays small by unmapping its program's code and
//! constants once it is up: what it goes on using comes back with a few faults, from the page cache and without a read.

#![allow(unsafe_code, reason = "madvise(2) has no safe wrapper; this is the only use of it")]

use crate::sys::text::read_text;
use gp_agent_core::process::smaps::unchanged;
use rustix::mm::{Advice, madvise};
use std::io;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_goes_on_without_its_pages() {
        let constants = include_str!("memory.rs");
        for _ in 0..3 {
            assert!(unmap_program().unwrap() > 0);
            assert!(constants.ends_with("}\n"));
        }
    }
}
