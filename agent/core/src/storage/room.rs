//! How much room a volume has left, watched while the pod lives: said well before the server finds none, and with the words
//! that help once it does.

use crate::cluster::volume::{Space, VolumeRoom};
use crate::finding::{Area, Finding, Severity};

const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// Below these many the number of files that can still be created is told. A new PostgreSQL cluster is about 3,000 files.
const FEW_INODES: u64 = 10_000;
const VERY_FEW_INODES: u64 = 1_000;
const NO_INODES: u64 = 10;

/// Where even an existing database will soon stop: four write-ahead log segments of 16 MiB.
const FOUR_SEGMENTS: u64 = 64 * MIB;

/// So little is none: a server needs 16 MiB for a write-ahead log segment, and its lock file a block.
const NONE: u64 = MIB;

/// How much is left.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum RoomLevel {
    /// Enough.
    #[default]
    Enough,
    /// A tenth, or 10 GiB of a large volume: time to do something.
    Low,
    /// A fiftieth, or 1 GiB, or four write-ahead log segments: the server stops soon.
    VeryLow,
    /// Nothing.
    None,
    /// Whatever is free, nothing can be written.
    ReadOnly,
}

fn low(total: u64) -> u64 {
    (total / 10).min(10 * GIB)
}

fn very_low(total: u64) -> u64 {
    (total / 50).clamp(FOUR_SEGMENTS, GIB).min(low(total))
}

/// The level, which was `before`. Room at a boundary comes and goes with every checkpoint: a level is left only when there
/// is a quarter more than its boundary.
pub fn level(room: &VolumeRoom, before: RoomLevel) -> RoomLevel {
    if room.read_only {
        return RoomLevel::ReadOnly;
    }
    let Space {
        total_bytes: total,
        free_bytes,
        free_inodes,
    } = room.space;
    let bounds = [
        (RoomLevel::None, NONE.min(low(total)), 1),
        (RoomLevel::VeryLow, very_low(total), VERY_FEW_INODES),
        (RoomLevel::Low, low(total), FEW_INODES),
    ];
    let is_at = |(level, bytes, inodes): &(RoomLevel, u64, u64)| {
        let more = |bound: u64| {
            if before >= *level && before != RoomLevel::ReadOnly {
                bound + bound / 4
            } else {
                bound
            }
        };
        free_bytes < more(*bytes) || free_inodes.is_some_and(|free| free < more(*inodes))
    };
    bounds
        .iter()
        .find(|bound| is_at(bound))
        .map_or(RoomLevel::Enough, |bound| bound.0)
}

/// What an administrator should know at that level. The words change with the level alone, not with every file.
pub fn finding(room: &VolumeRoom, level: RoomLevel) -> Option<Finding> {
    let total = room.space.total_bytes;
    let less_than = |bytes: u64, inodes: u64| match room.space.free_inodes {
        Some(0) => "no more files can be created (inodes)".to_string(),
        Some(free) if free < inodes + inodes / 4 => {
            format!("fewer than {inodes} more files can be created (inodes)")
        }
        _ => format!("less than {} of {} MiB are free", bytes / MIB, total / MIB),
    };
    let (severity, what, remedy) = match level {
        RoomLevel::Enough => return None,
        RoomLevel::Low => (Severity::Warning, less_than(low(total), FEW_INODES), FREE_SOME),
        RoomLevel::VeryLow => (
            Severity::Error,
            format!(
                "{}: the server stops when it finds no room",
                less_than(very_low(total), VERY_FEW_INODES)
            ),
            FREE_SOME,
        ),
        RoomLevel::None => (
            Severity::Error,
            format!("no space left on the volume: {}", less_than(NONE, 1)),
            FREE_SOME,
        ),
        RoomLevel::ReadOnly => (Severity::Error, READ_ONLY.to_string(), READ_ONLY_REMEDY),
    };
    Some(Finding::new(severity, Area::Storage, &room.path, what, remedy))
}

const FREE_SOME: &str = "enlarge the volume, or free some space or files on it (never in pg_wal: what keeps write-ahead log there is a \
     replication slot, an archive_command that fails, or wal_keep_size)";

const READ_ONLY: &str = "the volume is mounted read-only: nothing can be written";

const READ_ONLY_REMEDY: &str = "mount it read-write; where the kernel remounted it after an error, its log (dmesg) says why: mend the file \
     system, or restore on another volume";

