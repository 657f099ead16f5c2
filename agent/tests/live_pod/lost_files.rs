//! A pod whose data directory lost something: it is refused and named, nothing is made in its place, and what comes back is
//! served again. Servers are real.

use crate::place::Place;
use crate::pod::Pod;
use crate::pod_user::{as_user, folder};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::rc::Rc;

/// Moved, not copied: owner and modes stay.
fn move_to(from: &Path, to: &Path) {
    fs::rename(from, to).unwrap();
}

fn refused(status: &Value, words: &[&str]) -> bool {
    let reason = status["reason"].as_str().unwrap_or_default();
    status["phase"] == "refused" && words.iter().all(|word| reason.contains(word))
}

fn finding(status: &Value) -> Option<&Value> {
    let mut findings = status["findings"].as_array()?.iter();
    findings.find(|f| f["area"] == "postgres")
}

fn names(volume: &Path) -> Vec<String> {
    let names = fs::read_dir(volume)
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name != ".gp-agent").collect();
    names.sort();
    names
}

fn place() -> Rc<Place> {
    let place = Place::new("");
    place.prepare();
    Rc::new(place)
}

fn served(place: &Rc<Place>) -> (Pod, String) {
    let mut pod = Pod::on(place);
    let id = pod.wait_until_running()["directory"]["systemId"]
        .as_str()
        .unwrap()
        .to_string();
    (pod, id)
}

#[test]
fn a_directory_that_lost_a_part_is_refused_and_served_again_when_that_is_back() {
    let place = place();
    let (mut pod, id) = served(&place);
    assert_eq!(pod.end(), Some(0));
    let away = place.elsewhere().join("away");
    for part in [
        "PG_VERSION",
        "global/pg_control",
        "global",
        "base",
        "pg_wal",
        "pg_xact",
        "pg_multixact/members",
        "pg_tblspc",
    ] {
        move_to(&place.dir().join(part), &away);
        let mut pod = Pod::on(&place);
        let status = pod.wait_for_status(part, |s| refused(s, &[part, "missing"]) && finding(s).is_some());
        assert_eq!(status["directory"]["kind"], "half-made");
        assert_eq!(
            status["directory"]["systemId"],
            id.as_str(),
            "{part}: the volume remembers it"
        );
        let remedy = finding(&status).unwrap()["remedy"].as_str().unwrap();
        assert!(remedy.contains("bring back"), "{remedy}");
        assert_eq!(names(&place.volume), ["gpseg-1"], "{part}");
        // What the remedy says, with the pod as it is.
        move_to(&away, &place.dir().join(part));
        assert_eq!(pod.wait_until_running()["directory"]["systemId"], id.as_str());
        assert_eq!(pod.end(), Some(0));
    }
}

/// A server starts without the directory of a database, and serves the others.
#[test]
fn a_database_whose_directory_is_gone_is_named_until_it_is_back() {
    let place = place();
    let (mut pod, _) = served(&place);
    pod.wait_until_ready();
    pod.ask("create database app");
    let oid = pod.ask("select oid from pg_database where datname = 'app'");
    let dir = format!("base/{oid}");
    assert_eq!(pod.end(), Some(0));
    let away = place.elsewhere().join("away");
    move_to(&place.dir().join(&dir), &away);
    let mut pod = Pod::on(&place);
    let finding = pod.wait_for_finding(&dir);
    assert_eq!(finding["subject"], "database app");
    assert!(finding["remedy"].as_str().unwrap().contains("let that one take over"));
    move_to(&away, &place.dir().join(&dir));
    pod.wait_until("it is back", |pod| pod.finding(&dir).is_none());
    pod.end();
}

/// As after a power failure: the file is there, and short.
#[test]
fn a_control_file_that_is_cut_off_is_damaged_and_says_what_helps() {
    let place = place();
    let (mut pod, id) = served(&place);
    assert_eq!(pod.end(), Some(0));
    let control = place.dir().join("global/pg_control");
    let whole = fs::read(&control).unwrap();
    for size in [0, 100, 200] {
        fs::write(&control, &whole[..size]).unwrap();
        let mut pod = Pod::on(&place);
        let size = format!("has {size} bytes");
        let status = pod.wait_for_status(&size, |s| {
            refused(s, &["global/pg_control is damaged", &size, "backup"])
        });
        assert_eq!(status["directory"]["kind"], "unreadable");
        assert_eq!(status["directory"]["systemId"], id.as_str(), "the volume remembers it");
        assert_eq!(status["directory"]["timeline"], 1);
        assert_eq!(pod.end(), Some(0));
    }
    fs::write(&control, &whole).unwrap();
    let mut pod = Pod::on(&place);
    pod.wait_until_running();
    pod.end();
}

