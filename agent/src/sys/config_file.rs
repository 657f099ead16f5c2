//! Reading cluster.yaml and the pod's own names from the container.

use crate::domain::config::{self, Config, ConfigFinding};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the ConfigMap is mounted.
pub const DEFAULT_PATH: &str = "/etc/greenplum/cluster.yaml";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigFileError {
    /// The file cannot be read.
    #[error(
        "cannot read {path}: {source}; mount the ConfigMap there, or set GP_AGENT_CONFIG to the file's path"
    )]
    Unreadable {
        /// Its path.
        path: String,
        /// What the kernel said, or that it is not UTF-8.
        source: std::io::Error,
    },
    /// The file is wrong; every finding on its own line.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Wrong(Vec<ConfigFinding>),
}

/// The path: GP_AGENT_CONFIG, or [`DEFAULT_PATH`].
pub fn config_path() -> PathBuf {
    std::env::var_os("GP_AGENT_CONFIG").map_or_else(|| PathBuf::from(DEFAULT_PATH), PathBuf::from)
}

/// Reads the file and the overrides in the environment.
pub fn read(path: &Path) -> Result<Config, ConfigFileError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigFileError::Unreadable {
        path: path.display().to_string(),
        source,
    })?;
    let env = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    config::load(&text, &path.display().to_string(), env).map_err(ConfigFileError::Wrong)
}

/// This pod's host name: GP_AGENT_HOST_NAME, or the kernel's.
pub fn host_name() -> String {
    std::env::var("GP_AGENT_HOST_NAME").unwrap_or_else(|_| {
        rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned()
    })
}

/// This pod's full name: the host name when it has a domain, else its entry in /etc/hosts (`IP fqdn name`, as Kubernetes
/// writes it), else what libc gives for it.
pub fn own_fqdn() -> Option<String> {
    let host = host_name();
    if host.contains('.') {
        return Some(host);
    }
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    fqdn_in(&hosts, &host).or_else(|| {
        let out = Command::new("getent")
            .args(["hosts", &host])
            .output()
            .ok()?;
        fqdn_in(&String::from_utf8_lossy(&out.stdout), &host)
    })
}

fn fqdn_in(hosts: &str, host: &str) -> Option<String> {
    let prefix = format!("{host}.");
    hosts
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default())
        .flat_map(|line| line.split_whitespace().skip(1))
        .find(|name| name.starts_with(&prefix))
        .map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_full_name_in_hosts() {
        let hosts = "127.0.0.1 localhost\n10.1.2.3\tsegment-a-0.agent.prod.svc.cluster.local\tsegment-a-0\n";
        let fqdn = fqdn_in(hosts, "segment-a-0").unwrap();
        assert_eq!(fqdn, "segment-a-0.agent.prod.svc.cluster.local");
        assert_eq!(fqdn_in(hosts, "segment-a-1"), None);
        assert_eq!(
            fqdn_in("10.1.2.3 segment-a-0 # segment-a-0.x", "segment-a-0"),
            None
        );
    }

    #[test]
    fn a_missing_file_says_what_to_do() {
        let error = read(Path::new("/no/such/cluster.yaml"))
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("/no/such/cluster.yaml") && error.contains("GP_AGENT_CONFIG"),
            "{error}"
        );
    }
}
