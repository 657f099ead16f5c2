//! Any sequence of faults: what must never happen does not, and what can be whole again becomes so.

use super::faults::{Fault, Files, HOUR, PAIRS, fault, files};
use super::roles_observer::{RolesObserver, roles};
use super::world::{World, content, empty, half_made, old_primary};
use crate::cluster::directory::DirectoryKind;
use crate::cluster::status::Phase;
use crate::recovery::facts::charge::LostRole;
use crate::recovery::facts::evidence::Evidence;
use crate::recovery::machine::model::{Policy, Step};
use crate::recovery::machine::steps::Recovery;
use crate::recovery::roles::attempts::RebalanceAttempts;
use crate::recovery::roles::when::When;
use crate::recovery::segments::attempts::Attempts;
use crate::recovery::segments::method::{Method, Run};
use proptest::prelude::*;

/// Seconds between two looks.
const LOOK: u64 = 20;

/// What the tool is at.
enum Job {
    Segments(Run),
    Roles,
}

struct Walk {
    world: World,
    machine: Recovery,
    /// What the volume remembers.
    kept: Attempts,
    now: u64,
    policy: Policy,
    kept_rebalances: RebalanceAttempts,
    roles: RolesObserver,
    tool: Option<(Job, u64)>,
    /// Whether the machine that runs began the tool.
    own: bool,
    takes: u64,
    begun: Vec<(usize, u64)>,
}

impl Walk {
    fn new(roles: When) -> Walk {
        Walk::of(World::new(PAIRS), roles)
    }

    fn of(mut world: World, roles: When) -> Walk {
        world.circumstances.differential = true;
        Walk {
            world,
            machine: Recovery::new(Attempts::default(), RebalanceAttempts::default(), 1000),
            kept: Attempts::default(),
            kept_rebalances: RebalanceAttempts::default(),
            roles: RolesObserver::new(1000),
            now: 1000,
            policy: Policy {
                redistribute: true,
                auto: true,
                full: false,
                roles,
            },
            tool: None,
            own: false,
            takes: 20,
            begun: Vec::new(),
        }
    }

    fn happens(&mut self, fault: &Fault) {
        match *fault {
            Fault::FailOver(pair) => {
                let (from, to) = self.world.acting(pair);
                if self.world.rows[to].up && self.world.pods[to].answers && self.world.rows[from].up {
                    self.world.fail_over(pair);
                }
            }
            Fault::LoseMirror(pair) | Fault::LoseVolume(pair) if !self.world.pods[pair * 2 + 1].listed => {}
            Fault::LoseMirror(pair) => self.world.lose_mirror(pair, old_primary()),
            Fault::LoseVolume(pair) => self.world.lose_mirror(pair, empty()),
            Fault::Occupied(pair) => {
                let pod = &mut self.world.pods[pair * 2 + 1];
                if !pod.listed && !self.begun.iter().any(|(begun, _)| *begun == pair) {
                    pod.server = half_made();
                }
            }
            Fault::CannotRewind(pod) => self.world.pods[pod].rewinds = false,
            Fault::NoSsh(pod) => self.world.pods[pod].ssh = false,
            Fault::Ssh(pod) => self.world.pods[pod].ssh = true,
            Fault::Away(pod) => self.world.pods[pod].answers = false,
            Fault::Back(pod) => self.world.pods[pod].answers = true,
            Fault::Hold(pod) => self.world.pods[pod].server.held = Some("disk".into()),
            Fault::Release(pod) => self.world.pods[pod].server.held = None,
            Fault::OtherTool => self.world.circumstances.at_work = Some("gpexpand (process 7)".into()),
            Fault::OtherToolEnds => self.world.circumstances.at_work = None,
            Fault::AgentDies {
                tool_too,
                changed,
                files,
            } => {
                self.own = false;
                if tool_too {
                    self.break_off(changed, files);
                }
                let (kept, rebalances) = (self.kept.clone(), self.kept_rebalances.clone());
                self.machine = Recovery::new(kept.recalled(self.now), rebalances.recalled(self.now), self.now);
                self.roles.announced = None;
            }
            Fault::ToolDies(files) => {
                let runs = self.tool.is_some();
                self.break_off(true, files);
                if runs && std::mem::take(&mut self.own) {
                    self.machine.ended(Some("it was killed".into()), self.now);
                }
            }
            Fault::LosesRole => {
                self.world.circumstances.not_in_charge = Some("another one writes".into());
                self.world.circumstances.lost_role = Some(LostRole::Elsewhere);
            }
            Fault::GetsRole => {
                self.world.circumstances.not_in_charge = None;
                self.world.circumstances.lost_role = None;
            }
            Fault::ToolTakes(seconds) => self.takes = seconds,
            Fault::Replays(looks) => self.world.to_replay = looks,
            Fault::Busy(busy) => self.world.busy = busy,
            Fault::Backup(runs) => self.world.backup = runs.then(|| "gpbackup".into()),
            Fault::Behind(bytes) => self.world.behind = bytes,
            Fault::CannotRebalance => self.world.rebalances = false,
            Fault::AskRebalance => {
                let evidence = self.evidence(true);
                let asked = self.machine.ask_rebalance(self.policy, &evidence, self.now);
                self.roles.asked = asked.is_ok();
            }
            Fault::Wait(seconds) => self.wait(seconds),
        }
        self.wait(LOOK);
    }

