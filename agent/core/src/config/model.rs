//! The words that some keys choose from, as types.

/// One of a few words.
pub(super) trait Word: Copy + 'static {
    /// Every word and its value.
    const WORDS: &'static [(&'static str, Self)];
    /// The words alone.
    const NAMES: &'static [&'static str];
}

/// Enumerations whose every variant is one word of the configuration file.
macro_rules! words {
    ($(
        $(#[$meta:meta])*
        $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal, )+ }
    )+) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(test, derive(serde::Serialize))]
        pub enum $name {
            $( $(#[doc = $doc])+ #[cfg_attr(test, serde(rename = $word))] $variant, )+
        }

        impl Word for $name {
            const WORDS: &'static [(&'static str, Self)] = &[$( ($word, $name::$variant) ),+];
            const NAMES: &'static [&'static str] = &[$( $word ),+];
        }
    )+ };
}

words! {
    /// Which database the pods run.
    EngineKind {
        /// Greenplum 6, 7, Cloudberry and their forks.
        Greenplum = "greenplum",
        /// Plain PostgreSQL: every segment is an independent server with a streaming mirror.
        Postgres = "postgres",
    }

    /// How durable the volume has to be before a database may live on it.
    Require {
        /// A disk: O_DIRECT works and the file system is one that survives a reboot.
        Durable = "durable",
        /// O_DIRECT works; whether it reaches a disk is not asked.
        DirectIo = "direct-io",
        /// Anything that can be written to.
        Any = "any",
    }

    /// How hosts prove who they are to PostgreSQL.
    Auth {
        /// The address is enough (Greenplum's own tools write this).
        Trust = "trust",
        /// A password, from a Secret.
        ScramSha256 = "scram-sha-256",
    }

    /// Whether the agent writes what it knows of the pods' addresses where libc looks first.
    KeepHosts {
        /// Where /etc/hosts is the pod's own and may be written.
        Auto = "auto",
        /// Never.
        Off = "off",
    }

    /// Whether the agent uses a part of the Kubernetes API.
    UseApi {
        /// Where the pod has a ServiceAccount's token and knows the API server's address.
        Auto = "auto",
        /// Never.
        Off = "off",
    }

    /// Whether the coordinator's role changes pods by itself.
    FailoverMode {
        /// The standby takes over from a lost coordinator.
        Auto = "auto",
        /// Only `gp-agent switchover` and `gp-agent failover` change the role; what keeps two coordinators from writing is in
        /// force.
        Manual = "manual",
        /// Roles are changed by hand, and nothing keeps two coordinators from writing.
        Off = "off",
    }

    /// Where the record stands that says which coordinator may write.
    AuthorityChoice {
        /// A directory where it is mounted, else nowhere.
        Auto = "auto",
        /// A Lease in the Kubernetes API.
        Kubernetes = "kubernetes",
        /// A directory that both coordinators of one machine share.
        File = "file",
        /// Nowhere: as with `mode: off`.
        Off = "off",
    }

    /// Whether servers that are lost are brought back by themselves.
    Recover {
        /// They are.
        Auto = "auto",
        /// Only a command does it.
        Manual = "manual",
    }

    /// Whether a segment whose directory is no longer of use is copied anew.
    RecoverFull {
        /// It is told, with the command that does it.
        Ask = "ask",
        /// It is done.
        Auto = "auto",
    }

    /// When primaries and mirrors that have changed places are changed back.
    RebalanceWhen {
        /// Only a command does it.
        Manual = "manual",
        /// Within the time that is set aside for it.
        Window = "window",
        /// While nothing runs.
        Idle = "idle",
    }

    /// Whether tables are spread over segments that were added.
    Redistribute {
        /// They are.
        Auto = "auto",
        /// Only a command does it.
        Manual = "manual",
    }

    /// What the pod of the coordinator does with its role when it is asked to end.
    OnPodDelete {
        /// It hands the role over to the standby that is in sync.
        HandOver = "handOver",
        /// It keeps the role; the pod that takes its place goes on.
        Restart = "restart",
    }
}

impl EngineKind {
    /// Whether one catalog, made by gpinitsystem and watched by FTS, rules all servers.
    pub fn has_catalog(self) -> bool {
        self == EngineKind::Greenplum
    }

    /// Whether FTS looks at every server, and keeps a file of its own in the directories of primaries.
    pub fn has_fts(self) -> bool {
        self == EngineKind::Greenplum
    }

    /// Whether clients connect to segments; those of a Greenplum cluster connect to its coordinator.
    pub fn segments_have_clients(self) -> bool {
        self == EngineKind::Postgres
    }
}

impl Auth {
    /// The word that pg_hba.conf uses.
    pub fn method(self) -> &'static str {
        match self {
            Auth::Trust => "trust",
            Auth::ScramSha256 => "scram-sha-256",
        }
    }
}
