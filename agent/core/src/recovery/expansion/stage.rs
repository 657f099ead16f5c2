//! What gpexpand has left, and which of its calls comes next.

use super::facts::{Found, Schema, SetupStage};
use super::task::Task;
use crate::cluster::content::ContentId;
use crate::recovery::obstacle::Obstacle;

const LOOK: &str = "look at gpexpand.status in the coordinator's data directory, and call gpexpand -r, or gpexpand once more, in the \
    active coordinator's pod";

/// Where the expansion stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// There is nothing to do.
    Over,
    /// This call comes next.
    Next(Task),
    /// Somebody else's expansion, or what nobody understands.
    Stuck(Obstacle),
}

/// By what is found; `new`: contents that are not in the catalog, `ours`: whether this agent, or one before it, began it.
pub(super) fn stage(found: &Found, new: &[ContentId], ours: bool) -> Stage {
    if let Some(file) = &found.file {
        let own = match file.input_is_own {
            Some(own) => own,
            // It was broken off before it said which file it goes by.
            None => ours,
        };
        return match (own, file.stage) {
            (false, _) => Stage::Stuck(Obstacle::person(
                "a run of gpexpand that somebody else began was broken off",
                LOOK,
            )),
            (true, SetupStage::BeforeCatalog) if new.is_empty() => Stage::Stuck(Obstacle::person(
                "a run of gpexpand was broken off, and cluster.yaml no longer has the pods of its segments",
                format!("raise segments.count again; or {LOOK}"),
            )),
            (true, SetupStage::BeforeCatalog) => Stage::Next(Task::RollBack),
            // All rows are written in one transaction.
            (true, SetupStage::AtCatalog) if !new.is_empty() => Stage::Next(Task::RollBack),
            // Sessions may have used the new contents since: to take them out again would lose what they wrote.
            (true, SetupStage::AtCatalog) => Stage::Next(Task::FinishCatalog),
            (true, SetupStage::AfterCatalog) => Stage::Next(Task::FinishSetUp),
            (true, SetupStage::Unknown) => Stage::Stuck(Obstacle::person(
                "gpexpand was broken off in a state that this agent does not know",
                LOOK,
            )),
        };
    }
    match &found.schema {
        Some(schema) => of_schema(schema, ours),
        None if new.is_empty() => Stage::Over,
        None => Stage::Next(Task::SetUp),
    }
}

fn of_schema(schema: &Schema, ours: bool) -> Stage {
    if !ours {
        return Stage::Stuck(Obstacle::person(
            "the cluster is being expanded by somebody else: its schema gpexpand is there",
            "in the active coordinator's pod: gpexpand goes on with it, and gpexpand -c removes it when all tables are done",
        ));
    }
    match schema.status.as_deref() {
        Some("SETUP DONE" | "EXPANSION STARTED" | "EXPANSION STOPPED") => Stage::Next(Task::Redistribute),
        Some("EXPANSION COMPLETE") => Stage::Next(Task::CleanUp),
        status => Stage::Stuck(Obstacle::person(
            format!(
                "the schema gpexpand is there, and its state is {}",
                status.unwrap_or("not known")
            ),
            "in the active coordinator's pod, look at gpexpand.status in database postgres",
        )),
    }
}