    /// The tool dies in the middle.
    fn break_off(&mut self, changed: bool, files: Files) {
        match self.tool.take() {
            Some((Job::Segments(run), _)) => {
                self.world.stop_targets(&run, self.now);
                self.world.break_off(&run, changed, files.server());
            }
            Some((Job::Roles, _)) => self.world.break_off_rebalance(self.now),
            None => {}
        }
    }

    fn wait(&mut self, seconds: u64) {
        let until = self.now + seconds;
        while self.now < until {
            self.now += LOOK;
            self.look();
        }
    }

    fn look(&mut self) {
        self.world.replay();
        if let Some((job, _)) = self.tool.take_if(|(_, ends)| *ends <= self.now) {
            let failure = match job {
                Job::Segments(run) => self.world.run(&run),
                Job::Roles => self.world.rebalance(),
            };
            if std::mem::take(&mut self.own) {
                self.machine.ended(failure, self.now);
            }
        }
        let evidence = self.evidence(self.machine.wants_detail());
        self.roles.sees(&self.world, self.now);
        match self.machine.look(self.policy, &evidence, self.now) {
            Step::Rest | Step::GiveUp(_) | Step::GiveUpExpanding(_) => {}
            Step::Expand(run) => panic!("nothing is to be added: {run:?}"),
            Step::Announce(_, at) => self.roles.announced = Some(at),
            Step::CallOff(_) => self.roles.called_off(),
            Step::Rebalance(_) => self.begin_rebalance(),
            Step::Probe => {
                self.world.probe();
                self.machine.probed(true, self.now);
            }
            Step::Run(run) => self.begin(run),
            Step::End(why) => {
                assert!(self.own, "somebody else's tool");
                self.break_off(true, Files::Nothing);
                self.own = false;
                self.machine.ended(Some(why.into()), self.now);
            }
        }
        self.kept = self.machine.attempts().clone();
        self.kept_rebalances = self.machine.rebalances().clone();
    }

    fn evidence(&self, detailed: bool) -> Evidence {
        let mut evidence = match detailed {
            true => self.world.detailed(),
            false => self.world.evidence(),
        };
        if self.tool.is_some() && !self.own {
            evidence.circumstances.at_work = Some("gprecoverseg (process 9)".into());
        }
        evidence
    }

    fn begin_rebalance(&mut self) {
        assert!(self.tool.is_none(), "two tools at once");
        self.roles.judge_begin(&self.world, self.policy.roles, self.now);
        self.own = true;
        self.tool = Some((Job::Roles, self.now + self.takes));
    }

    /// What must hold whenever the tool is begun.
    fn begin(&mut self, run: Run) {
        assert!(self.tool.is_none(), "two tools at once");
        assert_eq!(self.world.circumstances.at_work, None, "beside somebody else's tool");
        assert_eq!(
            self.world.circumstances.not_in_charge, None,
            "by a coordinator that does not write"
        );
        assert!(!run.targets.is_empty());
        for target in &run.targets {
            let pod = self.world.index(&target.pod);
            let server = &self.world.pods[pod].server;
            assert!(!self.world.rows[pod].up, "a segment that is up");
            assert_eq!(server.replayed, None, "a mirror that is on its way");
            assert!(self.world.serves(pod ^ 1), "on a double fault");
            if matches!(run.method, Method::Add | Method::Full) {
                let nothing = server.directory == Some(DirectoryKind::Absent) && server.remains.is_none();
                assert!(nothing || self.world.pods[pod].own_copy, "over what it did not make");
            }
            assert!(self.world.pods[pod].answers && server.held.is_none() && server.phase != Phase::Draining);
            self.begun.push((pod / 2, self.now));
            for (most, within) in [(3, HOUR), (6, 24 * HOUR)] {
                let recent = |(pair, at): &&(usize, u64)| *pair == pod / 2 && at + within > self.now;
                let count = self.begun.iter().filter(recent).count();
                assert!(count <= most, "{count} runs within {within} s");
            }
        }
        self.own = true;
        self.tool = Some((Job::Segments(run), self.now + self.takes));
    }

