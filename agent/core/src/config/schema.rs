//! The one table of keys: names, environment variables, defaults and their descriptions.

/// What every environment variable of the agent begins with.
pub(super) const PREFIX: &str = "GP_AGENT_";

/// What stands for a key that nobody gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// Nothing does; the key has to be given.
    Refused,
    /// This value.
    Default(&'static str),
    /// The behaviour described by these words.
    Means(&'static str),
}

/// What a key holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// One value, which an environment variable may override.
    Scalar,
    /// A list of texts.
    List,
    /// A mapping of names to values.
    Map,
}

/// One key of the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// Its dotted name.
    pub name: &'static str,
    /// One value, a list or a mapping.
    pub shape: Shape,
    /// What happens without it.
    pub missing: Missing,
    /// One line for the reference.
    pub doc: &'static str,
}

impl Key {
    const fn scalar(name: &'static str, missing: Missing, doc: &'static str) -> Key {
        Key {
            name,
            shape: Shape::Scalar,
            missing,
            doc,
        }
    }

    /// The variable that overrides this key, such as `GP_AGENT_SEGMENTS_PRIMARY_PORT`.
    pub(super) fn variable(&self) -> Option<String> {
        (self.shape == Shape::Scalar).then(|| variable_name(self.name))
    }

    /// The section that the key stands in; empty at the top level.
    pub(super) fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(section, _)| section)
    }

    /// The name without its section.
    pub(super) fn leaf(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, leaf)| leaf)
    }
}

/// `segments.primaryPort` as `GP_AGENT_SEGMENTS_PRIMARY_PORT`.
pub(super) fn variable_name(key: &str) -> String {
    let mut name = String::from(PREFIX);
    for c in key.chars() {
        match c {
            '.' => name.push('_'),
            c if c.is_ascii_uppercase() => {
                name.push('_');
                name.push(c);
            }
            c => name.push(c.to_ascii_uppercase()),
        }
    }
    name
}

use Missing::{Default as Or, Means, Refused};

pub(super) const CLUSTER: Key = Key::scalar(
    "cluster",
    Refused,
    "Name of the cluster, a DNS label; recorded on every volume",
);
pub(super) const ENGINE: Key = Key::scalar("engine", Refused, "`greenplum` or `postgres`");
pub(super) const DOMAIN: Key = Key::scalar(
    "domain",
    Means("taken from the pod's own FQDN"),
    "Domain of all pods, such as `agent.prod.svc.cluster.local`",
);
pub(super) const COORDINATOR_PODS: Key = Key::scalar(
    "coordinator.pods",
    Or("coordinator"),
    "StatefulSet of coordinator (ordinal 0) and standby (ordinal 1)",
);
pub(super) const COORDINATOR_STANDBY: Key = Key::scalar(
    "coordinator.standby",
    Or("false"),
    "Whether there is a standby: `true` or `false`",
);
pub(super) const COORDINATOR_PORT: Key =
    Key::scalar("coordinator.port", Or("5432"), "TCP port of coordinator and standby");
pub(super) const SEGMENTS_COUNT: Key = Key::scalar(
    "segments.count",
    Refused,
    "Number of primaries, 1 to 10000; as many mirrors",
);
pub(super) const SEGMENTS_PRIMARIES: Key =
    Key::scalar("segments.primaries", Or("segment-a"), "StatefulSet of the primaries");
pub(super) const SEGMENTS_MIRRORS: Key =
    Key::scalar("segments.mirrors", Means("no mirrors"), "StatefulSet of the mirrors");
pub(super) const SEGMENTS_PRIMARY_PORT: Key =
    Key::scalar("segments.primaryPort", Or("40000"), "TCP port of every primary");
pub(super) const SEGMENTS_MIRROR_PORT: Key =
    Key::scalar("segments.mirrorPort", Or("50000"), "TCP port of every mirror");
