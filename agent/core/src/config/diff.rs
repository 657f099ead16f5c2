//! What changed between two configurations, and what of it can be applied at once.

use super::Config;
use super::schema::{HBA_EXTRA, PARAMETERS};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The dotted keys that differ; parameters one by one, such as `parameters.work_mem`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Applied by rewriting files and reloading the postmaster. Whether a parameter wants more
    /// than a reload is PostgreSQL's to say (`pg_settings.pending_restart`).
    pub reloadable: Vec<String>,
    /// Taken over when the pod starts anew, not before.
    pub needs_restart: Vec<String>,
}

impl Change {
    /// Whether both configurations are the same.
    pub fn is_empty(&self) -> bool {
        self.reloadable.is_empty() && self.needs_restart.is_empty()
    }
}

/// What has to be done to get from `old` to `new`.
pub fn diff(old: &Config, new: &Config) -> Change {
    let (old, new) = (leaves(old), leaves(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let changed = keys.into_iter().filter(|key| old.get(*key) != new.get(*key));
    let (reloadable, needs_restart) = changed.cloned().partition(|key| is_reloadable(key));
    Change {
        reloadable,
        needs_restart,
    }
}

fn is_reloadable(key: &str) -> bool {
    key == HBA_EXTRA.name || key.split('.').next() == Some(PARAMETERS.name)
}

/// Every value by its dotted key, as the configuration would be printed.
fn leaves(config: &Config) -> BTreeMap<String, Value> {
    let mut leaves = BTreeMap::new();
    // Nothing in a Config can fail to become JSON; if it did, everything would count as the same.
    if let Ok(Value::Object(sections)) = serde_json::to_value(config) {
        for (name, value) in sections {
            match value {
                Value::Object(keys) => {
                    leaves.extend(keys.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
                }
                value => drop(leaves.insert(name, value)),
            }
        }
    }
    leaves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{WHOLE, read};

    #[test]
    fn a_change_is_told_key_by_key() {
        let old = read(WHOLE);
        let new = read(
            &WHOLE
                .replace("count: 2", "count: 3")
                .replace("domain:", "greenplum: { attempts: 4, home: /opt/gp }\ndomain:")
                .replace("10.0.0.0/8", "10.0.0.0/9")
                .replace(
                    "log_statement: ddl, fsync: on",
                    "log_statement: all, max_connections: 50",
                ),
        );
        assert!(diff(&old, &old).is_empty());
        let change = diff(&old, &new);
        let reloadable = [
            "hba.extra",
            "parameters.fsync",
            "parameters.log_statement",
            "parameters.max_connections",
        ];
        assert_eq!(change.reloadable, reloadable);
        let needs_restart = ["greenplum.attempts", "greenplum.home", "segments.count"];
        assert_eq!(change.needs_restart, needs_restart);
        let mut without = old.clone();
        without.segments.mirrors = None;
        assert_eq!(diff(&old, &without).needs_restart, ["segments.mirrors"]);
    }
}
