//! The calls of gpexpand, and the file of segments that they go by.

use crate::cluster::expansion_status::ExpansionTask;
use crate::cluster::topology::{Member, Role};
use serde::{Deserialize, Serialize};

/// What is done in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Task {
    /// `gpexpand -i FILE`: the new segments become a part of the cluster.
    SetUp,
    /// `gpexpand -r`: what was broken off before the catalog changed is undone.
    RollBack,
    /// The catalog lists the new segments, and gpexpand was broken off before it said so: that is made good, without gpexpand.
    FinishCatalog,
    /// `gpexpand -i FILE` once more: it goes on after the change of the catalog.
    FinishSetUp,
    /// `gpexpand`: tables are spread over all contents.
    Redistribute,
    /// `gpexpand -c`: its schema is removed.
    CleanUp,
}

impl Task {
    /// The tool's command line; none where the agent does it without the tool. `dir` is on the volume of every pod: there the tool
    /// packs and unpacks what the new segments begin as.
    pub fn arguments(self, file: &str, dir: &str) -> Option<Vec<String>> {
        let words: &[&str] = match self {
            Task::SetUp | Task::FinishSetUp => &["-i", file, "-t", dir],
            Task::RollBack => &["-r"],
            Task::FinishCatalog => return None,
            Task::Redistribute => &["-n", "1"],
            Task::CleanUp => &["-c"],
        };
        Some(words.iter().map(ToString::to_string).collect())
    }

    /// What the tool is answered; `gpexpand -c` asks whether its table is to be written to a file.
    pub fn answers(self) -> &'static str {
        match self {
            Task::CleanUp => "n\n",
            _ => "",
        }
    }

    /// In words, as what goes on.
    pub fn words(self) -> &'static str {
        match self {
            Task::SetUp => "adding the new segments: gpexpand -i",
            Task::RollBack => "undoing what was broken off: gpexpand -r",
            Task::FinishCatalog => "noting that the catalog lists the new segments",
            Task::FinishSetUp => "going on with adding the new segments: gpexpand -i",
            Task::Redistribute => "spreading tables over all segments: gpexpand",
            Task::CleanUp => "removing the schema of the expansion: gpexpand -c",
        }
    }
}

impl From<Task> for ExpansionTask {
    fn from(task: Task) -> ExpansionTask {
        match task {
            Task::SetUp => ExpansionTask::SetUp,
            Task::RollBack => ExpansionTask::RollBack,
            Task::FinishCatalog => ExpansionTask::FinishCatalog,
            Task::FinishSetUp => ExpansionTask::FinishSetUp,
            Task::Redistribute => ExpansionTask::Redistribute,
            Task::CleanUp => ExpansionTask::CleanUp,
        }
    }
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// What is done.
    pub task: Task,
    /// The servers that are new, primaries first; none once the catalog lists them.
    pub new: Vec<Member>,
    /// The highest number in the catalog.
    pub highest_dbid: i32,
}

impl Run {
    /// gpexpand's file: it takes the numbers that follow the highest one alone, without a gap (gparray.py, `validateExpansionSegs`).
    pub fn file(&self) -> String {
        let line = |(member, dbid): (&Member, i32)| {
            let (host, port, dir) = (&member.fqdn, member.port, member.data_dir.display());
            let role = if member.role == Role::Primary { "p" } else { "m" };
            format!("{host}|{host}|{port}|{dir}|{dbid}|{}|{role}\n", member.content)
        };
        self.new.iter().zip(self.highest_dbid + 1..).map(line).collect()
    }

    /// The pods, as a list for people.
    pub fn pods(&self) -> String {
        let pods: Vec<&str> = self.new.iter().map(|member| member.pod.as_str()).collect();
        pods.join(", ")
    }
}
