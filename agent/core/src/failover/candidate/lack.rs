//! Why nobody would take over, and why a record is not to be gone by.

use crate::failover::lsn::Lsn;
use crate::failover::record::{Holder, Mode};
use std::fmt;
use std::time::Duration;

/// Why nobody would take over now if the holder were lost.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Lack {
    /// This candidate has not read the record yet.
    NotRead,
    /// The record is not to be gone by.
    Doubtful(Doubt),
    /// An earlier pod of this name holds the role, and this one has not taken it yet.
    EarlierPod,
    /// An administrator has paused takeovers.
    Paused,
    /// The configuration leaves takeovers to people.
    Manual,
    /// This pod ends.
    PodEnds,
    /// init is of a version that cannot keep a deadline.
    NoFence,
    /// init could not be told a deadline; in words.
    FenceFailed(String),
    /// The coordinator's server does not run.
    ServerDown,
    /// The coordinator's server starts again.
    ServerStarts,
    /// The coordinator has not taken its role, or gives it away.
    Unsettled,
    /// The other candidate's agent does not answer.
    PeerSilent,
    /// The other candidate's agent answers and is not understood; in words.
    PeerNotUnderstood(String),
    /// The other candidate says that it could not.
    PeerUnable(Unable),
    /// No standby is connected.
    NotConnected,
    /// The standby that is connected is not the one whose agent answers.
    OtherConnected,
    /// The connection of the standby has ended.
    ConnectionEnded,
    /// The standby has connected anew, and was not confirmed since.
    ConnectedAnew,
    /// The pod that was in sync was replaced by another one.
    Replaced,
    /// The standby has not confirmed for three seconds what was written.
    Behind,
    /// The standby and its agent have been silent for three seconds.
    StandbySilent,
    /// The server does not let commits wait for the standby, although it was told to.
    CommitsGoOn,
    /// After how long the server gives up a silent standby, and how long that has to be at least.
    GivesUpEarly(Duration, Duration),
    /// The standby does not have everything yet.
    CatchingUp,
    /// The standby was lost a moment ago; it is trusted again a little later.
    LostJustNow,
    /// The standby has everything, and the record is about to say so.
    Confirming,
    /// The record says that nobody is in sync.
    NotInSync,
    /// Another pod than this was in sync; its UID.
    OtherInSync(String),
    /// This pod's server does not run as a standby.
    NotStandby,
    /// The coordinator's pod has no part in failover any more, by its own last word; why. Nothing ends its server in time.
    HolderUnfenced(Unable),
    /// The standby's timeline, and the coordinator's.
    OtherTimeline(u32, u32),
    /// The standby's connection ended while the coordinator lived on.
    EndedAlone,
    /// The coordinator's server is dead, and the standby has not seen its connection end: it may have ended before.
    EndUnseen,
    /// Up to where this standby has received, and where the coordinator's log ends.
    Incomplete(Option<Lsn>, Lsn),
}

/// Why the other candidate could not take over, as it says, or as its answer shows.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Unable {
    /// Its agent knows nothing of failover.
    OldAgent,
    /// Its failover is switched off.
    SwitchedOff,
    /// Its record is kept elsewhere.
    OtherAuthority,
    /// It counts with another length of the lease.
    OtherLease,
    /// Its pod ends.
    Ends,
}

/// Why what an authority holds is not to be gone by (R10).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// There was no record yet.
    NoRecord,
    /// Nor is the first one written: that pod has a coordinator's directory too, and this one's is not the newer one. The
    /// timelines of both, this one's first.
    NoRecordBeside(String, u32, u32),
    /// There was one, and it is missing; who held the role last, and in which epoch.
    Missing(Holder, u64),
    /// It cannot be read; in words.
    Garbled(String),
    /// It is another cluster's.
    OtherCluster(String),
    /// It is about another database; its system identifier.
    OtherSystem(String),
    /// Its epoch and serial, and those that were seen before.
    Older((u64, u64), (u64, u64)),
    /// The other candidate knows of a later epoch; that of the record, and that.
    PeerKnowsLater(u64, u64),
}

