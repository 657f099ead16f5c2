//! What people see of failover, and that each remedy which is named helps.

use crate::pair::pod::{PATIENCE, PAUSE, Pod};
use crate::pair::pods::{Pair, Plan};
use crate::pair::psql::{PORT, psql};
use crate::pair::writer::Writer;
use rustix::process::Signal;
use serde_json::Value;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Longer than a lease and all that a takeover takes.
const NOBODY_TAKES_OVER: Duration = Duration::from_secs(14);

fn check(pair: &mut Pair, pod: usize) -> (bool, String) {
    pair.pod(pod).agent(&["check", "ha"])
}

/// `gp-agent check ha`, until it says these words.
fn check_says(pair: &mut Pair, pod: usize, words: &str) -> String {
    let begun = Instant::now();
    loop {
        let (_, said) = check(pair, pod);
        if said.contains(words) {
            return said;
        }
        let patience = begun.elapsed() < PATIENCE;
        assert!(patience, "never: {words}\n{said}\n{}", pair.report());
        std::thread::sleep(PAUSE);
    }
}

/// A command that is refused as long as the lost coordinator may live.
fn said_again(pair: &mut Pair, pod: usize, words: &[&str]) {
    let begun = Instant::now();
    loop {
        let (done, said) = pair.pod(pod).agent(words);
        if done {
            return;
        }
        let patience = begun.elapsed() < PATIENCE && said.contains("the coordinator lives");
        assert!(patience, "{said}\n{}", pair.report());
        std::thread::sleep(PAUSE);
    }
}

fn is_well(pair: &mut Pair) {
    for pod in [0, 1] {
        let said = check_says(pair, pod, "ha       ok");
        assert!(said.contains("is in sync and would take over"), "{said}");
        assert!(check(pair, pod).0, "{said}");
    }
}

#[test]
fn a_pair_that_is_well_says_so_and_who_has_to_be_asked() {
    let Some(mut pair) = Pair::start(&Plan::default()) else {
        return;
    };
    is_well(&mut pair);
    let (_, table) = pair.pod(1).agent(&["status"]);
    assert!(table.contains("coordinator-0 has the role (epoch 1, "), "{table}");
    assert!(
        table.contains("coordinator-1 is in sync and takes over by itself"),
        "{table}"
    );
    let (done, said) = pair.pod(1).agent(&["switchover"]);
    assert!(!done && said.contains("call gp-agent switchover there"), "{said}");
    let (done, said) = pair.pod(0).agent(&["failover", "--accept-data-loss"]);
    assert!(!done && said.contains("has the coordinator's role already"), "{said}");
}

/// The finding has the statements that undo it, as they are to be typed.
#[test]
fn whoever_takes_the_parameter_away_is_named_with_what_undoes_it() {
    let Some(mut pair) = Pair::start(&Plan::default()) else {
        return;
    };
    for sql in [
        "ALTER SYSTEM SET synchronous_standby_names = ''",
        "SELECT pg_reload_conf()",
    ] {
        pair.pod(0).ask(sql).unwrap();
    }
    let said = check_says(&mut pair, 0, "ALTER SYSTEM RESET synchronous_standby_names; ");
    let (_, statements) = said.split_once("in coordinator-0: ").unwrap();
    let line = statements.lines().next().unwrap();
    for sql in line.split("; ") {
        pair.pod(0).ask(sql.trim_end_matches(';')).unwrap();
    }
    pair.wait_in_sync(0);
    is_well(&mut pair);
}

/// Nobody is promoted by it, and the coordinator writes it anew, without anybody's help.
#[test]
fn a_record_that_is_damaged_or_gone_is_written_anew() {
    let Some(mut pair) = Pair::start(&Plan::default()) else {
        return;
    };
    let record = pair.base.path().join("authority/w-coordinator.json");
    for damage in [Some("{"), Some("[]"), None] {
        match damage {
            Some(text) => std::fs::write(&record, text).unwrap(),
            None => std::fs::remove_file(&record).unwrap(),
        }
        pair.wait_in_sync(0);
        is_well(&mut pair);
        assert!(pair.pod(0).is_writable());
    }
}

