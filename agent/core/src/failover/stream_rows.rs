//! What the servers at both ends of a stream say of it: a row of cells, each of which may be null.

use super::lsn::Lsn;
use std::time::Duration;

/// The cells of a row.
pub type Cells = [Option<String>];

/// The standby's newest connection, as the coordinator's server sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sends {
    /// Which one it is.
    pub stream: String,
    /// Whether it has come so far that log goes through it as it is written.
    pub streams: bool,
    /// Whether commits wait for it.
    pub sync: bool,
    /// Up to where the standby has flushed.
    pub flushed: Lsn,
    /// When it replied, by its own clock; where that is known.
    pub reply: Option<String>,
    /// Up to where the coordinator has written.
    pub written: Lsn,
    /// For whom commits wait.
    pub names: String,
    /// After what silence the coordinator ends the connection; `None`: never.
    pub gives_up: Option<Duration>,
}

impl Sends {
    /// `None` where there is no such connection, or it has gone while it was looked at.
    pub fn of(row: &Cells) -> Option<Sends> {
        let cell = |i: usize| row.get(i).cloned().flatten();
        Some(Sends {
            stream: cell(0)?,
            streams: cell(1)? == "streaming",
            sync: matches!(cell(2)?.as_str(), "sync" | "quorum"),
            flushed: cell(3).and_then(|lsn| lsn.parse().ok()).unwrap_or(Lsn(0)),
            reply: cell(4),
            written: cell(5)?.parse().ok()?,
            names: cell(6)?,
            gives_up: cell(7)
                .and_then(|ms| ms.parse().ok())
                .filter(|ms| *ms > 0)
                .map(Duration::from_millis),
        })
    }
}

/// What a standby's server receives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receives {
    /// The process, while it streams.
    pub streams: Option<i32>,
    /// On which timeline, where it says so.
    pub timeline: Option<u32>,
    /// Up to where it has received and flushed, or replayed, whichever is more.
    pub received: Option<Lsn>,
}

impl Receives {
    /// Of the standby's own row.
    pub fn of(row: &Cells) -> Receives {
        let cell = |i: usize| row.get(i)?.as_deref();
        let lsn = |i: usize| cell(i).and_then(|text| text.parse::<Lsn>().ok());
        let streams = cell(1) == Some("streaming");
        Receives {
            streams: cell(0).and_then(|pid| pid.parse().ok()).filter(|_| streams),
            timeline: cell(2).and_then(|timeline| timeline.parse().ok()),
            received: lsn(3).max(lsn(4)),
        }
    }
}

/// What a server that is thought to be the coordinator's says of this standby's newest connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Newest {
    /// It sends what is written over it.
    Streams {
        /// Which one it is.
        stream: String,
        /// The server's timeline, where it says so.
        timeline: Option<u32>,
    },
    /// It sends what was written before.
    Begins,
    /// There is none: this is another server, or the connection has ended there.
    NotHere,
}

impl Newest {
    /// Of the connection's row: which one, its state, the first digits of the log's present file, and the database's system
    /// identifier where it can be asked for; `database` is the one here, where it is known.
    pub fn of(row: Option<&Cells>, database: Option<&str>) -> Newest {
        let cell = |i: usize| row?.get(i)?.as_deref();
        let other = matches!((cell(3), database), (Some(there), Some(here)) if there != here);
        match (cell(0), cell(1)) {
            _ if other => Newest::NotHere,
            (Some(stream), Some("streaming")) => Newest::Streams {
                stream: stream.to_string(),
                timeline: cell(2).and_then(|hex| u32::from_str_radix(hex, 16).ok()),
            },
            (Some(_), Some("startup" | "catchup")) => Newest::Begins,
            _ => Newest::NotHere,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row<const N: usize>(cells: [&str; N]) -> Vec<Option<String>> {
        cells.map(|cell| (cell != "-").then(|| cell.to_string())).to_vec()
    }

    #[test]
    fn a_connection_is_seen_as_a_whole_or_not_at_all() {
        let whole = ["40000/7", "streaming", "quorum", "0/10", "now", "0/20", "*", "60000"];
        let seen = Sends::of(&row(whole)).unwrap();
        assert!(seen.streams && seen.sync && (seen.flushed, seen.written) == (Lsn(0x10), Lsn(0x20)));
        assert_eq!(seen.gives_up, Some(Duration::from_secs(60)));
        let young = ["40000/7", "catchup", "async", "-", "-", "0/20", "", "0"];
        let seen = Sends::of(&row(young)).unwrap();
        assert!(!seen.streams && !seen.sync && seen.flushed == Lsn(0) && seen.gives_up.is_none());
        for lacks in [0, 1, 2, 5, 6] {
            let mut cells = row(whole);
            cells[lacks] = None;
            assert_eq!(Sends::of(&cells), None, "{lacks}");
        }
        assert_eq!(Sends::of(&[]), None);
    }

    #[test]
    fn a_standby_has_received_what_it_has_replayed() {
        let seen = Receives::of(&row(["7", "streaming", "3", "0/10", "0/20"]));
        let all = Receives {
            streams: Some(7),
            timeline: Some(3),
            received: Some(Lsn(0x20)),
        };
        assert_eq!(seen, all);
        let waits = Receives::of(&row(["7", "waiting", "-", "-", "0/20"]));
        assert_eq!(
            (waits.streams, waits.timeline, waits.received),
            (None, None, Some(Lsn(0x20)))
        );
        assert_eq!(Receives::of(&[]), Receives::default());
    }

    #[test]
    fn a_stream_is_named_by_the_server_that_sends_it_alone() {
        let there = |row: &[Option<String>]| Newest::of(Some(row), Some("77"));
        let streams = |timeline| Newest::Streams {
            stream: "40000/7".into(),
            timeline,
        };
        assert_eq!(
            there(&row(["40000/7", "streaming", "0000000A", "77"])),
            streams(Some(10))
        );
        // Before PostgreSQL 10 nobody says which database it is.
        assert_eq!(there(&row(["40000/7", "streaming", "-", "-"])), streams(None));
        for begins in ["startup", "catchup"] {
            assert_eq!(there(&row(["40000/7", begins, "00000001", "77"])), Newest::Begins);
        }
        for other in [
            row(["40000/7", "streaming", "00000001", "78"]),
            row(["40000/7", "stopping", "00000001", "77"]),
            row(["-", "streaming", "00000001", "77"]),
        ] {
            assert_eq!(there(&other), Newest::NotHere, "{other:?}");
        }
        assert_eq!(Newest::of(None, Some("77")), Newest::NotHere);
        let unknown_here = row(["40000/7", "streaming", "00000001", "78"]);
        assert_eq!(Newest::of(Some(&unknown_here), None), streams(Some(1)));
    }
}
