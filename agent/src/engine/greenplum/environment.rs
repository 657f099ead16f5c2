//! Where Greenplum is, and the variables that its programs need.

use crate::sys::postgres::programs::ToolError;
use gp_agent_core::greenplum::version::VersionError;
use gp_agent_core::process::environment::variables;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// Where the packages of Greenplum, Cloudberry and WarehousePG (a Greenplum under its old path) install themselves.
const USUAL: [&str; 2] = ["/usr/local/greenplum-db", "/usr/local/cloudberry-db"];

/// The script that sets the environment: Greenplum's own name first, then Cloudberry's.
const SCRIPTS: [&str; 2] = ["greenplum_path.sh", "cloudberry-env.sh"];

/// Why there is no Greenplum to work with.
#[derive(Debug, thiserror::Error)]
pub enum GreenplumError {
    /// None of the places has it.
    #[error(
        "no Greenplum in {0}; build the image from one that has it, mount it, or set `greenplum.home` in cluster.yaml"
    )]
    NotInstalled(String),
    /// The directory lacks the script.
    #[error("{0} has neither greenplum_path.sh nor cloudberry-env.sh; is it a Greenplum installation (GPHOME)?")]
    NoScript(PathBuf),
    /// The script could not be read by bash.
    #[error("cannot read the environment from {script}: {words}")]
    Script {
        /// Its path.
        script: PathBuf,
        /// What bash or the system said.
        words: String,
    },
    /// It is no Greenplum of ours.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// Its server program does not work.
    #[error(transparent)]
    Tool(#[from] ToolError),
}

/// The first of the configured place, $GPHOME and the usual places that has a server program. A configured one is the only
/// one looked at.
pub(super) fn home(configured: Option<&Path>) -> Result<PathBuf, GreenplumError> {
    let from_environment = std::env::var_os("GPHOME").map(PathBuf::from);
    let places: Vec<PathBuf> = match configured {
        Some(home) => vec![home.to_path_buf()],
        None => from_environment.into_iter().chain(USUAL.map(PathBuf::from)).collect(),
    };
    let found = places.iter().find(|p| p.join("bin/postgres").is_file());
    found.cloned().ok_or_else(|| {
        let places: Vec<String> = places.iter().map(|place| looked_into(place)).collect();
        GreenplumError::NotInstalled(places.join(", "))
    })
}

/// The place, and what kept us from looking: a directory above it that only root may enter, say.
fn looked_into(place: &Path) -> String {
    match std::fs::metadata(place.join("bin/postgres")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => format!("{} ({error})", place.display()),
        _ => place.display().to_string(),
    }
}

/// What the script changes in the environment: asked of bash itself, so that whatever a distribution sets there counts.
pub(super) async fn read(home: &Path) -> Result<Vec<(OsString, OsString)>, GreenplumError> {
    let script = SCRIPTS
        .iter()
        .map(|name| home.join(name))
        .find(|path| path.is_file())
        .ok_or_else(|| GreenplumError::NoScript(home.to_path_buf()))?;
    let failed = |words: String| GreenplumError::Script {
        script: script.clone(),
        words,
    };
    let output = tokio::process::Command::new("bash")
        .args(["--norc", "--noprofile", "-c", r#". "$1" >&2 && exec env -0"#, "bash"])
        .arg(&script)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|e| failed(format!("cannot run bash: {e}")))?;
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(failed(format!("{} ({})", words.trim(), output.status)));
    }
    let variables = variables(&output.stdout).map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value)));
    Ok(variables
        .filter(|(name, value)| std::env::var_os(name).as_deref() != Some(value))
        .filter(|(name, _)| !matches!(name.to_str(), Some("_" | "SHLVL" | "PWD" | "OLDPWD")))
        .map(|(name, value)| (name.to_os_string(), value.to_os_string()))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<F: Future>(future: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(future)
    }

    #[test]
    fn the_scripts_own_changes_are_read() {
        let home = tempfile::tempdir().unwrap();
        let script = "echo noise; GPHOME=/x; export GPHOME; export LINES_OF='a\nb=c'; NOT_EXPORTED=1\n";
        std::fs::write(home.path().join("greenplum_path.sh"), script).unwrap();
        let mut read = block_on(read(home.path())).unwrap();
        read.sort();
        let expected = [("GPHOME", "/x"), ("LINES_OF", "a\nb=c")];
        assert_eq!(read, expected.map(|(k, v)| (k.into(), v.into())));
    }

    #[test]
    fn a_place_that_cannot_be_looked_into_says_why() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("file");
        std::fs::write(&file, "").unwrap();
        let error = super::home(Some(&file.join("greenplum"))).unwrap_err().to_string();
        assert!(error.contains("file/greenplum (Not a directory"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named() {
        let home = tempfile::tempdir().unwrap();
        let error = super::home(Some(home.path())).unwrap_err().to_string();
        assert!(error.contains(&home.path().display().to_string()), "{error}");
        let error = block_on(read(home.path())).unwrap_err().to_string();
        assert!(error.contains("neither greenplum_path.sh"), "{error}");
        std::fs::write(home.path().join("greenplum_path.sh"), "echo broken >&2; false\n").unwrap();
        let error = block_on(read(home.path())).unwrap_err().to_string();
        assert!(error.contains("broken"), "{error}");
    }
}
