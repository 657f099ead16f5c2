//! The text of known_hosts.

use super::settings::Setup;
use gp_agent_core::ssh::known_hosts::{Pins, render_cluster};
use gp_agent_core::ssh::public_key::PublicKey;

/// One line for the whole cluster where the Secret holds the host key, a line for each pod where it does not, and both for a
/// while after that changed.
pub(super) fn known_hosts_text(
    setup: &Setup,
    shared: Vec<PublicKey>,
    replaced: Vec<PublicKey>,
    own: Vec<PublicKey>,
    pins: &Pins,
) -> String {
    let mut text = String::new();
    let each = shared.is_empty() || !replaced.is_empty();
    let cluster: Vec<PublicKey> = shared.into_iter().chain(replaced).collect();
    text += &render_cluster(&setup.topology, setup.port(), &cluster);
    if each {
        let mut pins = pins.clone();
        for key in own {
            pins.add(&setup.me.pod, key);
        }
        text += &pins.render(&setup.topology, setup.port());
    }
    text
}