pub(super) const STORAGE_PATH: Key = Key::scalar("storage.path", Or("/greenplum"), "Where the volume is mounted");
pub(super) const STORAGE_WAL: Key = Key::scalar(
    "storage.wal",
    Means("on the first volume"),
    "Where a second volume for the write-ahead log is mounted",
);
pub(super) const STORAGE_REQUIRE: Key = Key::scalar(
    "storage.require",
    Or("durable"),
    "What a volume has to prove: `durable` (a disk), `direct-io` (O_DIRECT works) or `any`",
);
pub(super) const STORAGE_MIN_FREE_MIB: Key = Key::scalar(
    "storage.minFreeMib",
    Or("512"),
    "MiB that have to be free before a database is created",
);
pub(super) const HBA_AUTH: Key = Key::scalar(
    "hba.auth",
    Or("trust"),
    "How pods prove themselves to each other: `trust` or `scram-sha-256`",
);
pub(super) const HBA_EXTRA: Key = Key {
    name: "hba.extra",
    shape: Shape::List,
    missing: Means("no further lines"),
    doc: "Lines of pg_hba.conf for everybody else",
};
pub(super) const HBA_PASSWORD_FILE: Key = Key::scalar(
    "hba.passwordFile",
    Or("/etc/greenplum-password/password"),
    "File with gpadmin's password, for `scram-sha-256`",
);
pub(super) const PARAMETERS: Key = Key {
    name: "parameters",
    shape: Shape::Map,
    missing: Means("the database's own defaults"),
    doc: "Parameters of postgresql.conf for every postmaster",
};
pub(super) const SSH_SECRET: Key = Key::scalar(
    "ssh.secret",
    Or("/etc/ssh-key"),
    "Where the Secret with the SSH keys is mounted",
);
pub(super) const SSH_PORT: Key = Key::scalar(
    "ssh.port",
    Means("22 where the container may bind it, else 2222"),
    "TCP port of sshd",
);
pub(super) const HTTP_PORT: Key = Key::scalar("http.port", Or("8008"), "TCP port of probes, status and metrics");
pub(super) const GREENPLUM_HOME: Key = Key::scalar(
    "greenplum.home",
    Means("`$GPHOME`, else `/usr/local/greenplum-db`, else `/usr/local/cloudberry-db`"),
    "Where Greenplum is installed",
);
pub(super) const GREENPLUM_LOCALE: Key = Key::scalar(
    "greenplum.locale",
    Or("en_US.utf8"),
    "Locale that the cluster is created with; has to exist in every pod",
);
pub(super) const GREENPLUM_ATTEMPTS: Key = Key::scalar(
    "greenplum.attempts",
    Or("3"),
    "How often the creation of the cluster is tried, 1 to 10",
);
pub(super) const GREENPLUM_DATABASE: Key = Key::scalar(
    "greenplum.database",
    Or("gpadmin"),
    "Database that is created for gpadmin",
);
pub(super) const GREENPLUM_SQL: Key = Key::scalar(
    "greenplum.sql",
    Or("/etc/greenplum-sql"),
    "Directory whose `*.sql` files are run once after the creation, in the order of their names",
);
pub(super) const KUBERNETES_LABELS: Key = Key::scalar(
    "kubernetes.labels",
    Or("auto"),
    "Whether the pod gets the label `greenplum.io/role` while its role is active: `auto` (where there is an API) or `off`",
);
pub(super) const KUBERNETES_EVENTS: Key = Key::scalar(
    "kubernetes.events",
    Or("auto"),
    "Whether the agent writes Events about its pod: `auto` (where there is an API) or `off`",
);
pub(super) const SHUTDOWN_GRACE_SECONDS: Key = Key::scalar(
    "shutdown.graceSeconds",
    Or("30"),
    "Seconds from SIGTERM to SIGKILL, 5 to 86400; the same as terminationGracePeriodSeconds",
);

/// Every key, in the order of the reference.
pub(super) const KEYS: &[Key] = &[
    CLUSTER,
    ENGINE,
    DOMAIN,
    COORDINATOR_PODS,
    COORDINATOR_STANDBY,
    COORDINATOR_PORT,
    SEGMENTS_COUNT,
    SEGMENTS_PRIMARIES,
    SEGMENTS_MIRRORS,
    SEGMENTS_PRIMARY_PORT,
    SEGMENTS_MIRROR_PORT,
    STORAGE_PATH,
    STORAGE_WAL,
    STORAGE_REQUIRE,
    STORAGE_MIN_FREE_MIB,
    HBA_AUTH,
    HBA_EXTRA,
    HBA_PASSWORD_FILE,
    PARAMETERS,
    SSH_SECRET,
    SSH_PORT,
    HTTP_PORT,
    GREENPLUM_HOME,
    GREENPLUM_LOCALE,
    GREENPLUM_ATTEMPTS,
    GREENPLUM_DATABASE,
    GREENPLUM_SQL,
    KUBERNETES_LABELS,
    KUBERNETES_EVENTS,
    SHUTDOWN_GRACE_SECONDS,
];

/// The key of that dotted name.
pub(super) fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.name == name)
}

/// Whether keys stand below this name.
pub(super) fn is_section(name: &str) -> bool {
    !name.is_empty() && KEYS.iter().any(|k| k.section() == name)
}

/// What may stand directly below `section` (empty: at the top level), sections included.
pub(super) fn names_in(section: &str) -> Vec<&'static str> {
    let mut names = Vec::new();
    for key in KEYS {
        let name = if key.section() == section {
            key.leaf()
        } else if section.is_empty() {
            key.section()
        } else {
            continue;
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::reference::OTHER_VARIABLES;

    #[test]
    fn variables_follow_from_the_names_and_are_unambiguous() {
        let variables: Vec<_> = KEYS.iter().filter_map(Key::variable).collect();
        assert!(variables.contains(&"GP_AGENT_SEGMENTS_PRIMARY_PORT".to_string()));
        assert!(variables.contains(&"GP_AGENT_STORAGE_MIN_FREE_MIB".to_string()));
        assert!(variables.contains(&"GP_AGENT_SHUTDOWN_GRACE_SECONDS".to_string()));
        let mut all = variables.clone();
        all.extend(OTHER_VARIABLES.iter().map(|(name, _)| name.to_string()));
        all.sort();
        all.dedup();
        assert_eq!(all.len(), variables.len() + OTHER_VARIABLES.len());
        assert_eq!(HBA_EXTRA.variable(), None);
    }

    #[test]
    fn sections_and_their_names() {
        assert!(is_section("segments") && !is_section("parameters") && !is_section(""));
        assert_eq!(names_in("ssh"), ["secret", "port"]);
        assert_eq!(names_in("")[..4], ["cluster", "engine", "domain", "coordinator"]);
    }
}
