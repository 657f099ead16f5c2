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

    /// Whether the agent uses a part of the Kubernetes API.
    UseApi {
        /// Where the pod has a ServiceAccount's token and knows the API server's address.
        Auto = "auto",
        /// Never.
        Off = "off",
    }
}

impl EngineKind {
    /// Whether one catalog, made by gpinitsystem and watched by FTS, rules all servers.
    pub fn has_catalog(self) -> bool {
        self == EngineKind::Greenplum
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
