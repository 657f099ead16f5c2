//! What tells whether a replica is left behind: where else it gets write-ahead log from, and what the server that it follows has.

use super::Engine;
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::postgres::major::{Feature, Major};
use gp_agent_core::postgres::settings::value_of;
use std::path::Path;

/// How a replica comes to write-ahead log, and when it replays it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recovery {
    /// `restore_command` brings it from elsewhere; `None` when that cannot be told.
    pub(crate) restores: Option<bool>,
    /// `recovery_min_apply_delay`: what is here is not replayed yet on purpose.
    pub(crate) late: bool,
}

impl Engine {
    /// Whether a replica of that content which is left behind is the agent's to look after: Greenplum's mirrors are gprecoverseg's.
    pub(crate) fn looks_after_replica_of(&self, content: ContentId) -> bool {
        match self {
            Engine::Postgres(_) => true,
            Engine::Greenplum(_) => content.is_coordinator(),
        }
    }

    /// Whether nobody but the agents gives servers another role than they were made for. A catalog can change behind their back.
    pub(crate) fn roles_are_as_made(&self) -> bool {
        matches!(self, Engine::Postgres(_))
    }

    /// How the catalog lists a replica that gpinitstandby makes; `None` where the agent alone makes them.
    pub(crate) fn replica_in_catalog<'a>(&self, host: &'a str, port: u16) -> Option<(&'a str, u16)> {
        match self {
            Engine::Postgres(_) => None,
            Engine::Greenplum(_) => Some((host, port)),
        }
    }

    /// Whether a file of the data directory says that, and not the server's settings.
    pub(crate) fn has_recovery_conf(&self) -> bool {
        Major::of(self.major_version()).has(Feature::RecoveryConf)
    }

    /// As the settings of the replica in `dir` say, or its `recovery.conf` where there is that file; `None` if it cannot be read.
    pub(crate) async fn recovery(&self, dir: &Path, recovery_conf: Option<Vec<u8>>) -> Recovery {
        let names = ["restore_command", "recovery_min_apply_delay"];
        let [command, delay] = if self.has_recovery_conf() {
            let value = |name| Some(value_of(recovery_conf.as_ref()?, name).unwrap_or_default());
            names.map(value)
        } else {
            let (command, delay) =
                tokio::join!(self.tools().setting(dir, names[0]), self.tools().setting(dir, names[1]));
            [command, delay]
        };
        Recovery {
            restores: command.map(|command| !command.trim().is_empty()),
            late: delay.is_some_and(|delay| !matches!(delay.as_str(), "" | "0")),
        }
    }

    /// The directory of write-ahead log in a data directory.
    pub(crate) fn wal_dir(&self) -> &'static str {
        match Major::of(self.major_version()).has(Feature::WalNames) {
            true => "pg_wal",
            false => "pg_xlog",
        }
    }

    /// Whether a server replays; its oldest segment. Names are compared without their timeline.
    pub(crate) fn oldest_wal_sql(&self) -> String {
        format!(
            "select pg_is_in_recovery()::text, (select file from pg_ls_dir('{}') as files(file) \
                where file ~ '^[0-9A-F]{{24}}$' order by substr(file, 9) collate \"C\" limit 1)",
            self.wal_dir()
        )
    }
}

/// Bytes of all databases of a server; of a coordinator in utility mode its own.
pub(crate) const DATABASES_SQL: &str = "select sum(pg_database_size(oid))::bigint::text from pg_database";
