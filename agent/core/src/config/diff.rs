//! What changed between two configurations, and what of it can be applied at once.

use super::key;
use super::schema::{Config, KEYS};

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
    let mut change = Change::default();
    for (key, names) in old.changes(new) {
        let into = match key.change {
            key::Change::Live => &mut change.reloadable,
            _ => &mut change.needs_restart,
        };
        into.extend(names);
    }
    change.reloadable.sort();
    change.needs_restart.sort();
    change
}

/// Whether the value of this key was settled when the cluster was made: a pod that starts with another one does not find its volume, its
/// pods or its place in the catalog.
pub fn is_settled(key: &str, old: &Config, new: &Config) -> bool {
    let mirrors = old.segments.mirrors.is_some();
    if key == "segments.mirrorPort" && !mirrors {
        return false;
    }
    match KEYS.find(key).map(|key| key.change) {
        Some(key::Change::Settled) => true,
        Some(key::Change::InCatalog) => old.engine.has_catalog(),
        // There may be mirrors one day, and with PostgreSQL none any more; under another name they are other pods.
        _ => key == "segments.mirrors" && mirrors && new.segments.mirrors.is_some(),
    }
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

    #[test]
    fn what_was_settled_when_the_cluster_was_made_is_told_apart() {
        let settled = |old: &str, new: &str| {
            let (old, new) = (read(old), read(new));
            let keys = diff(&old, &new).needs_restart;
            let is_settled = |key: &String| is_settled(key, &old, &new);
            keys.into_iter().filter(is_settled).collect::<Vec<_>>()
        };
        let of = |engine: &str, rest: &str| {
            let mirrors = if rest.contains("mirrors") { "" } else { ", mirrors: m" };
            format!("cluster: w\nengine: {engine}\nsegments: {{ count: 2{mirrors}{rest} }}\n")
        };
        let postgres = of("postgres", "");
        let greenplum = of("greenplum", "");
        assert_eq!(settled(&postgres, &greenplum), ["engine"]);
        assert_eq!(
            settled(&postgres, &postgres.replace("cluster: w", "cluster: v")),
            ["cluster"]
        );
        assert_eq!(
            settled(&postgres, &format!("{postgres}storage: {{ wal: /wal }}\n")),
            ["storage.wal"]
        );
        let ports = ", primaryPort: 6000, mirrorPort: 7000";
        assert_eq!(settled(&postgres, &of("postgres", ports)), [""; 0]);
        let both = ["segments.mirrorPort", "segments.primaryPort"];
        assert_eq!(settled(&greenplum, &of("greenplum", ports)), both);
        let renamed = of("greenplum", ", mirrors: n");
        assert_eq!(settled(&greenplum, &renamed), ["segments.mirrors"]);
        let alone = "cluster: w\nengine: greenplum\nsegments: { count: 2 }\n";
        let later = alone.replace("count: 2", "count: 2, mirrors: m, mirrorPort: 7000");
        assert_eq!(settled(alone, &later), [""; 0]);
    }

    #[test]
    fn a_running_pod_follows_what_can_be_reloaded_and_nothing_else() {
        let old = read(WHOLE);
        let text = WHOLE
            .replace("count: 2", "count: 3")
            .replace("10.0.0.0/8", "10.0.0.0/9");
        let new = read(&text.replace("fsync: on", "fsync: off"));
        let mut followed = old.clone();
        followed.follow(&new);
        let left = diff(&followed, &new);
        assert_eq!(
            (left.reloadable.len(), left.needs_restart),
            (0, vec!["segments.count".to_string()])
        );
        assert_eq!(diff(&old, &followed).needs_restart, [""; 0]);
        assert_eq!(diff(&old, &followed).reloadable, ["hba.extra", "parameters.fsync"]);
    }
}
