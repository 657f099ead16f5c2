//! The server of the pod on the other end of replication, for the agent's own connections to it.

use super::{Pod, password};
use crate::sys::postgres::partner_session::Partner;

/// Where it is and as whom it is asked; `None` without such a pod.
pub(crate) async fn of(pod: &Pod) -> Option<Partner> {
    let member = pod.partner()?;
    let known = pod.peers.borrow().get(&member.pod).map(|peer| peer.addresses.clone());
    Some(Partner {
        addresses: known.unwrap_or_default(),
        port: member.port,
        user: pod.account.name.clone(),
        password: password::of(pod).await,
        options: pod.engine.utility_options().unwrap_or_default(),
    })
}
