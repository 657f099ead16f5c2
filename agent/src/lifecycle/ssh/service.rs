//! SSH beside the database: hands it the peers' addresses and its findings to the board.

use super::{PeerAddresses, Ssh, SshReport};
use crate::lifecycle::pod::Pod;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::finding::FindingSource;
use tokio::sync::watch;

/// Runs until the database is stopped and sshd has ended.
pub(crate) async fn keep(pod: &Pod, ssh: Ssh, database_stopped: watch::Receiver<bool>) {
    let (reports, mut reported) = watch::channel(SshReport::default());
    let (addresses, followed) = watch::channel(PeerAddresses::new());
    let mut peers = pod.peers.clone();
    let relay = async {
        loop {
            tokio::select! {
                Ok(()) = peers.changed() => {
                    let map = peers.borrow_and_update().clone();
                    addresses.send_if_modified(|known| {
                        let new = map.into_iter().map(|(pod, peer)| (pod, peer.addresses)).collect();
                        let modified = *known != new;
                        *known = new;
                        modified
                    });
                }
                Ok(()) = reported.changed() => {
                    let report = reported.borrow_and_update().clone();
                    pod.board.on(Event::Ssh(report.status));
                    pod.board.findings(FindingSource::Ssh, report.findings);
                }
                else => std::future::pending().await,
            }
        }
    };
    tokio::select! {
        () = ssh.run(reports, followed, database_stopped) => {}
        () = relay => {}
    }
}