#[test]
fn while_it_is_paused_nobody_takes_over() {
    let Some(mut pair) = Pair::start(&Plan::default()) else {
        return;
    };
    let (done, said) = pair.pod(0).agent(&["failover", "pause"]);
    assert!(done, "{said}");
    let said = check_says(&mut pair, 1, "is paused");
    assert!(said.contains("gp-agent failover resume"), "{said}");
    pair.pod(0).kill();
    let begun = Instant::now();
    while begun.elapsed() < NOBODY_TAKES_OVER {
        assert_eq!(pair.holder().as_deref(), Some("coordinator-0"), "{}", pair.report());
        std::thread::sleep(PAUSE);
    }
    pair.pod(0).start();
    pair.wait_coordinator(0);
    let (done, said) = pair.pod(0).agent(&["failover", "resume"]);
    assert!(done, "{said}");
    pair.wait_in_sync(0);
    is_well(&mut pair);
    pair.pod(0).kill();
    pair.wait_coordinator(1);
}

/// The configuration says so, and is what people have to change: there is nothing to resume.
#[test]
fn with_mode_manual_takeovers_happen_by_command_until_the_mode_is_auto() {
    let manual = Plan {
        failover: ", mode: manual".into(),
        ..Plan::default()
    };
    let Some(mut pair) = Pair::start(&manual) else {
        return;
    };
    let said = check_says(&mut pair, 1, "failover.mode: is manual");
    assert!(!said.contains("resume"), "{said}");
    let (_, table) = pair.pod(0).agent(&["status"]);
    assert!(table.contains("coordinator-1 is in sync; by command only"), "{table}");
    let (done, said) = pair.pod(0).agent(&["failover", "resume"]);
    assert!(!done && said.contains("failover.mode is manual"), "{said}");
    pair.pod(0).kill();
    pair.wait_until("the standby says what it waits for", |pair| {
        let failover = pair.status(1).map(|status| status["failover"]["obstacle"].clone());
        failover.is_some_and(|why| why.as_str().is_some_and(|why| why.contains("by command only")))
    });
    said_again(&mut pair, 1, &["failover", "--accept-data-loss"]);
    pair.wait_coordinator(1);
    pair.pod(0).start();
    pair.wait_in_sync(1);
    for pod in [0, 1] {
        pair.pod(pod).configure(&Plan::default());
        pair.pod(pod).signal_agent(Signal::KILL);
    }
    pair.wait_until("the record follows the configuration", |pair| {
        pair.record().is_some_and(|record| record["mode"] == "auto")
    });
    pair.wait_in_sync(1);
    pair.pod(1).kill();
    pair.wait_coordinator(0);
}

/// What it wrote alone is missed in the other one: that is what is accepted. It is put aside, and named.
#[test]
fn by_force_the_other_one_takes_over_and_what_is_missing_there_is_kept() {
    let Some(mut pair) = Pair::start(&Plan::default()) else {
        return;
    };
    pair.pod(1).kill();
    pair.wait_until("the standby is let go", |pair| {
        pair.record().is_some_and(|r| r["inSync"].is_null())
    });
    let mut writer = Writer::start(&pair);
    pair.wait_until("something is written", |_| writer.count() > 20);
    writer.finish();
    pair.pod(0).kill();
    pair.pod(1).start();
    let said = check_says(&mut pair, 1, "--accept-data-loss");
    assert!(said.contains("no coordinator may write now"), "{said}");
    let (done, said) = pair.pod(1).agent(&["failover", "--accept-data-loss"]);
    assert!(done, "{said}\n{}", pair.report());
    assert!(said.contains("what it wrote is set aside when it comes back"), "{said}");
    pair.wait_coordinator(1);
    pair.pod(0).start();
    pair.wait_in_sync(1);
    let aside = pair.pod(0).status().unwrap()["failover"]["setAside"][0]
        .as_str()
        .unwrap_or_else(|| panic!("nothing is set aside\n{}", pair.report()))
        .to_string();
    assert!(std::path::Path::new(&aside).exists(), "{aside}");
    check_says(&mut pair, 0, &aside);
    std::fs::remove_dir_all(&aside).unwrap();
    is_well(&mut pair);
}

