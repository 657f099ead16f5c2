//! What can be done to a cluster.

use std::fmt;
use std::time::Duration;

/// Which pod it is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The one that had the role when the round began.
    Holder,
    /// The other one.
    Standby,
    /// Both at the same time.
    Both,
    /// The one that has the role when it is done.
    HolderNow,
    /// The server of that content that was the primary when the round began.
    Primary(u8),
    /// Its mirror.
    Mirror(u8),
}

/// Processes of a pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// The server's first process.
    Postmaster,
    /// One that serves a client.
    Backend,
    /// The one that sends the write-ahead log.
    Walsender,
    /// The one that receives it.
    Walreceiver,
    /// The checkpointer.
    Checkpointer,
    /// The one that writes the write-ahead log ahead of commits.
    Walwriter,
    /// Every process of the server.
    Server,
    /// `gp-agent run`.
    Agent,
    /// `gp-agent init`, PID 1.
    Init,
    /// All of them.
    All,
}

/// One thing that is done to a pod, or to what the two pods share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// SIGKILL.
    Kill(Process),
    /// SIGSEGV: a crash of the server's own.
    Crash(Process),
    /// SIGTERM, as `pg_terminate_backend` sends it.
    Terminate(Process),
    /// SIGSTOP, and SIGCONT in the end.
    Freeze(Process),
    /// `docker kill`; started again in the end.
    KillContainer,
    /// `docker restart` with so many seconds of grace.
    RestartContainer(u8),
    /// `docker stop` with so many seconds of grace, as a pod is deleted; started again in the end.
    StopContainer(u8),
    /// `docker rm --force`: a new container on the same volume in the end.
    ReplaceContainer,
    /// `docker pause`.
    Pause,
    /// The pod's interface is taken away.
    Disconnect,
    /// Every packet from and to others is dropped.
    CutOff,
    /// Packets between the two coordinators are dropped.
    CutFromOther,
    /// Packets to the other coordinator are dropped.
    NothingToOther,
    /// Packets from the other coordinator are dropped.
    NothingFromOther,
    /// So many of a hundred packets are dropped in each direction.
    Lose(u8),
    /// Packets are so many milliseconds late.
    Delay(u16),
    /// Large packets vanish.
    LargePacketsLost,
    /// No client reaches the server; the other coordinator does.
    CutFromClients,
    /// The other coordinator's agent does not reach this one's; the servers reach each other.
    AgentsPortClosed,
    /// Each packet between the two servers is answered with a reset.
    ResetStream,
    /// No name is resolved.
    NoDns,
    /// A hundredth of a CPU.
    Throttle,
    /// Not a byte is free on the volume.
    FillVolume,
    /// Writes to the volume wait.
    FreezeVolume,
    /// The server's directory cannot be read.
    CloseDirectory,
    /// `pg_control` is overwritten; a new copy is made from the other one in the end.
    BreakControlFile,
    /// The directory with the record cannot be entered.
    HideRecord,
    /// Nothing can be written in the directory with the record.
    ReadOnlyRecord,
    /// The record is nonsense; it is as before in the end.
    GarbleRecord,
    /// The pod is deleted, and ends in order.
    DeletePod,
    /// The pod is deleted without waiting for its end (`--force --grace-period=0`).
    DeletePodByForce,
    /// The pod's node loses its power; it is switched on in the end.
    NodeOff,
    /// The pod's node stands still, as a virtual machine that is paused.
    NodePaused,
    /// The pod's node does not reach the API server, nor that the node.
    CutFromApi,
    /// The pod's node reaches neither the other nodes nor the API server.
    NodeCutOff,
    /// So many of a hundred packets of the pod's node are lost.
    NodeLoses(u8),
    /// The API server refuses the connections of nodes and pods.
    ApiRefuses,
    /// The API server answers nodes and pods no more; open connections stall.
    ApiSilent,
    /// The cluster's DNS says SERVFAIL.
    DnsFails,
    /// The cluster's DNS does not answer.
    DnsSilent,
    /// The record is deleted.
    DeleteRecord,
    /// Nothing is replayed.
    PauseReplay,
    /// Every client's statement is cancelled.
    CancelAll,
    /// `gp-agent switchover`.
    Switchover,
    /// `gp-agent failover --accept-data-loss`.
    ForceFailover,
    /// `gp-agent failover pause`, and `resume` in the end.
    PauseFailover,
    /// `gp-agent hold`, and `resume` in the end.
    Hold,
    /// `pg_ctl stop` in this mode, and `gp-agent resume` in the end.
    PgCtlStop(&'static str),
    /// What was done before, and still lasts, is undone.
    Undo,
    /// Nothing: a condition alone is waited for.
    Nothing,
}

