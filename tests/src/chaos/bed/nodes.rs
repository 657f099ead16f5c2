//! On Kubernetes, with nodes whose power and cables can be cut: the chart's coordinators and a segment.

use super::place::Place;
use super::{Bed, COORDINATORS};
use crate::chaos::fault::Fault;
use crate::http;
use crate::kube::{self, Release, Tool};
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

const HTTP: u16 = 8008;

/// A release of the chart in a namespace of its own.
#[derive(Debug)]
pub struct Nodes {
    pub(super) release: Release,
    pub(super) tool: Tool,
    pub(super) places: [Arc<Place>; 2],
    /// What was switched off or paused, and by which fault.
    pub(super) without_power: Mutex<Vec<(Fault, String)>>,
}

impl Nodes {
    /// Installs it and waits until the standby is in sync.
    ///
    /// # Errors
    /// What kubectl or helm said, or what is not as it should be.
    pub fn up(lease: u32) -> Result<Nodes> {
        kube::sweep();
        let tool = Tool::find().map_err(anyhow::Error::msg)?;
        let trusted = ["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];
        let release = Release::up(json!({
            "segments": { "count": 1 }, "mirrors": { "enabled": false },
            "hba": { "auth": "trust", "extra": trusted.map(|network| format!("host all all {network} trust")) },
            "parameters": { "max_connections": "300" },
            "failover": { "leaseSeconds": lease },
        }))?;
        let places = COORDINATORS.map(|pod| Arc::new(Place::of_pod(&release.namespace, pod)));
        let bed = Nodes {
            release,
            tool,
            places,
            without_power: Mutex::default(),
        };
        super::begin(&bed)?;
        Ok(bed)
    }

    /// At the pod's own address: the API server may be what is hurt.
    fn agent(&self, index: usize) -> Result<SocketAddr> {
        let at = self.places[index].look().context("it does not run")?;
        Ok(SocketAddr::new(at.ip.context("no address")?, HTTP))
    }
}

impl Bed for Nodes {
    fn places(&self) -> &[Arc<Place>] {
        &self.places
    }

    fn status(&self, index: usize) -> Option<Value> {
        let (_, body) = http::get(self.agent(index).ok()?, "/status").ok()?;
        serde_json::from_str(&body).ok()
    }

    fn ready(&self, index: usize) -> Result<(u16, String)> {
        http::get(self.agent(index)?, "/readyz")
    }

    fn inflict(&self, index: usize, fault: Fault) -> Result<()> {
        self.hurt(index, fault)
    }

    fn undo(&self, index: usize, fault: Fault) {
        self.mend(index, fault);
    }

    /// The kubelet starts it, but waits longer and longer for one that ended again and again: a new pod comes at once.
    fn start(&self, index: usize) {
        let pod = COORDINATORS[index];
        let waits = self.release.pod(pod).is_ok_and(|pod| {
            let why = &pod["status"]["containerStatuses"][0]["state"]["waiting"]["reason"];
            why == "CrashLoopBackOff"
        });
        if waits {
            let _ = self.release.kubectl(&["delete", "pod", pod, "--wait=false"]);
        }
    }

    fn keep(&self, dir: &Path) -> Result<()> {
        for pod in COORDINATORS {
            fs::write(dir.join(format!("{pod}.log")), self.release.logs(pod))?;
            let before = self.release.kubectl(&["logs", "--previous", pod]);
            fs::write(dir.join(format!("{pod}.previous.log")), before.unwrap_or_default())?;
        }
        for what in ["leases", "pods", "events", "endpoints"] {
            let said = self.release.kubectl(&["get", what, "-o", "yaml"]).unwrap_or_default();
            fs::write(dir.join(format!("{what}.yaml")), said)?;
        }
        Ok(())
    }
}
