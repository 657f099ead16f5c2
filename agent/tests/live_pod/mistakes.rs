//! Mistakes that must not take a running server from its agent, nor keep one down: a wrong cluster.yaml, programs that are gone,
//! a file that the server refuses, and a stop that is taken back at once.

use crate::machine::is_root;
use crate::place::Place;
use crate::pod::Pod;
use crate::pod_user::{as_user, user};
use gp_agent::internals::engine::Tools;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;
use std::rc::Rc;

fn finds(status: &Value, severity: &str, words: &str) -> bool {
    let mut findings = status["findings"].as_array().into_iter().flatten();
    findings.any(|f| f["severity"] == severity && f.to_string().contains(words))
}

/// The next agent has adopted the server of before.
fn adopts(pod: &mut Pod, restarts: u64, server: &Value, holds: impl Fn(&Value) -> bool) {
    pod.kill_agent();
    let after = pod.wait_for_status("adopted", |s| {
        s["phase"] == "running" && s["agentRestarts"] == restarts && holds(s)
    });
    assert_eq!(after["postmaster"]["pid"], *server);
    assert_eq!(after["postmaster"]["adopted"], true);
}

#[test]
fn a_wrong_file_takes_no_server_from_its_agent_and_keeps_none_down() {
    let place = Rc::new(Place::new(""));
    place.prepare();
    let good = place.configuration();
    let write = |text: &str| fs::write(place.config(), text).unwrap();
    let mut pod = Pod::on(&place);
    let server = pod.wait_until_running()["postmaster"]["pid"].clone();
    for (restarts, wrong, severity, words) in [
        (1, good.replace("engine: postgres", "engine: mysql"), "error", "engine"),
        (2, "cluster: [".to_string(), "error", "cluster.yaml:1"),
        // Right, but this pod would be nobody, or somewhere else.
        (
            3,
            format!("{good}ssh: {{ port: 2200 }}\n").replace("coordinator: {", "coordinator: { pods: head,"),
            "warning",
            "coordinator.pods",
        ),
        (
            4,
            good.replace(place.volume.to_str().unwrap(), "/elsewhere"),
            "warning",
            "storage.path",
        ),
    ] {
        write(&wrong);
        adopts(&mut pod, restarts, &server, |s| finds(s, severity, words));
        write(&good);
        pod.wait_for_status("mended", |s| !finds(s, severity, words));
    }
    // Nor a server that does not run yet; the volume remembers.
    let wrong = good.replace("engine: postgres", "engine: mysql");
    write(&wrong);
    assert_eq!(pod.end(), Some(0));
    fs::remove_file(place.elsewhere().join("cluster.yaml")).unwrap();
    let mut pod = Pod::on(&place);
    pod.wait_for_status("it runs, and says what is wrong", |s| {
        s["phase"] == "running" && finds(s, "error", "engine")
    });
    write(&format!("{good}parameters: {{ work_mem: 5MB }}\n"));
    pod.wait_for_status("mended", |s| !finds(s, "error", "engine"));
    pod.end();
}

fn in_its_mounts(pod: &Pod, arguments: &[&str]) {
    let mut nsenter = Command::new("nsenter");
    nsenter.args(["--mount", "--target", &pod.init().to_string()]);
    assert!(nsenter.args(arguments).status().unwrap().success(), "{arguments:?}");
}

#[test]
fn a_server_whose_programs_are_gone_is_adopted() {
    if !is_root() {
        return;
    }
    let mut place = Place::new("");
    let user = ["--reuid=nobody", "--regid=nogroup", "--clear-groups"];
    let through = ["unshare", "--mount", "setpriv"].into_iter().chain(user);
    place.through = through.map(Into::into).collect();
    let mut pod = Pod::begin(place);
    let server = pod.wait_until_running()["postmaster"]["pid"].clone();
    let postgres = fs::canonicalize(Tools::find(None).unwrap().path("postgres")).unwrap();
    let bin = postgres.parent().and_then(Path::to_str).unwrap();
    let gone = |s: &Value| finds(s, "error", "the engine's programs");
    in_its_mounts(&pod, &["mount", "-t", "tmpfs", "none", bin]);
    adopts(&mut pod, 1, &server, gone);
    in_its_mounts(&pod, &["umount", bin]);
    pod.wait_for_status("they are back", |s| !gone(s));
    pod.end();
}

