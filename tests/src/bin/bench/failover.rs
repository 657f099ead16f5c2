//! How long clients wait for a coordinator: from the last acknowledgement before a failure to the first one after it.

use crate::table::Table;
use anyhow::{Result, bail};
use cluster_tests::chaos::fault::{Fault, Process, Step, Target, When};
use cluster_tests::chaos::plan::Plan;
use cluster_tests::chaos::round::Playground;
use cluster_tests::greenplum::{self, Kind};
use std::time::Duration;

const TIMES: usize = 5;
/// `failover.leaseSeconds`, as it is by default.
const LEASE: u32 = 10;

/// What happens, for how many seconds, and the seconds that docs/design/failover.md aims at.
const FAILURES: [(&str, Fault, u64, f64); 7] = [
    ("postmaster killed", Fault::Kill(Process::Postmaster), 0, 2.0),
    ("container killed", Fault::KillContainer, 8, 2.0),
    ("pod stopped in order", Fault::StopContainer(30), 8, 2.0),
    ("switchover", Fault::Switchover, 8, 2.0),
    ("agent stopped for 3 s", Fault::Freeze(Process::Agent), 3, 0.5),
    ("agent hung", Fault::Freeze(Process::Agent), 20, 12.0),
    ("container paused", Fault::Pause, 20, 12.0),
];

/// Everything, on a cluster of its own.
///
/// # Errors
/// When no cluster comes up, or when one of them loses what was acknowledged.
pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let failures = FAILURES.map(|failure| Failure::of_the_holder("clients wait", failure));
    play(failures.into(), table, || {
        eprintln!("starting two coordinators and clients that write to each of them");
        Playground::up(LEASE, &[])
    })?;
    if greenplum::kind() != Kind::Real {
        eprintln!("left out: the same with Greenplum; tests/bench --gphome DIR measures it");
        return Ok(());
    }
    let failures = GREENPLUM_FAILURES.iter().map(|(what, faults, seconds, aim)| Failure {
        what: format!("Greenplum: clients wait: {what}"),
        faults: faults.to_vec(),
        seconds: *seconds,
        aim: *aim,
    });
    play(failures.collect(), table, || {
        eprintln!("starting Greenplum and clients that write to all its contents");
        Playground::greenplum(LEASE)
    })
}

/// What happens at once and to whom, for how many seconds, and the seconds that clients are to wait at most.
type GreenplumFailure = (&'static str, &'static [(Target, Fault)], u64, f64);

/// A pause is as a node that is off: nobody answers, and nothing is refused.
const GREENPLUM_FAILURES: &[GreenplumFailure] = &[
    (
        "postmaster killed",
        &[(Target::Holder, Fault::Kill(Process::Postmaster))],
        0,
        2.0,
    ),
    ("container killed", &[(Target::Holder, Fault::KillContainer)], 20, 2.0),
    (
        "container killed with a primary",
        &[
            (Target::Holder, Fault::KillContainer),
            (Target::Primary(0), Fault::KillContainer),
        ],
        20,
        15.0,
    ),
    (
        "pod stopped in order",
        &[(Target::Holder, Fault::StopContainer(30))],
        8,
        2.0,
    ),
    ("switchover", &[(Target::Holder, Fault::Switchover)], 0, 2.0),
    (
        "agent hung",
        &[(Target::Holder, Fault::Freeze(Process::Agent))],
        20,
        12.0,
    ),
    ("authority down", &[(Target::Holder, Fault::HideRecord)], 20, 0.5),
    ("coordinator lost", &[(Target::Holder, Fault::Pause)], 30, 12.0),
    (
        "coordinator lost with a primary",
        &[(Target::Holder, Fault::Pause), (Target::Primary(0), Fault::Pause)],
        30,
        15.0,
    ),
    (
        "coordinator lost with a mirror",
        &[(Target::Holder, Fault::Pause), (Target::Mirror(0), Fault::Pause)],
        30,
        12.0,
    ),
    (
        "standby lost with a primary",
        &[(Target::Standby, Fault::Pause), (Target::Primary(0), Fault::Pause)],
        30,
        15.0,
    ),
    ("primary lost", &[(Target::Primary(0), Fault::Pause)], 30, 15.0),
    ("mirror lost", &[(Target::Mirror(0), Fault::Pause)], 30, 12.0),
];

/// What happens on Kubernetes; the aims are those of a lost node, a hand-over, and nothing.
const NODE_FAILURES: [(&str, Fault, u64, f64); 6] = [
    ("pod deleted", Fault::DeletePod, 0, 2.0),
    ("switchover", Fault::Switchover, 0, 2.0),
    ("node off", Fault::NodeOff, 20, 12.0),
    ("API server silent", Fault::ApiSilent, 20, 0.5),
    ("agent stopped for 3 s", Fault::Freeze(Process::Agent), 3, 0.5),
    ("agent hung", Fault::Freeze(Process::Agent), 20, 12.0),
];

/// The same on Kubernetes, where a tool can cut power and cables. Clients go to the pods' own addresses.
///
/// # Errors
/// As [`measure`].
pub(crate) fn measure_on_nodes(table: &mut Table) -> Result<()> {
    let failures = NODE_FAILURES.map(|failure| Failure::of_the_holder("Kubernetes: clients wait", failure));
    play(failures.into(), table, || {
        eprintln!("starting two coordinators on Kubernetes and clients that write to each of them");
        Playground::on_nodes(LEASE)
    })
}

/// Measures those that are wanted, on a cluster that is there when there is one.
fn play(failures: Vec<Failure>, table: &mut Table, up: impl FnOnce() -> Result<Playground>) -> Result<()> {
    let only = std::env::var("GP_BENCH_ONLY").unwrap_or_default();
    let only: Vec<&str> = only.lines().collect();
    let wanted = |what: &str| only.is_empty() || only.iter().any(|words| what.contains(words));
    let failures: Vec<Failure> = failures.into_iter().filter(|failure| wanted(&failure.what)).collect();
    if failures.is_empty() {
        return Ok(());
    }
    let ground = up()?;
    failures.iter().try_for_each(|failure| failure.measure(&ground, table))
}

/// What happens at once, for how many seconds, and how many seconds clients are to wait at most.
struct Failure {
    what: String,
    faults: Vec<(Target, Fault)>,
    seconds: u64,
    aim: f64,
}

impl Failure {
    fn of_the_holder(title: &str, (what, fault, seconds, aim): (&str, Fault, u64, f64)) -> Failure {
        Failure {
            what: format!("{title}: {what}"),
            faults: vec![(Target::HolderNow, fault)],
            seconds,
            aim,
        }
    }

    fn measure(&self, ground: &Playground, table: &mut Table) -> Result<()> {
        let what = &self.what;
        let mut gaps = Vec::new();
        for _ in 0..TIMES {
            let played = ground.play(&self.plan(), None);
            if let Some(why) = &played.failure {
                bail!("{what}: {why}");
            }
            let (gap, whole) = (played.gap.as_secs_f64(), played.whole.as_secs_f64());
            eprintln!("{what}: {gap:.2} s; whole {whole:.1} s after it was over");
            gaps.push(gap);
        }
        table.spread(what, &gaps, "s", self.aim);
        Ok(())
    }

    fn plan(&self) -> Plan {
        let step = |&(target, fault): &(Target, Fault)| Step {
            when: When::After(Duration::ZERO),
            target,
            fault,
            lasts: Some(Duration::from_secs(self.seconds)),
        };
        Plan {
            steps: self.faults.iter().map(step).collect(),
            settle: Duration::from_secs(3),
            crowd: 0,
            numbers: Vec::new(),
        }
    }
}
