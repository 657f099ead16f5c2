//! Replication slots that keep write-ahead log: one of a mirror that is gone keeps all of it, until the volume is full.

use crate::cluster::volume::Space;
use crate::config::quote;
use crate::finding::{Area, Finding, Severity};

const MIB: u64 = 1 << 20;

/// Below this nobody needs to care: sixteen segments of 16 MiB.
const LITTLE: u64 = 256 * MIB;

/// A slot as pg_replication_slots has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// Whether a receiver is connected.
    pub active: bool,
    /// Bytes of write-ahead log since its restart_lsn: what it keeps.
    pub kept_bytes: u64,
}

impl Slot {
    /// Reads the columns name, active and bytes.
    pub(crate) fn of(name: &str, active: &str, bytes: &str) -> Option<Slot> {
        Some(Slot {
            name: name.to_string(),
            active: matches!(active, "t" | "true"),
            kept_bytes: bytes.parse::<i64>().ok()?.max(0).cast_unsigned(),
        })
    }
}

/// What an administrator should know of the slots of `pod`, whose write-ahead log is on a volume with this room: a slot that
/// keeps a tenth of the volume, or as much as is still free. Sizes are told in powers of two, since they grow with every record.
pub fn judge(slots: &[Slot], space: Option<Space>, pod: &str) -> Vec<Finding> {
    let much = |slot: &&Slot| match space {
        Some(space) => {
            let (tenth, free) = (space.total_bytes / 10, space.free_bytes);
            slot.kept_bytes > LITTLE.min(tenth) && (slot.kept_bytes >= tenth || slot.kept_bytes >= free)
        }
        None => slot.kept_bytes > 64 * LITTLE,
    };
    slots
        .iter()
        .filter(much)
        .map(|slot| finding(slot, space, pod))
        .collect()
}

fn finding(slot: &Slot, space: Option<Space>, pod: &str) -> Finding {
    let Slot {
        name,
        active,
        kept_bytes,
    } = slot;
    let kept = 1 << kept_bytes.max(&1).ilog2();
    let who = match active {
        true => "its receiver is connected and does not keep up, or its replay is paused",
        false => "no receiver is connected to it",
    };
    let severity = match space {
        Some(space) if space.free_bytes > *kept_bytes => Severity::Warning,
        _ => Severity::Error,
    };
    Finding::new(
        severity,
        Area::Postgres,
        format!("{pod} slot {name}"),
        format!(
            "this replication slot keeps more than {} MiB of write-ahead log ({who}): the volume fills until the server stops",
            kept / MIB
        ),
        format!(
            "bring the replica of this slot back (its pod; with Greenplum gprecoverseg); if it is gone for good: select \
             pg_drop_replication_slot({}), then CHECKPOINT, and the replica has to be copied anew",
            quote::sql_literal(name).trim_start()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slot(mib: u64, active: bool) -> Slot {
        Slot {
            name: "internal_wal_replication_slot".into(),
            active,
            kept_bytes: mib * MIB,
        }
    }

    fn space(total_mib: u64, free_mib: u64) -> Space {
        Space {
            total_bytes: total_mib * MIB,
            free_bytes: free_mib * MIB,
            free_inodes: None,
        }
    }

    #[test]
    fn a_slot_that_fills_the_volume_is_named_with_its_bytes() {
        let found = judge(&[slot(1_500, false)], Some(space(10_000, 5_000)), "segment-a-0");
        assert_eq!(found[0].severity, Severity::Warning);
        assert_eq!(
            found[0].what,
            "this replication slot keeps more than 1024 MiB of write-ahead log (no receiver is connected to it): the volume \
             fills until the server stops"
        );
        let found = judge(&[slot(1_500, true)], Some(space(10_000, 1_000)), "segment-a-0");
        assert_eq!(found[0].severity, Severity::Error);
        assert!(found[0].what.contains("its receiver is connected"));
        assert_eq!(
            judge(&[slot(200, false)], Some(space(100_000, 50_000)), "segment-a-0"),
            []
        );
    }

    proptest! {
        #[test]
        fn what_keeps_more_than_is_free_is_always_said(kept in 0_u64..1 << 30, free in 0_u64..1 << 30, used in 1_u64..1 << 30) {
            let found = judge(&[slot(kept, false)], Some(space(free + used, free)), "a");
            let matters = kept * MIB > LITTLE.min((free + used) * MIB / 10);
            prop_assert!(!matters || kept < free || found[0].severity == Severity::Error);
            prop_assert!(found.is_empty() || kept > 0);
        }
    }
}
