//! The last cluster.yaml that this pod could use, for an agent that starts while the file is wrong: beside the agent's socket,
//! where it lasts as long as the container, and on the volume, where it lasts as long as the database.

use super::config_file::{read_text, with_environment};
use crate::sys::storage::fs::write_atomically;
use gp_agent_core::config::{Bearings, Config, bearings, load};
use std::path::{Path, PathBuf};

const FILE: &str = "cluster.yaml";

/// Keeps `text`, which was valid, in each of these folders. A pod works without: what fails is only logged.
pub(crate) fn keep(text: &str, folders: &[PathBuf]) {
    for folder in folders {
        if let Err(error) = write_atomically(&folder.join(FILE), text.as_bytes(), 0o600) {
            tracing::warn!("cannot keep the configuration for a time when {FILE} is wrong: {error}");
        }
    }
}

/// The one that was kept in the folder of this container, or else on the volume, which lies where the file at `path` says, as
/// far as it can be read. One of another cluster's volume is none.
pub(crate) fn read(path: &Path, run_dir: &Path) -> Option<Config> {
    let text = read_text(path).unwrap_or_default();
    let Bearings { cluster, storage } = with_environment(|env| bearings(&text, env));
    let on_volume = storage.map(|storage| storage.join(".gp-agent"));
    let folders = [Some(run_dir.to_path_buf()), on_volume].into_iter().flatten();
    let mut kept = folders.filter_map(|folder| {
        let file = folder.join(FILE);
        let text = read_text(&file).ok()?;
        with_environment(|env| load(&text, &file.display().to_string(), env)).ok()
    });
    kept.find(|kept| cluster.as_ref().is_none_or(|cluster| *cluster == kept.cluster))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_found_beside_the_socket_or_on_the_volume() {
        let base = tempfile::tempdir().unwrap();
        let (run, volume) = (base.path().join("run"), base.path().join("volume"));
        let state = volume.join(".gp-agent");
        std::fs::create_dir(&run).unwrap();
        std::fs::create_dir_all(&state).unwrap();
        let file = base.path().join("cluster.yaml");
        let text = |cluster: &str, rest: &str| {
            format!(
                "cluster: {cluster}\nengine: postgres\nsegments: {{ count: 1 }}\nstorage: {{ path: {} }}\n{rest}",
                volume.display()
            )
        };
        let read = || super::read(&file, &run).map(|config| config.parameters);
        std::fs::write(&file, text("w", "wrong: x\n")).unwrap();
        assert_eq!(read(), None);
        keep(
            &text("w", "parameters: { work_mem: 1MB }\n"),
            std::slice::from_ref(&state),
        );
        assert_eq!(read().unwrap()["work_mem"], "1MB");
        keep(
            &text("w", "parameters: { work_mem: 2MB }\n"),
            &[run.clone(), base.path().join("none")],
        );
        assert_eq!(read().unwrap()["work_mem"], "2MB");
        std::fs::write(&file, text("other", "wrong: x\n")).unwrap();
        assert_eq!(read(), None, "another cluster's");
        // Nothing at all can be read.
        std::fs::write(&file, b"\xff").unwrap();
        assert_eq!(read().unwrap()["work_mem"], "2MB");
        std::fs::remove_file(&file).unwrap();
        assert_eq!(read().unwrap()["work_mem"], "2MB");
        std::fs::write(run.join(FILE), "{").unwrap();
        assert_eq!(read(), None, "and nobody says where the volume is");
    }
}
