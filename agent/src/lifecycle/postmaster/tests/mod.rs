//! The real loop in a world that is not real: single stories here, any sequence of events in `properties`.

mod fake_engine;
mod fake_pod;
mod fake_server;
mod left_behind;
mod properties;
mod world;

use super::supervisor::Command;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::postgres::start_decision::DirectoryKind;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};
use world::{Permit, PodState, Rules, World, directory};

const SECOND: Duration = Duration::from_secs(1);

/// Tells a story while both pods live; virtual time. The world must have seen no fault.
fn story<T>(rules: Rules, told: impl AsyncFnOnce(&Arc<World>) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let world = World::new(rules);
        let result = tokio::select! {
            result = told(&world) => result,
            () = world.live(0) => unreachable!("a pod lives for ever"),
            () = world.live(1) => unreachable!("a pod lives for ever"),
        };
        assert_eq!(world.lock().faults, Vec::<String>::new());
        result
    })
}

async fn until(world: &World, what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let came = timeout(SECOND * 120, waiting).await;
    assert!(came.is_ok(), "never: {what}; {:#?}", world.lock());
}

async fn both_run(world: &World) {
    until(world, "both run", || (0..2).all(|i| world.read(i, |pod| pod.runs()))).await;
}

#[test]
fn a_pair_that_comes_back_runs() {
    for rules in [Rules::Partner, Rules::Catalog] {
        story(rules, async |world| both_run(world).await);
    }
}

#[test]
fn an_empty_pair_is_created_and_copied() {
    story(Rules::Partner, async |world| {
        world.lock().pods.iter_mut().for_each(|pod| pod.directory = None);
        both_run(world).await;
        let kinds = [0, 1].map(|i| world.read(i, |pod| pod.directory.as_ref().map(|d| d.kind)));
        assert_eq!(kinds, [Some(DirectoryKind::Primary), Some(DirectoryKind::Standby)]);
    });
}

#[test]
fn a_hold_is_obeyed_at_once_in_a_waiting_phase_and_lasts() {
    story(Rules::Partner, async |world| {
        world.set_silent(true);
        // The primary asks its silent partner.
        sleep(SECOND * 3).await;
        assert!(!world.read(0, |pod| pod.runs()));
        assert_eq!(world.administrate(0, Some("restoring by hand")).await, Ok(()));
        world.kill_agent(0);
        sleep(SECOND * 60).await;
        assert!(world.read(0, |pod| pod.starts.is_empty()));
        assert_eq!(world.read(0, |pod| pod.phase), Some(Phase::Held));
        assert_eq!(world.administrate(0, None).await, Ok(()));
        until(world, "runs again", || world.read(0, |pod| pod.runs())).await;
    });
}

#[test]
fn what_nobody_waits_for_any_more_is_not_done() {
    story(Rules::Partner, async |world| {
        world.set_silent(true);
        sleep(SECOND * 3).await;
        assert_eq!(world.administrate(0, Some("restoring by hand")).await, Ok(()));
        world.ask_and_leave(0, Command::Resume).await;
        world
            .ask_and_leave(1, |answer| Command::Hold("too late".into(), answer))
            .await;
        sleep(SECOND * 60).await;
        assert_eq!(world.read(0, |pod| pod.phase), Some(Phase::Held));
        assert!(world.read(1, |pod| pod.hold.is_none()));
    });
}

#[test]
fn a_hold_that_cannot_be_written_is_no_hold() {
    story(Rules::Partner, async |world| {
        world.lock().pods[0].volume_full = true;
        sleep(Duration::from_millis(10)).await;
        assert!(world.administrate(0, Some("x")).await.is_err());
        both_run(world).await;
        assert_ne!(world.read(0, |pod| pod.phase), Some(Phase::Held));
    });
}

#[test]
fn a_stopped_server_stays_stopped_when_the_agent_starts_anew() {
    story(Rules::Partner, async |world| {
        both_run(world).await;
        properties::stop_by_hand(world, 0, false);
        sleep(SECOND * 5).await;
        world.kill_agent(0);
        sleep(SECOND * 60).await;
        assert!(!world.read(0, |pod| pod.runs()));
        assert_eq!(world.read(0, |pod| pod.phase), Some(Phase::Stopped));
        world.serve(0);
        until(world, "adopted", || {
            world.read(0, |pod| pod.phase) == Some(Phase::Starting)
        })
        .await;
    });
}

