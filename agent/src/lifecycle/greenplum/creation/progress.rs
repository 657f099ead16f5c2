//! What the creation does, as this pod and those that wait for it show it.

use crate::lifecycle::pod::Pod;
use gp_agent_core::cluster::catalog::CatalogAnswer;
use gp_agent_core::cluster::status::Phase;

/// Shows what the creation does, here and to the pods that wait for it. Where it is finished beside a cluster that serves, the
/// tools' own lines say enough.
pub(super) fn tell(pod: &Pod, what: &str) {
    if pod.board.is_created() {
        tracing::debug!("finishing the creation: {what}");
        return;
    }
    show(pod, Phase::Bootstrapping, what);
}

pub(super) fn show(pod: &Pod, phase: Phase, what: &str) {
    pod.board.phase(phase, what);
    show_others(pod, what);
}

pub(super) fn show_others(pod: &Pod, what: &str) {
    pod.catalog
        .send_replace(CatalogAnswer::NotCreated { what: what.into() });
}
