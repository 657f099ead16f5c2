//! What is read of gpexpand's files, and what it is given.

use crate::cluster::topology::Role;
use crate::fixtures::large_topology;
use crate::recovery::expansion::facts::{Schema, SetupFile, SetupStage, new_members};
use crate::recovery::expansion::task::{Run, Task};

const OWN: &str = "/greenplum/.gp-agent/expand-segments";

#[test]
fn the_status_file_says_how_far_it_came_and_whose_it_is() {
    let read = |text: &str| {
        let file = SetupFile::parse(text, OWN);
        (file.stage, file.input_is_own)
    };
    let begun = format!("UNINITIALIZED:None\nEXPANSION_PREPARE_STARTED:{OWN}\n");
    assert_eq!(read(""), (SetupStage::BeforeCatalog, None));
    assert_eq!(read("UNINITIALIZED:None\n"), (SetupStage::BeforeCatalog, None));
    assert_eq!(read(&begun), (SetupStage::BeforeCatalog, Some(true)));
    let built = format!("{begun}BUILD_SEGMENTS_DONE:2\n");
    assert_eq!(read(&built), (SetupStage::BeforeCatalog, Some(true)));
    let changes = format!("{built}UPDATE_CATALOG_STARTED:/greenplum/gpseg-1/gpexpand.gp_segment_configuration\n");
    assert_eq!(read(&changes), (SetupStage::AtCatalog, Some(true)));
    let changed = format!("{changes}UPDATE_CATALOG_DONE:None\n");
    assert_eq!(read(&changed), (SetupStage::AfterCatalog, Some(true)));
    let magic = format!("{changed}MAGIC:None\n");
    assert_eq!(read(&magic), (SetupStage::Unknown, Some(true)));
    let other = "UNINITIALIZED:None\nEXPANSION_PREPARE_STARTED:/tmp/f\n";
    assert_eq!(read(other), (SetupStage::BeforeCatalog, Some(false)));
}

#[test]
fn the_schema_is_read_from_its_row() {
    let row = |cells: [Option<&str>; 6]| Schema::of_row(&cells.map(|cell| cell.map(String::from)));
    let schema = row([
        Some("SETUP DONE"),
        Some("3"),
        Some("4"),
        Some("10"),
        Some("20"),
        Some("0sales.public.orders"),
    ]);
    assert_eq!(
        (schema.done, schema.left, schema.done_bytes, schema.left_bytes),
        (3, 4, 10, 20)
    );
    assert_eq!(schema.table.as_deref(), Some("sales.public.orders"));
    assert_eq!(row([None; 6]), Schema::default());
}

#[test]
fn the_file_numbers_new_servers_without_a_gap() {
    let (old, new) = (large_topology(1), large_topology(3));
    let rows = crate::fixtures::large_catalog(&old).segments;
    let segments: Vec<_> = rows.into_iter().filter(|row| row.content.is_segment()).collect();
    let run = Run {
        task: Task::SetUp,
        new: new_members(&segments, &new).cloned().collect(),
        highest_dbid: 7,
    };
    assert!(run.new.iter().all(|member| member.role != Role::Standby));
    insta::assert_snapshot!(run.file(), @"
    segment-a-1.gp|segment-a-1.gp|40000|/greenplum/gpseg1|8|1|p
    segment-b-1.gp|segment-b-1.gp|50000|/greenplum/mirror/gpseg1|9|1|m
    segment-a-2.gp|segment-a-2.gp|40000|/greenplum/gpseg2|10|2|p
    segment-b-2.gp|segment-b-2.gp|50000|/greenplum/mirror/gpseg2|11|2|m
    ");
    assert_eq!(
        new_members(&[], &new).count(),
        0,
        "a catalog that is not known lacks nothing"
    );
    let words = |task: Task| task.arguments("/f", "/d").map(|words| words.join(" "));
    let told: Vec<_> = [Task::SetUp, Task::RollBack, Task::FinishCatalog, Task::CleanUp]
        .map(words)
        .into_iter()
        .collect();
    let expected = [Some("-i /f -t /d"), Some("-r"), None, Some("-c")];
    assert_eq!(told, expected.map(|words| words.map(String::from)));
    assert_eq!(Task::CleanUp.answers(), "n\n", "it asks one question");
}