#[test]
fn a_server_that_is_given_back_right_after_its_stop_runs_again() {
    for immediate in [false, true] {
        for held in [false, true] {
            story(Rules::Partner, async |world| {
                both_run(world).await;
                if held {
                    world.administrate(0, Some("work")).await.unwrap();
                }
                properties::stop_by_hand(world, 0, immediate);
                // pg_ctl says that it has stopped before the agent has looked.
                assert_eq!(world.administrate(0, None).await, Ok(()));
                until(world, "runs again", || world.read(0, |pod| pod.runs())).await;
                sleep(SECOND * 60).await;
                // What is stopped later stays stopped.
                properties::stop_by_hand(world, 0, immediate);
                sleep(SECOND * 60).await;
                assert_eq!(world.read(0, |pod| pod.phase), Some(Phase::Stopped));
            });
        }
    }
}

#[test]
fn a_refused_old_primary_stays_refused_when_its_partner_is_silent() {
    story(Rules::Partner, async |world| {
        both_run(world).await;
        world.promote(1);
        until(world, "refused", || {
            world.read(0, |pod| pod.phase) == Some(Phase::Refused)
        })
        .await;
        assert!(!world.read(0, |pod| pod.runs()));
        // All pods come back, the promoted one later.
        world.set_silent(true);
        world.end(0).await;
        sleep(SECOND * 60).await;
        assert_eq!(world.read(0, |pod| pod.phase), Some(Phase::Refused));
        assert!(!world.read(0, |pod| pod.runs()));
    });
}

#[test]
fn a_crashed_primary_is_back_at_once_though_its_partner_is_silent() {
    story(Rules::Partner, async |world| {
        both_run(world).await;
        sleep(SECOND * 70).await;
        world.set_silent(true);
        sleep(SECOND * 20).await;
        let server = world.read(0, |pod| pod.server.clone()).unwrap();
        server.finish(gp_agent_core::postgres::exit_cause::Ending::Crash);
        let crashed = Instant::now();
        until(world, "runs again", || {
            world.read(0, |pod| pod.runs() && pod.starts.len() == 2)
        })
        .await;
        assert!(
            crashed.elapsed() < Duration::from_millis(300),
            "{:?}",
            crashed.elapsed()
        );
    });
}

#[test]
fn a_running_mirror_remembers_what_it_is_told_to_look_at() {
    story(Rules::Partner, async |world| {
        both_run(world).await;
        world.lock().pods[0].directory = Some(directory(DirectoryKind::Primary, 2));
        sleep(SECOND * 60).await;
        assert_eq!(world.read(1, |pod| pod.newest_timeline), 1, "it does not ask by itself");
        world.news[1].notify_one();
        until(world, "remembered", || world.read(1, |pod| pod.newest_timeline) == 2).await;
    });
}

#[test]
fn the_end_of_the_pod_waits_for_no_silent_peer() {
    story(Rules::Catalog, async |world| {
        world.set_silent(true);
        sleep(SECOND).await;
        let began = Instant::now();
        world.end(0).await;
        assert!(began.elapsed() < SECOND, "{:?}", began.elapsed());
    });
}

#[test]
fn a_server_that_does_not_stop_is_left_to_init_in_time() {
    for deaf in [(false, false), (true, false), (true, true)] {
        story(Rules::Partner, async |world| {
            world.lock().pods[0].deaf = deaf;
            both_run(world).await;
            world.end(0).await;
        });
    }
}

