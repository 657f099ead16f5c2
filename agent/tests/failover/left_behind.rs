//! The write-ahead log that a standby needs is gone. It is told, and copied anew.

use crate::pair::pod::{PAUSE, Pod, name};
use crate::pair::pods::{Pair, Plan};
use crate::pair::writer::Writer;
use rustix::process::Signal;
use serde_json::Value;
use std::time::{Duration, Instant};

/// Half a minute of silence is a part of the proof, and half a minute may pass until somebody looks again.
const PATIENCE: Duration = Duration::from_secs(240);

const SLOT: &str = "internal_wal_replication_slot";
/// Of the place of a segment, whatever its timeline.
const OLDEST: &str = "select min(substr(file, 9)) from pg_ls_dir('pg_wal') file where file ~ '^[0-9A-F]{24}$'";
const PRESENT: &str = "select substr(pg_walfile_name(pg_current_wal_lsn()), 9)";

fn wait(pair: &mut Pair, what: &str, holds: impl Fn(&mut Pair) -> bool) {
    let begun = Instant::now();
    while !holds(pair) {
        assert!(begun.elapsed() < PATIENCE, "never: {what}\n{}", pair.report());
        std::thread::sleep(PAUSE);
    }
}

fn streams(pair: &Pair) -> bool {
    let role = pair.status(1).map(|status| status["activeRole"].clone());
    role.is_some_and(|role| role == "standby" || role == "mirror")
}

fn begin(plan: &Plan) -> Option<(Pair, Writer)> {
    let mut pair = Pair::begin(plan)?;
    wait(&mut pair, "the standby streams", |pair| streams(pair));
    let writer = Writer::start(&pair);
    pair.wait_until("something is written", |_| writer.count() > 20);
    Some((pair, writer))
}

/// While the standby's server is stopped the coordinator goes on, until it has nothing left of what that needs.
fn leave_behind(pair: &mut Pair) {
    stop_standby(pair);
    outrun(pair);
    must(pair, "gp-agent resume");
}

fn stop_standby(pair: &mut Pair) {
    let dir = pair.pod(1).directory();
    let line = format!("gp-agent hold work; pg_ctl stop -m fast -D '{}'", dir.display());
    must(pair, &line);
}

/// Whatever the coordinator writes to now, it has no more.
fn outrun(pair: &mut Pair) {
    let present = pair.pod(0).ask(PRESENT).unwrap();
    let drop = format!("select pg_drop_replication_slot('{SLOT}')");
    pair.pod(0).ask("create table if not exists more (n int)").unwrap();
    wait(pair, "the coordinator has no more of it", |pair| {
        // The agent makes it again: an empty one holds nothing back.
        let _ = pair.pod(0).ask(&drop);
        for sql in ["insert into more values (1)", "select pg_switch_wal()", "checkpoint"] {
            pair.pod(0).ask(sql).unwrap();
        }
        pair.pod(0).ask(OLDEST).unwrap() > present
    });
}

/// What a person types in the standby's pod.
fn must(pair: &mut Pair, line: &str) {
    let (done, said) = pair.pod(1).shell(line);
    println!("$ {line}\n{said}");
    assert!(done, "{line}: {said}\n{}", pair.report());
}

fn asides(pod: &Pod) -> Vec<String> {
    let names = std::fs::read_dir(pod.volume()).unwrap().flatten();
    let names = names.map(|entry| entry.file_name().into_string().unwrap());
    let own = pod.directory().file_name().unwrap().to_str().unwrap().to_string();
    names.filter(|name| name.starts_with(&format!("{own}."))).collect()
}

/// Until the standby's pod finds that it is left behind, in these words.
fn finds(pair: &mut Pair, words: &str) -> Value {
    let finding = |pair: &Pair| {
        let status = pair.status(1)?;
        let findings = status["findings"].as_array()?.clone();
        let has = |f: &Value| {
            let what = f["what"].as_str().unwrap_or_default();
            what.starts_with("left behind: ") && what.contains(words)
        };
        findings.into_iter().find(has)
    };
    wait(pair, words, |pair| finding(pair).is_some());
    let found = finding(pair).unwrap();
    println!("{}: {}; {}", found["severity"], found["what"], found["remedy"]);
    found
}

