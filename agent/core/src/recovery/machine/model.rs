//! What recovery is asked, answers and remembers, in words of its own.

use crate::greenplum::tool_output::ToolFailure;
use crate::recovery::expansion;
use crate::recovery::facts::evidence::Pair;
use crate::recovery::roles::run::Rebalance;
use crate::recovery::roles::when::When;
use crate::recovery::segments::judgement::Judgement;
use crate::recovery::segments::method::Run;
use std::fmt;

/// What the configuration says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Whether segments are brought back without being asked for.
    pub auto: bool,
    /// Whether a new copy over an old directory is made without being asked for.
    pub full: bool,
    /// When roles are changed back without being asked for.
    pub roles: When,
    /// Whether tables are spread over new contents without being asked for.
    pub redistribute: bool,
}

/// What is to be done now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing.
    Rest,
    /// Have FTS look; then say [`Recovery::probed`].
    Probe,
    /// End the tool that runs, for this reason; then say [`Recovery::ended`].
    End(String),
    /// Write the attempts down, run the tool, and say [`Recovery::ended`]; or [`Recovery::not_begun`].
    Run(Run),
    /// Tell that roles are changed back at that time, in Unix seconds.
    Announce(Rebalance, u64),
    /// Tell that roles are not changed back as was announced or asked for, and why.
    CallOff(String),
    /// Tell that segments are not brought back that somebody asked for, and why.
    GiveUp(String),
    /// Write the attempts down, change roles back, and say [`Recovery::ended`]; or [`Recovery::not_begun`].
    Rebalance(Rebalance),
    /// Write it down, call gpexpand, and say [`Recovery::ended`]; or [`Recovery::not_begun`].
    Expand(expansion::task::Run),
    /// Tell that the expansion does not go on that somebody asked for, and why.
    GiveUpExpanding(String),
}

/// What somebody asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The pod; all that are down when left out.
    pub pod: Option<String>,
    /// With a new copy.
    pub full: bool,
}

impl Wish {
    /// In the words of `POST /recover`: `full`, a pod's name, both in this order, or nothing.
    pub fn of(words: &str) -> Wish {
        let (full, rest) = match words.strip_prefix("full") {
            Some(rest) if rest.is_empty() || rest.starts_with(' ') => (true, rest.trim()),
            _ => (false, words),
        };
        let pod = (!rest.is_empty()).then(|| rest.to_string());
        Wish { pod, full }
    }
}

/// The words that [`Wish::of`] reads.
impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let full = self.full.then_some("full");
        let words: Vec<&str> = full.into_iter().chain(self.pod.as_deref()).collect();
        f.write_str(&words.join(" "))
    }
}

/// What somebody has asked for, and has not begun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::recovery) struct Wanted {
    pub pods: Vec<String>,
    pub full: bool,
    pub at: u64,
}

impl Wanted {
    /// Whether it is about the lost server of that pair.
    pub(in crate::recovery) fn names(&self, pair: &Pair) -> bool {
        pair.target.pod.as_ref().is_some_and(|pod| self.pods.contains(pod))
    }
}

/// How a run ended, as it will be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// What was run.
    pub run: Run,
    /// When it began.
    pub began: u64,
    /// When the catalog had judged it.
    pub at: u64,
    /// Pods that are up again.
    pub recovered: Vec<String>,
    /// Pods that are not, and why.
    pub failed: Vec<(String, String)>,
}

/// What the tool is at, or was.
#[derive(Clone, Debug)]
pub(in crate::recovery) struct Work {
    pub run: Run,
    pub began: u64,
    /// When the tool ended, and how it failed.
    pub ended: Option<(u64, Option<ToolFailure>)>,
    pub recovered: Vec<String>,
}

/// A server that a run has started, and that has to replay before it can be up.
#[derive(Clone, Debug)]
pub(in crate::recovery) struct Late {
    pub pod: String,
    /// Why it is not up, if it does not come.
    pub words: String,
    /// The tool failed at something else than this one.
    pub elsewhere: bool,
}

/// What a look found for one content, to be shown.
#[derive(Clone, Debug)]
pub(in crate::recovery) struct SeenContent {
    pub pair: Pair,
    pub since: u64,
    pub judgement: Judgement,
}

/// Since the agent started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecoveryCounts {
    /// Servers that a run brought back.
    pub recovered: u64,
    /// Servers that a run did not bring back.
    pub failed: u64,
    /// Seconds of all runs.
    pub seconds: u64,
}
