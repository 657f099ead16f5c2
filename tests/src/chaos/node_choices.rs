//! What can be done to a cluster on Kubernetes, and what no person has to put right again.

use super::choice::{Choice, at_once, lasting};
use super::fault::{Fault as F, Process as P, Target};
use Target::{Both, Holder, Standby};

/// Nodes, pods and the API server first; then what is done on containers too.
pub(super) const NODE_CHOICES: &[Choice] = &[
    lasting(41, Holder, F::NodeOff, 2000, 25_000),
    lasting(82, Standby, F::NodeOff, 2000, 20_000),
    lasting(102, Both, F::NodeOff, 500, 5000),
    lasting(25, Holder, F::NodePaused, 2000, 20_000),
    lasting(85, Standby, F::NodePaused, 2000, 15_000),
    lasting(42, Holder, F::NodeCutOff, 2000, 20_000),
    lasting(48, Standby, F::NodeCutOff, 2000, 20_000),
    lasting(43, Holder, F::CutFromApi, 2000, 20_000),
    lasting(48, Standby, F::CutFromApi, 2000, 20_000),
    lasting(54, Holder, F::NodeLoses(10), 3000, 12_000),
    lasting(54, Standby, F::NodeLoses(30), 3000, 12_000),
    lasting(62, Both, F::ApiRefuses, 2000, 30_000),
    lasting(62, Both, F::ApiSilent, 2000, 30_000),
    lasting(56, Both, F::DnsFails, 3000, 15_000),
    lasting(56, Both, F::DnsSilent, 3000, 15_000),
    at_once(69, Both, F::DeleteRecord),
    at_once(69, Both, F::GarbleRecord),
    at_once(30, Holder, F::DeletePod),
    at_once(30, Standby, F::DeletePod),
    at_once(102, Both, F::DeletePod),
    at_once(31, Holder, F::DeletePodByForce),
    at_once(31, Standby, F::DeletePodByForce),
    at_once(106, Holder, F::Switchover),
    at_once(107, Holder, F::Switchover),
    at_once(1, Holder, F::Kill(P::Postmaster)),
    at_once(1, Standby, F::Kill(P::Postmaster)),
    at_once(6, Holder, F::Kill(P::Walsender)),
    lasting(16, Holder, F::Freeze(P::Server), 2000, 20_000),
    at_once(21, Holder, F::Kill(P::Agent)),
    lasting(22, Holder, F::Freeze(P::Agent), 1000, 15_000),
    lasting(22, Standby, F::Freeze(P::Agent), 1000, 15_000),
    lasting(24, Holder, F::Freeze(P::Init), 1000, 15_000),
    at_once(29, Holder, F::Kill(P::Init)),
    lasting(44, Holder, F::CutFromOther, 2000, 15_000),
    lasting(51, Holder, F::NothingToOther, 2000, 15_000),
    lasting(51, Holder, F::NothingFromOther, 2000, 15_000),
    at_once(91, Holder, F::CancelAll),
];
