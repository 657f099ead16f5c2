//! The word by which the kubelet tells that one container, and no later one of its pod, has ended.
//!
//! A pod's status lags behind: it may say `terminated` of a container whose successor runs already, with the same UID. But the
//! kubelet passes on what a container wrote to its termination message file, a new file for each container (Kubernetes,
//! "Customizing the termination message"). So the agent writes a random word there, and the same word into the Lease.

use k8s_openapi::api::core::v1::{ContainerState, Pod};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Where a container finds the file if nothing else is said.
pub(super) const FILE: &str = "/dev/termination-log";

/// Before the word, for whoever reads it in `kubectl describe pod`.
const PREFIX: &str = "gp-agent instance ";

/// This container's word.
#[derive(Debug)]
pub(super) struct Instance {
    file: PathBuf,
    word: OnceLock<String>,
}

impl Instance {
    pub(super) fn new(file: &Path) -> Instance {
        Instance {
            file: file.to_path_buf(),
            word: OnceLock::new(),
        }
    }

    /// The word, once it is written.
    pub(super) fn word(&self) -> Option<String> {
        self.word.get().cloned()
    }

    /// Writes it, or reads what an earlier agent of this container wrote: its server may live.
    pub(super) fn begin(&self) {
        if self.word.get().is_some() {
            return;
        }
        match write(&self.file) {
            Ok(word) => {
                let _ = self.word.set(word);
            }
            Err(why) => tracing::warn!(
                path = %self.file.display(),
                "cannot write the termination message, so the end of this container proves nothing to the other coordinator, \
                 which waits for the lease to run out: {why}"
            ),
        }
    }
}

/// The file is there in every container of Kubernetes, and nowhere else; it is not made.
fn write(file: &Path) -> io::Result<String> {
    use std::io::Write;
    let text = std::fs::read_to_string(file)?;
    if let Some(word) = text.lines().find(|line| line.starts_with(PREFIX)) {
        return Ok(word.to_string());
    }
    let word = format!("{PREFIX}{:032x}", rand::random::<u128>());
    let separator = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    let mut file = std::fs::OpenOptions::new().append(true).open(file)?;
    file.write_all(format!("{separator}{word}\n").as_bytes())?;
    Ok(word)
}

/// Whether the kubelet says that the container of that word has ended, and no other runs in its place yet. A pod of another
/// UID says nothing about this one.
pub(super) fn has_ended(pod: &Pod, uid: &str, word: &str) -> bool {
    if pod.metadata.uid.as_deref() != Some(uid) {
        return false;
    }
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_deref());
    let said = |state: &Option<ContainerState>| {
        let ended = state.as_ref().and_then(|state| state.terminated.as_ref());
        let message = ended.and_then(|ended| ended.message.as_deref()).unwrap_or_default();
        message.lines().any(|line| line == word)
    };
    statuses.unwrap_or_default().iter().any(|container| {
        let waits = container.state.as_ref().is_some_and(|state| state.waiting.is_some());
        said(&container.state) || waits && said(&container.last_state)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(state: serde_json::Value, last: serde_json::Value) -> Pod {
        let status = json!({
            "name": "gp-agent", "image": "i", "imageID": "", "ready": false, "restartCount": 1,
            "state": state, "lastState": last,
        });
        serde_json::from_value(json!({
            "metadata": { "name": "coordinator-0", "uid": "uid-1" },
            "status": { "containerStatuses": [status] },
        }))
        .unwrap()
    }

    #[test]
    fn the_word_is_written_once_for_a_container() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("termination-log");
        std::fs::write(&file, "said by another").unwrap();
        let first = Instance::new(&file);
        assert_eq!(first.word(), None);
        first.begin();
        let word = first.word().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, format!("said by another\n{word}\n"));
        let next = Instance::new(&file);
        next.begin();
        next.begin();
        assert_eq!(next.word(), Some(word.clone()));
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        std::fs::write(&file, "").unwrap();
        let restarted = Instance::new(&file);
        restarted.begin();
        assert_ne!(restarted.word(), Some(word));
    }

    #[test]
    fn outside_kubernetes_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("termination-log");
        let instance = Instance::new(&file);
        instance.begin();
        assert_eq!(instance.word(), None);
        assert!(!file.exists());
    }

    #[test]
    fn only_the_kubelets_word_about_that_container_counts() {
        let ended = |message: &str| json!({ "terminated": { "exitCode": 137, "message": message } });
        let running = json!({ "running": {} });
        let waiting = json!({ "waiting": { "reason": "CrashLoopBackOff" } });
        let dead = |pod: Pod| has_ended(&pod, "uid-1", "word 1");
        assert!(dead(pod(ended("word 1\n"), json!({}))));
        assert!(dead(pod(waiting.clone(), ended("else\nword 1\n"))));
        // The next one runs, or may.
        assert!(!dead(pod(running.clone(), ended("word 1\n"))));
        assert!(!dead(pod(running, json!({}))));
        // An earlier one, or one that the kubelet lost sight of.
        assert!(!dead(pod(ended("word 0\n"), ended("word 1\n"))));
        assert!(!dead(pod(ended(""), json!({}))));
        assert!(!dead(pod(json!({ "terminated": { "exitCode": 137 } }), json!({}))));
        assert!(!dead(pod(waiting, json!({}))));
        assert!(!dead(Pod::default()));
        assert!(!has_ended(&pod(ended("word 1\n"), json!({})), "uid-2", "word 1"));
    }
}