#[test]
fn a_crash_loop_backs_off_and_is_shown() {
    story(Rules::Partner, async |world| {
        world.lock().pods[0].crashes_after = Some(SECOND / 2);
        sleep(SECOND * 200).await;
        let pod = &world.lock().pods[0];
        let pauses: Vec<u64> = pod
            .starts
            .windows(2)
            .map(|pair| (pair[1] - pair[0]).saturating_sub(SECOND / 2).as_secs())
            .collect();
        assert_eq!(pauses[..7], [0, 1, 2, 4, 8, 16, 30]);
        assert!(pauses[7..].iter().all(|pause| *pause == 30), "{pauses:?}");
        assert!(pod.phases.contains(&Phase::CrashLoop));
    });
}

#[test]
fn a_mended_configuration_is_tried_at_once() {
    story(Rules::Partner, async |world| {
        world.lock().pods[0].crashes_after = Some(Duration::ZERO);
        sleep(SECOND * 100).await;
        let starts = world.read(0, |pod| pod.starts.len());
        sleep(SECOND).await;
        assert_eq!(world.read(0, |pod| pod.starts.len()), starts, "it waits");
        world.lock().pods[0].crashes_after = None;
        world.mended[0].notify_waiters();
        let mended = Instant::now();
        until(world, "runs", || world.read(0, |pod| pod.runs())).await;
        assert!(mended.elapsed() < SECOND, "{:?}", mended.elapsed());
    });
}

#[test]
fn a_mirror_that_was_promoted_by_fts_is_the_only_writable_one() {
    story(Rules::Catalog, async |world| {
        both_run(world).await;
        world.lock().pods[0].directory = Some(directory(DirectoryKind::Primary, 1));
        properties::crash_for_good(world, 0);
        until(world, "promoted", || {
            world.promote(1);
            world.read(1, |pod| pod.writable())
        })
        .await;
        world.lock().pods[0].crashes_after = None;
        sleep(SECOND * 120).await;
        assert!(!world.read(0, |pod| pod.writable()));
        assert!(world.read(1, |pod| pod.writable()));
    });
}

#[test]
fn a_server_that_has_to_start_anew_does_once_nobody_holds_it() {
    story(Rules::Partner, async |world| {
        both_run(world).await;
        let pid = |world: &World| world.read(1, |pod| pod.server.as_ref().map(|server| server.pid));
        let before = pid(world);
        world.administrate(1, Some("h")).await.unwrap();
        world.outgrow(1);
        sleep(SECOND * 60).await;
        assert_eq!(pid(world), before, "it is held");
        world.administrate(1, None).await.unwrap();
        until(world, "another server", || pid(world) != before).await;
        both_run(world).await;
        sleep(SECOND * 60).await;
        let starts = world.read(1, |pod| pod.starts.len());
        assert_eq!(starts, 2, "once is enough");
    });
}

#[test]
fn what_is_handed_over_stops_and_follows_who_took_over() {
    story(Rules::Partner, async |world| {
        both_run(world).await;
        world.lock().pods[0].permit = Permit::Awaited;
        world.hand_over(0);
        until(world, "it stops", || !world.read(0, PodState::runs)).await;
        world.promote(1);
        sleep(SECOND * 5).await;
        assert!(!world.read(0, PodState::runs), "without a permit");
        world.lock().pods[0].permit = Permit::Lost;
        until(world, "it follows", || {
            world.read(0, |pod| pod.runs() && !pod.writable())
        })
        .await;
    });
}

/// The agent takes its time to stop what has to stop: the role's label goes first.
#[test]
fn what_is_stopped_by_hand_in_the_moment_of_a_hand_over_stays_stopped() {
    for before in [true, false] {
        for pause in [0, 5, 15, 100, 1_000] {
            for immediate in [true, false] {
                story(Rules::Partner, async |world| {
                    both_run(world).await;
                    let hand_over = || world.hand_over(1);
                    if before {
                        hand_over();
                        sleep(Duration::from_millis(pause)).await;
                    }
                    properties::stop_by_hand(world, 1, immediate);
                    let by_hand = world.read(1, |pod| pod.must_stay_stopped);
                    if !before {
                        sleep(Duration::from_millis(pause)).await;
                        hand_over();
                    }
                    sleep(SECOND * 60).await;
                    assert_eq!(!by_hand, world.read(1, PodState::runs), "{before} {pause} {immediate}");
                });
            }
        }
    }
}