#[test]
fn where_a_database_was_none_is_made() {
    let place = place();
    let (mut pod, id) = served(&place);
    assert_eq!(pod.end(), Some(0));
    let (dir, away) = (place.dir(), place.elsewhere().join("away"));
    let record = place.volume.join(".gp-agent/database");
    let words = "no empty database is made";
    move_to(&dir, &away);

    let mut pod = Pod::on(&place);
    pod.wait_for_status("the record speaks", |s| refused(s, &[&id, words]));
    folder(&dir);
    pod.wait_for_status("an empty directory is none", |s| refused(s, &[&id, words]));
    fs::write(dir.join("lost+found"), "").unwrap();
    pod.wait_for_status("another file system", |s| {
        refused(s, &["lost+found", "nothing is made"])
    });
    fs::remove_dir_all(&dir).unwrap();
    symlink("/nowhere/else", &dir).unwrap();
    pod.wait_for_status("a link", |s| refused(s, &["/nowhere/else", "nothing is made"]));
    fs::remove_file(&dir).unwrap();
    fs::write(&record, "").unwrap();
    pod.wait_for_status("a damaged record", |s| {
        refused(s, &["/.gp-agent/database", "cannot be read"])
    });
    fs::remove_file(&record).unwrap();
    let aside = place.volume.join("old");
    move_to(&away, &aside);
    pod.wait_for_status("what lies beside", |s| refused(s, &["/volume/old", words]));
    move_to(&aside, &dir);
    assert_eq!(pod.wait_until_running()["directory"]["systemId"], id.as_str());
    assert!(record.exists(), "remembered again");
    pod.end();
}

/// The volume of the data directory is lost, and the one for write-ahead log is there.
#[test]
fn a_second_volume_keeps_an_empty_database_from_being_made() {
    let mut place = Place::new("");
    let wal = folder(&place.base.path().join("wal"));
    place
        .environment
        .push(("GP_AGENT_STORAGE_WAL".into(), wal.clone().into()));
    place.prepare();
    let place = Rc::new(place);
    let (mut pod, id) = served(&place);
    assert_eq!(pod.end(), Some(0));
    let record = wal.join(".gp-agent/database");
    assert!(fs::read_to_string(&record).unwrap().contains(&id));
    for left in fs::read_dir(&place.volume).unwrap() {
        let left = left.unwrap().path();
        move_to(&left, &place.elsewhere().join(left.file_name().unwrap()));
    }
    let mut pod = Pod::on(&place);
    let words = "no empty database is made";
    pod.wait_for_status("it is remembered there", |s| refused(s, &[&id, words]));
    // As an older agent left it: its logs alone.
    let log = folder(&wal.join("gpseg-1-1796000000")).join("000000010000000000000001");
    fs::write(log, "x").unwrap();
    fs::remove_file(&record).unwrap();
    pod.wait_for_status("its log", |s| refused(s, &["/gpseg-1-1796000000", words]));
    pod.end();
}

#[test]
fn a_tablespace_that_is_not_mounted_is_refused_and_served_again_when_that_is_back() {
    let place = place();
    let (fast, away) = (folder(&place.elsewhere().join("fast")), place.elsewhere().join("away"));
    let (mut pod, _) = served(&place);
    pod.wait_until_ready();
    pod.ask(&format!("create tablespace fast location '{}'", fast.display()));
    pod.ask("create table kept tablespace fast as select generate_series(1, 100000) as n");
    assert_eq!(pod.end(), Some(0));
    move_to(&fast, &away);

    let words = ["pg_tblspc/", fast.to_str().unwrap(), "is that volume mounted?"];
    let mut pod = Pod::on(&place);
    pod.wait_for_status("it is not there", |s| refused(s, &words));
    folder(&fast);
    pod.restart();
    pod.wait_for_status("it is mounted empty", |s| refused(s, &words));
    fs::remove_dir(&fast).unwrap();
    move_to(&away, &fast);
    pod.wait_until_running();
    pod.wait_until_ready();
    assert_eq!(pod.ask("select count(*) from kept"), "100000");
    // One that was dropped, and one that holds nothing.
    pod.ask("drop table kept");
    pod.ask("drop tablespace fast");
    pod.ask(&format!("create tablespace again location '{}'", fast.display()));
    pod.restart();
    pod.wait_until_ready();
    pod.end();
}

#[test]
fn a_write_ahead_log_on_a_volume_that_is_not_mounted_is_named() {
    let place = place();
    let (wal, other) = (place.elsewhere().join("wal"), place.elsewhere().join("other"));
    move_to(&place.dir().join("pg_wal"), &wal);
    let linked = as_user(Path::new("/bin/ln"))
        .arg("-s")
        .arg(&wal)
        .arg(place.dir().join("pg_wal"))
        .status();
    assert!(linked.unwrap().success());
    let (mut pod, _) = served(&place);
    assert_eq!(pod.end(), Some(0));
    move_to(&wal, &other);
    let mut pod = Pod::on(&place);
    pod.wait_for_status("named", |s| {
        refused(s, &["pg_wal (a link to ", wal.to_str().unwrap(), "missing"])
    });
    move_to(&other, &wal);
    pod.wait_until_running();
    pod.end();
}
