//! cluster.yaml of a test.

use std::fmt::Write;

/// The file that `image/up` gives to every engine.
const SHIPPED: &str = include_str!("../../image/config/cluster.yaml");

/// How the containers are named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Container, host and pod have one name, so that reverse lookups give the pod's own name.
    True,
    /// The pod's name is only an alias: Docker's DNS answers a reverse lookup with the container's name, which is another.
    WrongReverse,
}

/// What the pods run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Plain PostgreSQL.
    Postgres,
    /// The Greenplum of [`crate::greenplum`].
    Greenplum,
}

/// What a test's cluster looks like.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What the pods run.
    pub engine: Engine,
    /// How the containers are named.
    pub names: Names,
    /// Whether there is a standby.
    pub standby: bool,
    /// How many contents.
    pub segments: u32,
    /// Whether each has a mirror.
    pub mirrors: bool,
    /// `segments.primaryPort`, when it is not the default.
    pub primary_port: Option<u16>,
    /// postgresql.conf parameters.
    pub parameters: Vec<(String, String)>,
    /// `shutdown.graceSeconds`.
    pub grace_seconds: u32,
    /// Whether the coordinators share a directory for the record of who writes.
    pub failover: bool,
    /// Whether each pod has a file of its own at /etc/hosts that its agent may write, as `image/up` gives it.
    pub hosts: bool,
    /// Further lines of the file.
    pub lines: Vec<String>,
}

impl Default for Settings {
    /// The six pods of the local cluster.
    fn default() -> Self {
        Settings {
            engine: Engine::Postgres,
            names: Names::True,
            standby: true,
            segments: 2,
            mirrors: true,
            primary_port: None,
            parameters: vec![("shared_buffers".into(), "32MB".into())],
            grace_seconds: 15,
            failover: false,
            hosts: false,
            lines: Vec::new(),
        }
    }
}

impl Settings {
    /// The six pods, with Greenplum, and with the parameters and clients' lines of `image/config/cluster.yaml`.
    pub fn greenplum() -> Settings {
        Settings {
            engine: Engine::Greenplum,
            hosts: true,
            grace_seconds: 30,
            parameters: shipped_parameters(),
            lines: shipped_hba(),
            ..Settings::default()
        }
    }

    /// What the pods' names begin with.
    pub fn prefix(&self, cluster: &str) -> String {
        match self.names {
            Names::True => format!("{cluster}-"),
            Names::WrongReverse => String::new(),
        }
    }

    /// The pods in the order of the topology.
    pub fn pods(&self, cluster: &str) -> Vec<String> {
        let prefix = self.prefix(cluster);
        let mut pods = vec![format!("{prefix}coordinator-0")];
        if self.standby {
            pods.push(format!("{prefix}coordinator-1"));
        }
        let mut group = |name| pods.extend((0..self.segments).map(|i| format!("{prefix}{name}-{i}")));
        group("segment-a");
        if self.mirrors {
            group("segment-b");
        }
        pods
    }

    /// The file.
    pub fn yaml(&self, cluster: &str, domain: &str) -> String {
        let prefix = self.prefix(cluster);
        let engine = match self.engine {
            Engine::Postgres => "postgres",
            Engine::Greenplum => "greenplum",
        };
        let mirrors = if self.mirrors {
            format!(", mirrors: {prefix}segment-b")
        } else {
            String::new()
        };
        let port = self.primary_port.map(|port| format!(", primaryPort: {port}"));
        let port = port.unwrap_or_default();
        let mut yaml = format!(
            "cluster: {cluster}\nengine: {engine}\ndomain: {domain}\n\
             coordinator: {{ pods: {prefix}coordinator, standby: {} }}\n\
             segments: {{ count: {}, primaries: {prefix}segment-a{mirrors}{port} }}\n\
             shutdown: {{ graceSeconds: {} }}\n",
            self.standby, self.segments, self.grace_seconds
        );
        if self.engine == Engine::Greenplum {
            // What tests lose stays lost until they bring it back.
            yaml.push_str("recovery: { segments: manual }\n");
        }
        if !self.parameters.is_empty() {
            yaml.push_str("parameters:\n");
        }
        for (name, value) in &self.parameters {
            let _ = writeln!(yaml, "  {name}: \"{value}\"");
        }
        for line in &self.lines {
            let _ = writeln!(yaml, "{line}");
        }
        yaml
    }
}

fn shipped_parameters() -> Vec<(String, String)> {
    let section = SHIPPED.lines().skip_while(|line| *line != "parameters:").skip(1);
    section
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.trim().split_once(": "))
        .map(|(name, value)| (name.to_string(), value.trim_matches('"').to_string()))
        .collect()
}

fn shipped_hba() -> Vec<String> {
    let section = SHIPPED.lines().skip_while(|line| *line != "hba:");
    let own = section
        .enumerate()
        .take_while(|(i, line)| *i == 0 || line.starts_with("  "));
    own.map(|(_, line)| line.to_string()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greenplum_gets_what_is_shipped() {
        let yaml = Settings::greenplum().yaml("t1", "t1.test");
        assert!(yaml.contains("\n  max_connections: \"100\"\n"), "{yaml}");
        assert!(
            yaml.contains("\nhba:\n") && yaml.contains("\n  auth: trust\n"),
            "{yaml}"
        );
        assert!(yaml.ends_with("    - host all all 192.168.0.0/16 md5\n"), "{yaml}");
    }

    #[test]
    fn a_file_names_its_pods() {
        let yaml = Settings::default().yaml("t1", "t1.test");
        assert!(
            yaml.contains("primaries: t1-segment-a, mirrors: t1-segment-b }"),
            "{yaml}"
        );
        assert!(yaml.ends_with("parameters:\n  shared_buffers: \"32MB\"\n"), "{yaml}");
    }

    #[test]
    fn pods_follow_the_topology() {
        let settings = Settings {
            names: Names::WrongReverse,
            mirrors: false,
            ..Settings::default()
        };
        let expected = ["coordinator-0", "coordinator-1", "segment-a-0", "segment-a-1"];
        assert_eq!(settings.pods("t1"), expected);
    }
}
