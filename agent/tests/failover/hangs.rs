//! A coordinator that answers nothing, with an agent that is well: who is in sync takes over; where nobody is, it stays.

use crate::pair::pod::PAUSE;
use crate::pair::pods::Plan;
use crate::pair::writer::{begin, end};
use rustix::process::Signal;
use std::time::{Duration, Instant};

#[test]
fn a_server_that_hangs_is_killed_and_taken_over_from() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.pod(0).signal_server(Signal::STOP);
    pair.wait_coordinator(1);
    end(&mut pair, &mut writer, 1);
    assert!(
        pair.pod(0).has_said("leaving the coordinator's role"),
        "{}",
        pair.report()
    );
    pair.wait_in_sync(1);
    writer.nothing_is_lost(pair.pod(0));
}

#[test]
fn a_server_that_hangs_with_nobody_in_sync_serves_again_in_place() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.pod(1).kill();
    pair.wait_until("the standby is let go", |pair| {
        pair.record().is_some_and(|r| r["inSync"].is_null())
    });
    pair.pod(0).signal_server(Signal::STOP);
    pair.wait_until("a server that hangs is killed", |pair| {
        pair.report().contains("the server answers nothing any more")
    });
    pair.wait_until("it writes again", |pair| pair.is_writable(0));
    end(&mut pair, &mut writer, 0);
    assert_eq!(pair.record().unwrap()["epoch"], 1);
    pair.pod(1).start();
    pair.wait_in_sync(0);
}

#[test]
fn a_coordinator_whose_volume_hangs_is_taken_over_from() {
    let plan = Plan {
        may_hang: true,
        ..Plan::default()
    };
    let Some((mut pair, mut writer)) = begin(&plan) else {
        return;
    };
    let started = pair.status(0).unwrap()["agentStarted"].clone();
    let begun = Instant::now();
    pair.volume.as_ref().unwrap().stop();
    pair.wait_coordinator(1);
    println!("{:?} until the standby had the role", begun.elapsed());
    end(&mut pair, &mut writer, 1);
    // Nothing of the old one is restarted for it, for longer than init's watchdog waits.
    let watched = Instant::now();
    while watched.elapsed() < Duration::from_secs(15) {
        assert!(pair.pod(0).is_live(), "{}", pair.report());
        std::thread::sleep(PAUSE);
    }
    assert_eq!(pair.status(0).unwrap()["agentStarted"], started);
    assert!(!pair.is_writable(0));
    pair.volume.as_ref().unwrap().go_on();
    pair.wait_in_sync(1);
    writer.nothing_is_lost(pair.pod(0));
}

#[test]
fn a_coordinator_whose_files_are_lost_is_taken_over_from() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    let control = pair.pod(0).directory().join("global/pg_control");
    let away = pair.pod(0).volume().join("pg_control.away");
    std::fs::rename(&control, &away).unwrap();
    pair.pod(0).signal_postmaster(Signal::KILL);
    pair.wait_coordinator(1);
    end(&mut pair, &mut writer, 1);
    std::fs::rename(&away, &control).unwrap();
    pair.wait_in_sync(1);
    writer.nothing_is_lost(pair.pod(0));
}

#[test]
fn a_server_that_crashes_again_and_again_is_left_to_its_standby() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    for _ in 0..2 {
        pair.pod(0).signal_postmaster(Signal::KILL);
        pair.wait_until("the crash is seen", |pair| {
            pair.record().is_some_and(|r| r["inSync"].is_null())
        });
        pair.wait_in_sync(0);
    }
    assert_eq!(pair.record().unwrap()["epoch"], 1);
    pair.pod(0).signal_postmaster(Signal::KILL);
    pair.wait_coordinator(1);
    end(&mut pair, &mut writer, 1);
    pair.wait_in_sync(1);
    writer.nothing_is_lost(pair.pod(0));
}