impl Lack {
    /// Nothing where takeovers happen by themselves.
    pub(super) fn of_mode(mode: Mode) -> Option<Lack> {
        match mode {
            Mode::Auto => None,
            Mode::Paused => Some(Lack::Paused),
            Mode::Manual => Some(Lack::Manual),
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lack::NotRead => "the record has not been read yet",
            Lack::EarlierPod => "an earlier pod of this name holds the role, and this one has not taken it yet",
            Lack::Paused => "takeovers are paused",
            Lack::Manual => "takeovers happen by command only (failover.mode is manual)",
            Lack::PodEnds => "this pod ends",
            Lack::NoFence => "init cannot keep a deadline: it is of an older version",
            Lack::ServerDown => "the coordinator's server does not run",
            Lack::ServerStarts => "the coordinator's server starts again",
            Lack::Unsettled => "the coordinator has not settled in its role",
            Lack::PeerSilent => "the agent of the standby does not answer",
            Lack::NotConnected => "the standby is not connected",
            Lack::OtherConnected => "the connected standby is not the one whose agent answers",
            Lack::ConnectionEnded => "the standby's connection has ended",
            Lack::ConnectedAnew => "the standby has connected anew since it was in sync",
            Lack::Replaced => "the standby's pod was replaced",
            Lack::Behind => "the standby has not confirmed for three seconds what was written",
            Lack::StandbySilent => "the standby and its agent have been silent for three seconds",
            Lack::CommitsGoOn => "commits do not wait for the standby",
            Lack::CatchingUp => "the standby is catching up",
            Lack::LostJustNow => "the standby was lost a moment ago",
            Lack::Confirming => "the standby is being confirmed",
            Lack::NotInSync => "the standby was not in sync",
            Lack::NotStandby => "this pod's server does not run as a standby",
            Lack::EndedAlone => "the standby's connection ended while the coordinator lived on",
            Lack::EndUnseen => "the standby has not yet seen the connection of the dead coordinator end",
            Lack::Doubtful(doubt) => return doubt.fmt(f),
            Lack::FenceFailed(why) => return write!(f, "init cannot be told a deadline: {why}"),
            Lack::PeerUnable(why) => return why.fmt(f),
            Lack::PeerNotUnderstood(why) => {
                return write!(f, "the agent of the standby answers and is not understood: {why}");
            }
            Lack::GivesUpEarly(after, least) => {
                return write!(
                    f,
                    "wal_sender_timeout is {after:?}, and commits go on without a standby that is silent for so long: at least \
                     {least:?} with this length of the lease"
                );
            }
            Lack::HolderUnfenced(why) => {
                return write!(f, "nothing ends the coordinator's server in time: {}", why.of_holder());
            }
            Lack::OtherInSync(uid) => return write!(f, "an earlier pod, with UID {uid}, was in sync, not this one"),
            Lack::OtherTimeline(own, theirs) => {
                return write!(f, "the standby is on timeline {own}, the coordinator on {theirs}");
            }
            Lack::Incomplete(None, end) => {
                return write!(f, "the standby has received nothing, and the log ends at {end}");
            }
            Lack::Incomplete(Some(has), end) => {
                return write!(f, "the standby has received up to {has}, and the log ends at {end}");
            }
        })
    }
}

impl Unable {
    /// Why nobody may take over from a holder that says so: its server has no deadline by the record.
    pub(super) fn unfences(&self) -> bool {
        match self {
            Unable::OldAgent | Unable::SwitchedOff | Unable::OtherAuthority => true,
            Unable::OtherLease | Unable::Ends => false,
        }
    }

    fn of_holder(&self) -> &'static str {
        match self {
            Unable::OldAgent => "its agent is of a version without failover",
            Unable::SwitchedOff => "failover is off in its pod",
            Unable::OtherAuthority => "its agent keeps the record elsewhere",
            Unable::OtherLease => "its agent counts with another lease",
            Unable::Ends => "its pod ends",
        }
    }
}

impl fmt::Display for Unable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Unable::OldAgent => "the standby's agent is of a version without failover",
            Unable::SwitchedOff => "failover is off at the standby's pod",
            Unable::OtherAuthority => "the standby's agent keeps the record elsewhere",
            Unable::OtherLease => "the standby's agent counts with another lease",
            Unable::Ends => "the standby's pod ends",
        })
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Doubt::NoRecord => f.write_str("there is no record yet"),
            Doubt::NoRecordBeside(pod, own, other) => write!(
                f,
                "there is no record of who may write yet, and {pod} has a coordinator's data directory too, on timeline {other}; this pod's is on timeline {own}"
            ),
            Doubt::Missing(holder, epoch) => {
                write!(
                    f,
                    "the record is missing; {holder} held the role last, in epoch {epoch}"
                )
            }
            Doubt::Garbled(why) => write!(f, "the record cannot be read: {why}"),
            Doubt::OtherCluster(cluster) => write!(f, "the record is that of cluster {cluster}"),
            Doubt::OtherSystem(id) => write!(f, "the record is about another database, with system identifier {id}"),
            Doubt::Older((epoch, serial), (before, last)) => write!(
                f,
                "the record is older than one that was seen before: epoch {epoch} serial {serial}, before {before} and {last}"
            ),
            Doubt::PeerKnowsLater(epoch, later) => {
                write!(
                    f,
                    "the record is of epoch {epoch}, and the other pod knows of epoch {later}"
                )
            }
        }
    }
}
