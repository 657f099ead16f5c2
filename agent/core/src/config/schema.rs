//! The one table of keys.

use super::entry::{Entry, list, mapping};
use super::field::Field;
use super::key::{Change, Key, Keys};
use super::model::{
    Auth, AuthorityChoice, EngineKind, FailoverMode, KeepHosts, OnPodDelete, RebalanceWhen, Recover, RecoverFull,
    Redistribute, Require, UseApi,
};
use super::reader::Reader;
use super::rule::{
    DATABASE, DOMAIN, HBA_LINE, LABEL, LOCALE, MIRRORS, PARAMETER, PARAMETER_VALUE, PATH, PORT, SCHEDULE, SWITCH,
    whole, words,
};
use super::schedule::Schedule;
use super::table::{compare, configuration, follow, key, read};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// 1 PiB in MiB; beyond it a number of bytes would not fit.
const MIB_MAX: u64 = 1 << 30;

configuration! {
    /// A whole, valid configuration.
    Config {
        cluster: String = LABEL.required().settled(), "Name of the cluster, a DNS label; recorded on every volume";
        engine: EngineKind = words().required().settled(), "`greenplum` or `postgres`";
        domain: Option<String> = DOMAIN.absent("taken from the pod's own FQDN"),
            "Domain of all pods, such as `agent.prod.svc.cluster.local`";

        coordinator: struct CoordinatorConfig "Coordinator pods: `<pods>-0`, and `<pods>-1` as the standby." {
            pods: String = LABEL.or("coordinator").settled(), "StatefulSet of coordinator (ordinal 0) and standby (ordinal 1)";
            standby: bool = SWITCH.or("false"), "Whether there is a standby: `true` or `false`";
            port: u16 = PORT.or("5432").in_catalog(), "TCP port of coordinator and standby";
        }

        segments: struct SegmentsConfig "Segment pods: `<primaries>-<content>` and `<mirrors>-<content>`." {
            count: u32 = whole::<_, 1, 10_000>().required(), "Number of primaries, 1 to 10000; as many mirrors";
            primaries: String = LABEL.or("segment-a").settled(), "StatefulSet of the primaries";
            mirrors: Option<String> = MIRRORS.absent("no mirrors"), "StatefulSet of the mirrors";
            primary_port("primaryPort"): u16 = PORT.or("40000").in_catalog(), "TCP port of every primary";
            mirror_port("mirrorPort"): u16 = PORT.or("50000").in_catalog(), "TCP port of every mirror";
        }

        storage: struct StorageConfig "The volume." {
            path: PathBuf = PATH.or("/greenplum").settled(), "Where the volume is mounted";
            wal: Option<PathBuf> = PATH.absent("on the first volume").settled(),
                "Where a second volume for the write-ahead log is mounted";
            require: Require = words().or("durable"),
                "What a volume has to prove: `durable` (a disk), `direct-io` (O_DIRECT works) or `any`";
            min_free_mib("minFreeMib"): u64 = whole::<_, 0, MIB_MAX>().or("512"),
                "MiB that have to be free before a database is created";
        }

        hba: struct HbaConfig "Who may connect." {
            auth: Auth = words().or("trust"), "How pods prove themselves to each other: `trust` or `scram-sha-256`";
            extra: Vec<String> = list(HBA_LINE, "no further lines").live(),
                "Lines of pg_hba.conf for everybody else. One that admits without a password from more than a network of your own, or has passwords sent in clear text from there, is a warning";
            password_file("passwordFile"): PathBuf = PATH.or("/etc/greenplum-password/password"),
                "File with gpadmin's password, for `scram-sha-256`";
        }

        tls: struct TlsConfig "TLS for the clients of the database." {
            secret: Option<PathBuf> = PATH.absent("no TLS").live(),
                "Where the Secret with the server's certificate and key is mounted (tls.crt, tls.key, or server.crt, server.key; \
                 perhaps ca.crt)";
        }

        parameters: BTreeMap<String, String> =
            mapping(PARAMETER, PARAMETER_VALUE, "the database's own defaults").live(),
            "Parameters of postgresql.conf for every postmaster";

        ssh: struct SshConfig "SSH between the pods." {
            secret: PathBuf = PATH.or("/etc/ssh-key"), "Where the Secret with the SSH keys is mounted";
            port: Option<u16> = PORT.absent("22 where the container may bind it, else 2222"), "TCP port of sshd";
        }

        http: struct HttpConfig "Probes, status and metrics." {
            port: u16 = PORT.or("8008"), "TCP port of probes, status and metrics";
        }

        greenplum: struct GreenplumConfig "What only Greenplum has." {
            home: Option<PathBuf> =
                PATH.absent("`$GPHOME`, else `/usr/local/greenplum-db`, else `/usr/local/cloudberry-db`"),
                "Where Greenplum is installed";
            locale: String = LOCALE.or("en_US.utf8"),
                "Locale that the cluster is created with; has to exist in every pod";
            attempts: u32 = whole::<_, 1, 10>().or("3"), "How often the creation of the cluster is tried, 1 to 10";
            database: String = DATABASE.or("gpadmin"), "Database that is created for gpadmin";
            sql: PathBuf = PATH.or("/etc/greenplum-sql"),
                "Directory whose `*.sql` files are run once after the creation, in the order of their names";
        }

        names: struct NamesConfig "How servers find the pods." {
            hosts: KeepHosts = words().or("auto"),
                "Whether the agent keeps the pods' addresses in `/etc/hosts`, so that servers find each other while DNS is away: \
                 `auto` (where the file is the pod's own and its user may write it) or `off`";
        }

        kubernetes: struct KubernetesConfig "What the agent may do through the Kubernetes API." {
            labels: UseApi = words().or("auto"),
                "Whether the pod gets the label `greenplum.io/role` while its role is active: `auto` (where there is an \
                 API) or `off`";
            events: UseApi = words().or("auto"),
                "Whether the agent writes Events about its pod: `auto` (where there is an API) or `off`";
        }

        failover: struct FailoverConfig "Which coordinator writes, and who takes over." {
            mode: FailoverMode = words().or("auto"),
                "With a standby: whether it takes over from a lost coordinator by itself (`auto`), by command only (`manual`), \
                 or nothing watches over who writes (`off`)";
            lease_seconds("leaseSeconds"): u32 = whole::<_, 6, 60>().or("10"),
                "Seconds after which the standby may take over from a coordinator that is silent, 6 to 60";
            authority: AuthorityChoice = words().or("auto"),
                "Where it is recorded who may write: `kubernetes` (a Lease), `file` (a directory that both coordinators of one \
                 machine mount), `auto` (`kubernetes` where the chart made the Lease, else `file` where that is mounted; \
                 otherwise as `off`) or `off`";
            directory: PathBuf = PATH.or("/var/lib/gp-agent-failover"),
                "Directory of the record, with `file`";
            on_pod_delete("onPodDelete"): OnPodDelete = words().or("handOver").live(),
                "What a coordinator's pod does that is to end: `handOver` (to a standby in sync) or `restart` (keep the role)";
        }

        recovery: struct RecoveryConfig "Servers that the cluster has lost." {
            segments: Recover = words().or("auto").live(),
                "Whether the coordinator's agent brings segments back that FTS has marked down (`auto`), or says only what it \
                 would do (`manual`: `gp-agent recover` does it)";
            standby: Recover = words().or("auto").live(),
                "Whether a standby that is lost is made anew by itself (`auto`), or it is only said how (`manual`). With \
                 PostgreSQL: a standby or mirror whose write-ahead log its primary no longer has. With Greenplum and \
                 failover: such a standby, and a pod of the coordinators whose volume is new; by hand with `gpinitstandby`";
            full: RecoverFull = words().or("ask").live(),
                "Whether a segment is copied anew, over its old directory, when nothing else helps: `auto`, or only by \
                 `gp-agent recover --full` (`ask`)";
            roles: RebalanceWhen = words().or("manual").live(),
                "When primaries and mirrors that have changed places are changed back, which cancels the sessions that use them: \
                 in the time that `window` sets aside, while nothing runs (`idle`), or by `gp-agent rebalance` only (`manual`)";
            window: Option<Schedule> = SCHEDULE.absent("no time is set aside").live(),
                "With `roles: window`: when that time begins, as cron's five fields (minute, hour, day of the month, month, day of \
                 the week), in UTC, such as `0 2 * * sun`";
            window_minutes("windowMinutes"): u32 = whole::<_, 10, 1440>().or("120").live(),
                "How long that time is, 10 to 1440 minutes; roles are changed back in its first half only, so that it is over \
                 before the time is";
        }

        expansion: struct ExpansionConfig "Segments that are added to a cluster (Greenplum)." {
            redistribute: Redistribute = words().or("auto").live(),
                "Whether tables are spread over segments that were added to the catalog by itself (`auto`), table by table, each locked \
                 meanwhile; or by `gp-agent expand` only (`manual`)";
        }

        shutdown: struct ShutdownConfig "The end of a pod." {
            grace_seconds("graceSeconds"): u32 = whole::<_, 5, 86_400>().or("30"),
                "Seconds from SIGTERM to SIGKILL, 5 to 86400; the same as terminationGracePeriodSeconds";
        }
    }
}

impl Config {
    /// Whether a record says which coordinator may write, or will as soon as there is a place for it.
    pub fn wants_failover(&self) -> bool {
        self.coordinator.standby
            && self.failover.mode != FailoverMode::Off
            && self.failover.authority != AuthorityChoice::Off
    }
}

impl StorageConfig {
    /// The volumes that a pod lives on; the last one holds the write-ahead log.
    pub fn volumes(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.path.clone()];
        paths.extend(self.wal.clone().filter(|wal| *wal != self.path));
        paths
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::env::OTHER_VARIABLES;

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
        assert_eq!(KEYS.find("hba.extra").and_then(Key::variable), None);
    }

    #[test]
    fn sections_and_their_names() {
        assert!(KEYS.is_section("segments") && !KEYS.is_section("parameters") && !KEYS.is_section(""));
        assert_eq!(KEYS.names_in("ssh"), ["secret", "port"]);
        assert_eq!(KEYS.names_in("")[..4], ["cluster", "engine", "domain", "coordinator"]);
    }
}