impl Fault {
    /// What it is counted as.
    pub fn kind(self) -> String {
        let text = match self {
            Fault::Kill(process) => return format!("kill -9 {process}"),
            Fault::Crash(process) => return format!("SIGSEGV {process}"),
            Fault::Terminate(process) => return format!("SIGTERM {process}"),
            Fault::Freeze(process) => return format!("SIGSTOP {process}"),
            Fault::Lose(percent) => return format!("{percent} % of packets lost"),
            Fault::Delay(millis) => return format!("packets {millis} ms late"),
            Fault::PgCtlStop(mode) => return format!("pg_ctl stop -m {mode}"),
            Fault::RestartContainer(grace) => return format!("docker restart -t {grace}"),
            Fault::StopContainer(grace) => return format!("docker stop -t {grace}"),
            Fault::KillContainer => "docker kill",
            Fault::ReplaceContainer => "docker rm -f",
            Fault::Pause => "docker pause",
            Fault::Disconnect => "network disconnect",
            Fault::CutOff => "cut from all",
            Fault::CutFromOther => "cut from the other",
            Fault::NothingToOther => "nothing to the other",
            Fault::NothingFromOther => "nothing from the other",
            Fault::LargePacketsLost => "large packets lost",
            Fault::CutFromClients => "cut from clients",
            Fault::AgentsPortClosed => "the agents' port closed",
            Fault::ResetStream => "the stream reset",
            Fault::NoDns => "no DNS",
            Fault::Throttle => "1 % of a CPU",
            Fault::FillVolume => "volume full",
            Fault::FreezeVolume => "volume frozen",
            Fault::CloseDirectory => "data directory closed",
            Fault::BreakControlFile => "pg_control broken",
            Fault::HideRecord => "record unreachable",
            Fault::ReadOnlyRecord => "record read-only",
            Fault::GarbleRecord => "record garbled",
            Fault::NodeLoses(percent) => return format!("{percent} % of the node's packets lost"),
            Fault::DeletePod => "pod deleted",
            Fault::DeletePodByForce => "pod deleted by force",
            Fault::NodeOff => "node off",
            Fault::NodePaused => "node paused",
            Fault::CutFromApi => "cut from the API server",
            Fault::NodeCutOff => "node cut from all",
            Fault::ApiRefuses => "API server refuses",
            Fault::ApiSilent => "API server silent",
            Fault::DnsFails => "DNS says SERVFAIL",
            Fault::DnsSilent => "DNS silent",
            Fault::DeleteRecord => "record deleted",
            Fault::PauseReplay => "replay paused",
            Fault::CancelAll => "pg_cancel_backend of all",
            Fault::Switchover => "switchover",
            Fault::ForceFailover => "failover --accept-data-loss",
            Fault::PauseFailover => "failover pause",
            Fault::Hold => "hold",
            Fault::Undo => "undo",
            Fault::Nothing => "wait",
        };
        text.to_string()
    }

    /// Whether it belongs to both pods, so that no target is named.
    pub(super) fn is_shared(self) -> bool {
        matches!(
            self,
            Fault::HideRecord
                | Fault::ReadOnlyRecord
                | Fault::GarbleRecord
                | Fault::DeleteRecord
                | Fault::ApiRefuses
                | Fault::ApiSilent
                | Fault::DnsFails
                | Fault::DnsSilent
        )
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Process::Postmaster => "postmaster",
            Process::Backend => "backend",
            Process::Walsender => "walsender",
            Process::Walreceiver => "walreceiver",
            Process::Checkpointer => "checkpointer",
            Process::Walwriter => "walwriter",
            Process::Server => "server",
            Process::Agent => "agent",
            Process::Init => "init",
            Process::All => "all processes",
        })
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Target::Holder => "holder",
            Target::Standby => "standby",
            Target::Both => "both",
            Target::HolderNow => "holder now",
            Target::Primary(content) => return write!(f, "primary of {content}"),
            Target::Mirror(content) => return write!(f, "mirror of {content}"),
        })
    }
}

/// When a step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// So long after the one before.
    After(Duration),
    /// As soon as no pod is in sync.
    NotInSync,
    /// As soon as a pod is in sync.
    InSync,
    /// As soon as the other coordinator has acknowledged a row.
    Moved,
    /// As soon as everything is as it should be.
    Whole,
}

/// A fault at its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub when: When,
    /// To whom.
    pub target: Target,
    /// What.
    pub fault: Fault,
    /// How long; until the round is over when it does not say.
    pub lasts: Option<Duration>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.when {
            When::After(Duration::ZERO) => {}
            When::After(delay) => write!(f, "{:.1} s later ", delay.as_secs_f64())?,
            When::NotInSync => f.write_str("not in sync, then ")?,
            When::InSync => f.write_str("in sync, then ")?,
            When::Moved => f.write_str("taken over, then ")?,
            When::Whole => f.write_str("whole, then ")?,
        }
        f.write_str(&self.fault.kind())?;
        if let Some(lasts) = self.lasts {
            write!(f, " {:.1} s", lasts.as_secs_f64())?;
        }
        if !self.fault.is_shared() && self.fault != Fault::Nothing {
            write!(f, " ({})", self.target)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_reads_as_it_happens() {
        let mut step = Step {
            when: When::After(Duration::from_millis(1500)),
            target: Target::Standby,
            fault: Fault::Freeze(Process::Agent),
            lasts: Some(Duration::from_secs(3)),
        };
        assert_eq!(step.to_string(), "1.5 s later SIGSTOP agent 3.0 s (standby)");
        step.when = When::Moved;
        step.lasts = None;
        assert_eq!(step.to_string(), "taken over, then SIGSTOP agent (standby)");
        step.when = When::After(Duration::ZERO);
        step.fault = Fault::HideRecord;
        assert_eq!(step.to_string(), "record unreachable");
    }
}
