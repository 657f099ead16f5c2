//! What the engine's programs need to know of a pod when an administrator calls them there.
//!
//! Greenplum's own way is a shell profile that sources greenplum_path.sh. A program that `kubectl exec` starts reads no
//! profile, and the script's LD_LIBRARY_PATH and PYTHONHOME break programs of the image that are not Greenplum's. So the
//! agent keeps both apart: the engine's variables go to the engine's programs alone, the pod's to shells as well.

use crate::config::quote;
use crate::greenplum::gpinitsystem::must_not_inherit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Stays with whoever sets it: a link to a server program would be taken for PostgreSQL's own by those who search PATH.
const NOT_LINKED: [&str; 2] = ["postgres", "postmaster"];

/// The one tool that refuses to run when the cluster's data directory is told to it (gpinitsystem, CHK_GPDB_ID).
const CREATES_CLUSTERS: &str = "gpinitsystem";

/// Facts about the process, which an inherited value cannot change.
const ACCOUNT: [&str; 2] = ["USER", "LOGNAME"];

/// Variables of one pod. Written by the agent, read by the programs' links and by `gp-agent env`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolEnvironment {
    /// Where the engine's programs are.
    pub bin: PathBuf,
    /// What the engine's script (greenplum_path.sh) puts in front of PATH; empty without one.
    pub path_prefix: String,
    /// The other variables that the script sets: for the engine's programs alone.
    pub of_engine: BTreeMap<String, String>,
    /// The account, the server and its data directory: for shells too.
    pub of_pod: BTreeMap<String, String>,
}

/// A variable that is set, or taken out when it has no value.
pub type Change = (String, Option<String>);

impl ToolEnvironment {
    /// Whether a file of [`ToolEnvironment::bin`] is a program that an administrator calls by its name.
    pub fn is_linked(program: &str) -> bool {
        !NOT_LINKED.contains(&program)
    }

    /// What has to change in the environment `inherited` before `program` runs. A variable that was inherited counts
    /// more than what the agent knows of the pod: `PGPORT=40001 psql` means what it says.
    pub fn changes_for<'a>(&self, program: &str, inherited: impl Fn(&str) -> Option<&'a str>) -> Vec<Change> {
        let creates = program == CREATES_CLUSTERS;
        let wanted = |name: &str| ACCOUNT.contains(&name) || inherited(name).is_none_or(str::is_empty);
        let pod = self.of_pod.iter().filter(|(name, _)| wanted(name));
        let mut changes: Vec<Change> = self.of_engine.iter().chain(pod).map(set).collect();
        changes.push((
            "PATH".into(),
            Some(self.path_after(inherited("PATH").unwrap_or_default())),
        ));
        if creates {
            changes.retain(|(name, _)| !must_not_inherit(name));
            changes.extend(
                self.of_pod
                    .keys()
                    .filter(|n| must_not_inherit(n))
                    .map(|n| (n.clone(), None)),
            );
        }
        changes
    }

    /// `path` with the engine's own directories in front, so that a program finds its companions and no links.
    fn path_after(&self, path: &str) -> String {
        let bin = self.bin.to_string_lossy();
        let front = if self.path_prefix.is_empty() {
            &*bin
        } else {
            &*self.path_prefix
        };
        join(front, path)
    }

    /// Commands for a POSIX shell: the pod's variables, and a PATH that begins with the links. What the shell has
    /// already stays, but for PATH, which a login shell has reset.
    pub fn exports<'a>(&self, links: &Path, inherited: impl Fn(&str) -> Option<&'a str>) -> String {
        let path = inherited("PATH").unwrap_or_default();
        let (links, bin) = (links.to_string_lossy(), self.bin.to_string_lossy());
        let missing = [&*links, &*bin]
            .into_iter()
            .filter(|dir| path.split(':').all(|there| there != *dir));
        let path = join(&missing.collect::<Vec<_>>().join(":"), path);
        let pod = self
            .of_pod
            .iter()
            .filter(|(name, _)| inherited(name).is_none_or(str::is_empty));
        let all = pod
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .chain([("PATH", path.as_str())]);
        all.map(|(name, value)| format!("export {name}={}\n", quote::shell(value)))
            .collect()
    }
}

