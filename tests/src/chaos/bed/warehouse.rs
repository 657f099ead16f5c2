//! Greenplum on containers of this machine: two coordinators and two contents with mirrors, which heal by themselves.

use super::containers::{self, Containers};
use super::place::Place;
use super::{Bed, COORDINATORS, Pair};
use crate::chaos::dialect::Dialect;
use crate::chaos::fault::Fault;
use crate::greenplum::{self, Kind};
use crate::settings::Settings;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Beside the coordinators; partners stand beside each other.
const SEGMENTS: [&str; 4] = ["segment-a-0", "segment-b-0", "segment-a-1", "segment-b-1"];

/// gpcheckcat takes ten seconds: after every so many rounds.
const COMPARE_EVERY: usize = 5;

/// What the status tells people to do with a segment that is left to them.
const RECOVER: &str = "gp-agent recover";

/// A cluster of Greenplum with failover, where segments are brought back without a command.
#[derive(Debug)]
pub struct Warehouse {
    containers: Containers,
    dialect: Dialect,
    looks: AtomicUsize,
}

impl Warehouse {
    /// Makes it, and waits until all of it is whole.
    ///
    /// # Errors
    /// What docker or Greenplum said, or what is not as it should be.
    pub fn up(lease: u32) -> Result<Warehouse> {
        ensure!(
            greenplum::kind() == Kind::Real,
            "a real Greenplum is needed: the stand-in spreads no tables by itself"
        );
        let settings = Settings {
            failover: true,
            lines: containers::trusting(lease),
            ..Settings::greenplum()
        };
        let containers = Containers::of(&settings, &SEGMENTS)?;
        // The tests' own configuration leaves what is lost to them.
        containers
            .cluster
            .edit_configuration(|text| text.replace("recovery: { segments: manual }\n", ""))?;
        containers.cluster.wait_all_ready()?;
        let version = containers.cluster.sql(containers.pod(0), "show server_version_num")?;
        let old_names = version.trim().parse::<u32>()? < 100_000;
        let bed = Warehouse {
            containers,
            dialect: Dialect::Greenplum { old_names },
            looks: AtomicUsize::new(0),
        };
        super::begin(&bed)?;
        Ok(bed)
    }

    fn rows(&self, holder: usize, sql: &str) -> Result<Vec<String>> {
        (self as &dyn Bed).session(holder)?.rows(sql)
    }

    fn index(&self, host: &str) -> Result<usize> {
        let all = COORDINATORS.iter().chain(&SEGMENTS);
        let named = all.enumerate().find(|(_, name)| host.contains(**name));
        named
            .map(|(index, _)| index)
            .with_context(|| format!("whose host is {host}?"))
    }

    fn holder(&self) -> Result<usize> {
        (self as &dyn Bed).state().holder().context("nobody has the role")
    }
}

impl Bed for Warehouse {
    fn places(&self) -> &[Arc<Place>] {
        self.containers.places()
    }

    fn status(&self, index: usize) -> Option<Value> {
        self.containers.status(index)
    }

    fn ready(&self, index: usize) -> Result<(u16, String)> {
        self.containers.ready(index)
    }

    fn inflict(&self, index: usize, fault: Fault) -> Result<()> {
        self.containers.inflict(index, fault)
    }

    fn undo(&self, index: usize, fault: Fault) {
        self.containers.undo(index, fault);
    }

    fn start(&self, index: usize) {
        self.containers.start(index);
    }

    fn keep(&self, dir: &Path) -> Result<()> {
        self.containers.keep(dir)?;
        let catalog = "select dbid || ' ' || content || ' ' || role || preferred_role || mode || status || ' ' || hostname \
             from gp_segment_configuration order by 1";
        let history = "select time || ' ' || dbid || ' ' || \"desc\" from gp_configuration_history order by time";
        let holder = self.holder().unwrap_or(0);
        for (name, sql) in [("catalog", catalog), ("history", history)] {
            let said = self
                .rows(holder, sql)
                .map_or_else(|why| format!("{why:#}"), |rows| rows.join("\n"));
            std::fs::write(dir.join(format!("{name}.txt")), said)?;
        }
        Ok(())
    }

    fn dialect(&self) -> Dialect {
        self.dialect
    }

    fn pairs(&self, holder: usize) -> Result<Vec<Pair>> {
        let acting = "select hostname from gp_segment_configuration where content >= 0 and role = 'p' order by content";
        let acting = self.rows(holder, acting)?;
        let pair = |host: &String| self.index(host).map(|index| (index, index ^ 1));
        acting.iter().map(pair).collect()
    }

    fn segments_whole(&self, holder: usize) -> Result<()> {
        let behind = "select hostname || ' is ' || role || mode || status from gp_segment_configuration \
             where status <> 'u' or (content >= 0 and mode <> 's')";
        let behind = self.rows(holder, behind)?;
        ensure!(behind.is_empty(), "{}", behind.join(", "));
        for index in COORDINATORS.len()..self.places().len() {
            let (code, why) = self.ready(index)?;
            ensure!(
                code == 200,
                "{} is not ready: {}",
                self.containers.pod(index),
                why.trim()
            );
        }
        let status = self.status(holder).context("its agent does not answer")?;
        let activity = &status["recovery"]["activity"];
        ensure!(activity.is_null(), "a run goes on: {activity}");
        Ok(())
    }

    fn consistent(&self, holder: usize) -> Result<()> {
        if !self.looks.fetch_add(1, Ordering::Relaxed).is_multiple_of(COMPARE_EVERY) {
            return Ok(());
        }
        let check = |holder| {
            self.containers
                .cluster
                .tool(self.containers.pod(holder), "gpcheckcat -O postgres")
        };
        match check(holder) {
            // On a machine that stands still for seconds a coordinator is lost without a fault.
            Err(why) if format!("{why:#}").contains("server closed the connection") => {
                let whole = || (self as &dyn Bed).complete().map_err(anyhow::Error::msg);
                check(crate::wait::until("whole after a coordinator was lost", whole)?).map(drop)
            }
            done => done.map(drop),
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(420)
    }

    fn follow_advice(&self) -> Result<Option<String>> {
        let holder = self.holder()?;
        let status = self.status(holder).context("its agent does not answer")?;
        let down = status["recovery"]["down"].as_array().cloned().unwrap_or_default();
        let left = down.iter().find(|down| {
            let remedy = down["remedy"].as_str();
            remedy.is_some_and(|remedy| remedy.contains(RECOVER))
        });
        let Some(left) = left else { return Ok(None) };
        let (pod, why) = (left["pod"].as_str().unwrap_or_default(), &left["obstacle"]);
        let full = left["remedy"]
            .as_str()
            .is_some_and(|remedy| remedy.contains("recover --full"));
        let mut words = vec!["gp-agent", "recover"];
        words.extend(full.then_some("--full"));
        words.push(pod);
        self.containers.cluster.exec(self.containers.pod(holder), &words)?;
        Ok(Some(format!("{} for {why}", words.join(" "))))
    }
}