#[test]
fn a_file_that_the_server_refuses_is_named_with_what_helps() {
    let place = Rc::new(Place::new(""));
    place.prepare();
    let stray = place.dir().join("recovery.conf");
    fs::write(&stray, "restore_command = 'false'\n").unwrap();
    chown(&stray, Some(user().uid.as_raw()), None).unwrap();
    let mut pod = Pod::on(&place);
    let status = pod.wait_for_status("refused", |s| {
        s["phase"] == "refused" && finds(s, "error", "recovery.conf")
    });
    assert_eq!(status["directory"]["kind"], "primary", "it makes no standby any more");
    fs::rename(&stray, stray.with_extension("conf.old")).unwrap();
    let status = pod.wait_until_running();
    assert!(!finds(&status, "error", "recovery.conf"), "{status:#?}");
    pod.end();
}

/// pg_ctl returns before the agent has seen the end.
#[test]
fn a_stop_that_is_taken_back_at_once_is_taken_back() {
    let mut pod = Pod::begin(Place::new(""));
    let mut server = pod.wait_until_running()["postmaster"]["pid"].clone();
    for mode in ["fast", "immediate", "smart", "fast"] {
        let stop = as_user(&Tools::find(None).unwrap().path("pg_ctl"))
            .args(["stop", "-m", mode, "-D"])
            .arg(pod.place.dir())
            .output()
            .unwrap();
        assert!(stop.status.success(), "{stop:?}");
        let (code, said) = pod.run(&["resume"]);
        assert_eq!(code, Some(0), "{said}");
        let status = pod.wait_for_status("runs again", |s| {
            s["phase"] == "running" && s["postmaster"]["pid"] != server && s["postmaster"]["pid"].is_i64()
        });
        server = status["postmaster"]["pid"].clone();
    }
    pod.end();
}

#[test]
fn what_only_greenplum_has_is_refused_and_says_so() {
    let mut pod = Pod::start(Place::new(""));
    pod.wait_until_running();
    for verb in ["recover", "rebalance", "expand"] {
        let (code, said) = pod.run(&[verb]);
        assert_eq!(
            (code, said.trim()),
            (Some(1), "only Greenplum has a catalog of segments to recover"),
            "{verb}"
        );
    }
}

/// No mistake that anything could refuse: the line may be meant.
#[test]
fn a_line_that_admits_everybody_is_written_and_named() {
    if !is_root() {
        return;
    }
    let extra = "'host all app 192.168.1.0/24 trust', 'host all app 0.0.0.0/0 trust'";
    let mut pod = Pod::start(Place::new(&format!("hba: {{ extra: [ {extra} ] }}")));
    let finding = pod.wait_for_finding("admits whoever connects from any address, without a password");
    assert_eq!(
        (&finding["severity"], &finding["subject"]),
        (&"warning".into(), &"hba.extra[1]".into())
    );
    assert!(finding["remedy"].to_string().contains("scram-sha-256"), "{finding}");
    let written = fs::read_to_string(pod.place.dir().join("pg_hba.conf")).unwrap();
    assert!(written.contains("host all app 0.0.0.0/0 trust"), "{written}");
    for area in ["config", "hba"] {
        let (code, said) = pod.run(&["check", area]);
        assert_eq!(
            (
                code,
                said.matches("hba.extra[1]").count(),
                said.matches("hba.extra[0]").count()
            ),
            (Some(0), 1, 0),
            "{said}"
        );
    }
    pod.place
        .configure("hba: { extra: [ 'host all app 192.168.1.0/24 trust' ] }");
    pod.wait_until("nobody is warned", |pod| pod.finding("without a password").is_none());
}
