//! /proc/PID/stat, cmdline, status and smaps; titles of servers' processes.

#![no_main]

use gp_agent_core::postgres::walreceiver_title::{flushed, is_walreceiver};
use gp_agent_core::process::smaps::unchanged;
use gp_agent_core::process::stat::{Stat, arguments, catches};

/// What is unmapped has a mapping of its own in the text, of which the text says that it is all the file's.
fn mappings(smaps: &str) {
    let found = unchanged(smaps);
    let is_field = |line: &&str| {
        line.split_ascii_whitespace()
            .next()
            .is_some_and(|word| word.ends_with(':'))
    };
    let lines: Vec<&str> = smaps.lines().collect();
    let mut begins = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| !is_field(line))
        .map(|(at, _)| at)
        .peekable();
    let mut all = found.iter();
    let mut next = all.next();
    while let (Some(begin), Some(range)) = (begins.next(), next) {
        let end = begins.peek().copied().unwrap_or(lines.len());
        let (first, fields) = (lines[begin], &lines[begin + 1..end]);
        let bounds = first
            .split_ascii_whitespace()
            .next()
            .and_then(|word| word.split_once('-'));
        let bounds = bounds.map(|(start, end)| (usize::from_str_radix(start, 16), usize::from_str_radix(end, 16)));
        let is_none = |name: &str| {
            let size = |line: &&str| line.strip_prefix(name).map(str::trim) == Some("0 kB");
            fields.iter().any(size)
        };
        let word = |at| first.split_ascii_whitespace().nth(at).unwrap_or_default();
        let is_file = matches!(word(1), "r-xp" | "r--p") && word(5).starts_with('/');
        let is_range = is_file && bounds == Some((Ok(range.start), Ok(range.end)));
        if is_range && is_none("Anonymous:") && is_none("Swap:") {
            assert!(range.start < range.end);
            next = all.next();
        }
    }
    assert_eq!(next, None, "nobody says so");
}

libfuzzer_sys::fuzz_target!(|file: &[u8]| {
    let text = String::from_utf8_lossy(file);
    if let Some(stat) = Stat::parse(file) {
        assert!(text.starts_with(&format!("{} (", stat.pid)) || text.starts_with(['+', '0', '-']));
        assert!(text.contains(&format!("({}) ", stat.comm)) && text.contains(stat.state));
    }
    let found = arguments(file);
    let joined = found.join("\0");
    assert!(joined == text || format!("{joined}\0") == text);
    for signal in [0, 1, 31, 64, 65, u32::MAX] {
        assert!(!catches(file, signal) || (1..=64).contains(&signal));
    }
    mappings(&text);
    if let Some(lsn) = flushed(&text) {
        assert!(is_walreceiver(&text));
        assert_eq!(
            flushed(&format!("postgres: a streaming 0/1: walreceiver streaming {lsn}  ")),
            Some(lsn)
        );
        assert_eq!(flushed(&format!("{text} waiting")), None);
    }
});
