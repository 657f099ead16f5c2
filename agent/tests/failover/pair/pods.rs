//! The two coordinator pods of a cluster on PostgreSQL: each with its network, its PIDs, its /tmp and its volume; and the
//! directory that they share.

use crate::fuse_volume::Volume;
use crate::pair::network::Network;
use crate::pair::pod::{PATIENCE, PAUSE, Pod, name};
use crate::pair::small_volume::SmallVolume;
use crate::pod_user::folder;
use crate::programs::copy_program;
use crate::skipped::skipped;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;

/// As a cluster is to be.
#[derive(Default)]
pub(crate) struct Plan {
    /// Lines for `failover` in cluster.yaml.
    pub(crate) failover: String,
    /// Lines for cluster.yaml.
    pub(crate) more: String,
    /// The first pod's volume can be made to hang.
    pub(crate) may_hang: bool,
    /// A primary and its mirror in place of the coordinators.
    pub(crate) segment: bool,
    /// The second pod's volume has so many MiB, and its size can be changed.
    pub(crate) small: Option<u64>,
}

/// Both pods. Dropped before the network and the volumes.
pub(crate) struct Pair {
    pods: [Pod; 2],
    /// That of the first pod, if it can be made to hang.
    pub(crate) volume: Option<Volume>,
    /// That of the second pod, if its size can be changed.
    pub(crate) small: Option<SmallVolume>,
    pub(crate) network: Arc<Network>,
    pub(crate) base: TempDir,
}

impl Pair {
    /// Begins both on empty volumes. `None` where that cannot be had; the reason was said.
    pub(crate) fn begin(plan: &Plan) -> Option<Pair> {
        if !nix::unistd::geteuid().is_root() {
            skipped("only root makes network namespaces");
            return None;
        }
        let Some(network) = Network::new(plan.segment) else {
            skipped("this machine makes no network namespaces");
            return None;
        };
        let network = Arc::new(network);
        // The pods have a /tmp of their own.
        let base = tempfile::tempdir_in("/var/tmp").unwrap();
        fs::set_permissions(base.path(), fs::Permissions::from_mode(0o755)).unwrap();
        copy_program(env!("CARGO_BIN_EXE_gp-agent"), base.path().join("gp-agent"));
        folder(&base.path().join("authority"));
        let mut volume = None;
        if plan.may_hang {
            let mount = base.path().join("volume-0");
            folder(&mount);
            volume = Volume::mount(&base.path().join("folder-0"), &mount);
            if volume.is_none() {
                skipped("there is no bindfs(1), or FUSE is missing");
                return None;
            }
        }
        let small = plan
            .small
            .map(|mib| SmallVolume::mount(&base.path().join("volume-1"), mib));
        let pods = [0, 1].map(|number| Pod::begin(number, &network, base.path(), plan));
        Some(Pair {
            pods,
            volume,
            small,
            network,
            base,
        })
    }

    /// Begins both and waits until the second is in sync.
    pub(crate) fn start(plan: &Plan) -> Option<Pair> {
        let mut pair = Pair::begin(plan)?;
        pair.wait_in_sync(0);
        Some(pair)
    }

    /// Cuts a pod off from the other one, from clients and from the record.
    pub(crate) fn cut_off(&self, number: usize) {
        self.network.cut(number);
        self.pods[number].hide_authority();
    }

    /// And joins it again.
    pub(crate) fn join_again(&self, number: usize) {
        self.pods[number].show_authority();
        self.network.join(number);
    }

    /// The record's directory is gone for both.
    pub(crate) fn hide_record(&self) {
        self.pods.iter().for_each(Pod::hide_authority);
    }

    /// And there again.
    pub(crate) fn show_record(&self) {
        self.pods.iter().for_each(Pod::show_authority);
    }

    pub(crate) fn status(&self, number: usize) -> Option<Value> {
        self.pods[number].status()
    }

    pub(crate) fn pod_has_said(&self, number: usize, words: &str) -> bool {
        self.pods[number].has_said(words)
    }

    pub(crate) fn is_writable(&self, number: usize) -> bool {
        self.pods[number].is_writable()
    }

    pub(crate) fn server_processes(&self, number: usize) -> usize {
        self.pods[number].server_processes()
    }

    pub(crate) fn pod(&mut self, number: usize) -> &mut Pod {
        &mut self.pods[number]
    }

    /// The record in the directory, when there is one that can be read.
    pub(crate) fn record(&self) -> Option<Value> {
        let text = fs::read(self.base.path().join("authority/w-coordinator.json")).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// The pod that the record calls the holder.
    pub(crate) fn holder(&self) -> Option<String> {
        Some(self.record()?["holder"]["pod"].as_str()?.to_string())
    }

    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Pair) -> bool) {
        let begun = Instant::now();
        while !holds(self) {
            assert!(begun.elapsed() < PATIENCE, "never: {what}\n{}", self.report());
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until `holder` serves and the record calls the other pod in sync.
    pub(crate) fn wait_in_sync(&mut self, holder: usize) {
        let names = (name(holder), name(1 - holder));
        let says = |record: Value| record["holder"]["pod"] == *names.0 && record["inSync"]["pod"] == *names.1;
        // A record may be older than both servers.
        let in_sync = |pair: &Pair| {
            let receives = pair
                .status(1 - holder)
                .is_some_and(|s| s["failover"]["stream"].is_string());
            receives && pair.record().is_some_and(says) && pair.is_writable(holder)
        };
        self.wait_until(&format!("{} is in sync with {}", names.1, names.0), in_sync);
    }

    /// Waits until that pod holds the record and takes writes.
    pub(crate) fn wait_coordinator(&mut self, number: usize) {
        let wanted = name(number);
        self.wait_until(&format!("{wanted} is the coordinator"), |pair| {
            pair.holder().as_deref() == Some(&*wanted) && pair.pods[number].is_writable()
        });
    }

    /// What both said, and the record.
    pub(crate) fn report(&self) -> String {
        let record = self.record().map(|record| format!("{record:#}")).unwrap_or_default();
        let pods = self.pods.iter().map(|pod| {
            let status = pod.status().map(|status| format!("{status:#}")).unwrap_or_default();
            format!("== {}\n{status}\n{}\n", name(pod.number), pod.log())
        });
        format!("{}== record\n{record}\n", pods.collect::<String>())
    }
}

impl Drop for Pair {
    fn drop(&mut self) {
        if std::thread::panicking() || std::env::var_os("SHOW_PODS").is_some() {
            eprintln!("{}", self.report());
        }
        if let Some(volume) = &self.volume {
            volume.go_on();
        }
        for pod in &mut self.pods {
            pod.kill();
        }
    }
}
