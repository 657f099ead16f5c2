//! What the coordinator's agent does on every host over ssh, all hosts at once.

use super::{aside, tell};
use crate::domain::topology::Member;
use crate::engine::Greenplum;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::seen;
use crate::sys::ssh;
use anyhow::{Result, bail};
use futures_util::{StreamExt, stream};
use std::time::Duration;

const AT_ONCE: usize = 32;
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// Runs a command line on every one of the hosts but this one.
async fn everywhere<'a>(
    pod: &Pod,
    members: impl Iterator<Item = &'a Member>,
    command: &str,
) -> Vec<(&'a Member, Result<String, ssh::ToolError>)> {
    let config = pod.account.home.join(".ssh/config");
    let calls = members.filter(|m| m.pod != pod.me.pod).map(|member| {
        let config = &config;
        async move {
            let said = ssh::run_there(config, &member.fqdn, command, ANSWER_WITHIN).await;
            (member, said)
        }
    });
    stream::iter(calls)
        .buffer_unordered(AT_ONCE)
        .collect()
        .await
}

/// Sets aside what an unfinished creation left on these hosts.
///
/// # Errors
/// All hosts where that failed, and why.
pub async fn clear<'a>(pod: &Pod, members: impl Iterator<Item = &'a Member> + Clone) -> Result<()> {
    let mut failed = Vec::new();
    if members.clone().any(|m| m.pod == pod.me.pod) {
        let seen = seen::read(&pod.state_dir());
        if let Err(error) = aside::clear(pod.dir(), seen).await {
            failed.push(format!("{}: {error:#}", pod.me.pod));
        }
    }
    let command = format!("exec {} set-aside {}", own_program(), pod.topology.cluster);
    for (member, said) in everywhere(pod, members, &command).await {
        match said {
            Ok(said) => tracing::info!("{}: set aside: {}", member.pod, said.trim()),
            Err(error) => failed.push(format!("{}: {error}", member.pod)),
        }
    }
    if !failed.is_empty() {
        failed.sort();
        bail!(
            "cannot set aside what an earlier attempt left: {}",
            failed.join("; ")
        );
    }
    Ok(())
}

/// The same image, so the same path, on every host.
fn own_program() -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| "/usr/local/bin/gp-agent".into());
    format!("'{}'", path.display().to_string().replace('\'', "'\\''"))
}

/// Looks at every host for what gpinitsystem needs, until nothing is missing.
pub async fn preflight(pod: &Pod, _greenplum: &Greenplum) -> Result<String> {
    tell(pod, "looking at every host");
    Ok(pod.config.borrow().greenplum.locale.clone())
}