/// It streams from a copy, has all that was acknowledged, and nothing is found any more.
fn is_well(pair: &mut Pair, writer: &mut Writer) {
    wait(pair, "it streams again", |pair| streams(pair));
    writer.finish();
    let there = pair.pod(0).ask("select pg_current_wal_lsn()").unwrap();
    let replayed = format!("select pg_last_wal_replay_lsn() >= '{there}'");
    wait(pair, "it has replayed all", |pair| {
        pair.pod(1).ask(&replayed).as_deref() == Ok("t")
    });
    writer.nothing_is_lost(pair.pod(1));
    wait(pair, "it is not found any more", |pair| {
        let (_, said) = pair.pod(1).agent(&["check", "ha"]);
        !said.contains("left behind: ")
    });
}

#[test]
fn a_standby_is_copied_anew_and_the_old_directory_goes() {
    is_copied_anew(false);
}

#[test]
fn so_is_a_mirror() {
    is_copied_anew(true);
}

fn is_copied_anew(segment: bool) {
    let plan = Plan {
        failover: ", mode: off".into(),
        segment,
        ..Plan::default()
    };
    let Some((mut pair, mut writer)) = begin(&plan) else {
        return;
    };
    leave_behind(&mut pair);
    is_well(&mut pair, &mut writer);
    assert!(pair.pod(1).has_said("left behind: it needs write-ahead log from"));
    wait(&mut pair, "the old directory goes, and then the memory of it", |pair| {
        let pod = pair.pod(1);
        asides(pod).is_empty() && !pod.volume().join(".gp-agent/left-behind").exists()
    });
}

/// Wherever the agent ends, or all of the pod, the copy is made and the old directory goes. The coordinator gives the slot up by
/// itself this time.
#[test]
fn an_agent_that_is_killed_in_the_midst_of_it_leaves_it_whole() {
    let Some((mut pair, mut writer)) = begin(&Plan::default()) else {
        return;
    };
    for sql in [
        "alter system set max_slot_wal_keep_size = '1MB'",
        "select pg_reload_conf()",
    ] {
        pair.pod(0).ask(sql).unwrap();
    }
    leave_behind(&mut pair);
    wait(&mut pair, "its directory makes room", |pair| {
        pair.pod(1).has_said("left behind; the old directory is")
    });
    pair.pod(1).signal_agent(Signal::KILL);
    wait(&mut pair, "it is being copied", |pair| {
        asides(pair.pod(1)).contains(&"gpseg-1.making".to_string()) || pair.pod(1).directory().exists()
    });
    pair.pod(1).kill();
    assert!(!asides(pair.pod(1)).is_empty());
    pair.pod(1).start();
    is_well(&mut pair, &mut writer);
    pair.wait_in_sync(0);
    wait(&mut pair, "the old directory goes", |pair| {
        asides(pair.pod(1)).is_empty()
    });
}

#[test]
fn where_nothing_is_to_be_done_by_itself_the_remedy_helps() {
    let plan = Plan {
        more: "recovery: { standby: manual }".into(),
        ..Plan::default()
    };
    let Some((mut pair, mut writer)) = begin(&plan) else {
        return;
    };
    leave_behind(&mut pair);
    let found = finds(&mut pair, "recovery.standby is manual");
    assert_eq!(found["severity"], "error");
    let says = |pair: &Pair| {
        pair.status(1)
            .map(|s| s["reason"].as_str().unwrap_or_default().to_string())
    };
    wait(&mut pair, "the reason says so", |pair| {
        says(pair).is_some_and(|reason| reason.starts_with("replays, but receives no stream: left behind"))
    });
    let (well, said) = pair.pod(1).agent(&["check"]);
    assert!(!well && said.contains("left behind: "), "{said}");
    assert!(asides(pair.pod(1)).is_empty(), "nothing was done");
    let remedy = found["remedy"].as_str().unwrap();
    let lines = remedy.strip_prefix(&format!("in {}: ", name(1))).unwrap();
    let (lines, _) = lines.split_once("; the agent then").unwrap();
    must(&mut pair, lines);
    is_well(&mut pair, &mut writer);
    assert_eq!(asides(pair.pod(1)), ["gpseg-1.old"], "it is a person's");
}

