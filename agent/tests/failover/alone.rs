//! A standby that is not in sync does not take over, and the coordinator goes on alone; nor does anybody while the record is out
//! of reach.

use crate::pair::pod::PAUSE;
use crate::pair::pods::Plan;
use crate::pair::writer::{SOME, begin};
use rustix::process::Signal;
use std::time::{Duration, Instant};

#[test]
fn a_coordinator_goes_on_alone_and_nobody_takes_over_from_it_then() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.pod(1).kill();
    pair.wait_until("the standby is let go", |pair| {
        pair.record().is_some_and(|r| r["inSync"].is_null())
    });
    let before = writer.count();
    pair.wait_until("the writer goes on", |_| writer.count() >= before + SOME);
    println!("{:?} without an acknowledged write", writer.finish());
    // What it wrote alone the standby has not.
    pair.pod(0).kill();
    pair.pod(1).start();
    pair.wait_until("the standby says why", |pair| {
        pair.status(1)
            .is_some_and(|status| status["failover"]["obstacle"].is_string())
    });
    let lease = Duration::from_secs(14);
    let begun = Instant::now();
    while begun.elapsed() < lease {
        assert_eq!(pair.holder().as_deref(), Some("coordinator-0"), "{}", pair.report());
        std::thread::sleep(PAUSE);
    }
    println!("{}", pair.status(1).unwrap()["failover"]["obstacle"]);
    pair.pod(0).start();
    pair.wait_in_sync(0);
    writer.nothing_is_lost(pair.pod(0));
}

#[test]
fn a_silent_standby_is_let_go_within_seconds() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.pod(1).freeze();
    pair.wait_until("the standby is let go", |pair| {
        pair.record().is_some_and(|r| r["inSync"].is_null())
    });
    let before = writer.count();
    pair.wait_until("the writer goes on", |_| writer.count() >= before + SOME);
    println!("{:?} without an acknowledged write", writer.finish());
    pair.pod(1).thaw();
    pair.wait_in_sync(0);
    assert_eq!(pair.record().unwrap()["epoch"], 1);
}

#[test]
fn without_the_record_the_standby_s_promise_suffices() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.hide_record();
    pair.wait_until("it writes by a promise", |pair| {
        pair.status(0)
            .is_some_and(|status| status["failover"]["promise"].is_object())
    });
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(15) {
        assert!(pair.server_processes(0) > 0, "{}", pair.report());
        std::thread::sleep(PAUSE);
    }
    println!("{:?} without an acknowledged write", writer.finish());
    pair.show_record();
    pair.wait_until("it renews again", |pair| {
        pair.status(0)
            .is_some_and(|status| !status["failover"]["promise"].is_object() && status["failover"]["record"].is_null())
    });
    assert_eq!(pair.record().unwrap()["epoch"], 1);
    pair.wait_in_sync(0);
    writer.nothing_is_lost(pair.pod(1));
}

#[test]
fn with_neither_record_nor_promise_it_is_fenced_and_goes_on_later() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.hide_record();
    pair.pod(1).signal_agent(Signal::STOP);
    pair.wait_until("its server is killed", |pair| pair.server_processes(0) == 0);
    pair.pod(1).signal_agent(Signal::CONT);
    pair.show_record();
    pair.wait_until("somebody writes again", |pair| {
        pair.is_writable(0) != pair.is_writable(1)
    });
    let coordinator = usize::from(pair.is_writable(1));
    pair.wait_in_sync(coordinator);
    writer.finish();
    writer.nothing_is_lost(pair.pod(coordinator));
}
