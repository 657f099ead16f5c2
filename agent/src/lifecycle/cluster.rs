//! Every pod's status in one document: this one's own, and what the peers' agents answer.

use crate::domain::cluster::Entry;
use crate::domain::topology::Member;
use crate::lifecycle::board::Board;
use crate::lifecycle::pod::Pod;
use crate::sys::http_client;
use futures_util::{StreamExt, stream};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

const IN_FLIGHT: usize = 32;
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// A JSON array of [`Entry`], in the topology's order.
pub async fn gather(board: &Board, pod: Option<&Arc<Pod>>) -> String {
    let entries = match pod {
        None => vec![Entry::own(board.snapshot())],
        Some(pod) => {
            let asked: Vec<_> = pod
                .topology
                .members
                .iter()
                .map(|m| entry(board, pod, m))
                .collect();
            stream::iter(asked).buffered(IN_FLIGHT).collect().await
        }
    };
    serde_json::to_string(&entries).unwrap_or_else(|_| "[]".into())
}

async fn entry(board: &Board, pod: &Pod, member: &Member) -> Entry {
    if member.pod == pod.me.pod {
        return Entry::own(board.snapshot());
    }
    let mut entry = Entry {
        pod: member.pod.clone(),
        role: Some(member.role),
        content: member.content,
        status: None,
        error: None,
    };
    let addresses = pod
        .peers
        .borrow()
        .get(&member.pod)
        .map(|p| p.addresses.clone());
    let Some(address) = addresses.and_then(|a| a.first().copied()) else {
        entry.error = Some("its name does not resolve".into());
        return entry;
    };
    let at = SocketAddr::new(address, pod.config.borrow().http.port);
    match http_client::get(at, "/status", ANSWER_WITHIN).await {
        Ok(body) => match serde_json::from_slice(&body) {
            Ok(status) => entry.status = Some(status),
            Err(error) => entry.error = Some(format!("its answer cannot be read: {error}")),
        },
        Err(error) => entry.error = Some(error.to_string()),
    }
    entry
}