#[test]
fn a_volume_without_room_is_not_filled() {
    let plan = Plan {
        small: Some(2048),
        ..Plan::default()
    };
    let Some((mut pair, mut writer)) = begin(&plan) else {
        return;
    };
    let before = pair.pod(1).directory().with_extension("aside-20260101T000000Z");
    std::fs::create_dir(&before).unwrap();
    leave_behind(&mut pair);
    let found = finds(&mut pair, "was set aside before");
    pair.small.as_ref().unwrap().leave_free(10);
    let (_, line) = found["remedy"]
        .as_str()
        .unwrap()
        .split_once("in coordinator-1: ")
        .unwrap();
    let (line, _) = line.split_once("; the agent then").unwrap();
    must(&mut pair, line);
    finds(&mut pair, "the copy needs");
    assert!(asides(pair.pod(1)).is_empty(), "nothing was done");
    pair.small.as_ref().unwrap().leave_free(1024);
    is_well(&mut pair, &mut writer);
    wait(&mut pair, "the old directory goes", |pair| {
        asides(pair.pod(1)).is_empty()
    });
}

/// Half a minute is a part of the proof.
const NOTHING_IS_FOUND: Duration = Duration::from_secs(45);

/// What it has itself it does not need, although the coordinator has it no longer.
#[test]
fn one_that_replays_late_is_not_left_behind_before_its_own_log_ends() {
    let plan = Plan {
        failover: ", mode: off".into(),
        more: "parameters: { recovery_min_apply_delay: 1h }".into(),
        ..Plan::default()
    };
    let Some(mut pair) = Pair::begin(&plan) else { return };
    wait(&mut pair, "the standby streams", |pair| streams(pair));
    let begun = pair.pod(0).ask(PRESENT).unwrap();
    pair.pod(0).ask("create table t (n int)").unwrap();
    // More than a server reads ahead, which its title tells, too (recovery_prefetch).
    let much = "insert into t select generate_series(1, 100000)";
    for sql in [much, "select pg_switch_wal()"].repeat(3) {
        pair.pod(0).ask(sql).unwrap();
    }
    pair.pod(0).ask("insert into t values (1)").unwrap();
    let written = pair.pod(0).ask("select pg_current_wal_flush_lsn()").unwrap();
    let received = format!("select pg_last_wal_receive_lsn() >= '{written}'");
    wait(&mut pair, "all is received", |pair| {
        pair.pod(1).ask(&received).as_deref() == Ok("t")
    });
    let last = pair.pod(0).ask(PRESENT).unwrap();
    stop_standby(&mut pair);
    wait(&mut pair, "the coordinator has no more than it needs", |pair| {
        pair.pod(0).ask("checkpoint").unwrap();
        pair.pod(0).ask(OLDEST).unwrap() >= last
    });
    assert!(begun < last);
    must(&mut pair, "gp-agent resume");
    let is_found = |pair: &Pair| pair.pod_has_said(1, "left behind: ");
    let far = format!("startup recovering 00000001{last}");
    assert!(!pair.pod(1).runs_process(&far), "it has replayed all");
    let since = Instant::now();
    while since.elapsed() < NOTHING_IS_FOUND {
        assert!(!is_found(&pair) && !streams(&pair), "{}", pair.report());
        std::thread::sleep(PAUSE);
    }
    // Now what comes behind that goes, too. Of its last segment it cannot be told whether it is whole.
    stop_standby(&mut pair);
    outrun(&mut pair);
    outrun(&mut pair);
    must(&mut pair, "gp-agent resume");
    wait(&mut pair, "it is copied", |pair| is_found(pair) && streams(pair));
    let needs = format!("left behind: it needs write-ahead log from 00000001{begun}");
    assert!(!pair.pod_has_said(1, &needs), "{}", pair.report());
}
