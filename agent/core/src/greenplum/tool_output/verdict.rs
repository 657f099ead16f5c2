//! What a run of gprecoverseg that failed says beside its reasons: whether it began at all, and on which servers the method itself
//! failed. Only those need a rougher one.

use super::line::{Line, ToolLevel};
use crate::cluster::catalog::Segment;
use std::fmt;

/// What the lines of a run say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolVerdict {
    /// It did nothing, since another run holds its lock; it ends with 0 all the same (gppylib/mainUtils.py,
    /// `simple_main_internal`).
    pub locked_out: bool,
    /// It left out what it was told to do, or part of it, since it does not reach a host or its source is being copied elsewhere;
    /// it ends with 0 all the same.
    pub skipped: bool,
    /// It does not take `--differential` beside the file of its targets (clsRecoverSegment.py, `run`).
    pub refuses_differential: bool,
    /// A program that rewinds or copies said that it failed, without the server's name.
    pub program_failed: bool,
    /// Servers that could not be rewound, copied or started.
    pub failed_on: Vec<FailedOn>,
}

/// A server, as the tool names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FailedOn {
    /// By the number of its row.
    Dbid(i32),
    /// By host and port.
    Place {
        /// The host.
        host: String,
        /// The port.
        port: u16,
    },
}

impl FailedOn {
    fn is(&self, row: &Segment) -> bool {
        match self {
            FailedOn::Dbid(dbid) => *dbid == row.dbid,
            FailedOn::Place { host, port } => *port == row.port && [&row.hostname, &row.address].contains(&host),
        }
    }
}

/// gprecoverseg of 6.24 and of later releases of 7 (programs/clsRecoverSegment.py, `run`, and clsRecoverSegment_triples.py).
const SKIPS: [&str; 3] = [
    "No segments to recover",
    "Not recovering segment ",
    "skipping recovery of these segments",
];
/// The programs that do the work.
const PROGRAMS: [&str; 3] = ["pg_rewind", "pg_basebackup", "rsync"];
/// What they say when they fail; in lower case.
const SIGNS: [&str; 4] = ["error", "fatal", "could not", "unable to"];

impl ToolVerdict {
    /// Takes note of a line.
    pub fn feed(&mut self, line: &Line) {
        let text = &line.text;
        let says = |words: &str| text.contains(words);
        if line.level >= ToolLevel::Error && text.starts_with("Lockfile ") && says(" is already running with PID ") {
            self.locked_out = true;
        } else if SKIPS.iter().any(|words| says(words)) {
            self.skipped = true;
        } else if says("Only one of ") && says("--differential may be specified") {
            self.refuses_differential = true;
        } else if let Some(server) = failed_on(line) {
            if !self.failed_on.contains(&server) {
                self.failed_on.push(server);
            }
        } else if PROGRAMS.iter().any(|name| says(name)) {
            let lower = text.to_lowercase();
            self.program_failed |= SIGNS.iter().any(|sign| lower.contains(sign));
        }
    }
}

/// Greenplum 6 before 6.22 and early 7: "Incremental recovery failed for dbid 4. ...", "Failed to start segment. ... :dbid=4:...".
/// Later ones (gppylib/recoveryinfo.py, `RecoveryResult`): " hostname: a; port: 7000; logfile: ...; recoverytype: incremental" of
/// one that was not rewound or copied, " hostname: a; port: 7000; datadir: ..." of one that was not started.
fn failed_on(line: &Line) -> Option<FailedOn> {
    let text = &*line.text;
    if text.contains("recovery failed for dbid ") || text.starts_with("Failed to start segment") {
        return ["recovery failed for dbid ", ":dbid="]
            .iter()
            .find_map(|before| number(text, before));
    }
    let rest = text.trim_start().strip_prefix("hostname: ")?;
    let (host, rest) = rest.split_once("; port: ")?;
    let (port, rest) = rest.split_once("; ")?;
    let of_it = rest.contains("recoverytype: ") || rest.starts_with("datadir: ");
    of_it.then_some(())?;
    let (host, port) = (host.to_string(), port.parse().ok()?);
    Some(FailedOn::Place { host, port })
}

fn number(text: &str, before: &str) -> Option<FailedOn> {
    let (_, rest) = text.split_once(before)?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok().map(FailedOn::Dbid)
}

/// A run that failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolFailure {
    /// Why, in the tool's words.
    pub why: String,
    /// What else it said.
    pub verdict: ToolVerdict,
}

