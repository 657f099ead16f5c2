//! Faults of containers, and their undoing.

use super::containers::Containers;
use super::{Bed, COORDINATORS, network, processes};
use crate::chaos::fault::{Fault, Process};
use crate::docker;
use anyhow::{Context, Result, bail};
use rustix::process::Signal;

const FREEZE: &str = "gp-agent hold chaos";
const RESUME: &str = "gp-agent resume";

/// Only the coordinators have disks that can be hurt.
fn coordinator(index: usize) -> Result<&'static str> {
    COORDINATORS.get(index).copied().context("its disk is the machine's")
}

impl Containers {
    pub(super) fn hurt(&self, index: usize, fault: Fault) -> Result<()> {
        let container = self.cluster.container(self.pod(index));
        let docker = |words: &[&str]| docker::docker(&[words, &[&container]].concat()).map(drop);
        let signal = |process, signal| processes::signal(self.init(index)?, process, signal);
        match fault {
            Fault::Kill(process) => signal(process, Signal::KILL),
            Fault::Crash(process) => signal(process, Signal::SEGV),
            Fault::Terminate(process) => signal(process, Signal::TERM),
            Fault::Freeze(process) => signal(process, Signal::STOP),
            Fault::KillContainer => docker(&["kill"]),
            Fault::RestartContainer(grace) => docker(&["restart", "--time", &grace.to_string()]),
            Fault::StopContainer(grace) => docker(&["stop", "--time", &grace.to_string()]),
            Fault::ReplaceContainer => self.cluster.remove(self.pod(index)),
            Fault::Pause => docker(&["pause"]),
            Fault::Disconnect => docker(&["network", "disconnect", &self.cluster.domain()]),
            Fault::NoDns => self.cluster.set_dns(self.pod(index), false),
            Fault::Throttle => docker(&["update", "--cpus", "0.01"]),
            Fault::CutOff
            | Fault::CutFromOther
            | Fault::NothingToOther
            | Fault::NothingFromOther
            | Fault::Lose(_)
            | Fault::Delay(_)
            | Fault::LargePacketsLost
            | Fault::CutFromClients
            | Fault::AgentsPortClosed
            | Fault::ResetStream => {
                // Pairs stand beside each other.
                let other = self.places[index ^ 1].now().and_then(|at| at.ip);
                network::inflict(self.init(index)?, fault, other)
            }
            Fault::FillVolume
            | Fault::FreezeVolume
            | Fault::CloseDirectory
            | Fault::BreakControlFile
            | Fault::HideRecord
            | Fault::ReadOnlyRecord
            | Fault::GarbleRecord => self.disks.inflict(coordinator(index)?, fault),
            Fault::PauseReplay => self.statement(index, "select pg_wal_replay_pause()"),
            Fault::CancelAll => self.statement(
                index,
                "select pg_cancel_backend(pid) from pg_stat_activity where application_name = 'chaos' and pid <> pg_backend_pid()",
            ),
            Fault::Switchover => self.background(index, "gp-agent switchover"),
            Fault::ForceFailover => self.background(index, "gp-agent failover --accept-data-loss"),
            Fault::PauseFailover => self.shell(index, "gp-agent failover pause"),
            Fault::Hold => self.shell(index, FREEZE),
            Fault::PgCtlStop(mode) => self.background(index, &format!("pg_ctl stop -D /greenplum/gpseg-1 -m {mode}")),
            Fault::Undo | Fault::Nothing => Ok(()),
            _ => bail!("that is nothing of a container's"),
        }
    }

    pub(super) fn mend(&self, index: usize, fault: Fault) {
        let container = self.cluster.container(self.pod(index));
        let docker = |words: &[&str]| drop(docker::output(&[words, &[&container]].concat()));
        match fault {
            Fault::Freeze(_) => {
                let _ = self
                    .init(index)
                    .and_then(|init| processes::signal(init, Process::All, Signal::CONT));
            }
            Fault::KillContainer | Fault::StopContainer(_) | Fault::Kill(Process::Init) => docker(&["start"]),
            Fault::ReplaceContainer => drop(self.create(index)),
            Fault::Pause => docker(&["unpause"]),
            Fault::Disconnect => {
                docker(&["network", "connect", "--alias", self.pod(index), &self.cluster.domain()]);
            }
            Fault::NoDns => drop(self.cluster.set_dns(self.pod(index), true)),
            Fault::Throttle => {
                let all = std::thread::available_parallelism().map_or(1, usize::from);
                docker(&["update", "--cpus", &all.to_string()]);
            }
            Fault::CutOff
            | Fault::CutFromOther
            | Fault::NothingToOther
            | Fault::NothingFromOther
            | Fault::Lose(_)
            | Fault::Delay(_)
            | Fault::LargePacketsLost
            | Fault::CutFromClients
            | Fault::AgentsPortClosed
            | Fault::ResetStream => {
                let _ = self.init(index).map(network::undo);
            }
            Fault::PauseReplay => drop(self.statement(index, "select pg_wal_replay_resume()")),
            Fault::PauseFailover => drop(self.shell(index, "gp-agent failover resume")),
            Fault::Hold | Fault::PgCtlStop(_) => drop(self.shell(index, RESUME)),
            other => {
                let _ = coordinator(index).map(|name| self.disks.undo(name, other));
            }
        }
        self.places[index].look();
    }

    fn init(&self, index: usize) -> Result<u32> {
        Ok(self.places[index].look().context("its container does not run")?.init)
    }

    fn statement(&self, index: usize, sql: &str) -> Result<()> {
        (self as &dyn Bed).session(index)?.rows(sql).map(drop)
    }

    /// Where nobody answers it ends all the same.
    fn shell(&self, index: usize, line: &str) -> Result<()> {
        let words: Vec<&str> = ["timeout", "20"].into_iter().chain(line.split(' ')).collect();
        self.cluster.exec(self.pod(index), &words).map(drop)
    }

    fn background(&self, index: usize, line: &str) -> Result<()> {
        if self.places[index].look().is_none() {
            bail!("its container does not run");
        }
        let words: Vec<&str> = line.split(' ').collect();
        self.cluster.spawn(self.pod(index), &words)
    }
}
