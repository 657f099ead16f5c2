//! The configuration file, read together with the environment that overrides it.

use gp_agent_core::config::{Config, ConfigFinding, MAX_BYTES, load};
use gp_agent_core::finding::{Area, Finding};
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the ConfigMap is mounted.
pub(crate) const DEFAULT_PATH: &str = "/etc/greenplum/cluster.yaml";

/// The variable that names another file.
pub(crate) const PATH_VARIABLE: &str = "GP_AGENT_CONFIG";

/// Why there is no configuration.
#[derive(Debug)]
pub(crate) enum ConfigFileError {
    /// The file cannot be opened or read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        source: io::Error,
    },
    /// The file is no text.
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// Where the first bad byte stands, from 1.
        line: usize,
    },
    /// The file or the environment says something wrong; everything at once.
    Wrong(Vec<ConfigFinding>),
}

impl ConfigFileError {
    /// The same as findings of `gp-agent check`.
    pub(crate) fn findings(&self) -> Vec<Finding> {
        match self {
            ConfigFileError::Unreadable { path, source } => vec![Finding::error(
                Area::Config,
                path.display().to_string(),
                format!("cannot be read: {source}"),
                format!("mount the ConfigMap there or set {PATH_VARIABLE}"),
            )],
            ConfigFileError::NotUtf8 { path, line } => vec![Finding::error(
                Area::Config,
                format!("{}:{line}", path.display()),
                "is not UTF-8",
                "save the file as UTF-8",
            )],
            ConfigFileError::Wrong(findings) => findings.iter().map(Finding::from).collect(),
        }
    }
}

/// One line per finding.
impl fmt::Display for ConfigFileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigFileError::Unreadable { path, source } => write!(
                f,
                "cannot read {}: {source}; mount the ConfigMap there or set {PATH_VARIABLE}",
                path.display()
            ),
            ConfigFileError::NotUtf8 { path, line } => {
                write!(f, "{}:{line}: is not UTF-8; save the file as UTF-8", path.display())
            }
            ConfigFileError::Wrong(findings) => {
                for (i, finding) in findings.iter().enumerate() {
                    let newline = if i == 0 { "" } else { "\n" };
                    write!(f, "{newline}{finding}")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for ConfigFileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ConfigFileError::Unreadable { source, .. } => Some(source),
            ConfigFileError::NotUtf8 { .. } | ConfigFileError::Wrong(_) => None,
        }
    }
}

/// Reads the file, overridden by this process's environment.
///
/// # Errors
/// The file is missing, unreadable or no text, or what it and the environment say is wrong.
pub(crate) fn read(path: &Path) -> Result<Config, ConfigFileError> {
    read_with(path, std::env::vars_os()).map(|(config, _)| config)
}

/// The same, and the file's text.
///
/// # Errors
/// Those of [`read`].
pub(crate) fn read_whole(path: &Path) -> Result<(Config, String), ConfigFileError> {
    read_with(path, std::env::vars_os())
}

fn read_with(
    path: &Path,
    env: impl Iterator<Item = (OsString, OsString)>,
) -> Result<(Config, String), ConfigFileError> {
    let text = read_text(path)?;
    let config = load(&text, &path.display().to_string(), words(env)).map_err(ConfigFileError::Wrong)?;
    Ok((config, text))
}

/// What is not UTF-8 in a variable cannot become valid by the replacement character.
fn words(env: impl Iterator<Item = (OsString, OsString)>) -> impl Iterator<Item = (String, String)> {
    env.map(|(name, value)| {
        (
            name.to_string_lossy().into_owned(),
            value.to_string_lossy().into_owned(),
        )
    })
}

/// Reads a configuration together with this process's environment.
pub(super) fn with_environment<T>(read: impl FnOnce(&mut dyn Iterator<Item = (String, String)>) -> T) -> T {
    read(&mut words(std::env::vars_os()))
}

/// The file as text.
pub(super) fn read_text(path: &Path) -> Result<String, ConfigFileError> {
    let bytes = read_bytes(path).map_err(|source| ConfigFileError::Unreadable {
        path: path.to_path_buf(),
        source,
    })?;
    String::from_utf8(bytes).map_err(|e| {
        let valid = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        ConfigFileError::NotUtf8 {
            path: path.to_path_buf(),
            line: 1 + valid.iter().filter(|b| **b == b'\n').count(),
        }
    })
}

/// At most one byte more than can be valid, however long the file is.
fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::ffi::OsStringExt;

    fn refused(contents: Option<&[u8]>) -> String {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.yaml");
        if let Some(contents) = contents {
            fs::write(&path, contents).unwrap();
        }
        let error = read_with(&path, std::iter::empty()).unwrap_err();
        assert!(!error.findings().is_empty());
        error.to_string().replace(&dir.path().display().to_string(), "<dir>")
    }

    #[test]
    fn a_valid_file_is_read_with_its_overrides() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.yaml");
        fs::write(&path, "cluster: w\nengine: postgres\nsegments: { count: 1 }\n").unwrap();
        let env = [("GP_AGENT_SEGMENTS_COUNT", "4"), ("GP_AGENT_CONFIG", "/x")];
        let env = env.map(|(k, v)| (OsString::from(k), OsString::from(v)));
        let (config, _) = read_with(&path, env.into_iter()).unwrap();
        assert_eq!(config.segments.count, 4);
    }

    #[test]
    fn what_cannot_be_read_names_the_file_and_what_to_do() {
        let missing = "cannot read <dir>/cluster.yaml: No such file or directory (os error 2); \
                       mount the ConfigMap there or set GP_AGENT_CONFIG";
        assert_eq!(refused(None), missing);
        assert_eq!(
            refused(Some(b"cluster: w\nengine: \xff\n")),
            "<dir>/cluster.yaml:2: is not UTF-8; save the file as UTF-8"
        );
        let directory = read_with(Path::new("/"), std::iter::empty()).unwrap_err();
        assert!(directory.to_string().starts_with("cannot read /: Is a directory"));
    }

    #[test]
    fn every_finding_has_a_line_of_its_own() {
        let shown = refused(Some(b"cluster: W\nengine: postgres\n"));
        assert_eq!(shown.lines().count(), 2, "{shown}");
        assert!(shown.lines().all(|line| line.starts_with("<dir>/cluster.yaml:1:")));
    }

    #[test]
    fn an_endless_file_is_not_read_to_its_end() {
        let error = read_with(Path::new("/dev/zero"), std::iter::empty()).unwrap_err();
        assert!(error.to_string().contains("is larger than"), "{error}");
    }

    #[test]
    fn a_variable_that_is_no_text_is_a_finding() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.yaml");
        fs::write(&path, "cluster: w\nengine: postgres\nsegments: { count: 1 }\n").unwrap();
        let bad = OsString::from_vec(vec![0xff]);
        let env = [(OsString::from("GP_AGENT_DOMAIN"), bad.clone()), (bad, "x".into())];
        let error = read_with(&path, env.into_iter()).unwrap_err();
        assert!(error.to_string().starts_with("GP_AGENT_DOMAIN: domain: "));
    }
}
