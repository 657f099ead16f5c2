//! What can go wrong.

/// One thing that goes wrong, or that somebody asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fault {
    CutAuthority(usize),
    CutPeers,
    /// The pod is cut off from the other one, where another pod of its name appears.
    Twin(usize),
    /// All processes of the pod stand still.
    Freeze(usize),
    FreezeAgent(usize),
    RestartAgent(usize),
    CrashServer(usize),
    /// The server answers nothing any more.
    HangServer(usize),
    /// Nor does the volume, and nothing that waits for it can be ended.
    HangVolume(usize),
    /// All processes of the pod end; it is the same pod that starts again.
    RestartPod(usize),
    /// The same, and it is another pod on the same volume.
    ReplacePod(usize),
    /// And on a volume as it was when the cluster was young. No part of [`Fault::ALL`]: nobody mends it.
    RollBack(usize),
    /// The pod's machine is lost.
    LosePod(usize),
    /// The coordinator ends the standby's connection. Where commits go on then, only while the standby can notice it; see what
    /// stays open in docs/design/failover.md.
    EndStream,
    Switchover(usize),
    Drain(usize),
    DrainAll,
    Pause(usize),
    /// The authority goes back to an old backup.
    Restore,
    Delete,
    Garble,
}

impl Fault {
    pub(crate) const ALL: [Fault; 34] = [
        Fault::CutAuthority(0),
        Fault::CutAuthority(1),
        Fault::CutPeers,
        Fault::Twin(0),
        Fault::Twin(1),
        Fault::Freeze(0),
        Fault::Freeze(1),
        Fault::FreezeAgent(0),
        Fault::FreezeAgent(1),
        Fault::RestartAgent(0),
        Fault::RestartAgent(1),
        Fault::CrashServer(0),
        Fault::CrashServer(1),
        Fault::HangServer(0),
        Fault::HangServer(1),
        Fault::HangVolume(0),
        Fault::HangVolume(1),
        Fault::RestartPod(0),
        Fault::RestartPod(1),
        Fault::ReplacePod(0),
        Fault::ReplacePod(1),
        Fault::LosePod(0),
        Fault::LosePod(1),
        Fault::EndStream,
        Fault::Switchover(0),
        Fault::Switchover(1),
        Fault::Drain(0),
        Fault::Drain(1),
        Fault::DrainAll,
        Fault::Pause(0),
        Fault::Pause(1),
        Fault::Restore,
        Fault::Delete,
        Fault::Garble,
    ];

    /// Whether it is one of the authority itself.
    pub(crate) fn is_of_record(self) -> bool {
        matches!(self, Fault::Restore | Fault::Delete | Fault::Garble)
    }
}

/// What ends by itself, at any time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Relief {
    Authority(usize),
    Peers,
    Thaw(usize),
    Resume(usize),
    Answer(usize),
    Return(usize),
}

impl Relief {
    pub(crate) const ALL: [Relief; 11] = [
        Relief::Authority(0),
        Relief::Authority(1),
        Relief::Peers,
        Relief::Thaw(0),
        Relief::Thaw(1),
        Relief::Resume(0),
        Relief::Resume(1),
        Relief::Answer(0),
        Relief::Answer(1),
        Relief::Return(0),
        Relief::Return(1),
    ];
}
