//! What an administrator's programs are told, which differs between the engines.

use super::Engine;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::greenplum::tool_environment::ToolEnvironment;
use gp_agent_core::process::passwd::Account;
use std::collections::BTreeMap;

/// The directory of the servers' sockets, and the database that every cluster has. The image says the same in its ENV,
/// which a session over ssh does not see.
const USUAL: [(&str, &str); 3] = [("PGHOST", "/tmp"), ("PGDATABASE", "postgres"), ("LANG", "en_US.UTF-8")];

impl Engine {
    /// The variables of this pod; `inherited` are the agent's own, which the container's image and manifest set.
    pub(crate) fn tool_environment(
        &self,
        me: &Member,
        account: &Account,
        inherited: &BTreeMap<String, String>,
    ) -> ToolEnvironment {
        let text = |(name, value): (&std::ffi::OsStr, &std::ffi::OsStr)| {
            Some((name.to_str()?.to_string(), value.to_str()?.to_string()))
        };
        let mut of_engine: BTreeMap<String, String> = self.tools().environment().filter_map(text).collect();
        let path = of_engine.remove("PATH").unwrap_or_default();
        // The script has put its directories in front of what the agent's PATH was.
        let own = inherited.get("PATH").map_or("", String::as_str);
        let prefix = path.strip_suffix(own).unwrap_or_default().trim_end_matches(':');
        let mut of_pod: BTreeMap<String, String> = USUAL
            .iter()
            .map(|&(name, usual)| (name.into(), inherited.get(name).cloned().unwrap_or(usual.into())))
            .collect();
        of_pod.extend(["USER", "LOGNAME"].map(|name| (name.into(), account.name.clone())));
        of_pod.insert("HOME".into(), account.home.to_string_lossy().into());
        of_pod.insert("PGPORT".into(), me.port.to_string());
        of_pod.extend(self.directory_variables(me));
        ToolEnvironment {
            bin: self.tools().bin().to_path_buf(),
            path_prefix: prefix.to_string(),
            of_engine,
            of_pod,
        }
    }

    /// Greenplum's tools are told the coordinator's directory alone, in a coordinator's pod: some create it where it is
    /// missing.
    fn directory_variables(&self, me: &Member) -> Vec<(String, String)> {
        let dir = me.data_dir.to_string_lossy();
        let told = |names: &[&str]| {
            names
                .iter()
                .map(|name| (name.to_string(), dir.to_string()))
                .collect::<Vec<_>>()
        };
        match self {
            Engine::Postgres(_) => told(&["PGDATA"]),
            Engine::Greenplum(greenplum) => {
                let mut variables = vec![("GPHOME".into(), greenplum.home().to_string_lossy().into())];
                if me.content.is_coordinator() {
                    variables.extend(told(greenplum.version().family.data_directory_variables()));
                }
                variables
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Greenplum, Postgres};
    use crate::sys::postgres::programs::Tools;
    use gp_agent_core::cluster::topology::Topology;
    use gp_agent_core::config::load;
    use std::os::unix::fs::PermissionsExt;

    fn member(engine: &str, pod: &str) -> Member {
        let text = format!(
            "cluster: w\nengine: {engine}\ncoordinator: {{ port: 6432 }}\nsegments: {{ count: 1 }}\nstorage: {{ path: /data }}\n"
        );
        let config = load(&text, "cluster.yaml", std::iter::empty()).unwrap();
        Topology::new(&config, "x.test").member(pod).unwrap().clone()
    }

    fn told(engine: &Engine, kind: &str, pod: &str) -> ToolEnvironment {
        let account = Account::in_text("db:x:7:7::/home/db:/bin/sh\n", 7).unwrap();
        let inherited = BTreeMap::from([("PATH".to_string(), "/usr/bin:/bin".to_string())]);
        engine.tool_environment(&member(kind, pod), &account, &inherited)
    }

    #[test]
    fn postgres_is_told_its_data_directory() {
        let tools = Tools::new("/usr/lib/postgresql/15/bin".into(), Vec::new());
        let engine = Engine::Postgres(Postgres::new(tools, "15".into()));
        let told = told(&engine, "postgres", "segment-a-0");
        assert_eq!(told.of_pod["PGDATA"], "/data/gpseg0");
        assert_eq!(told.of_pod["PGPORT"], "40000");
        assert_eq!(told.of_pod["USER"], "db");
        assert!(told.of_engine.is_empty() && told.path_prefix.is_empty());
    }

    /// As greenplum_path.sh of a package with a Python of its own sets them.
    fn script() -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
        let set = [
            ("PATH", "/gp/ext/python/bin:/gp/bin:/usr/bin:/bin"),
            ("PYTHONHOME", "/gp/ext/python"),
        ];
        set.map(|(name, value)| (name.into(), value.into())).into()
    }

    async fn greenplum(version: &str) -> Engine {
        let home = tempfile::tempdir().unwrap();
        let bin = home.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        let lines: Vec<String> = script()
            .iter()
            .map(|(n, v)| format!("export {}={}", n.display(), v.display()))
            .collect();
        std::fs::write(home.path().join("greenplum_path.sh"), lines.join("\n")).unwrap();
        let write = "printf '#!/bin/sh\\necho \"postgres (Greenplum Database) %s build x\"\\n' \"$1\" > \"$0\"";
        let program = bin.join("postgres");
        let mut sh = std::process::Command::new("sh");
        assert!(
            sh.args(["-c", write])
                .arg(&program)
                .arg(version)
                .status()
                .unwrap()
                .success()
        );
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        Engine::Greenplum(Box::new(Greenplum::find(Some(home.path())).await.unwrap()))
    }

    #[tokio::test]
    async fn greenplum_is_told_the_coordinators_directory_in_its_pods_alone() {
        let engine = greenplum("6.24.3").await;
        let head = told(&engine, "greenplum", "coordinator-0");
        assert_eq!(head.of_pod["MASTER_DATA_DIRECTORY"], "/data/gpseg-1");
        assert_eq!(head.of_pod["PGPORT"], "6432");
        assert_eq!(head.path_prefix, "/gp/ext/python/bin:/gp/bin");
        assert_eq!(head.of_engine["PYTHONHOME"], "/gp/ext/python");
        assert!(!head.of_pod.contains_key("PYTHONHOME"));
        let segment = told(&engine, "greenplum", "segment-a-0");
        assert!(!segment.of_pod.keys().any(|name| name.ends_with("DATA_DIRECTORY")));
    }
}
