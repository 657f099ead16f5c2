//! Where a coordinator's leave to write comes from.

use super::model::AuthorityChoice;
use super::schema::Config;
use std::path::PathBuf;

/// Whether the server that runs by `old` has its leave to write from the same place by `new`, and for as long: who watches over it
/// changes only while it is stopped. A coordinator that never had a standby has needed none; when one comes the leave begins. One
/// whose volume `remembers` a record had one, which may say that another pod is the coordinator.
pub fn same_leave(old: &Config, new: &Config, remembers: bool) -> bool {
    let first = !old.coordinator.standby && !remembers;
    first || leave(old) == leave(new)
}

/// `None`: failover is off.
fn leave(config: &Config) -> Option<(AuthorityChoice, PathBuf, u32)> {
    let failover = &config.failover;
    let place = (failover.authority, failover.directory.clone(), failover.lease_seconds);
    config.wants_failover().then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::growth::{Growth, growth};
    use crate::config::tests::read;

    const COORDINATORS: [&str; 2] = ["standby: false", "standby: true"];
    const SEGMENTS: [&str; 3] = ["count: 2", "count: 2, mirrors: b", "count: 3"];
    const FAILOVERS: [&str; 5] = [
        "",
        "mode: off",
        "authority: off",
        "directory: /elsewhere",
        "leaseSeconds: 20",
    ];

    fn all() -> Vec<Config> {
        let mut all = Vec::new();
        for coordinator in COORDINATORS {
            for segments in SEGMENTS {
                all.extend(FAILOVERS.map(|failover| {
                    read(&format!(
                        "cluster: w\nengine: greenplum\ncoordinator: {{ {coordinator} }}\nsegments: {{ {segments} }}\nfailover: {{ {failover} }}\n"
                    ))
                }));
            }
        }
        all
    }

    /// An agent that ended for new pods would otherwise go on without them, and end again, for ever.
    #[test]
    fn an_agent_that_begins_anew_for_new_pods_has_them() {
        for old in all() {
            for new in all() {
                if growth(&old, &new) == Growth::Added {
                    assert!(same_leave(&old, &new, false), "{old:?}\n{new:?}");
                    // The leave of one that had a standby before begins with its next start.
                    let begins = !old.coordinator.standby && new.wants_failover();
                    assert_eq!(same_leave(&old, &new, true), !begins, "{old:?}\n{new:?}");
                }
            }
        }
    }

    #[test]
    fn a_server_keeps_who_watches_over_it() {
        let with = |failover: &str| {
            read(&format!(
                "cluster: w\nengine: greenplum\ncoordinator: {{ standby: true }}\nsegments: {{ count: 1 }}\nfailover: {{ {failover} }}\n"
            ))
        };
        for (index, one) in FAILOVERS.iter().enumerate() {
            for other in &FAILOVERS[index + 1..] {
                let off = |text: &str| text.ends_with("off");
                assert_eq!(
                    same_leave(&with(one), &with(other), true),
                    off(one) && off(other),
                    "{one} {other}"
                );
            }
        }
    }
}
