//! Sets owner and modes right with which the server would refuse its directory, or says who can.

use super::maintenance;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::access;
use anyhow::{Result, bail};
use gp_agent_core::finding::FindingSource;
use gp_agent_core::postgres::access::ServerUser;
use gp_agent_core::postgres::major::Major;
use std::io;

/// Before a start.
///
/// # Errors
/// What only somebody else can set right.
pub(super) async fn mend(pod: &Pod) -> Result<()> {
    let user = ServerUser {
        uid: rustix::process::geteuid().as_raw(),
        major: Major::of(pod.engine.major_version()),
    };
    let dir = pod.dir().to_path_buf();
    let advice = pod.volume.run(move || access::mend(&dir, user)).await?;
    for (path, mode) in &advice.modes {
        tracing::warn!(path = %path.display(), "set its mode to {mode:o}, without which the server does not start");
    }
    let grave = advice.findings.first().map(ToString::to_string);
    pod.board.findings(FindingSource::Access, advice.findings);
    match grave {
        Some(words) => bail!(words),
        None => Ok(()),
    }
}

/// The same for a directory that cannot be looked into. While it is held it belongs to whoever holds it.
pub(super) async fn open(pod: &Pod) -> io::Result<()> {
    let denied = |words: String| io::Error::new(io::ErrorKind::PermissionDenied, words);
    if let Some(reason) = maintenance::held(pod)? {
        let dir = pod.dir().display();
        return Err(denied(format!(
            "held ({reason}), and {dir} cannot be looked into: permission denied"
        )));
    }
    mend(pod).await.map_err(|error| denied(format!("{error:#}")))
}
