//! Which of the two coordinators acts: failover moves the role.

use super::{Release, streams};
use crate::wait;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

const COORDINATORS: [&str; 2] = ["coordinator-0", "coordinator-1"];

impl Release {
    /// The pod that acts as the coordinator, and the other one.
    ///
    /// # Errors
    /// Why none does, or that two do.
    pub fn coordinators(&self) -> Result<(&'static str, &'static str)> {
        let acts = |pod: &&&str| {
            let status = self.status(pod);
            status.is_ok_and(|s| s["activeRole"] == "coordinator")
        };
        let acting: Vec<&&str> = COORDINATORS.iter().filter(acts).collect();
        ensure!(acting.len() == 1, "coordinators that act: {acting:?}");
        let (zero, one) = (COORDINATORS[0], COORDINATORS[1]);
        Ok(if *acting[0] == zero { (zero, one) } else { (one, zero) })
    }

    /// As [`Release::coordinators`], once the other one is in sync by the record, and would take over.
    ///
    /// # Errors
    /// What is missing.
    pub fn wait_in_sync(&self) -> Result<(&'static str, &'static str)> {
        wait::until("coordinator and standby in sync", || {
            let (coordinator, standby) = self.coordinators()?;
            let (acts, waits) = (self.status(coordinator)?, self.status(standby)?);
            let [acting, waiting] = [&acts, &waits].map(|status| &status["failover"]);
            ensure!(
                acting["mine"] == true && acting["inSync"] == standby,
                "{coordinator}: {acting}"
            );
            ensure!(
                waiting["inSync"] == standby && waiting["obstacle"].is_null(),
                "{standby}: {waiting}"
            );
            ensure!(streams(&waits), "{standby} receives no stream");
            Ok((coordinator, standby))
        })
    }

    /// How often the role has changed its pod.
    ///
    /// # Errors
    /// When nobody says.
    pub fn epoch(&self) -> Result<u64> {
        let said = COORDINATORS.iter().filter_map(|pod| self.status(pod).ok());
        let epochs = said.filter_map(|status| status["failover"]["epoch"].as_u64());
        epochs.max().context("no coordinator knows the record")
    }

    /// How the role came to the pod that has it: `switchover`, `failover`, ... as its status says.
    ///
    /// # Errors
    /// When it does not say, or is told of a change to another pod.
    pub fn came_by(&self, coordinator: &str) -> Result<String> {
        wait::until(&format!("{coordinator} tells how it got the role"), || {
            let last = self.status(coordinator)?["failover"]["last"].clone();
            ensure!(last["to"] == coordinator, "{last}");
            Ok(last["kind"].as_str().context("no kind")?.to_string())
        })
    }

    /// The pods of coordinators with the label of the one that clients are sent to.
    ///
    /// # Errors
    /// When a pod is not there.
    pub fn labelled(&self) -> Result<Vec<&'static str>> {
        let mut found = Vec::new();
        for pod in COORDINATORS {
            let label = self.role_label(pod)?;
            found.extend((label == "coordinator").then_some(pod));
        }
        Ok(found)
    }

    /// The label of a pod's role.
    ///
    /// # Errors
    /// When the pod is not there.
    pub fn role_label(&self, pod: &str) -> Result<Value> {
        Ok(self.pod(pod)?["metadata"]["labels"]["greenplum.io/role"].clone())
    }
}