fn set((name, value): (&String, &String)) -> Change {
    (name.clone(), Some(value.clone()))
}

/// Two lists of directories as one; an empty element of PATH would mean the current directory.
fn join(front: &str, back: &str) -> String {
    [front, back]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(":")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known() -> ToolEnvironment {
        let strings = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        ToolEnvironment {
            bin: "/gp/bin".into(),
            path_prefix: "/gp/ext/python/bin:/gp/bin".into(),
            of_engine: strings(&[("LD_LIBRARY_PATH", "/gp/lib"), ("PYTHONHOME", "/gp/ext/python")]),
            of_pod: strings(&[
                ("LOGNAME", "gpadmin"),
                ("MASTER_DATA_DIRECTORY", "/greenplum/gpseg-1"),
                ("PGPORT", "5432"),
                ("USER", "gpadmin"),
            ]),
        }
    }

    fn after(program: &str, inherited: &[(&str, &str)]) -> BTreeMap<String, String> {
        let there: BTreeMap<&str, &str> = inherited.iter().copied().collect();
        let mut all: BTreeMap<String, String> = there.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        for (name, value) in known().changes_for(program, |name| there.get(name).copied()) {
            match value {
                Some(value) => all.insert(name, value),
                None => all.remove(&name),
            };
        }
        all
    }

    #[test]
    fn a_tool_gets_what_it_lacks() {
        insta::assert_debug_snapshot!(after("gpstate", &[("PATH", "/run/bin:/usr/bin")]), @r#"
        {
            "LD_LIBRARY_PATH": "/gp/lib",
            "LOGNAME": "gpadmin",
            "MASTER_DATA_DIRECTORY": "/greenplum/gpseg-1",
            "PATH": "/gp/ext/python/bin:/gp/bin:/run/bin:/usr/bin",
            "PGPORT": "5432",
            "PYTHONHOME": "/gp/ext/python",
            "USER": "gpadmin",
        }
        "#);
    }

    #[test]
    fn what_the_caller_says_counts_more_but_for_the_account() {
        let said = [("PGPORT", "40001"), ("USER", "root"), ("MASTER_DATA_DIRECTORY", "")];
        let psql = after("psql", &said);
        assert_eq!(psql["PGPORT"], "40001");
        assert_eq!(psql["USER"], "gpadmin");
        assert_eq!(psql["MASTER_DATA_DIRECTORY"], "/greenplum/gpseg-1", "empty is not set");
        assert_eq!(psql["PATH"], "/gp/ext/python/bin:/gp/bin", "no empty element");
    }

    #[test]
    fn gpinitsystem_is_told_of_no_cluster() {
        let inherited = [("MASTER_DATA_DIRECTORY", "/greenplum/gpseg-1"), ("PGPORT", "1")];
        let all = after("gpinitsystem", &inherited);
        assert_eq!(
            all.keys().collect::<Vec<_>>(),
            ["LD_LIBRARY_PATH", "LOGNAME", "PATH", "PYTHONHOME", "USER"]
        );
    }

    #[test]
    fn a_shell_gets_nothing_that_breaks_other_programs() {
        let login = [("PATH", "/usr/bin:/bin"), ("USER", "gpadmin")];
        let there: BTreeMap<&str, &str> = login.into_iter().collect();
        let exports = known().exports(Path::new("/run/bin"), |name| there.get(name).copied());
        insta::assert_snapshot!(exports, @r"
        export LOGNAME='gpadmin'
        export MASTER_DATA_DIRECTORY='/greenplum/gpseg-1'
        export PGPORT='5432'
        export PATH='/run/bin:/gp/bin:/usr/bin:/bin'
        ");
        let again = known().exports(Path::new("/run/bin"), |name| match name {
            "PATH" => Some("/run/bin:/gp/bin:/usr/bin:/bin"),
            _ => Some("set"),
        });
        assert_eq!(again, "export PATH='/run/bin:/gp/bin:/usr/bin:/bin'\n");
    }

    #[test]
    fn server_programs_are_not_linked() {
        assert!(ToolEnvironment::is_linked("gpstate") && ToolEnvironment::is_linked("psql"));
        assert!(!ToolEnvironment::is_linked("postgres") && !ToolEnvironment::is_linked("postmaster"));
    }
}
