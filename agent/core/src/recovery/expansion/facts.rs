//! What gpexpand has left, as far as it matters.

use crate::cluster::catalog::Segment;
use crate::cluster::content::ContentId;
use crate::cluster::topology::{Member, Role, Topology};
use crate::recovery::facts::server::{PodOfRow, Server};
use std::collections::BTreeSet;

/// What is known of it at one look.
#[derive(Clone, Debug, Default)]
pub struct Expanding {
    /// Servers of contents that cluster.yaml has and the catalog does not list: primaries first, by content.
    pub new: Vec<NewServer>,
    /// What gpexpand has left; none where it was not asked.
    pub found: Option<Found>,
    /// What the agents of all other pods say; empty where they were not asked.
    pub pods: Vec<PodOfRow>,
}

/// A server of a content that is not in the catalog.
#[derive(Clone, Debug)]
pub struct NewServer {
    /// As cluster.yaml has it.
    pub member: Member,
    /// What its agent says, if it was asked and answers.
    pub server: Option<Server>,
}

/// What gpexpand has left, and what it has to cope with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Its file beside the catalog.
    pub file: Option<SetupFile>,
    /// Its schema.
    pub schema: Option<Schema>,
    /// A tablespace that somebody made.
    pub tablespace: Option<String>,
    /// Bytes of the coordinator's databases: what each new segment begins as.
    pub template: Option<u64>,
    /// The highest number of a row.
    pub highest_dbid: i32,
}

/// gpexpand.status, a line for each step of adding segments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupFile {
    /// How far it came.
    pub stage: SetupStage,
    /// Whether it goes by the file that the agent writes; none where it does not say by which.
    pub input_is_own: Option<bool>,
}

/// How far gpexpand came in adding segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetupStage {
    /// The catalog is as it was.
    BeforeCatalog,
    /// It may list the new segments.
    AtCatalog,
    /// It lists them.
    AfterCatalog,
    /// A word of another version.
    Unknown,
}

impl SetupFile {
    /// Of the file's text; `own` is the file of segments that the agent gives to gpexpand. An empty one was broken off at once.
    pub fn parse(text: &str, own: &str) -> SetupFile {
        let mut steps = text.lines().filter_map(|line| line.split_once(':'));
        let input = steps
            .clone()
            .find_map(|(step, what)| (step == "EXPANSION_PREPARE_STARTED").then_some(what));
        SetupFile {
            stage: steps
                .next_back()
                .map_or(SetupStage::BeforeCatalog, |(step, _)| stage(step)),
            input_is_own: input.map(|input| input.trim() == own),
        }
    }
}

/// class GpExpandStatus, `_status_values`, of gpexpand 6 and 7.
fn stage(step: &str) -> SetupStage {
    match step {
        "UNINITIALIZED"
        | "EXPANSION_PREPARE_STARTED"
        | "BUILD_SEGMENT_TEMPLATE_STARTED"
        | "BUILD_SEGMENT_TEMPLATE_DONE"
        | "BUILD_SEGMENTS_STARTED"
        | "BUILD_SEGMENTS_DONE" => SetupStage::BeforeCatalog,
        "UPDATE_CATALOG_STARTED" => SetupStage::AtCatalog,
        "UPDATE_CATALOG_DONE"
        | "SETUP_EXPANSION_SCHEMA_STARTED"
        | "SETUP_EXPANSION_SCHEMA_DONE"
        | "PREPARE_EXPANSION_SCHEMA_STARTED"
        | "PREPARE_EXPANSION_SCHEMA_DONE"
        | "EXPANSION_PREPARE_DONE" => SetupStage::AfterCatalog,
        _ => SetupStage::Unknown,
    }
}

/// The schema gpexpand, while tables are spread over all contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Schema {
    /// The last word of gpexpand.status.
    pub status: Option<String>,
    /// Tables that are spread, or gone.
    pub done: u64,
    /// Tables that are not.
    pub left: u64,
    /// Bytes of the former.
    pub done_bytes: u64,
    /// Bytes of the latter.
    pub left_bytes: u64,
    /// The table that is being spread, or the first that is not.
    pub table: Option<String>,
}

impl Schema {
    /// The question of [`Schema::of_row`]; `gpexpand.status` has a row for each step.
    pub const SQL: &str = "select (select status from gpexpand.status order by updated desc limit 1), \
        count(*) filter (where finished), count(*) filter (where not finished), \
        coalesce(sum(source_bytes) filter (where finished), 0)::bigint, \
        coalesce(sum(source_bytes) filter (where not finished), 0)::bigint, \
        min(case when not finished then (case when status = 'IN PROGRESS' then '0' else '1' end) || dbname || '.' || fq_name end) \
        from (select *, status in ('COMPLETED', 'NO LONGER EXISTS') as finished from gpexpand.status_detail) d";

    /// The schema, by the answer's only row.
    pub fn of_row(row: &[Option<String>]) -> Schema {
        let cell = |i: usize| row.get(i).and_then(Option::as_deref);
        let number = |i: usize| cell(i).and_then(|text| text.parse().ok()).unwrap_or_default();
        Schema {
            status: cell(0).map(String::from),
            done: number(1),
            left: number(2),
            done_bytes: number(3),
            left_bytes: number(4),
            table: cell(5).and_then(|text| Some(text.get(1..)?.to_string())),
        }
    }
}

/// The servers of contents that have pods and no row.
pub(in crate::recovery) fn new_members<'a>(
    rows: &[Segment],
    topology: &'a Topology,
) -> impl Iterator<Item = &'a Member> {
    let listed: BTreeSet<ContentId> = rows.iter().map(|row| row.content).collect();
    // What the catalog says is not known, or that of another cluster.
    let known = !listed.is_empty();
    let is_new = move |member: &&Member| known && member.content.is_segment() && !listed.contains(&member.content);
    let mut new: Vec<&Member> = topology.members.iter().filter(is_new).collect();
    new.sort_by_key(|member| (member.content, member.role != Role::Primary));
    new.into_iter()
}

impl Expanding {
    /// The contents that are new.
    pub(super) fn contents(&self) -> Vec<ContentId> {
        let contents: BTreeSet<ContentId> = self.new.iter().map(|new| new.member.content).collect();
        contents.into_iter().collect()
    }
}
