//! Any sequence of events: what must hold whatever happens. The world writes down each fault in the moment it is made.

use super::world::{Permit, Rules, World, directory};
use super::{SECOND, story};
use crate::lifecycle::postmaster::platform::StopMode;
use gp_agent_core::postgres::exit_cause::Ending;
use gp_agent_core::postgres::start_decision::DirectoryKind;
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::sleep;

/// What happens to the pods.
#[derive(Clone, Copy, Debug)]
enum Happening {
    Crash(usize),
    CrashLoop(usize, bool),
    StopByHand(usize, bool),
    StopSmartly(usize, u64),
    StopAndResume(usize, bool),
    StartByHand(usize),
    Hold(usize),
    Resume(usize),
    KillAgent(usize),
    EndPod(usize),
    Silence(bool),
    Promote,
    LoseDirectory(usize),
    FillVolume(usize, bool),
    BadSettings(usize, bool),
    Deaf(usize, bool, bool),
    Permitted(usize, Permit),
    HandOver(usize),
    Outgrow(usize),
    LeaveBehind(usize),
}

use Happening::*;

fn happenings() -> impl Strategy<Value = Vec<(Happening, u64)>> {
    let pod = 0usize..2;
    let permit = prop_oneof![Just(Permit::Given), Just(Permit::Awaited), Just(Permit::Lost)];
    let happening = prop_oneof![
        3 => pod.clone().prop_map(Crash),
        1 => (pod.clone(), any::<bool>()).prop_map(|(i, on)| CrashLoop(i, on)),
        2 => (pod.clone(), any::<bool>()).prop_map(|(i, fast)| StopByHand(i, fast)),
        1 => (pod.clone(), 0u64..5_000).prop_map(|(i, time)| StopSmartly(i, time)),
        2 => (pod.clone(), any::<bool>()).prop_map(|(i, immediate)| StopAndResume(i, immediate)),
        2 => pod.clone().prop_map(StartByHand),
        2 => pod.clone().prop_map(Hold),
        3 => pod.clone().prop_map(Resume),
        3 => pod.clone().prop_map(KillAgent),
        2 => pod.clone().prop_map(EndPod),
        2 => any::<bool>().prop_map(Silence),
        2 => Just(Promote),
        1 => pod.clone().prop_map(LoseDirectory),
        1 => (pod.clone(), any::<bool>()).prop_map(|(i, on)| FillVolume(i, on)),
        1 => (pod.clone(), any::<bool>()).prop_map(|(i, on)| BadSettings(i, on)),
        1 => (pod.clone(), any::<bool>(), any::<bool>()).prop_map(|(i, fast, all)| Deaf(i, fast, all)),
        3 => (pod.clone(), permit).prop_map(|(i, permit)| Permitted(i, permit)),
        1 => pod.clone().prop_map(HandOver),
        1 => pod.clone().prop_map(Outgrow),
        2 => pod.prop_map(LeaveBehind),
    ];
    // Short pauses meet the agent in the midst of something, long ones let it settle.
    let pause = prop_oneof![0u64..50, 50u64..3_000, 3_000u64..40_000];
    proptest::collection::vec((happening, pause), 0..25)
}

/// pg_ctl stop. A server that is held, or that its agent is stopping, belongs to nobody's promise.
pub(super) fn stop_by_hand(world: &World, i: usize, immediate: bool) {
    let mut inner = world.lock();
    let pod = &mut inner.pods[i];
    let Some(server) = pod.server.clone().filter(|server| server.runs()) else {
        return;
    };
    let mode = if immediate { StopMode::Immediate } else { StopMode::Fast };
    server.ask_to_stop(mode);
    if pod.given_back && server.stopping.load(Ordering::Relaxed) {
        // Nobody can tell this end from the one that was taken back.
        return;
    }
    pod.given_back = false;
    pod.must_stay_stopped = !server.runs() && pod.hold.is_none() && pod.watched;
}

/// pg_ctl stop -m smart, which an administrator takes back before or after the last client has gone.
async fn stop_smartly(world: &Arc<World>, i: usize, time: Duration) {
    let server = {
        let mut inner = world.lock();
        let pod = &mut inner.pods[i];
        let server = pod.server.clone().filter(|server| server.runs() && pod.watched);
        if server.is_some() {
            pod.given_back = false;
        }
        server
    };
    if let Some(server) = server {
        server.stop_smartly(time);
        sleep(SECOND).await;
        drop(world.administrate(i, None).await);
    }
}

/// It crashes and does not come up again until that is taken back.
pub(super) fn crash_for_good(world: &World, i: usize) {
    let mut inner = world.lock();
    inner.pods[i].crashes_after = Some(Duration::ZERO);
    if let Some(server) = &inner.pods[i].server {
        server.finish(Ending::Crash);
    }
}

