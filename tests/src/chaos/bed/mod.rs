//! The cluster that is hurt, and what is asked of it wherever it runs.

mod containers;
mod disks;
mod inflict;
mod network;
mod nodes;
mod nodes_inflict;
pub mod place;
mod pod_process;
mod processes;
pub mod state;
mod warehouse;

pub use containers::Containers;
pub use nodes::Nodes;
pub use warehouse::Warehouse;

use super::dialect::Dialect;
use super::fault::Fault;
use super::sql::Session;
use crate::wait;
use anyhow::{Context, Result, ensure};
use place::Place;
use serde_json::Value;
use state::State;
use std::fmt::Debug;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// The ordinals of the coordinators are their indexes everywhere.
pub const COORDINATORS: [&str; 2] = ["coordinator-0", "coordinator-1"];

const PATIENCE: Duration = Duration::from_secs(20);

/// A primary and its mirror, by their indexes.
pub type Pair = (usize, usize);

/// Two coordinators with failover, and what else is hurt.
pub trait Bed: Debug + Send + Sync {
    /// Where the pods are, the two coordinators first.
    fn places(&self) -> &[Arc<Place>];

    /// What an agent says, if it answers.
    fn status(&self, index: usize) -> Option<Value>;

    /// What it says to `GET /readyz`.
    ///
    /// # Errors
    /// When it does not answer.
    fn ready(&self, index: usize) -> Result<(u16, String)>;

    /// Does it to a pod.
    ///
    /// # Errors
    /// Why it cannot be done, which two faults at a time may be the reason of.
    fn inflict(&self, index: usize, fault: Fault) -> Result<()>;

    /// Undoes it. What is not there any more needs no undoing, so errors are none.
    fn undo(&self, index: usize, fault: Fault);

    /// Starts a pod that does not run.
    fn start(&self, index: usize);

    /// Writes down what only this kind of cluster knows: logs, and the record.
    ///
    /// # Errors
    /// When a file cannot be written.
    fn keep(&self, dir: &Path) -> Result<()>;

    /// How the coordinator is written to.
    fn dialect(&self) -> Dialect {
        Dialect::Postgres
    }

    /// Which segment acts for each content, by the coordinator's catalog.
    ///
    /// # Errors
    /// When that cannot be read.
    fn pairs(&self, _holder: usize) -> Result<Vec<Pair>> {
        Ok(Vec::new())
    }

    /// Whether everything but the coordinators is as it should be.
    ///
    /// # Errors
    /// What is not.
    fn segments_whole(&self, _holder: usize) -> Result<()> {
        Ok(())
    }

    /// Whether the servers agree about what is in the database; asked when everything is whole.
    ///
    /// # Errors
    /// About what they do not.
    fn consistent(&self, _holder: usize) -> Result<()> {
        Ok(())
    }

    /// How long anything may take that comes in the end.
    fn patience(&self) -> Duration {
        Duration::from_secs(180)
    }

    /// Does what the status tells a person to do, if it tells anything; what that was.
    ///
    /// # Errors
    /// The command failed.
    fn follow_advice(&self) -> Result<Option<String>> {
        Ok(None)
    }
}

impl dyn Bed + '_ {
    /// What both agents say.
    pub fn state(&self) -> State {
        State([0, 1].map(|index| self.status(index)))
    }

    /// The holder, when everything is as it should be: one has the role, the other is in sync and ready, and it receives.
    ///
    /// # Errors
    /// What is not.
    pub fn complete(&self) -> Result<usize, String> {
        let holder = self.state().complete()?;
        for index in [0, 1] {
            match self.ready(index) {
                Ok((200, _)) => {}
                Ok((_, why)) => return Err(format!("coordinator-{index} is not ready: {}", why.trim())),
                Err(why) => return Err(format!("{why:#}")),
            }
        }
        self.serves(holder).map_err(|why| format!("{why:#}"))?;
        self.segments_whole(holder).map_err(|why| format!("{why:#}"))?;
        Ok(holder)
    }

    /// Checks with SQL that this one alone takes writes, and that commits wait for the other.
    fn serves(&self, holder: usize) -> Result<()> {
        let writable: Vec<usize> = [0, 1]
            .into_iter()
            .filter(|index| {
                let rows = self
                    .session(*index)
                    .and_then(|mut s| s.rows("select pg_is_in_recovery()"));
                rows.is_ok_and(|rows| rows == ["f"])
            })
            .collect();
        ensure!(writable == [holder], "these take writes: {writable:?}");
        let sync =
            "select count(*) from pg_stat_replication where state = 'streaming' and sync_state in ('sync', 'quorum')";
        let rows = self.session(holder)?.rows(sync)?;
        ensure!(rows == ["1"], "{rows:?} standbys stream synchronously");
        Ok(())
    }

    /// A session at a coordinator.
    ///
    /// # Errors
    /// When it does not serve.
    pub fn session(&self, index: usize) -> Result<Session> {
        let at = self.places()[index].look().context("it does not run")?;
        Session::open(SocketAddr::new(at.ip.context("no address")?, 5432), PATIENCE)
    }

    /// Undoes everything that may still last, whoever did it, and starts what does not run.
    pub fn heal(&self, faults: &[(usize, Fault)]) {
        // A disk that hangs, and what is paused or off, would hold up the rest.
        let first = |fault: &Fault| {
            matches!(
                fault,
                Fault::FreezeVolume | Fault::Pause | Fault::NodePaused | Fault::NodeOff
            )
        };
        let (first, rest): (Vec<_>, Vec<_>) = faults.iter().partition(|(_, fault)| first(fault));
        // What needs a server or an agent comes when there is one again.
        let last = |fault: &Fault| {
            matches!(
                fault,
                Fault::PauseFailover | Fault::Hold | Fault::PgCtlStop(_) | Fault::PauseReplay
            )
        };
        let (last, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(_, fault)| last(fault));
        for (index, fault) in [first, rest].concat() {
            self.undo(index, fault);
        }
        for (index, place) in self.places().iter().enumerate() {
            if place.look().is_none() {
                self.start(index);
            }
        }
        for (index, fault) in last {
            self.undo(index, fault);
        }
    }

    /// Writes down all there is to know: logs, statuses and the record.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn keep_all(&self, dir: &Path) -> Result<()> {
        fs::create_dir_all(dir)?;
        for (index, status) in self.state().0.iter().enumerate() {
            let status = status.as_ref().map(ToString::to_string).unwrap_or_default();
            fs::write(dir.join(format!("{}.status.json", COORDINATORS[index])), status)?;
        }
        self.keep(dir)
    }
}

/// Waits until the standby is in sync, and makes what the writers write to.
fn begin(bed: &dyn Bed) -> Result<()> {
    let whole = || bed.complete().map_err(anyhow::Error::msg);
    let holder = wait::until("a standby in sync", whole).with_context(|| format!("{:?}", bed.state().reasons()))?;
    for place in bed.places() {
        place.look();
    }
    // Whatever becomes of rows, the table is to be there after the first fault.
    let mut session = bed.session(holder)?;
    session.rows("set synchronous_commit = on")?;
    session.rows(bed.dialect().make()).map(drop)
}