impl ToolFailure {
    /// Whether its work on that server failed, and not something else of the run. `alone`: it had no other server to work on.
    pub(crate) fn is_of(&self, row: &Segment, alone: bool) -> bool {
        let verdict = &self.verdict;
        verdict.failed_on.iter().any(|server| server.is(row)) || (alone && verdict.program_failed)
    }
}

impl From<String> for ToolFailure {
    fn from(why: String) -> ToolFailure {
        ToolFailure {
            why,
            verdict: ToolVerdict::default(),
        }
    }
}

impl From<&str> for ToolFailure {
    fn from(why: &str) -> ToolFailure {
        ToolFailure::from(why.to_string())
    }
}

impl fmt::Display for ToolFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.why)
    }
}

impl std::error::Error for ToolFailure {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::row;

    fn failure(lines: &[&str]) -> ToolFailure {
        let mut failure = ToolFailure::default();
        for line in lines.iter().filter_map(|line| Line::parse(line)) {
            failure.verdict.feed(&line);
        }
        failure
    }

    /// As gprecoverseg says it.
    fn said(level: &str, text: &str) -> String {
        format!("20261130:13:00:05:000123 gprecoverseg:coordinator-0:gpadmin-[{level}]:-{text}")
    }

    #[test]
    fn the_server_that_the_method_failed_on_is_named() {
        let rows = [
            row("4|0|m|m|n|d|7000|a|a.gp|/g/gpseg0"),
            row("5|1|m|m|n|d|7000|b|b.gp|/g/gpseg1"),
        ];
        let of = |text: &str, alone| {
            let failure = failure(&[&said("INFO", text)]);
            [failure.is_of(&rows[0], alone), failure.is_of(&rows[1], alone)]
        };
        for text in [
            "Incremental recovery failed for dbid 4. You must use gprecoverseg -F to recover the segment.",
            "Failed to start segment.  The fault prober will shortly mark it as down. Segment: a:/g/gpseg0:content=0:dbid=4:role=m: REASON: x",
            " hostname: a; port: 7000; logfile: /l/pg_rewind.1.dbid4.out; recoverytype: incremental",
            " hostname: a.gp; port: 7000; datadir: /g/gpseg0",
        ] {
            assert_eq!(of(text, false), [true, false], "{text}");
        }
        for text in [
            " hostname: a; port: 7000; error: cannot connect",
            "Incremental recovery failed for dbid 45.",
            "gprecoverseg failed. Please check the output for more details.",
            "Running pg_rewind on required mirrors",
        ] {
            assert_eq!(of(text, true), [false, false], "{text}");
        }
        let program =
            failure(&["pg_rewind: fatal: could not find common ancestor of the source and target cluster's timelines"]);
        assert!(program.is_of(&rows[0], true) && !program.is_of(&rows[0], false));
    }

    #[test]
    fn what_the_tool_leaves_out_is_told() {
        for (level, text) in [
            ("INFO", "No segments to recover"),
            ("WARNING", "Not recovering segment 4 because a is unreachable"),
            (
                "WARNING",
                "Found pg_basebackup running for segments with contentIds [0], skipping recovery of these segments",
            ),
        ] {
            let skipped = failure(&[&said(level, text)]);
            assert!(skipped.verdict.skipped, "{text}");
            assert!(
                !skipped.is_of(&row("4|0|m|m|n|d|7000|a|a.gp|/g/gpseg0"), true),
                "{text}"
            );
        }
        assert!(
            !failure(&[&said("INFO", "Segments successfully recovered.")])
                .verdict
                .skipped
        );
    }

    #[test]
    fn what_did_not_begin_is_told_from_what_failed() {
        let locked = failure(&[&said(
            "ERROR",
            "Lockfile /greenplum/gpseg-1/gprecoverseg.lock indicates that an instance of gprecoverseg is already running with PID 77",
        )]);
        assert!(locked.verdict.locked_out);
        let refused = said(
            "ERROR",
            "gprecoverseg: error: Only one of -i, -p, -r and --differential may be specified",
        );
        assert!(failure(&[&refused]).verdict.refuses_differential);
        let other = failure(&[&said(
            "ERROR",
            "gprecoverseg: error: Only one of -i, -p, and -r may be specified",
        )]);
        assert_eq!(other.verdict, ToolVerdict::default());
    }
}
