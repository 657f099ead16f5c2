//! A replica that can never follow again makes room for a copy.

use super::world::{PodState, Rules};
use super::{SECOND, both_run, properties, story, until};
use gp_agent_core::postgres::start_decision::DirectoryKind;
use std::time::Duration;
use tokio::time::{Instant, sleep};

#[test]
fn a_replica_that_is_left_behind_is_copied_anew_wherever_its_agent_is_killed() {
    // From before the server stops to after the copy, which takes three seconds.
    for killed_after in [0, 5, 15, 30, 60, 120, 1_000, 3_100, 5_000] {
        story(Rules::Partner, async |world| {
            both_run(world).await;
            world.leave_behind(1);
            sleep(Duration::from_millis(killed_after)).await;
            world.kill_agent(1);
            let whole = |pod: &PodState| pod.runs() && !pod.left_behind && pod.starts.len() > 1;
            let begun = Instant::now();
            until(world, "it is copied", || {
                // An agent that was killed in time has to see it again.
                if begun.elapsed() > SECOND * 30 && world.read(1, |pod| pod.runs() && pod.left_behind) {
                    world.leave_behind(1);
                }
                world.read(1, whole)
            })
            .await;
            sleep(SECOND * 60).await;
            let kind = world.read(1, |pod| pod.directory.as_ref().map(|d| d.kind));
            assert_eq!(kind, Some(DirectoryKind::Standby));
            assert!(world.read(0, PodState::writable));
        });
    }
}

#[test]
fn a_replica_that_is_left_behind_waits_for_who_holds_it_and_for_who_writes() {
    story(Rules::Partner, async |world| {
        both_run(world).await;
        world.administrate(1, Some("h")).await.unwrap();
        world.leave_behind(1);
        sleep(SECOND * 60).await;
        assert!(world.read(1, |pod| pod.runs() && pod.left_behind), "it is held");
        // Stopped by hand as well, and the other one is gone when it is given back.
        properties::stop_by_hand(world, 1, false);
        world.end(0).await;
        properties::crash_for_good(world, 0);
        world.administrate(1, None).await.unwrap();
        sleep(SECOND * 20).await;
        assert!(
            world.read(1, |pod| pod.directory.is_some()),
            "it is the best that there is"
        );
    });
}
