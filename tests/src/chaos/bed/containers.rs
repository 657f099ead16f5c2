//! On containers of this machine: two coordinators with a disk each and a directory between them, and segments.

use super::disks::{self, Disks};
use super::place::Place;
use super::{Bed, COORDINATORS};
use crate::chaos::fault::Fault;
use crate::cluster::Cluster;
use crate::docker;
use crate::settings::Settings;
use anyhow::Result;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// A cluster with failover. Its containers go before its disks.
#[derive(Debug)]
pub struct Containers {
    pub(super) cluster: Cluster,
    pub(super) disks: Disks,
    /// The containers of the coordinators, and of the segments that can be hurt.
    pub(super) places: Vec<Arc<Place>>,
    names: Vec<&'static str>,
}

/// Lines of cluster.yaml: clients are trusted, and the lease is so long.
pub(super) fn trusting(lease: u32) -> Vec<String> {
    let lines = [
        "hba:",
        "  auth: trust",
        "  extra:",
        "    - host all all 127.0.0.0/8 trust",
        "    - host all all 10.0.0.0/8 trust",
        "    - host all all 172.16.0.0/12 trust",
        "    - host all all 192.168.0.0/16 trust",
        &format!("failover: {{ leaseSeconds: {lease} }}"),
    ];
    lines.map(String::from).to_vec()
}

fn settings(lease: u32, parameters: &[(&str, &str)]) -> Settings {
    let mut settings = Settings {
        segments: 1,
        mirrors: false,
        lines: trusting(lease),
        ..Settings::default()
    };
    let own = [("max_connections", "300")];
    let all = own.iter().chain(parameters);
    let all = all.map(|(name, value)| (name.to_string(), value.to_string()));
    settings.parameters.extend(all);
    settings
}

impl Containers {
    /// Makes it, with these parameters besides its own, and waits until the standby is in sync.
    ///
    /// # Errors
    /// What docker or mount said, or what is not as it should be.
    pub fn up(lease: u32, parameters: &[(&str, &str)]) -> Result<Containers> {
        let bed = Containers::of(&settings(lease, parameters), &[])?;
        bed.cluster.create(bed.cluster.pod("segment-a-0"), &[])?;
        bed.cluster.wait_all_ready()?;
        super::begin(&bed)?;
        Ok(bed)
    }

    /// The containers of the coordinators, and of these segments; it waits for nothing.
    pub(super) fn of(settings: &Settings, segments: &[&'static str]) -> Result<Containers> {
        disks::sweep();
        let cluster = Cluster::new(settings.clone())?;
        let disks = Disks::new(&cluster.image(), &COORDINATORS, settings.engine)?;
        let names = [&COORDINATORS[..], segments].concat();
        let place = |name: &&str| Arc::new(Place::of_container(cluster.container(cluster.pod(name))));
        let bed = Containers {
            places: names.iter().map(place).collect(),
            cluster,
            disks,
            names,
        };
        for index in 0..bed.names.len() {
            bed.create(index)?;
        }
        Ok(bed)
    }

    pub(super) fn create(&self, index: usize) -> Result<()> {
        if index >= COORDINATORS.len() {
            return self.cluster.create(self.pod(index), &[]);
        }
        let volume = format!("--volume={}:/greenplum", self.disks.path(COORDINATORS[index]).display());
        let record = format!("--volume={}:/var/lib/gp-agent-failover", self.disks.record().display());
        self.cluster.create(self.pod(index), &[&volume, &record])
    }

    pub(super) fn pod(&self, index: usize) -> &str {
        self.cluster.pod(self.names[index])
    }
}

impl Bed for Containers {
    fn places(&self) -> &[Arc<Place>] {
        &self.places
    }

    fn status(&self, index: usize) -> Option<Value> {
        self.cluster.status(self.pod(index)).ok()
    }

    fn ready(&self, index: usize) -> Result<(u16, String)> {
        crate::http::get(self.cluster.address(self.pod(index))?, "/readyz")
    }

    fn inflict(&self, index: usize, fault: Fault) -> Result<()> {
        self.hurt(index, fault)
    }

    fn undo(&self, index: usize, fault: Fault) {
        self.mend(index, fault);
    }

    fn start(&self, index: usize) {
        self.mend(index, Fault::KillContainer);
    }

    fn keep(&self, dir: &Path) -> Result<()> {
        for (index, name) in self.names.iter().enumerate() {
            fs::write(dir.join(format!("{name}.log")), self.cluster.logs(self.pod(index)))?;
            let inspect = docker::docker(&["inspect", self.pod(index)]).unwrap_or_default();
            fs::write(dir.join(format!("{name}.inspect.json")), inspect)?;
        }
        for entry in fs::read_dir(self.disks.record())?.filter_map(Result::ok) {
            if let Ok(bytes) = fs::read(entry.path()) {
                fs::write(dir.join(entry.file_name()), bytes)?;
            }
        }
        Ok(())
    }
}
