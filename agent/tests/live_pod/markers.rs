//! A directory whose marker says something else than its pod was made for.

use crate::machine::is_root;
use crate::place::Place;
use crate::pod::Pod;
use crate::pod_user::as_user;
use gp_agent::internals::engine::Tools;

fn pg_ctl(pod: &Pod, words: &[&str]) {
    let program = Tools::find(None).unwrap().path("pg_ctl");
    let ended = as_user(&program)
        .args(words)
        .arg("-w")
        .arg("-D")
        .arg(pod.place.dir())
        .arg("-l")
        .arg(pod.place.volume.join("by-hand.log"))
        .status()
        .unwrap();
    assert!(ended.success(), "pg_ctl {words:?}");
}

fn say(pod: &Pod, words: &[&str]) {
    let (code, said) = pod.run(words);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn what_is_said_of_a_standby_without_a_primary_helps() {
    if !is_root() {
        return;
    }
    let mut pod = Pod::start(Place::new(""));
    say(&pod, &["hold", "the test"]);
    pg_ctl(&pod, &["stop", "-m", "fast"]);
    std::fs::write(pod.place.dir().join("standby.signal"), "").unwrap();
    say(&pod, &["resume"]);
    let refused = pod.wait_for_finding("its data directory is a standby's");
    let remedy = refused["remedy"].as_str().unwrap();
    assert!(remedy.contains("gp-agent hold; pg_ctl start"), "{remedy}");
    say(&pod, &["hold", "promoted by hand"]);
    let port = format!("-p {}", pod.database());
    pg_ctl(&pod, &["start", "-o", &port]);
    pg_ctl(&pod, &["promote"]);
    say(&pod, &["resume"]);
    pod.wait_until("it is ready", |pod| pod.readiness().0 == 200);
    assert_eq!(pod.status()["activeRole"], "coordinator");
    assert_eq!(pod.status()["directory"]["timeline"], 2);
    assert!(pod.finding("its data directory is a standby's").is_none());
}
