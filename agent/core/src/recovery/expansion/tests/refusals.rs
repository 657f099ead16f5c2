//! What keeps new segments from being added, in words.

use super::world::{World, waiting};
use crate::cluster::content::ContentId;
use crate::cluster::directory::DirectoryKind;
use crate::recovery::expansion::facts::{Schema, SetupFile, SetupStage};
use crate::recovery::expansion::memory::ExpansionMemory;
use crate::recovery::expansion::task::Task;
use crate::recovery::facts::evidence::Swap;
use crate::recovery::facts::server::PodOfRow;
use crate::recovery::machine::model::{Policy, Step};
use crate::recovery::machine::steps::Recovery;
use crate::recovery::roles::attempts::RebalanceAttempts;
use crate::recovery::segments::attempts::Attempts;

pub(super) const AUTO: Policy = Policy {
    auto: true,
    full: false,
    roles: crate::recovery::roles::when::When::Manual,
    redistribute: true,
};

pub(super) fn machine(memory: ExpansionMemory) -> Recovery {
    Recovery::new(Attempts::default(), RebalanceAttempts::default(), 0).with_expansion(memory)
}

/// The run that begins within ten minutes, and when.
fn begun(world: &World, memory: ExpansionMemory, policy: Policy) -> (Option<(u64, Task)>, Recovery) {
    let mut machine = machine(memory);
    for now in (0..600).step_by(5) {
        let evidence = world.evidence(machine.wants_everybody());
        match machine.look(policy, &evidence, now) {
            Step::Expand(run) => return (Some((now, run.task)), machine),
            Step::Probe => machine.probed(true, now),
            _ => {}
        }
    }
    (None, machine)
}

fn refused(change: impl FnOnce(&mut World)) -> String {
    let mut world = World::new();
    change(&mut world);
    let (begun, machine) = begun(&world, ExpansionMemory::default(), AUTO);
    assert_eq!(begun, None);
    let status = machine.status(600).expansion;
    let remedy = status.remedy.map(|remedy| format!("; {remedy}")).unwrap_or_default();
    format!("{}{remedy}", status.waits.unwrap_or_default())
}

#[test]
fn new_segments_are_added_once_all_is_quiet() {
    let (begun, machine) = begun(&World::new(), ExpansionMemory::default(), AUTO);
    assert_eq!(begun, Some((75, Task::SetUp)));
    assert_eq!(machine.expansion().contents, [ContentId::new(1)]);
    assert!(machine.expands());
}