async fn happen(world: &Arc<World>, happening: Happening) {
    match happening {
        Crash(i) => {
            if let Some(server) = world.read(i, |pod| pod.server.clone()) {
                server.finish(Ending::Crash);
            }
        }
        CrashLoop(i, on) => world.lock().pods[i].crashes_after = on.then_some(SECOND / 2),
        StopByHand(i, immediate) => {
            stop_by_hand(world, i, immediate);
            // Until the agent has seen that, a kill of the agent would make it forget.
            sleep(Duration::from_millis(100)).await;
        }
        StopSmartly(i, time) => stop_smartly(world, i, Duration::from_millis(time)).await,
        // No time for the agent to see the end.
        StopAndResume(i, immediate) => {
            stop_by_hand(world, i, immediate);
            drop(world.administrate(i, None).await);
        }
        StartByHand(i) => start_by_hand(world, i),
        Hold(i) => drop(world.administrate(i, Some("h")).await),
        Resume(i) => drop(world.administrate(i, None).await),
        KillAgent(i) => world.kill_agent(i),
        EndPod(i) => world.end(i).await,
        Silence(on) => world.set_silent(on),
        Promote => world.promote(1),
        LoseDirectory(i) => {
            let mut inner = world.lock();
            let pod = &mut inner.pods[i];
            // Only by somebody who holds the pod, as told everywhere.
            if !pod.runs() && pod.hold.is_some() {
                pod.directory = None;
                // Of another directory the volume remembers nothing.
                pod.left_behind = false;
                pod.told = 0;
            }
        }
        FillVolume(i, on) => world.lock().pods[i].volume_full = on,
        BadSettings(i, on) => world.lock().pods[i].bad_settings = on,
        Deaf(i, fast, all) => world.lock().pods[i].deaf = (fast || all, all),
        Permitted(i, permit) => world.lock().pods[i].permit = permit,
        HandOver(i) => {
            world.lock().pods[i].permit = Permit::Awaited;
            world.hand_over(i);
        }
        Outgrow(i) => world.outgrow(i),
        LeaveBehind(i) => world.leave_behind(i),
    }
}

/// pg_ctl start, of a directory that nobody would call a second writable one.
fn start_by_hand(world: &Arc<World>, i: usize) {
    let harmless = {
        let mut inner = world.lock();
        let standby = inner.pods[i].directory == Some(directory(DirectoryKind::Standby, 1));
        let free = !inner.pods[i].runs() && inner.pods[i].must_stay_stopped;
        let harmless = free && (standby || !inner.pods[1 - i].writable() && inner.pods[i].told <= 1);
        if harmless {
            inner.pods[i].must_stay_stopped = false;
        }
        harmless
    };
    if harmless {
        world.serve(i);
    }
}

/// Everything answers, nobody holds, nothing is broken.
async fn recover(world: &Arc<World>) {
    {
        world.set_silent(false);
        let mut inner = world.lock();
        for pod in &mut inner.pods {
            pod.crashes_after = None;
            pod.deaf = (false, false);
            pod.volume_full = false;
            pod.bad_settings = false;
            pod.permit = Permit::Given;
            pod.must_stop = false;
        }
    }
    for i in 0..2 {
        // The pod may just be coming back.
        while world.administrate(i, None).await.is_err() {
            sleep(SECOND / 10).await;
        }
    }
}

fn check_the_end(world: &World, looks: [u64; 2]) -> Result<(), TestCaseError> {
    let inner = world.lock();
    let [a, b] = &inner.pods;
    let stoppable = !a.unstoppable() && !b.unstoppable();
    prop_assert!(
        !(a.writable() && b.writable() && stoppable),
        "two writable servers: {:#?}",
        inner
    );
    let timeline = |i: usize| inner.pods[i].directory.as_ref().map_or(0, |d| d.timeline);
    let primary = |i: usize| {
        inner.pods[i]
            .directory
            .as_ref()
            .is_some_and(|d| d.kind == DirectoryKind::Primary)
    };
    for (i, (pod, looked)) in inner.pods.iter().zip(looks).enumerate() {
        prop_assert!(
            pod.runs() || pod.looks > looked,
            "pod {i} does nothing any more: {:#?}",
            inner
        );
        let newest = primary(i) && (timeline(i) > timeline(1 - i) || !primary(1 - i));
        let wanted = match world.rules {
            Rules::Partner => newest && pod.newest_timeline <= timeline(i),
            Rules::Catalog => newest && pod.is_primary_in_catalog,
        };
        prop_assert!(pod.runs() || !wanted, "pod {i} could run and does not: {:#?}", inner);
    }
    Ok(())
}

fn sequence(rules: Rules, happenings: Vec<(Happening, u64)>) -> Result<(), TestCaseError> {
    story(rules, async |world| {
        for (happening, pause) in happenings {
            happen(world, happening).await;
            sleep(Duration::from_millis(pause)).await;
        }
        recover(world).await;
        sleep(SECOND * 60).await;
        let looks = [0, 1].map(|i| world.read(i, |pod| pod.looks));
        sleep(SECOND * 60).await;
        check_the_end(world, looks)
    })
}

/// The agent's fast shutdown, for a start with other settings, is not done when an administrator wants it down at once.
#[test]
fn stopped_at_once_by_hand_while_the_agent_stops_it_stays_stopped() {
    for pause in (0..30_000).step_by(100) {
        let happenings = [
            (Deaf(1, true, false), 70),
            (Outgrow(1), 11),
            (KillAgent(1), pause),
            (StopByHand(1, true), 7),
        ];
        sequence(Rules::Partner, happenings.into()).unwrap();
    }
}

proptest! {
    /// PostgreSQL's rule. No server that takes writes is started without a permit, none while held or stopped by hand, none below
    /// a timeline that its pod was told of,
    /// none beside a writable one that answers; an administrator gets the answer at once; the pod's end comes in time; and
    /// when all is well again, what can run does.
    #[test]
    fn whatever_happens_to_a_pair(happenings in happenings()) {
        sequence(Rules::Partner, happenings)?;
    }

    /// Greenplum's rule: the same, and never two writable servers at all, whoever is silent.
    #[test]
    fn whatever_happens_to_a_pair_with_a_catalog(happenings in happenings()) {
        sequence(Rules::Catalog, happenings)?;
    }
}
