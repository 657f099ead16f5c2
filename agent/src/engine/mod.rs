//! What differs between database engines: how to start one, how to tell a role, how to create a cluster. Nothing outside
//! this folder asks which engine it is; what follows from the difference has names of its own ([`Making`]).

mod coordinator_role;
mod failover_sql;
mod greenplum;
mod greenplum_standby;
pub(crate) mod left_behind;
pub(crate) mod limits;
mod memory;
mod postgres;
mod tool_environment;

pub(crate) use failover_sql::FailoverSql;
pub(crate) use greenplum::{Greenplum, GreenplumError};
pub(crate) use postgres::{Clone, Create, Postgres};

use crate::sys::postgres::data_directory;
use crate::sys::postgres::data_directory::{Examined, Whereabouts, examine};
use crate::sys::postgres::programs::{ToolError, Tools};
use crate::sys::postgres::settings_trial;
use crate::sys::postgres::settings_trial::TrialGround;
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::config::{Config, EngineKind};
use gp_agent_core::finding::Finding;
use gp_agent_core::postgres::conf;
use gp_agent_core::postgres::major::{Feature, Major, printed};
use gp_agent_core::postgres::observation::Receiver;
use gp_agent_core::postgres::settings::TrialVerdict;
use gp_agent_core::postgres::standby::{Required, StandbySource, raised};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};

/// The programs of the configured engine.
#[derive(Debug)]
pub enum Engine {
    /// Plain PostgreSQL: every segment is an independent server with a streaming mirror.
    Postgres(Postgres),
    /// Greenplum 6 or 7, Cloudberry, and their forks.
    Greenplum(Box<Greenplum>),
}