/// Why a server on these volumes cannot run, as the beginning of a line that says that it does not; with the figures of now.
/// A server that ends while more is free ends for another reason.
pub fn trouble(volumes: &[VolumeRoom]) -> Option<String> {
    if let Some(VolumeRoom { path, .. }) = volumes.iter().find(|volume| volume.read_only) {
        return Some(format!("the volume at {path} is mounted read-only: {READ_ONLY_REMEDY}"));
    }
    let VolumeRoom { path, space, .. } = volumes.iter().find(|volume| has_none(volume.space))?;
    let (free, total) = (space.free_bytes / MIB, space.total_bytes / MIB);
    let files = match space.free_inodes {
        Some(files) if files < NO_INODES => format!(", {files} more files can be created"),
        _ => String::new(),
    };
    Some(format!(
        "no space left on the volume at {path} ({free} of {total} MiB are free{files}): {FREE_SOME}"
    ))
}

/// Whether a server that needs a segment of write-ahead log (16 MiB, Greenplum 7's 64 MiB) or a few files finds none.
fn has_none(space: Space) -> bool {
    space.free_bytes < FOUR_SEGMENTS.min(low(space.total_bytes))
        || space.free_inodes.is_some_and(|files| files < NO_INODES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn room(total_bytes: u64, free_bytes: u64, free_inodes: Option<u64>) -> VolumeRoom {
        VolumeRoom {
            path: "/greenplum".into(),
            space: Space {
                total_bytes,
                free_bytes,
                free_inodes,
            },
            read_only: false,
        }
    }

    fn told(room: &VolumeRoom) -> String {
        let finding = finding(room, level(room, RoomLevel::Enough));
        finding.map_or(String::new(), |f| format!("{}: {}", f.severity, f.what))
    }

    #[test]
    fn it_is_said_long_before_and_at_the_end() {
        let of_100_gib = |free| told(&room(100 * GIB, free, None));
        insta::assert_snapshot!([
            of_100_gib(11 * GIB),
            of_100_gib(9 * GIB),
            of_100_gib(GIB / 2),
            of_100_gib(0),
            told(&room(300 * MIB, 20 * MIB, None)),
            told(&room(100 * GIB, 90 * GIB, Some(9_999))),
            told(&room(100 * GIB, 90 * GIB, Some(999))),
            told(&room(100 * GIB, 90 * GIB, Some(0))),
            told(&VolumeRoom { read_only: true, ..room(GIB, GIB, None) }),
        ].join("\n"), @r"

            warning: less than 10240 of 102400 MiB are free
            error: less than 1024 of 102400 MiB are free: the server stops when it finds no room
            error: no space left on the volume: less than 1 of 102400 MiB are free
            error: less than 30 of 300 MiB are free: the server stops when it finds no room
            warning: fewer than 10000 more files can be created (inodes)
            error: fewer than 1000 more files can be created (inodes): the server stops when it finds no room
            error: no space left on the volume: no more files can be created (inodes)
            error: the volume is mounted read-only: nothing can be written
            ");
    }

    #[test]
    fn why_no_server_runs_is_told_with_the_figures() {
        let full = room(200 * MIB, 15 * MIB, Some(50_000));
        let enough = room(200 * MIB, 100 * MIB, None);
        let why = trouble(&[enough.clone(), full]).unwrap();
        assert!(
            why.starts_with("no space left on the volume at /greenplum (15 of 200 MiB are free): enlarge"),
            "{why}"
        );
        assert_eq!(trouble(&[enough]), None);
        // Little, and yet not why a server ends.
        assert_eq!(trouble(&[room(100 * GIB, GIB / 2, Some(500))]), None);
        let no_files = trouble(&[room(100 * GIB, 50 * GIB, Some(0))]).unwrap();
        assert!(
            no_files.contains("(51200 of 102400 MiB are free, 0 more files can be created)"),
            "{no_files}"
        );
    }

    proptest! {
        #[test]
        fn levels_are_in_order_and_last(total in MIB..1 << 50, free: u64, more in 0_u64..1 << 40, inodes in prop::option::of(0_u64..1 << 40)) {
            let (one, other) = (room(total, free % total, inodes), room(total, free.saturating_add(more) % total, inodes));
            let (less, much) = if one.space.free_bytes < other.space.free_bytes { (one, other) } else { (other, one) };
            prop_assert!(level(&less, RoomLevel::Enough) >= level(&much, RoomLevel::Enough));
            // What was low stays so at least as long as it would become so.
            for before in [RoomLevel::Low, RoomLevel::VeryLow, RoomLevel::None] {
                prop_assert!(level(&less, before) >= level(&less, RoomLevel::Enough));
            }
            // No level comes and goes without a change of the room.
            let at = level(&less, RoomLevel::Enough);
            prop_assert_eq!(level(&less, at), at);
            prop_assert!(at == RoomLevel::Enough || finding(&less, at).is_some());
        }
    }
}
