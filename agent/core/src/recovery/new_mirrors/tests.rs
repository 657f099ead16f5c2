//! When the first mirrors are made, and why not.

use super::lacking;
use crate::cluster::content::ContentId;
use crate::cluster::status::Phase;
use crate::cluster::topology::Role;
use crate::fixtures::{large_catalog, large_topology};
use crate::recovery::machine::model::{Policy, Step, Wish};
use crate::recovery::machine::steps::Recovery;
use crate::recovery::roles::attempts::RebalanceAttempts;
use crate::recovery::roles::when::When;
use crate::recovery::segments::attempts::Attempts;
use crate::recovery::segments::method::Method;
use crate::recovery::simulation::world::{World, content, half_made, server};

const AUTO: Policy = Policy {
    auto: true,
    full: true,
    roles: When::Manual,
    redistribute: true,
};
const MANUAL: Policy = Policy {
    auto: false,
    full: true,
    roles: When::Manual,
    redistribute: true,
};

fn machine() -> Recovery {
    Recovery::new(Attempts::default(), RebalanceAttempts::default(), 0)
}

fn until_run(machine: &mut Recovery, policy: Policy, world: &World) -> Option<(u64, Method, usize)> {
    for now in (0..600).step_by(5) {
        match machine.look(policy, &world.evidence(), now) {
            Step::Run(run) => return Some((now, run.method, run.targets.len())),
            Step::Probe => machine.probed(true, now),
            _ => {}
        }
    }
    None
}

/// What keeps the mirrors of two contents from being made.
fn obstacle(change: impl FnOnce(&mut World)) -> String {
    let mut world = World::without_mirrors(2);
    change(&mut world);
    let mut machine = machine();
    assert_eq!(until_run(&mut machine, AUTO, &world), None);
    let status = machine.status(600);
    let told = |down: &crate::cluster::recovery_status::DownSegment| {
        let remedy = down
            .remedy
            .clone()
            .map(|remedy| format!("; {remedy}"))
            .unwrap_or_default();
        down.obstacle.clone().map(|why| format!("{why}{remedy}"))
    };
    let told: Vec<String> = status.down.iter().filter_map(told).collect();
    told.join("\n")
}

#[test]
fn all_are_made_in_one_run() {
    let world = World::without_mirrors(2);
    assert_eq!(until_run(&mut machine(), AUTO, &world), Some((65, Method::Add, 2)));
}

#[test]
fn one_that_is_not_ready_keeps_all() {
    let told = [
        obstacle(|w| w.pods[3].answers = false),
        obstacle(|w| w.pods[3].server.held = Some("disk".into())),
        obstacle(|w| w.pods[3].server.phase = Phase::Preparing),
        obstacle(|w| w.pods[2].answers = false),
        obstacle(|w| w.pods[2].server.peers = 1),
        obstacle(|w| w.pods[3].server = half_made()),
        obstacle(|w| w.pods[3].server = server(Role::Mirror)),
        obstacle(|w| w.pods[3].server.remains = Some("it held database 7".into())),
        obstacle(|w| {
            w.circumstances.sizes.insert(content(1), 9 << 30);
            w.pods[3].server.room = Some(8 << 30);
        }),
        obstacle(|w| {
            w.pods[1].listed = true;
            w.pods[1].server = server(Role::Mirror);
            w.probe();
        }),
    ];
    insta::assert_snapshot!(told.join("\n"), @"
    the agent of pod-3 does not answer
    pod-3 is held: disk; gp-agent resume in pod-3
    pod-3: there is no data directory
    the agent of pod-2, which has the only copy of content 1, does not answer
    the agent of pod-2 does not know all pods yet: it goes by an older cluster.yaml
    pod-3: parts of it are missing; mount the right volume in pod-3, or set /g aside there
    pod-3 has a database at /g, and the catalog does not list it; mount the right volume in pod-3, or set /g aside there
    pod-3: it held database 7; mount the right volume in pod-3, or set /g aside there
    content 1 has 9216 MiB, and pod-3 has room for 8192 MiB; give pod-3 a larger volume
    pod-3 is not in the catalog, which has mirrors of other contents: gpaddmirrors takes only a cluster without any; what gp-agent status says of pod-3
    ");
}

#[test]
fn by_hand_whoever_names_one_means_all() {
    let world = World::without_mirrors(2);
    let mut machine = machine();
    assert_eq!(until_run(&mut machine, MANUAL, &world), None);
    let status = machine.status(600);
    assert_eq!(
        status.down[1].remedy.as_deref(),
        Some("gp-agent recover pod-3 in the active coordinator's pod")
    );
    let wish = Wish {
        pod: Some("pod-3".into()),
        full: false,
    };
    machine.ask(wish, &world.evidence(), 600).unwrap();
    assert_eq!(machine.look(MANUAL, &world.evidence(), 605), Step::Probe);
    machine.probed(true, 605);
    let Step::Run(run) = machine.look(MANUAL, &world.evidence(), 608) else {
        panic!("nothing is begun: {:?}", machine.status(608));
    };
    assert_eq!((run.method, &*run.pods()), (Method::Add, "pod-1, pod-3"));
}

#[test]
fn what_the_catalog_lacks_is_told_by_the_pods() {
    let topology = large_topology(2);
    let whole = large_catalog(&topology).segments;
    let segments = || whole.iter().filter(|row| row.content.is_segment()).cloned();
    assert!(lacking::of(&segments().collect::<Vec<_>>(), &topology).1.is_empty());
    let primaries: Vec<_> = segments().filter(|row| row.port == 40000).collect();
    let (lacking, to_be) = lacking::of(&primaries, &topology);
    assert!(!lacking.some_listed && lacking.without_pod.is_none());
    let hosts: Vec<String> = to_be
        .iter()
        .map(|row| format!("{}|{}|{}", row.content, row.address, row.port))
        .collect();
    assert_eq!(hosts, ["0|segment-b-0.gp|50000", "1|segment-b-1.gp|50000"]);
    // Contents that are still to be made have nothing to be mirrored.
    assert_eq!(lacking::of(&primaries, &large_topology(3)).1.len(), 2);
    let smaller = large_topology(1);
    assert_eq!(lacking::of(&primaries, &smaller).0.without_pod, Some(ContentId::new(1)));
    let mut without = topology.clone();
    without.members.retain(|member| member.role != Role::Mirror);
    assert!(lacking::of(&primaries, &without).1.is_empty());
}