#[test]
fn a_hand_over_waits_for_a_transaction_if_it_is_to() {
    let Some(mut pair) = Pair::start(&Plan::default()) else {
        return;
    };
    let [old, new] = [0, 1].map(|pod| format!("host={}", pair.network.address_of(pod)));
    let mut client = Command::new("psql")
        .args(["-XAtq", "-d", &format!("{old} port={PORT} user=nobody dbname=postgres")])
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut typed = client.stdin.take().unwrap();
    writeln!(typed, "begin; create table t (n int);").unwrap();
    let open = "select count(*) from pg_stat_activity where state = 'idle in transaction'";
    pair.wait_until("the transaction is open", |_| psql(&old, open).as_deref() == Ok("1"));
    let pod: &Pod = pair.pod(0);
    let waiting = || {
        let waits = |status: Value| status["failover"]["activity"] == "waits until no client's transaction runs";
        let begun = Instant::now();
        while !pod.status().is_some_and(waits) {
            assert!(begun.elapsed() < PATIENCE, "it waits");
            std::thread::sleep(PAUSE);
        }
    };
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| pod.agent(&["switchover", "--when-idle"]));
        waiting();
        let (done, said) = pod.agent(&["switchover", "--cancel"]);
        assert!(done && said.contains("called off"), "{said}");
        let (done, said) = asked.join().unwrap();
        assert!(!done && said.contains("cancelled"), "{said}");
    });
    let (done, said) = pod.agent(&["switchover", "--cancel"]);
    assert!(!done && said.contains("no hand-over is waited for"), "{said}");
    let (done, said) = std::thread::scope(|scope| {
        let asked = scope.spawn(|| pod.agent(&["switchover", "--when-idle"]));
        waiting();
        assert_eq!(psql(&old, "select pg_is_in_recovery()").as_deref(), Ok("f"), "it waits");
        writeln!(typed, "commit;").unwrap();
        drop(typed);
        asked.join().unwrap()
    });
    client.wait().unwrap();
    assert!(done, "{said}\n{}", pair.report());
    pair.wait_in_sync(1);
    assert_eq!(psql(&new, "select count(*) from t").as_deref(), Ok("0"));
}

/// A volume for the record that each pod has for itself, or a typo in one pod's failover.directory.
#[test]
fn a_standby_that_seeks_the_record_elsewhere_is_not_called_in_sync() {
    let plan = Plan::default();
    let Some(mut pair) = Pair::start(&plan) else {
        return;
    };
    pair.pod(1).seek_record_in("elsewhere");
    pair.pod(1).kill();
    pair.pod(1).start();
    pair.wait_until("the coordinator says why nobody would take over", |pair| {
        let status = pair.status(0).unwrap_or_default();
        let why = status["failover"]["notInSync"]["why"].as_str().unwrap_or_default();
        why == "the standby's agent keeps the record elsewhere"
            && pair.record().is_some_and(|record| record["inSync"].is_null())
    });
    let remedy = "its record is in another directory: mount the same one in both pods at failover.directory";
    pair.wait_until("the standby says what helps", |pair| {
        pair.status(1)
            .is_some_and(|s| s["findings"].to_string().contains(remedy))
    });
    // It helps.
    pair.pod(1).configure(&plan);
    pair.pod(1).kill();
    pair.pod(1).start();
    pair.wait_in_sync(0);
}

#[test]
fn a_standby_without_a_stream_says_what_its_server_said_last() {
    let plan = Plan {
        failover: ", mode: manual".into(),
        ..Plan::default()
    };
    let Some(mut pair) = Pair::start(&plan) else {
        return;
    };
    let reason = |pair: &Pair| pair.status(1).unwrap_or_default()["reason"].to_string();
    pair.pod(0).kill();
    pair.wait_until("it says why", |pair| {
        let reason = reason(pair);
        let begin = "replays, but receives no stream: could not connect to the primary server: ";
        reason.contains(begin) && reason.contains(&format!("{}", pair.network.address_of(0)))
    });
    pair.pod(0).start();
    pair.wait_until("it receives one again", |pair| reason(pair) == "\"active as standby\"");
}
