//! Where this pod is and how it reaches the API server: from the environment and the ServiceAccount's files.

use crate::sys::discovery::hostname::host_name;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

/// Where kubelet mounts the ServiceAccount's token, CA and namespace.
pub(crate) const DIRECTORY: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// One pod and its API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InClusterConfig {
    /// The API server's URL.
    pub server: String,
    /// Holds `token` and `ca.crt`.
    pub directory: PathBuf,
    /// This pod's namespace.
    pub namespace: String,
    /// This pod's name.
    pub pod: String,
    /// This pod's uid, as far as it is known before the API server is asked.
    pub uid: Option<String>,
    /// The Lease that was made for the coordinators, with the right to write it.
    pub lease: Option<String>,
}

impl InClusterConfig {
    /// This process's place; `None` outside Kubernetes, or where the pod has no ServiceAccount's token.
    pub fn find() -> Option<InClusterConfig> {
        let env = |name: &str| std::env::var(name).ok();
        InClusterConfig::find_in(env, Path::new(DIRECTORY), &host_name())
    }

    /// kubelet sets KUBERNETES_SERVICE_HOST and _PORT in every container; POD_NAME, POD_NAMESPACE and POD_UID come from the
    /// downward API, and else from the host name and the mounted files; COORDINATOR_LEASE from whoever makes the Lease.
    fn find_in(env: impl Fn(&str) -> Option<String>, directory: &Path, host_name: &str) -> Option<InClusterConfig> {
        let given = |name| env(name).filter(|value| !value.is_empty());
        let host = given("KUBERNETES_SERVICE_HOST")?;
        let port = given("KUBERNETES_SERVICE_PORT").unwrap_or_else(|| "443".into());
        if !directory.join("token").exists() {
            return None;
        }
        let host = match host.parse() {
            Ok(IpAddr::V6(_)) => format!("[{host}]"),
            _ => host,
        };
        let mounted = || std::fs::read_to_string(directory.join("namespace")).ok();
        let namespace = given("POD_NAMESPACE").or_else(mounted)?;
        Some(InClusterConfig {
            server: format!("https://{host}:{port}"),
            directory: directory.to_path_buf(),
            namespace: namespace.trim().to_string(),
            pod: given("POD_NAME").unwrap_or_else(|| host_name.to_string()),
            uid: given("POD_UID"),
            lease: given("COORDINATOR_LEASE"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn find(env: &[(&str, &str)], files: &[(&str, &str)]) -> Option<InClusterConfig> {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        let env: BTreeMap<_, _> = env.iter().copied().collect();
        let env = |name: &str| env.get(name).map(|value| (*value).to_string());
        let mut place = InClusterConfig::find_in(env, directory.path(), "segment-a-0")?;
        place.directory = DIRECTORY.into();
        Some(place)
    }

    #[test]
    fn the_downward_api_is_believed_first() {
        let env = [
            ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
            ("KUBERNETES_SERVICE_PORT", "6443"),
            ("POD_NAME", "warehouse-segment-a-0"),
            ("POD_NAMESPACE", "prod"),
            ("POD_UID", "0a1b"),
            ("COORDINATOR_LEASE", "warehouse-coordinator"),
        ];
        let place = find(&env, &[("token", "t"), ("namespace", "other\n")]).unwrap();
        assert_eq!(place.server, "https://10.96.0.1:6443");
        assert_eq!((&*place.namespace, &*place.pod), ("prod", "warehouse-segment-a-0"));
        assert_eq!(place.uid.as_deref(), Some("0a1b"));
        assert_eq!(place.lease.as_deref(), Some("warehouse-coordinator"));
    }

    #[test]
    fn host_name_and_mounted_files_do_as_well() {
        let env = [("KUBERNETES_SERVICE_HOST", "fd00::1"), ("POD_NAME", "")];
        let place = find(&env, &[("token", "t"), ("namespace", "prod\n")]).unwrap();
        assert_eq!(place.server, "https://[fd00::1]:443");
        assert_eq!((&*place.namespace, &*place.pod), ("prod", "segment-a-0"));
        assert_eq!((place.uid, place.lease), (None, None));
    }

    #[test]
    fn without_address_token_or_namespace_there_is_no_api() {
        let host = ("KUBERNETES_SERVICE_HOST", "10.96.0.1");
        assert_eq!(find(&[], &[("token", "t"), ("namespace", "n")]), None);
        assert_eq!(find(&[host], &[("namespace", "n")]), None);
        assert_eq!(find(&[host], &[("token", "t")]), None);
        assert!(find(&[host, ("POD_NAMESPACE", "n")], &[("token", "t")]).is_some());
    }
}
