//! What lies at the place of a data directory: a whole one, what is left of one, or nothing, and then whether one ever was.

use super::control_data::ControlData;
use super::start_decision::{Directory, DirectoryKind};
use serde::{Deserialize, Serialize};

/// Parts that every directory of PostgreSQL 9.4 (Greenplum 6) to 17 has. Not all of them are missed by the server: without
/// `base` or `pg_tblspc` it starts and serves what is left (tried with 15). No database's own folder is among them: even
/// template1 may have been made anew under another number.
const PARTS: [&[&str]; 15] = [
    &["PG_VERSION"],
    &["global/pg_control"],
    &["global/pg_filenode.map"],
    &["base"],
    &["pg_wal", "pg_xlog"],
    &["pg_xact", "pg_clog"],
    &["pg_multixact/members"],
    &["pg_multixact/offsets"],
    &["pg_subtrans"],
    &["pg_twophase"],
    &["pg_tblspc"],
    &["pg_logical"],
    &["pg_replslot"],
    &["pg_notify"],
    &["postgresql.conf"],
];

/// So many names are listed before the rest is counted.
const LISTED: usize = 6;

/// The parts that a directory lacks; where they had another name before PostgreSQL 10, the newer one.
pub fn missing_parts(is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let lacks = |names: &&&[&str]| !names.iter().any(|name| is_there(name));
    let missing = PARTS.iter().filter(lacks);
    missing.filter_map(|names| names.first().copied()).collect()
}

/// What is found where the directory should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Nothing.
    Nothing,
    /// A directory with nothing in it, as an image or a tool makes it.
    Empty,
    /// A symbolic link, and nothing at its end; the end.
    Dangling(String),
    /// No directory.
    Strange,
    /// A directory with something in it.
    Filled {
        /// The parts that it lacks, with the ends of links that lead nowhere; none when it is whole.
        missing: Vec<String>,
        /// The names in it.
        entries: Vec<String>,
    },
}

/// What a volume remembers of the database that its pod has had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Remembered {
    /// "Database system identifier" of pg_controldata.
    pub system_id: String,
    /// The newest timeline that its server was on here; 0 when it was written by an agent that did not keep it.
    #[serde(default)]
    pub timeline: u32,
}

/// Everything that a look at a volume brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// What is found where the directory should be.
    pub place: Contents,
    /// Whether there is a standby marker.
    pub standby: bool,
    /// What pg_controldata says, where it can.
    pub control: ControlData,
    /// The newest timeline of a history file among the write-ahead log; 0 when there is none.
    pub newest_history: u32,
    /// The database that this pod has had, as its volume remembers.
    pub remembered: Option<Remembered>,
    /// Other data directories on the volume.
    pub beside: Vec<String>,
}

/// What the directory is, and what remains of a database where it is not whole: `None` when nothing does. What remains keeps an
/// empty database from being made.
pub fn judge(look: &Look) -> (Directory, Option<String>) {
    let (kind, remains) = match &look.place {
        Contents::Nothing | Contents::Empty => (DirectoryKind::Absent, traces(look)),
        Contents::Dangling(end) => (
            DirectoryKind::HalfMade,
            Some(format!(
                "it is a symbolic link to {end}, and nothing is there (is that volume mounted?)"
            )),
        ),
        Contents::Strange => (DirectoryKind::HalfMade, Some("it is no directory".to_string())),
        Contents::Filled { missing, entries } => match (missing.is_empty(), look.standby) {
            (false, _) => (DirectoryKind::HalfMade, Some(rest(missing, entries))),
            (true, true) => (DirectoryKind::Standby, None),
            (true, false) => (DirectoryKind::Primary, None),
        },
    };
    let remembered = look.remembered.as_ref().filter(|_| !kind.is_whole());
    let control = &look.control;
    let seen = control.timeline.unwrap_or(0).max(look.newest_history);
    let directory = match remembered {
        Some(had) if control.system_id.as_ref().is_none_or(|id| *id == had.system_id) => Directory {
            kind,
            system_id: Some(had.system_id.clone()),
            timeline: seen.max(had.timeline),
        },
        _ => Directory {
            kind,
            system_id: control.system_id.clone(),
            timeline: seen,
        },
    };
    (directory, remains)
}

