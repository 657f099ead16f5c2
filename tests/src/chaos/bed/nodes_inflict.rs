//! Faults of pods, nodes and the API server, and their undoing.

use super::nodes::Nodes;
use super::{Bed, COORDINATORS, network, processes};
use crate::chaos::fault::{Fault, Process};
use crate::kube;
use anyhow::{Context, Result, bail};
use rustix::process::Signal;
use std::sync::PoisonError;

impl Nodes {
    pub(super) fn hurt(&self, index: usize, fault: Fault) -> Result<()> {
        let pod = COORDINATORS[index];
        let tool = |words: &[&str]| self.tool.run(words).map(drop);
        let signal = |process, signal| processes::signal(self.init(index)?, process, signal);
        match fault {
            Fault::Kill(process) => signal(process, Signal::KILL),
            Fault::Crash(process) => signal(process, Signal::SEGV),
            Fault::Terminate(process) => signal(process, Signal::TERM),
            Fault::Freeze(process) => signal(process, Signal::STOP),
            Fault::CutOff
            | Fault::CutFromOther
            | Fault::NothingToOther
            | Fault::NothingFromOther
            | Fault::LargePacketsLost => {
                let other = self.places[1 - index].now().and_then(|at| at.ip);
                network::inflict(self.init(index)?, fault, other)
            }
            Fault::DeletePod => self.delete(pod, &[]),
            Fault::DeletePodByForce => self.delete(pod, &["--force", "--grace-period=0"]),
            Fault::NodeOff => self.node(index, fault, &["node", "stop"]),
            Fault::NodePaused => self.node(index, fault, &["node", "pause"]),
            Fault::CutFromApi => tool(&["partition", &self.release.node(pod)?, "master"]),
            Fault::NodeCutOff => self.cut_off(&self.release.node(pod)?),
            Fault::NodeLoses(percent) => tool(&["lose", &self.release.node(pod)?, &percent.to_string()]),
            Fault::ApiRefuses => tool(&["server", "refuse"]),
            Fault::ApiSilent => tool(&["server", "drop"]),
            Fault::DnsFails => tool(&["dns", "servfail"]),
            Fault::DnsSilent => tool(&["dns", "drop"]),
            Fault::DeleteRecord => self.record(&["delete", "lease", "t-coordinator"]),
            Fault::GarbleRecord => self.record(&[
                "annotate",
                "--overwrite",
                "lease",
                "t-coordinator",
                "greenplum.io/failover=nonsense",
            ]),
            Fault::CancelAll => self.statement(
                index,
                "select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'chaos' and pid <> pg_backend_pid()",
            ),
            Fault::PauseReplay => self.statement(index, "select pg_wal_replay_pause()"),
            Fault::Switchover => self.switchover(pod),
            Fault::Undo | Fault::Nothing => Ok(()),
            _ => bail!("that is nothing of a pod's"),
        }
    }

    pub(super) fn mend(&self, index: usize, fault: Fault) {
        match fault {
            Fault::Freeze(_) => {
                let resume = |init| processes::signal(init, Process::All, Signal::CONT);
                drop(self.init(index).and_then(resume));
            }
            Fault::CutOff
            | Fault::CutFromOther
            | Fault::NothingToOther
            | Fault::NothingFromOther
            | Fault::LargePacketsLost => {
                let _ = self.init(index).map(network::undo);
            }
            Fault::NodeOff => self.node_is_back(fault, &["node", "start"]),
            Fault::NodePaused => self.node_is_back(fault, &["node", "resume"]),
            // It ends all of them at once.
            Fault::CutFromApi | Fault::NodeCutOff | Fault::NodeLoses(_) => drop(self.tool.run(&["heal"])),
            Fault::ApiRefuses | Fault::ApiSilent => drop(self.tool.run(&["server", "ok"])),
            Fault::DnsFails | Fault::DnsSilent => drop(self.tool.run(&["dns", "ok"])),
            Fault::PauseReplay => drop(self.statement(index, "select pg_wal_replay_resume()")),
            _ => {}
        }
        self.places[index].look();
    }

    fn init(&self, index: usize) -> Result<u32> {
        Ok(self.places[index].look().context("its container does not run")?.init)
    }

    fn statement(&self, index: usize, sql: &str) -> Result<()> {
        (self as &dyn Bed).session(index)?.rows(sql).map(drop)
    }

    fn delete(&self, pod: &str, how: &[&str]) -> Result<()> {
        let words = [&["delete", "pod", pod, "--wait=false"], how].concat();
        self.release.kubectl(&words).map(drop)
    }

    fn record(&self, words: &[&str]) -> Result<()> {
        self.release.kubectl(words).map(drop)
    }

    /// What it comes to is seen by the writers.
    fn switchover(&self, pod: &str) -> Result<()> {
        let exec = ["--namespace", &self.release.namespace, "exec", pod, "--"];
        let mut command = kube::command(&[&exec[..], &["gp-agent", "switchover"]].concat());
        let mut child = command.spawn().context("cannot run kubectl")?;
        std::thread::spawn(move || child.wait());
        Ok(())
    }

    fn node(&self, index: usize, fault: Fault, words: &[&str]) -> Result<()> {
        let node = self.release.node(COORDINATORS[index])?;
        self.tool.run(&[words, &[&node]].concat())?;
        let mut nodes = self.without_power.lock().unwrap_or_else(PoisonError::into_inner);
        nodes.push((fault, node));
        Ok(())
    }

    fn node_is_back(&self, fault: Fault, words: &[&str]) {
        let mut nodes = self.without_power.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, node) in nodes.extract_if(.., |(by, _)| *by == fault) {
            let _ = self.tool.run(&[words, &[&node]].concat());
        }
    }

    fn cut_off(&self, node: &str) -> Result<()> {
        let all = kube::kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"])?;
        // The record first: who reaches that alone lets its standby go.
        for other in ["master"]
            .into_iter()
            .chain(all.split(' ').filter(|other| *other != node))
        {
            self.tool.run(&["partition", node, other])?;
        }
        Ok(())
    }
}
