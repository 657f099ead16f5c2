//! How gprecoverseg brings a segment back, or gpaddmirrors makes the first mirrors, and how they are told.

use crate::cluster::catalog::Segment;
use crate::cluster::content::ContentId;
use crate::cluster::recovery_status::RecoveryWork;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One of the tool's ways, the gentlest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// pg_rewind: needs the write-ahead log back to where the two diverged.
    Incremental,
    /// rsync of what differs.
    Differential,
    /// A new copy, over whatever is there.
    Full,
    /// gpaddmirrors: a copy for each content, of which the catalog lists no mirror yet.
    Add,
}

impl Method {
    /// The tool's option.
    fn option(self) -> Option<&'static str> {
        match self {
            Method::Incremental => None,
            Method::Differential => Some("--differential"),
            Method::Full => Some("-F"),
            Method::Add => None,
        }
    }

    /// What an attempt is remembered as: to what it leaves behind, to older agents and to the limits a mirror is a copy.
    pub(in crate::recovery) fn remembered(self) -> Method {
        match self {
            Method::Add => Method::Full,
            method => method,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RecoveryWork::from(*self).fmt(f)
    }
}

impl From<Method> for RecoveryWork {
    fn from(method: Method) -> RecoveryWork {
        match method {
            Method::Incremental => RecoveryWork::Incremental,
            Method::Differential => RecoveryWork::Differential,
            Method::Full => RecoveryWork::Full,
            Method::Add => RecoveryWork::Add,
        }
    }
}

/// A server that is brought back, by its row and its pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The row of the catalog.
    pub row: Segment,
    /// The pod.
    pub pod: String,
    /// An earlier run of gpaddmirrors left something in its place, which the tool refuses.
    pub unfinished: bool,
}

/// One run of the tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// How.
    pub method: Method,
    /// Which servers, at least one, of a content each.
    pub targets: Vec<Target>,
}

impl Run {
    /// The tool.
    pub fn tool(&self) -> &'static str {
        match self.method {
            Method::Add => "gpaddmirrors",
            _ => "gprecoverseg",
        }
    }

    /// The file that limits the run to its targets. The address, not the host name, is what gprecoverseg compares; gpaddmirrors
    /// wants the content as well (clsAddMirrors.py, `_getParsedRow`).
    pub fn file(&self) -> String {
        let line = |target: &Target| {
            let Segment {
                content,
                address,
                port,
                datadir,
                ..
            } = &target.row;
            let content = match self.method {
                Method::Add => format!("{content}|"),
                _ => String::new(),
            };
            format!("{content}{address}|{port}|{}\n", datadir.display())
        };
        self.targets.iter().map(line).collect()
    }

    /// The tool's command line.
    pub fn arguments(&self, file: &str) -> Vec<String> {
        let mut arguments: Vec<String> = ["-a", "-i", file].map(String::from).into();
        arguments.extend(self.method.option().map(String::from));
        arguments
    }

    /// The pods, as a list for people.
    pub fn pods(&self) -> String {
        let pods: Vec<&str> = self.targets.iter().map(|target| target.pod.as_str()).collect();
        pods.join(", ")
    }

    /// Whether a server of that content is brought back.
    pub(in crate::recovery) fn has(&self, content: ContentId) -> bool {
        self.targets.iter().any(|target| target.row.content == content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::row;

    #[test]
    fn the_tool_is_limited_to_the_targets() {
        let target = |text: &str, pod: &str| Target {
            row: row(text),
            pod: pod.into(),
            unfinished: false,
        };
        let mut run = Run {
            method: Method::Incremental,
            targets: vec![
                target("4|0|m|m|n|d|7000|h.gp|a.gp|/g/gpseg0", "a"),
                target("5|1|m|p|n|d|7001|h.gp|b.gp|/g/gpseg1", "b"),
            ],
        };
        assert_eq!(run.file(), "a.gp|7000|/g/gpseg0\nb.gp|7001|/g/gpseg1\n");
        assert_eq!(run.arguments("/f"), ["-a", "-i", "/f"]);
        assert_eq!(run.pods(), "a, b");
        run.method = Method::Full;
        assert_eq!(run.arguments("/f"), ["-a", "-i", "/f", "-F"]);
        run.method = Method::Differential;
        assert_eq!(run.arguments("/f"), ["-a", "-i", "/f", "--differential"]);
        run.method = Method::Add;
        assert_eq!(run.file(), "0|a.gp|7000|/g/gpseg0\n1|b.gp|7001|/g/gpseg1\n");
        assert_eq!(
            (run.tool(), &*run.arguments("/f")),
            ("gpaddmirrors", &["-a", "-i", "/f"].map(String::from)[..])
        );
    }
}
