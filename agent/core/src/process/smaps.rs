//! A process's mappings in /proc/PID/smaps (proc_pid_smaps(5)).

use std::ops::Range;

/// The mappings of files that cannot be written and hold no page of this process's own, in memory (`Anonymous` is 0) or
/// swapped out (`Swap` is 0). Of what a kernel does not say, or says in another form, nothing is assumed.
pub fn unchanged(smaps: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut candidate: Option<Range<usize>> = None;
    let mut anonymous = None;
    for line in smaps.lines() {
        if !is_field(line) {
            candidate = file(line);
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

/// `Name: value`; what is none begins another mapping, whether it can be read or not.
fn is_field(line: &str) -> bool {
    let first = line.split_ascii_whitespace().next();
    first.is_some_and(|first| first.ends_with(':'))
}

/// The range of a private mapping of a file that cannot be written, by the first line of it (proc_pid_maps(5)):
/// `start-end perms offset device inode path`.
fn file(line: &str) -> Option<Range<usize>> {
    let mut words = line.split_ascii_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let address = |hex| usize::from_str_radix(hex, 16).ok();
    let range = address(start)?..address(end)?;
    let read_only = matches!(words.next(), Some("r-xp" | "r--p"));
    let file = words.nth(3).is_some_and(|path| path.starts_with('/'));
    (read_only && file && !range.is_empty()).then_some(range)
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
    fn only_what_is_the_files_byte_for_byte_is_found() {
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
        for silent in ["Anonymous:", "Swap:"] {
            assert!(unchanged(&text.replace(silent, "Other:")).is_empty());
        }
    }

    #[test]
    fn what_is_said_of_a_mapping_that_cannot_be_read_is_said_of_no_other() {
        let text = "1000-2000 r--p 0 fe:00 5 /bin/x\nAnonymous: 0 kB\nfffffffffffff1000-fffffffffffff2000 r--p 0 fe:00 5 /y\nSwap: 0 kB\n";
        assert_eq!(unchanged(text), []);
    }
}
