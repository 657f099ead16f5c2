//! What is there only with Greenplum: its tools, its catalog, and the stand-in's switches.

use super::Cluster;
use crate::greenplum::{self, Kind};
use crate::settings::Engine;
use crate::wait;
use anyhow::{Context, Result, bail, ensure};
use std::fs;
use std::path::PathBuf;
use std::process::Output;

impl Cluster {
    /// The directory mounted at /etc/standin.
    pub(super) fn switches_dir(&self) -> PathBuf {
        self.dir.path().join("switches")
    }

    /// The directory mounted at /etc/greenplum-sql.
    pub(super) fn sql_dir(&self) -> PathBuf {
        self.dir.path().join("sql")
    }

    /// Arguments of `docker run` for a pod with Greenplum.
    pub(super) fn greenplum_arguments(&self) -> Vec<String> {
        if self.settings.engine == Engine::Postgres {
            return Vec::new();
        }
        let mut arguments = greenplum::arguments();
        let (switches, sql) = (self.switches_dir(), self.sql_dir());
        arguments.push(format!("--volume={}:/etc/standin:ro", switches.display()));
        arguments.push(format!("--volume={}:/etc/greenplum-sql:ro", sql.display()));
        arguments
    }

    /// Segments of Greenplum answer in utility mode alone.
    pub(super) fn session_options(&self, pod: &str) -> &'static str {
        let segment = !pod.contains("coordinator-");
        match self.settings.engine {
            Engine::Greenplum if segment => "PGOPTIONS=-c gp_role=utility",
            _ => "PGOPTIONS=",
        }
    }

    /// Switches a fault of the stand-in on; see the table in `tests/standin/README.md`.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn switch_on(&self, name: &str, content: &str) -> Result<()> {
        Ok(fs::write(self.switches_dir().join(name), content)?)
    }

    /// Switches it off again.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn switch_off(&self, name: &str) -> Result<()> {
        Ok(fs::remove_file(self.switches_dir().join(name))?)
    }

    /// Adds a file that the agent runs once after the creation.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn add_sql(&self, name: &str, text: &str) -> Result<()> {
        Ok(fs::write(self.sql_dir().join(name), text)?)
    }

    /// A pod's data directory.
    pub fn data_dir(&self, pod: &str) -> String {
        match pod.rsplit_once("segment-") {
            None => "/greenplum/gpseg-1".into(),
            Some((_, rest)) => {
                let content = rest.rsplit('-').next().unwrap_or_default();
                let mirror = rest.starts_with('b') && self.settings.engine == Engine::Greenplum;
                let folder = if mirror { "/mirror" } else { "" };
                format!("/greenplum{folder}/gpseg{content}")
            }
        }
    }

    /// Runs a command line of Greenplum's tools in a pod, as an administrator does, without any preparation; what it ended with.
    ///
    /// # Errors
    /// When docker cannot be started.
    pub fn try_tool(&self, pod: &str, line: &str) -> Result<Output> {
        self.try_exec(pod, &["bash", "-c", line])
    }

    /// The same, when it has to end with 0; its standard output.
    ///
    /// # Errors
    /// What it said.
    pub fn tool(&self, pod: &str, line: &str) -> Result<String> {
        let output = self.try_tool(pod, line)?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        if !output.status.success() {
            let err = String::from_utf8_lossy(&output.stderr);
            bail!("{line} ended with {}:\n{said}{err}", output.status);
        }
        Ok(said)
    }

    /// The catalog by content and preferred role: `content|role|preferred_role|mode|status` a line.
    ///
    /// # Errors
    /// When the coordinator does not answer.
    pub fn catalog(&self, coordinator: &str) -> Result<String> {
        self.sql(
            coordinator,
            "select content, role, preferred_role, mode, status from gp_segment_configuration order by content, preferred_role desc",
        )
    }

    /// Waits until every segment is in its place, up and in sync.
    ///
    /// # Errors
    /// The catalog, when it never is.
    pub fn wait_in_place(&self, coordinator: &str) -> Result<()> {
        wait::until("every segment in its place, up and in sync", || {
            let catalog = self.catalog(coordinator)?;
            let out = |row: &&str| {
                let cells: Vec<&str> = row.split('|').collect();
                let coordinator = cells[0] == "-1";
                cells[1] != cells[2] || cells[4] != "u" || (!coordinator && cells[3] != "s")
            };
            ensure!(catalog.lines().find(out).is_none(), "{catalog}");
            Ok(())
        })
    }

    /// Waits for words in a container's log.
    ///
    /// # Errors
    /// The end of the log, when they never come.
    pub fn wait_log(&self, pod: &str, words: &str) -> Result<()> {
        let found = wait::until(&format!("{pod} says {words:?}"), || {
            ensure!(self.logs(pod).contains(words), "it has not");
            Ok(())
        });
        found.with_context(|| self.last_words(pod))
    }

    /// Makes a table whose rows are spread over the primaries.
    ///
    /// # Errors
    /// What the coordinator said.
    pub fn create_distributed(&self, coordinator: &str, name: &str) -> Result<()> {
        let sql = match greenplum::kind() {
            Kind::StandIn => format!("select standin.distribute('{name}', 'id bigint', 'id')"),
            Kind::Real => format!("create table {name} (id bigint) distributed by (id)"),
        };
        self.sql(coordinator, &sql).map(drop)
    }
}
