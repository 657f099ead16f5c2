//! This pod's own names.

use super::hosts_file::{HOSTS, lines_of_others};
use gp_agent_core::discovery::hosts_file::full_name;
use std::path::Path;
use std::process::{Command, Stdio};

/// The variable that stands for the host name.
pub(crate) const HOST_NAME_VARIABLE: &str = "GP_AGENT_HOST_NAME";

/// GP_AGENT_HOST_NAME, else the kernel's host name; short or full, as it was set.
pub(crate) fn host_name() -> String {
    match std::env::var(HOST_NAME_VARIABLE) {
        Ok(name) if !name.is_empty() => name,
        _ => rustix::system::uname().nodename().to_string_lossy().into_owned(),
    }
}

/// This pod's name below the headless service: the host name when it is a full one, else from
/// /etc/hosts, where Kubernetes writes `IP fqdn hostname`, else what `getent hosts` finds. None
/// when nobody knows a full name that begins with the host name.
///
/// Blocks while getent asks DNS, which takes as long as resolv.conf says when nobody answers.
pub(crate) fn own_fqdn() -> Option<String> {
    fqdn_of(&host_name())
}

fn fqdn_of(host_name: &str) -> Option<String> {
    let trimmed = host_name.trim_end_matches('.');
    if trimmed.contains('.') {
        return Some(trimmed.to_string());
    }
    // What the agent wrote there may be of a life under another name.
    let hosts = lines_of_others(Path::new(HOSTS));
    full_name(&String::from_utf8_lossy(&hosts), trimmed).or_else(|| full_name(&getent(trimmed)?, trimmed))
}

fn getent(host_name: &str) -> Option<String> {
    let output = Command::new("getent")
        .args(["hosts", "--", host_name])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_host_name_is_its_own_answer_and_strange_ones_have_none() {
        let own = fqdn_of("segment-a-0.agent.");
        assert_eq!(own.as_deref(), Some("segment-a-0.agent"));
        for strange in ["", "--help", "no such host"] {
            assert_eq!(fqdn_of(strange), None, "{strange}");
        }
    }

    #[test]
    fn the_kernel_knows_a_host_name() {
        assert!(!host_name().is_empty());
    }
}