/// Who makes data directories, and whose word counts before one is started.
#[derive(Clone, Copy, Debug)]
pub enum Making<'a> {
    /// Every pod makes its own, and asks the pod on the other end of replication.
    EachPod(&'a Postgres),
    /// The coordinator's pod makes all of them at once, and its catalog is asked ever after.
    Coordinator(&'a Greenplum),
}

/// A parameter on the server's command line.
pub(crate) type ServerOption = (&'static str, String);

/// Why there is no engine to work with.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// PostgreSQL's programs are missing or broken.
    #[error(transparent)]
    Postgres(#[from] ToolError),
    /// Greenplum's are.
    #[error(transparent)]
    Greenplum(#[from] GreenplumError),
    /// It does not know what the agent asks.
    #[error("{version} is too old; use an image with PostgreSQL 13 or later")]
    TooOld {
        /// What it says of itself.
        version: String,
    },
    /// The configuration says PostgreSQL, and the image has Greenplum: its segments would be started past their catalog.
    #[error(
        "engine: postgres, but {program} is Greenplum's ({version}); set engine: greenplum (in the chart with every `helm upgrade`), or use an image with PostgreSQL"
    )]
    IsGreenplum {
        /// The server program.
        program: String,
        /// What it says of itself.
        version: String,
    },
}

/// Finds the programs of the configured engine and asks their version.
///
/// # Errors
/// Programs that are missing, do not run, or are of another engine.
pub async fn find(config: &Config) -> Result<Engine, EngineError> {
    match config.engine {
        EngineKind::Greenplum => {
            let home = config.greenplum.home.as_deref();
            Ok(Engine::Greenplum(Box::new(Greenplum::find(home).await?)))
        }
        EngineKind::Postgres => {
            let volume = config.storage.path.clone();
            let major = tokio::task::spawn_blocking(move || data_directory::major_on(&volume)).await;
            postgres(Tools::find(major.unwrap_or_default().as_deref())?).await
        }
    }
}

/// Other brands of PostgreSQL are as good, unless they know what only Greenplum knows.
async fn postgres(tools: Tools) -> Result<Engine, EngineError> {
    let version = tools.version().await?;
    if !version.starts_with("postgres (PostgreSQL)")
        && let Ok(version) = tools.run("postgres", ["--gp-version"], &[]).await
    {
        let program = tools.path("postgres").display().to_string();
        return Err(EngineError::IsGreenplum { program, version });
    }
    let major = printed(&version).unwrap_or_default();
    if !Major::of(&major).has(Feature::FlushedLsn) {
        return Err(EngineError::TooOld { version });
    }
    Ok(Engine::Postgres(Postgres::new(tools, major)))
}

impl Engine {
    /// Who makes data directories.
    pub fn making(&self) -> Making<'_> {
        match self {
            Engine::Postgres(postgres) => Making::EachPod(postgres),
            Engine::Greenplum(greenplum) => Making::Coordinator(greenplum),
        }
    }

    /// Whether FTS connects to every server from the pods of the coordinator.
    pub(crate) fn fts_connects(&self) -> bool {
        matches!(self, Engine::Greenplum(_))
    }

    fn tools(&self) -> &Tools {
        match self {
            Engine::Postgres(postgres) => postgres.tools(),
            Engine::Greenplum(greenplum) => greenplum.tools(),
        }
    }

    /// PG_VERSION of the directories that the server program can use.
    pub fn major_version(&self) -> &str {
        match self {
            Engine::Postgres(postgres) => postgres.major_version(),
            Engine::Greenplum(greenplum) => greenplum.major_version(),
        }
    }

    /// What a data directory is.
    pub(crate) async fn examine(&self, at: &Whereabouts) -> io::Result<Examined> {
        examine(self.tools(), at).await
    }

    /// What a start of the server program says to `candidate` as gp-agent.conf, beside `control`, with which servers ran.
    pub async fn try_settings(&self, ground: TrialGround<'_>, candidate: &str, control: &str) -> TrialVerdict {
        let more: Vec<String> = match self {
            Engine::Postgres(_) => Vec::new(),
            // Alone: it neither looks for its cluster nor recovers distributed transactions.
            Engine::Greenplum(greenplum) => vec![greenplum.version().family.utility_setting().to_string()],
        };
        settings_trial::try_settings(self.tools(), ground, candidate, control, &more).await
    }

    /// The postmaster of `content` in the foreground. `-D` comes first and the program's path ends in `/postgres`, since
    /// the Greenplum tools search `ps` for `postgres -D <dir>`; the port is on the command line, since a copied
    /// postgresql.conf holds the other end's.
    pub fn start_command(&self, dir: &Path, port: u16, content: ContentId, options: &[ServerOption]) -> Command {
        let mut command = Command::new(self.tools().path("postgres"));
        command
            .envs(self.tools().environment())
            .arg("-D")
            .arg(dir)
            .args(["-p", &port.to_string()])
            .env_remove("GP_AGENT_INIT_FD")
            .stdin(Stdio::null());
        for (name, value) in options {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        if let Engine::Greenplum(greenplum) = self {
            command.args(greenplum.role_arguments(content));
        }
        command
    }

    /// What a standby in `dir` is told on its command line, where neither ALTER SYSTEM nor a file can take it back: whom to
    /// follow, where that is the agent's to say (Greenplum's tools write it for theirs), and every parameter that it would
    /// not start with, or stand still with, because its primary has more (`needed`, of pg_controldata).
    pub async fn standby_options(
        &self,
        dir: &Path,
        source: Option<StandbySource<'_>>,
        needed: &[Required],
    ) -> Vec<ServerOption> {
        let mut options = match (self, &source) {
            (Engine::Postgres(postgres), Some(source)) => postgres.follow(source),
            _ => Vec::new(),
        };
        // Only who answers SQL while it replays compares (CheckRequiredParameterValues).
        let hot = self.tools().setting(dir, "hot_standby").await;
        if hot.as_deref() == Some("on") {
            let mut set = BTreeMap::new();
            for required in needed {
                let value = self.tools().setting(dir, required.name).await;
                set.extend(value.and_then(|v| v.parse().ok()).map(|v: u64| (required.name, v)));
            }
            let raised = raised(needed, |name| set.get(name).copied());
            options.extend(raised.into_iter().map(|r| (r.name, r.value.to_string())));
        }
        options
    }

    /// What a standby follows, by its own word and by postgresql.auto.conf; `None` where replicas do not answer SQL.
    pub fn follows_sql(&self) -> Option<&'static str> {
        match self {
            Engine::Postgres(_) => Some(postgres::FOLLOWS),
            Engine::Greenplum(_) => None,
        }
    }

    /// `options` that the agent's own connections to the server of `content` need.
    pub fn session_options(&self, content: ContentId) -> Option<String> {
        match self {
            Engine::Postgres(_) => None,
            // Segments answer clients in utility mode alone.
            Engine::Greenplum(greenplum) => content.is_segment().then(|| greenplum.utility_options()),
        }
    }

    /// The same for a session that asks this server alone: a coordinator answers it also before its distributed
    /// transactions are recovered (cdb_setup in cdbutil.c).
    pub fn utility_options(&self) -> Option<String> {
        match self {
            Engine::Postgres(_) => None,
            Engine::Greenplum(greenplum) => Some(greenplum.utility_options()),
        }
    }

    /// What the engine's own tools make of gpadmin's password, which stands in `file`.
    pub fn judge_password(&self, file: &Path, password: &str) -> Vec<Finding> {
        match self {
            Engine::Postgres(_) => Vec::new(),
            Engine::Greenplum(greenplum) => greenplum::judge_password(greenplum.home(), file, password),
        }
    }

    /// Whether the server's log is in the agent's hands. Greenplum's goes through its own collector, in its own form
    /// (log_line_prefix is "defunct" there).
    pub fn logs_to_standard_error(&self) -> bool {
        matches!(self, Engine::Postgres(_))
    }

    /// Parameters that the cluster needs in gp-agent.conf, before those of the configuration.
    pub fn own_parameters<'a>(&self, pod: &'a str) -> Vec<(&'static str, &'a str)> {
        match self {
            Engine::Postgres(_) => Postgres::own_parameters(pod),
            Engine::Greenplum(greenplum) => greenplum.own_parameters(),
        }
    }

    /// The file of the agent's that gp-agent.conf includes as its last word: for whom commits wait, where failover has the agent
    /// say so, or what makes the server give up soon on another one that is lost.
    pub(crate) fn last_word(&self, failover: bool) -> Option<&'static str> {
        match self {
            Engine::Postgres(_) => failover.then_some(conf::SYNC_FILE),
            Engine::Greenplum(_) => Some(conf::HURRY_FILE),
        }
    }

    /// Whether postmaster.pid says that the server stops.
    pub fn tells_that_it_stops(&self) -> bool {
        Major::of(self.major_version()).has(Feature::PidfileStatus)
    }

    /// The one question behind readiness and status; see [`gp_agent_core::postgres::observation`].
    pub fn observe_sql(&self) -> &'static str {
        match self {
            Engine::Postgres(_) => &postgres::OBSERVE,
            Engine::Greenplum(greenplum) => greenplum.observe_sql(),
        }
    }

    /// What a replica that refuses SQL while it is healthy receives, from its processes; `None` where replicas answer SQL.
    pub fn receiver(&self, postmaster: i32) -> Option<Receiver> {
        match self {
            Engine::Postgres(_) => None,
            Engine::Greenplum(_) => Some(greenplum::receiver(postmaster)),
        }
    }

    /// Makes the slot for the other end, or makes it anew when it is lost, where that is the agent's to do; it holds nothing back
    /// until it is first used.
    pub fn ensure_slot_sql(&self) -> Option<String> {
        match self {
            Engine::Postgres(_) => Some(postgres::ensure_slot_sql()),
            Engine::Greenplum(_) => None,
        }
    }

    /// Parameters that wait for a restart, then what the server could not read in its files, each row tagged.
    pub fn settings_sql(&self) -> &'static str {
        match self {
            Engine::Postgres(_) => postgres::SETTINGS,
            Engine::Greenplum(greenplum) => greenplum.settings_sql(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn found(script: &str) -> Result<Engine, String> {
        let dir = tempfile::tempdir().unwrap();
        // By another process: a test beside this one that forks meanwhile would keep a file open that is written here.
        let write = "printf '#!/bin/sh\\n%s\\n' \"$1\" > \"$0\" && chmod 755 \"$0\"";
        let file = dir.path().join("postgres");
        let mut sh = Command::new("sh");
        sh.args(["-c", write]).arg(file).arg(script);
        assert!(sh.status().unwrap().success());
        let tools = Tools::new(dir.path().into(), Vec::new());
        postgres(tools).await.map_err(|e| e.to_string())
    }

    #[tokio::test]
    async fn what_is_too_old_is_refused() {
        let version = |number: &str| format!("[ \"$1\" = --version ] && echo 'postgres (PostgreSQL) {number}'");
        let refused = found(&version("12.22")).await.unwrap_err();
        assert!(refused.contains("12.22 is too old"), "{refused}");
        assert!(found(&version("13.23")).await.is_ok());
    }

    #[tokio::test]
    async fn greenplum_is_not_run_as_postgres() {
        let greenplum = "case $1 in --version) echo 'postgres (Greenplum Database) 12.12';; \
             --gp-version) echo 'postgres (Greenplum Database) 7.1.0 build x';; esac";
        let refused = found(greenplum).await.unwrap_err();
        assert!(refused.contains("7.1.0 build x"), "{refused}");
        assert!(refused.contains("set engine: greenplum"), "{refused}");
        for brand in ["PostgreSQL", "EnterpriseDB"] {
            let plain = format!("[ \"$1\" = --version ] && echo 'postgres ({brand}) 15.3'");
            assert_eq!(found(&plain).await.unwrap().major_version(), "15");
        }
    }
}
