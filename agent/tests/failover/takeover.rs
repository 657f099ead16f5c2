//! The coordinator is lost, and the standby takes over by itself.

use crate::pair::pods::{Pair, Plan};
use crate::pair::writer::{Writer, begin, end};
use rustix::process::Signal;

#[test]
fn a_coordinator_whose_pod_is_killed_is_taken_over_from_and_comes_back_as_the_standby() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.pod(0).kill();
    pair.wait_coordinator(1);
    end(&mut pair, &mut writer, 1);
    // Its server had written what nobody was told of, or had not stopped in order at the least.
    pair.pod(0).start();
    pair.wait_in_sync(1);
    assert!(pair.pod(0).has_said("pg_rewind"), "{}", pair.report());
    writer.nothing_is_lost(pair.pod(0));
    // And back.
    let mut writer = Writer::again(&pair, 1_000_000);
    pair.pod(1).kill();
    pair.wait_coordinator(0);
    end(&mut pair, &mut writer, 0);
}

#[test]
fn a_postmaster_that_is_killed_is_started_in_place() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.pod(0).signal_postmaster(Signal::KILL);
    end(&mut pair, &mut writer, 0);
    pair.wait_in_sync(0);
    assert_eq!(pair.record().unwrap()["epoch"], 1);
}

#[test]
fn a_pod_that_stands_still_is_fenced_when_it_goes_on() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    let epoch = pair.record().unwrap()["epoch"].as_u64().unwrap();
    pair.pod(0).freeze();
    pair.wait_coordinator(1);
    assert_eq!(pair.record().unwrap()["epoch"], epoch + 1);
    end(&mut pair, &mut writer, 1);
    pair.pod(0).thaw();
    pair.wait_in_sync(1);
    assert!(
        pair.pod(0).has_said("every database process is killed"),
        "{}",
        pair.report()
    );
    writer.nothing_is_lost(pair.pod(0));
    // Promoted by hand, it would wait for the other in vain.
    let waits_for = pair.pod(0).ask("show synchronous_standby_names");
    assert_eq!(waits_for.as_deref(), Ok(""), "{}", pair.report());
}

#[test]
fn an_agent_that_hangs_is_fenced_by_init_in_time() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.pod(0).signal_agent(Signal::STOP);
    pair.wait_until("init kills the server", |pair| pair.server_processes(0) == 0);
    assert_eq!(
        pair.holder().as_deref(),
        Some("coordinator-0"),
        "before anybody else may write"
    );
    pair.wait_coordinator(1);
    end(&mut pair, &mut writer, 1);
    pair.pod(0).signal_agent(Signal::CONT);
    pair.wait_in_sync(1);
}

#[test]
fn an_agent_that_is_killed_costs_nothing() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    pair.pod(0).signal_agent(Signal::KILL);
    end(&mut pair, &mut writer, 0);
    pair.wait_in_sync(0);
    assert_eq!(pair.record().unwrap()["epoch"], 1);
}

#[test]
fn a_pod_that_is_cut_off_is_taken_over_from() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    // The directory is where it was; so it is the authority that is out of reach in this pod, too.
    pair.cut_off(0);
    pair.wait_until("its server is killed", |pair| pair.server_processes(0) == 0);
    pair.wait_coordinator(1);
    end(&mut pair, &mut writer, 1);
    pair.join_again(0);
    pair.wait_in_sync(1);
    let metrics = pair.pod(0).metrics();
    assert!(metrics.contains("gp_agent_failover_fences_total 1\n"), "{metrics}");
    writer.nothing_is_lost(pair.pod(0));
}

/// The agent of a standby whose coordinator came back at another address may ask for a moment whoever is at the old one now, this
/// pod itself if the two were exchanged.
#[test]
fn a_session_at_a_wrong_server_is_left_again() {
    let plan = Plan {
        more: "parameters: { log_connections: on }".into(),
        ..Plan::default()
    };
    let Some((mut pair, mut writer)) = begin(&plan) else {
        return;
    };
    pair.network.mislead(1);
    pair.wait_until("the standby's agent has the wrong address", |pair| {
        pair.pod_has_said(1, "address changed from")
    });
    let sessions = "from pg_stat_activity where application_name = 'gp-agent-partner'";
    pair.pod(0)
        .ask(&format!("select pg_terminate_backend(pid) {sessions}"))
        .unwrap();
    // Its own server sends it no stream.
    pair.wait_until("it asks its own server", |pair| {
        pair.pod_has_said(1, "application_name=gp-agent-partner")
    });
    pair.network.lead_back(1);
    let right = format!("to [{}]", pair.network.address_of(0));
    pair.wait_until("it knows the address again", |pair| pair.pod_has_said(1, &right));
    let stream = |pair: &Pair| pair.record().unwrap_or_default()["inSync"]["stream"].clone();
    let before = stream(&pair);
    pair.pod(0)
        .ask("select pg_terminate_backend(pid) from pg_stat_replication")
        .unwrap();
    pair.wait_until("its next stream is in sync", |pair| {
        let now = stream(pair);
        now.is_string() && now != before
    });
    pair.pod(0).kill();
    pair.wait_coordinator(1);
    end(&mut pair, &mut writer, 1);
}