#[test]
fn each_refusal_has_its_reason() {
    let all = [
        refused(|w| *w.server("segment-b-1") = None),
        refused(|w| *w.server("coordinator-1") = None),
        refused(|w| w.server("segment-a-0").as_mut().unwrap().peers = 3),
        refused(|w| w.server("segment-a-1").as_mut().unwrap().held = Some("disk".into())),
        refused(|w| w.server("segment-a-1").as_mut().unwrap().unfit = Some("the volume at /g is read-only".into())),
        refused(|w| w.server("segment-a-0").as_mut().unwrap().tool = Some("gpstop (process 7) is at work".into())),
        refused(|w| w.server("segment-a-1").as_mut().unwrap().directory = Some(DirectoryKind::Primary)),
        refused(|w| w.server("segment-a-1").as_mut().unwrap().directory = None),
        refused(|w| w.server("segment-a-1").as_mut().unwrap().remains = Some("the volume has had a database".into())),
        refused(|w| w.server("segment-a-1").as_mut().unwrap().room = Some(1 << 20)),
        refused(|w| w.rows[1].up = false),
        refused(|w| w.rows[1].in_sync = false),
        refused(|w| w.topology.members.retain(|member| member.pod != "segment-b-1")),
        refused(|w| w.found.tablespace = Some("fast".into())),
        refused(|w| w.found.schema = Some(Schema::default())),
        refused(|w| {
            w.found.file = Some(SetupFile {
                stage: SetupStage::BeforeCatalog,
                input_is_own: Some(false),
            });
        }),
        refused(|w| {
            w.found.file = Some(SetupFile {
                stage: SetupStage::Unknown,
                input_is_own: Some(true),
            });
        }),
        refused(|w| w.circumstances.at_work = Some("gpmovemirrors (process 7) is at work".into())),
        refused(|w| w.circumstances.not_in_charge = Some("failover is paused".into())),
    ];
    insta::assert_snapshot!(all.join("\n"), @"
    the agent of segment-b-1 does not answer
    the agent of coordinator-1 does not answer
    the agent of segment-a-0 does not know all pods yet: it goes by an older cluster.yaml
    segment-a-1 is held: disk; gp-agent resume in segment-a-1
    segment-a-1: the volume at /g is read-only
    gpstop (process 7) is at work
    segment-a-1 has a database at /greenplum/gpseg1, and the catalog does not list it; mount the right volume in segment-a-1, or set /greenplum/gpseg1 aside there
    segment-a-1 has not looked at its data directory
    segment-a-1: the volume has had a database; mount the right volume in segment-a-1, or set /greenplum/gpseg1 aside there
    a new segment begins with 100 MiB, and segment-a-1 has room for 1 MiB; give segment-a-1 a larger volume
    a server of content 0 is down, and is brought back first
    the mirror of content 0 is not in sync
    the catalog has mirrors, and cluster.yaml has no pod for that of content 1; put segments.mirrors back into cluster.yaml
    there is tablespace fast, and the agent does not know where the new segments have theirs; make its directories in the new pods, and call gpexpand -i FILE by hand, with FILE.ts as gpexpand describes it
    the cluster is being expanded by somebody else: its schema gpexpand is there; in the active coordinator's pod: gpexpand goes on with it, and gpexpand -c removes it when all tables are done
    a run of gpexpand that somebody else began was broken off; look at gpexpand.status in the coordinator's data directory, and call gpexpand -r, or gpexpand once more, in the active coordinator's pod
    gpexpand was broken off in a state that this agent does not know; look at gpexpand.status in the coordinator's data directory, and call gpexpand -r, or gpexpand once more, in the active coordinator's pod
    gpmovemirrors (process 7) is at work
    failover is paused
    ");
}

#[test]
fn segments_out_of_place_go_first() {
    let world = World::new();
    let mut machine = machine(ExpansionMemory::default());
    for now in (0..200).step_by(5) {
        let mut evidence = world.evidence(true);
        evidence.swapped = vec![Swap {
            content: ContentId::new(0),
            acting: PodOfRow::default(),
            preferred: PodOfRow::default(),
        }];
        assert!(!matches!(machine.look(AUTO, &evidence, now), Step::Expand(_)));
    }
    let waits = machine.status(200).expansion;
    assert!(waits.waits.unwrap().contains("made as its mirror") && waits.remedy.unwrap().contains("rebalance"));
}

fn spread(left: u64) -> (World, ExpansionMemory) {
    let mut world = World::new();
    world.topology = crate::fixtures::large_topology(1);
    world.found.schema = Some(Schema {
        status: Some("EXPANSION STOPPED".into()),
        left,
        ..Schema::default()
    });
    let memory = ExpansionMemory {
        began: Some(1),
        contents: vec![ContentId::new(0)],
        ..ExpansionMemory::default()
    };
    (world, memory)
}

#[test]
fn tables_wait_for_a_word_where_that_is_asked_for() {
    let manual = Policy {
        redistribute: false,
        ..AUTO
    };
    let (world, memory) = spread(3);
    assert_eq!(begun(&world, memory.clone(), AUTO).0, Some((65, Task::Redistribute)));
    let (nothing, mut machine) = begun(&world, memory, manual);
    assert_eq!(nothing, None);
    let status = machine.status(600).expansion;
    assert_eq!(status.waits.as_deref(), Some("expansion.redistribute is manual"));
    let said = machine.ask_expand(manual, &world.evidence(true), 600).unwrap();
    assert!(said.contains("begins"), "{said}");
    let step = machine.look(manual, &world.evidence(machine.wants_everybody()), 601);
    assert!(matches!(step, Step::Expand(run) if run.task == Task::Redistribute));
    assert!(machine.expansion().released, "the next call needs no other word");
}

#[test]
fn a_segment_that_is_down_goes_before_tables() {
    let (mut world, memory) = spread(3);
    world.rows[1].up = false;
    let (nothing, machine) = begun(&world, memory, AUTO);
    assert_eq!(nothing, None);
    let waits = machine.status(600).expansion.waits.unwrap();
    assert!(waits.contains("is brought back first"), "{waits}");
}

#[test]
fn what_fails_rests_longer_each_time_and_then_waits_for_a_person() {
    let mut world = World::new();
    let mut machine = machine(ExpansionMemory::default());
    let mut at = Vec::new();
    for now in (0..12 * 3600).step_by(5) {
        let evidence = world.evidence(machine.wants_everybody());
        match machine.look(AUTO, &evidence, now) {
            Step::Expand(run) => {
                at.push((run.task, now));
                // It says that it cannot, and leaves nothing.
                machine.ended(Some("gpexpand failed: no".into()), now + 1);
            }
            Step::Probe => machine.probed(true, now),
            _ => {}
        }
    }
    let minutes: Vec<u64> = at.windows(2).map(|pair| (pair[1].1 - pair[0].1) / 60).collect();
    assert_eq!((at.len(), minutes), (6, vec![1, 5, 15, 60, 60]));
    let status = machine.status(12 * 3600).expansion;
    assert!(
        status
            .waits
            .unwrap()
            .contains("failed 6 times within a day: gpexpand failed: no")
    );
    assert_eq!(status.counts.failed, 6);
    // Somebody who has mended it need not wait.
    machine.ask_expand(AUTO, &world.evidence(true), 12 * 3600).unwrap();
    *world.server("segment-a-1") = Some(waiting());
}

#[test]
fn what_was_asked_for_and_cannot_begin_is_dropped() {
    let mut world = World::new();
    let (_, mut machine) = begun(&world, ExpansionMemory::default(), AUTO);
    machine.not_begun();
    assert!(machine.ask_expand(AUTO, &world.evidence(true), 700).is_ok());
    world.rows[1].up = false;
    let mut dropped = None;
    for now in (700..900).step_by(5) {
        if let Step::GiveUpExpanding(why) = machine.look(AUTO, &world.evidence(true), now) {
            dropped = Some((now, why));
        }
    }
    let (at, why) = dropped.unwrap();
    assert!(at > 820 && why.contains("is brought back first"), "{at}: {why}");
}
