//! What happens in the walks.

use super::world::{half_made, server};
use crate::cluster::topology::Role;
use crate::recovery::facts::server::Server;
use proptest::prelude::*;

pub(super) const PAIRS: usize = 3;
pub(super) const HOUR: u64 = 3600;

/// Something happens.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    FailOver(usize),
    LoseMirror(usize),
    LoseVolume(usize),
    /// pg_rewind will not find what it needs.
    CannotRewind(usize),
    /// The tool does not reach a pod, or does again.
    NoSsh(usize),
    Ssh(usize),
    /// A pod is away, or back.
    Away(usize),
    Back(usize),
    Hold(usize),
    Release(usize),
    OtherTool,
    OtherToolEnds,
    /// The agent dies, and the tool goes on, or dies with it: before or after it changed the catalog, leaving files or not.
    AgentDies {
        tool_too: bool,
        changed: bool,
        files: Files,
    },
    /// The tool alone dies.
    ToolDies(Files),
    /// The volume of a mirror that is to be made has something on it.
    Occupied(usize),
    /// The role goes to another coordinator, and comes back.
    LosesRole,
    GetsRole,
    ToolTakes(u64),
    /// Mirrors that the tool has started replay for so many looks.
    Replays(u64),
    Busy(bool),
    Backup(bool),
    Behind(u64),
    CannotRebalance,
    AskRebalance,
    Wait(u64),
}

/// What a copy that was broken off leaves.
#[derive(Clone, Copy, Debug)]
pub(super) enum Files {
    Nothing,
    HalfMade,
    /// What copies outlived who began it.
    Whole,
}

impl Files {
    pub(super) fn server(self) -> Option<Server> {
        match self {
            Files::Nothing => None,
            Files::HalfMade => Some(half_made()),
            Files::Whole => Some(server(Role::Mirror)),
        }
    }
}

pub(super) fn files() -> impl Strategy<Value = Files> {
    prop_oneof![Just(Files::Nothing), Just(Files::HalfMade), Just(Files::Whole)]
}

pub(super) fn fault() -> impl Strategy<Value = Fault> {
    let pair = 0..PAIRS;
    let pod = 0..PAIRS * 2;
    prop_oneof![
        pair.clone().prop_map(Fault::FailOver),
        pair.clone().prop_map(Fault::LoseMirror),
        pair.prop_map(Fault::LoseVolume),
        pod.clone().prop_map(Fault::CannotRewind),
        pod.clone().prop_map(Fault::NoSsh),
        pod.clone().prop_map(Fault::Ssh),
        pod.clone().prop_map(Fault::Away),
        pod.clone().prop_map(Fault::Back),
        pod.clone().prop_map(Fault::Hold),
        pod.prop_map(Fault::Release),
        Just(Fault::OtherTool),
        Just(Fault::OtherToolEnds),
        (any::<[bool; 2]>(), files()).prop_map(|([tool_too, changed], files)| Fault::AgentDies {
            tool_too,
            changed,
            files
        }),
        files().prop_map(Fault::ToolDies),
        (0..PAIRS).prop_map(Fault::Occupied),
        Just(Fault::LosesRole),
        Just(Fault::GetsRole),
        (1u64..300).prop_map(Fault::ToolTakes),
        (0u64..60).prop_map(Fault::Replays),
        any::<bool>().prop_map(Fault::Busy),
        any::<bool>().prop_map(Fault::Backup),
        (0u64..128).prop_map(|mib| Fault::Behind(mib << 20)),
        Just(Fault::CannotRebalance),
        Just(Fault::AskRebalance),
        (10u64..HOUR).prop_map(Fault::Wait),
    ]
}