    /// Everything is in order again, but for what the tool has to mend.
    fn faults_end(&mut self) {
        for pod in 0..PAIRS * 2 {
            self.happens(&Fault::Back(pod));
            self.happens(&Fault::Release(pod));
            self.happens(&Fault::Ssh(pod));
        }
        for (i, pod) in self.world.pods.iter_mut().enumerate() {
            // Whose copy a directory is that is not whole is known for a day.
            let lost = pod.server.directory == Some(DirectoryKind::HalfMade)
                && !self.kept.copy_unfinished(content(i / 2), self.now);
            if lost || (!pod.listed && !pod.own_copy) {
                pod.server = empty();
            }
        }
        self.happens(&Fault::OtherToolEnds);
        self.happens(&Fault::GetsRole);
        self.takes = 20;
        self.world.busy = false;
        self.world.backup = None;
        self.world.behind = 0;
        self.world.rebalances = true;
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn nothing_forbidden_happens_and_all_is_whole_in_the_end(
        faults in prop::collection::vec(fault(), 0..40),
        roles in roles(),
        mirrored in any::<bool>(),
    ) {
        let world = if mirrored { World::new(PAIRS) } else { World::without_mirrors(PAIRS) };
        let mut walk = Walk::of(world, roles);
        for fault in &faults {
            walk.happens(fault);
        }
        walk.faults_end();
        // Six attempts a day: the last of them may have to wait for one.
        let until = walk.now + 26 * HOUR;
        while walk.now < until && !walk.world.is_whole() {
            walk.wait(600);
        }
        // The machine sees at its next look what its last one has brought.
        walk.wait(600);
        // While roles are changed back what was stopped is down for a moment.
        while walk.machine.status(walk.now).roles.activity.is_some() {
            walk.wait(LOOK);
        }
        prop_assert!(walk.world.is_whole(), "{:?}", walk.machine.status(walk.now));
        let status = walk.machine.status(walk.now);
        prop_assert!(status.activity.is_none() && status.down.is_empty());
        if roles == When::Manual {
            return Ok(());
        }
        // Two failures a day are the most, and the hour of the night may have passed then.
        let until = walk.now + 50 * HOUR;
        while walk.now < until && !walk.world.is_in_place() {
            walk.wait(600);
        }
        prop_assert!(walk.world.is_in_place(), "{:?}", walk.machine.status(walk.now));
    }

    /// With the limits' slack gone quickly: one fault alone is mended within minutes.
    #[test]
    fn a_single_fault_is_mended_soon(pair in 0..PAIRS, kind in 0..3, rewinds in any::<bool>()) {
        let mut walk = Walk::new(When::Manual);
        walk.wait(120);
        match kind {
            0 => walk.world.fail_over(pair),
            1 => walk.world.lose_mirror(pair, old_primary()),
            _ => walk.world.lose_mirror(pair, empty()),
        }
        let (_, lost) = walk.world.acting(pair);
        walk.world.pods[lost].rewinds = rewinds;
        // Two incremental tries that fail take a minute each to be judged, and one and five minutes of patience.
        walk.wait(if rewinds || kind == 2 { 240 } else { 20 * 60 });
        prop_assert!(walk.world.is_whole(), "{:?}", walk.machine.status(walk.now));
    }

    /// Switched on later, whatever a first run that was broken off leaves.
    #[test]
    fn mirrors_are_made_soon(broken_off in any::<bool>(), changed in any::<bool>(), files in files()) {
        let mut walk = Walk::of(World::without_mirrors(PAIRS), When::Manual);
        while walk.tool.is_none() && walk.now < HOUR {
            walk.wait(LOOK);
        }
        if broken_off {
            walk.happens(&Fault::AgentDies { tool_too: true, changed, files });
        }
        walk.wait(300);
        prop_assert!(walk.world.is_whole(), "{:?}", walk.machine.status(walk.now));
    }
}
