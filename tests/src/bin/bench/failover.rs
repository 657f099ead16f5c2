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
    eprintln!("starting two coordinators and clients that write to each of them");
    let ground = Playground::up(LEASE, &[])?;
    spread(&ground, "clients wait", &FAILURES, table)?;
    drop(ground);
    if greenplum::kind() != Kind::Real {
        eprintln!("left out: the same with Greenplum; tests/bench --gphome DIR measures it");
        return Ok(());
    }
    eprintln!("starting Greenplum and clients that write to all its contents");
    let ground = Playground::greenplum(LEASE)?;
    let title = "Greenplum: clients wait";
    for (what, targets, aim) in GREENPLUM_FAILURES {
        let failure = Failure {
            what,
            // As a node that is off: nobody answers, and nothing is refused.
            faults: targets.iter().map(|target| (*target, Fault::Pause)).collect(),
            seconds: 30,
            aim: *aim,
        };
        failure.measure(&ground, title, table)?;
    }
    spread(&ground, title, &[("switchover", Fault::Switchover, 0, 2.0)], table)
}

/// Whose pods are on a node that is lost, and the seconds that docs/design/failover.md aims at.
const GREENPLUM_FAILURES: &[(&str, &[Target], f64)] = &[
    ("coordinator lost", &[Target::Holder], 12.0),
    (
        "coordinator lost with a primary",
        &[Target::Holder, Target::Primary(0)],
        15.0,
    ),
    (
        "coordinator lost with a mirror",
        &[Target::Holder, Target::Mirror(0)],
        12.0,
    ),
    (
        "standby lost with a primary",
        &[Target::Standby, Target::Primary(0)],
        15.0,
    ),
    ("primary lost", &[Target::Primary(0)], 15.0),
    ("mirror lost", &[Target::Mirror(0)], 12.0),
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
    eprintln!("starting two coordinators on Kubernetes and clients that write to each of them");
    spread(
        &Playground::on_nodes(LEASE)?,
        "Kubernetes: clients wait",
        &NODE_FAILURES,
        table,
    )
}

fn spread(ground: &Playground, title: &str, failures: &[(&str, Fault, u64, f64)], table: &mut Table) -> Result<()> {
    for &(what, fault, seconds, aim) in failures {
        let failure = Failure {
            what,
            faults: vec![(Target::HolderNow, fault)],
            seconds,
            aim,
        };
        failure.measure(ground, title, table)?;
    }
    Ok(())
}

/// What happens at once, for how many seconds, and how many seconds clients are to wait at most.
struct Failure<'a> {
    what: &'a str,
    faults: Vec<(Target, Fault)>,
    seconds: u64,
    aim: f64,
}

impl Failure<'_> {
    fn measure(&self, ground: &Playground, title: &str, table: &mut Table) -> Result<()> {
        let what = self.what;
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
        table.spread(&format!("{title}: {what}"), &gaps, "s", self.aim);
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