fn rest(missing: &[String], entries: &[String]) -> String {
    if entries == ["lost+found"] {
        return "it holds lost+found alone: a file system is mounted there on which no database is".to_string();
    }
    let lacks = if missing.len() == 1 { "is" } else { "are" };
    format!("{} {lacks} missing; there are {}", list(missing), list(entries))
}

fn traces(look: &Look) -> Option<String> {
    let had = look.remembered.as_ref();
    let had = had.map(|had| format!("this pod has had a database here (system identifier {})", had.system_id));
    let beside = (!look.beside.is_empty()).then(|| format!("the volume holds {}", list(&look.beside)));
    match (had, beside) {
        (Some(had), Some(beside)) => Some(format!("{had}, and {beside}")),
        (had, beside) => had.or(beside),
    }
}

fn list(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(LISTED).map(String::as_str).collect();
    match names.len() - shown.len() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(place: Contents) -> Look {
        Look {
            place,
            standby: false,
            control: ControlData::default(),
            newest_history: 0,
            remembered: None,
            beside: Vec::new(),
        }
    }

    fn filled(missing: &[&str], entries: &[&str]) -> Contents {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        Contents::Filled {
            missing: owned(missing),
            entries: owned(entries),
        }
    }

    #[test]
    fn each_part_is_missed_by_itself_and_by_either_name() {
        assert_eq!(missing_parts(|_| true), Vec::<&str>::new());
        for part in PARTS.iter().flat_map(|names| names.iter()) {
            let others = PARTS.iter().filter(|names| !names.contains(part));
            let there: Vec<&str> = others.flat_map(|names| names.iter().copied()).collect();
            let missing = missing_parts(|name| there.contains(&name));
            assert_eq!(missing.len(), 1, "{part}");
            assert_eq!(
                missing_parts(|name| there.contains(&name) || name == *part),
                Vec::<&str>::new()
            );
        }
    }

    fn had(system_id: &str, timeline: u32) -> Remembered {
        let system_id = system_id.to_string();
        Remembered { system_id, timeline }
    }

    #[test]
    fn what_remains_is_named() {
        let words = |look: &Look| judge(look).1.unwrap();
        let place = filled(&["global/pg_control"], &["PG_VERSION", "base", "global"]);
        assert_eq!(
            words(&look(place)),
            "global/pg_control is missing; there are PG_VERSION, base, global"
        );
        assert!(words(&look(filled(&["base"], &["lost+found"]))).contains("no database is"));
        assert!(words(&look(Contents::Dangling("/wal/x".into()))).contains("/wal/x"));
        assert!(words(&look(Contents::Strange)).contains("no directory"));
        let mut gone = look(Contents::Nothing);
        assert_eq!(judge(&gone).1, None);
        gone.remembered = Some(had("7", 2));
        gone.beside = vec!["/g/gpseg0.aside-1".into()];
        assert!(words(&gone).contains("identifier 7") && words(&gone).contains("/g/gpseg0.aside-1"));
        let (directory, _) = judge(&gone);
        assert_eq!((directory.system_id, directory.timeline), (Some("7".into()), 2));
        let mut half = look(filled(&["pg_xact"], &["base"]));
        (half.remembered, half.control.system_id) = (Some(had("7", 2)), Some("8".into()));
        let (directory, _) = judge(&half);
        assert_eq!(
            (directory.system_id, directory.timeline),
            (Some("8".into()), 0),
            "another database"
        );
    }

    #[test]
    fn a_whole_directory_speaks_for_itself() {
        let mut whole = look(filled(&[], &["base"]));
        whole.remembered = Some(had("7", 9));
        whole.newest_history = 3;
        whole.control.system_id = Some("8".into());
        whole.control.timeline = Some(2);
        let (directory, remains) = judge(&whole);
        assert_eq!((directory.kind, directory.timeline), (DirectoryKind::Primary, 3));
        assert_eq!((directory.system_id, remains), (Some("8".into()), None));
        whole.standby = true;
        assert_eq!(judge(&whole).0.kind, DirectoryKind::Standby);
    }
}
