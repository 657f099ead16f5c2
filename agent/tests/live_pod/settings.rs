//! Mistakes in `parameters`, and others who set what the agent sets: named, and never a server that does not start.

use crate::machine::{is_root, send};
use crate::place::Place;
use crate::pod::Pod;
use crate::pod_user::{as_user, user};
use rustix::process::Signal;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

const WORKS: &str = "parameters: { work_mem: 5MB }";

fn pod(more: &str) -> Option<Pod> {
    is_root().then(|| Pod::begin(Place::new(more)))
}

/// Until the pod has a finding about that parameter with these words; all that it says.
fn finding_about(pod: &mut Pod, parameter: &str, words: &str) -> String {
    let subject = |pod: &Pod| {
        let status = pod.status();
        let all = status["findings"].as_array()?.clone();
        let has = |f: &Value, name: &str, words: &str| f[name].as_str().is_some_and(|text| text.contains(words));
        all.into_iter()
            .find(|f| has(f, "subject", parameter) && has(f, "what", words))
    };
    pod.wait_until(&format!("{parameter}: {words}"), |pod| subject(pod).is_some());
    let finding = subject(pod).unwrap();
    let line = ["severity", "area", "subject", "what", "remedy"].map(|w| finding[w].as_str().unwrap().to_string());
    println!("{}", line.join(" | "));
    line.join(" | ")
}

fn until_no_finding_about(pod: &mut Pod, parameter: &str) {
    pod.wait_until(&format!("nothing more about {parameter}"), |pod| {
        let status = pod.status();
        let about = |f: &Value| f["subject"].as_str().is_some_and(|s| s.contains(parameter));
        status["findings"].as_array().is_some_and(|all| !all.iter().any(about))
    });
}

fn pg_ctl(pod: &Pod, words: &[&str]) {
    let mut pg_ctl = as_user(Path::new("pg_ctl"));
    pg_ctl.args(words).arg("-D").arg(pod.place.dir());
    let done = pg_ctl.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(done.success(), "pg_ctl {words:?}: {done}");
}

/// What only a start finds, the parameter that is named, and the server's own words.
const ONLY_A_START: [(&str, &str, &str); 6] = [
    (
        "shared_preload_libraries: pg_stat_statments",
        "shared_preload_libraries",
        "could not access file",
    ),
    ("ssl: \"on\"", "ssl", "could not load server certificate file"),
    (
        "archive_mode: \"on\", wal_level: minimal, max_wal_senders: \"0\"",
        "wal_level",
        "WAL archival cannot be enabled",
    ),
    (
        "max_wal_senders: \"200\", max_connections: \"20\", superuser_reserved_connections: \"20\"",
        "max_connections",
        "must be less than",
    ),
    (
        "max_connections: lots",
        "max_connections",
        "invalid value for parameter",
    ),
    (
        "pg_stat_statments.max: \"5\", shared_preload_libraries: \"$libdir/nowhere\"",
        "shared_preload_libraries",
        "could not access file",
    ),
];

#[test]
fn what_only_a_start_finds_is_known_before_and_the_last_good_set_stays() {
    let Some(mut pod) = pod(WORKS) else { return };
    pod.wait_until_ready();
    for (parameters, name, words) in ONLY_A_START {
        pod.place
            .configure(&format!("parameters: {{ work_mem: 5MB, {parameters} }}"));
        let line = finding_about(&mut pod, name, words);
        assert!(line.starts_with("error | config"), "{line}");
        let (code, said) = pod.run(&["check", "config"]);
        assert!(code == Some(1) && said.contains(words), "{said}");
    }
    assert_eq!(
        pod.metric("gp_agent_findings{area=\"config\",severity=\"error\"}"),
        Some(1.0)
    );
    // The pod restarts with the mistake in the file.
    pod.restart();
    pod.wait_until_ready();
    assert_eq!(pod.ask("show work_mem"), "5MB");
    finding_about(&mut pod, "shared_preload_libraries", "could not access file");
    pod.place.configure("parameters: { work_mem: 6MB }");
    pod.wait_until("it is used", |pod| pod.ask("show work_mem") == "6MB");
    until_no_finding_about(&mut pod, "parameters");
    let (code, said) = pod.run(&["check", "config"]);
    assert_eq!(code, Some(0), "{said}");
    pod.has_never_said("crash-loop");
}

/// A reload is enough to shut everybody out of every pod, and no start would have told.
#[test]
fn a_library_that_no_session_finds_is_refused() {
    let Some(mut pod) = pod(WORKS) else { return };
    pod.wait_until_ready();
    for name in ["session_preload_libraries", "local_preload_libraries"] {
        pod.place
            .configure(&format!("parameters: {{ work_mem: 6MB, {name}: auto_explan }}"));
        let line = finding_about(
            &mut pod,
            name,
            "every new session would be refused: could not access file",
        );
        assert!(line.starts_with("error | config"), "{line}");
        assert_eq!(pod.ask("show work_mem"), "5MB");
        let (code, said) = pod.run(&["check", "config"]);
        assert!(code == Some(1) && said.contains(name), "{said}");
    }
    pod.restart();
    pod.wait_until_ready();
    assert_eq!(pod.ask("show work_mem"), "5MB");
    pod.place
        .configure("parameters: { work_mem: 6MB, session_preload_libraries: auto_explain }");
    pod.wait_until("one that is there is used", |pod| {
        pod.ask("show session_preload_libraries") == "auto_explain"
    });
    until_no_finding_about(&mut pod, "parameters");
    // Nothing keeps this from being read; that nobody gets in is said.
    pod.ask("alter system set session_preload_libraries = 'not_there'");
    pod.ask("select pg_reload_conf()");
    let line = finding_about(
        &mut pod,
        "sessions",
        "the server refuses every new session: could not access file",
    );
    assert!(line.contains("postgresql.auto.conf"), "{line}");
    fs::write(pod.place.dir().join("postgresql.auto.conf"), "").unwrap();
    let server = fs::read_to_string(pod.place.dir().join("postmaster.pid")).unwrap();
    send(server.lines().next().unwrap().parse().unwrap(), Signal::HUP);
    until_no_finding_about(&mut pod, "sessions");
    assert_eq!(pod.ask("show session_preload_libraries"), "auto_explain");
    pod.end();
}

#[test]
fn a_pg_hba_conf_that_is_gone_is_made_anew_and_one_that_cannot_be_read_is_named() {
    let Some(mut pod) = pod("hba: { extra: [ 'host all app 10.0.0.0/8 scram-sha-256' ] }") else {
        return;
    };
    pod.wait_until_ready();
    let hba = pod.place.dir().join("pg_hba.conf");
    let block = fs::read_to_string(&hba).unwrap();
    fs::remove_file(&hba).unwrap();
    pod.place
        .configure("parameters: { work_mem: 6MB }\nhba: { extra: [ 'host all app 10.0.0.0/8 scram-sha-256' ] }");
    pod.wait_until("it is there again", |_| hba.exists());
    let anew = fs::read_to_string(&hba).unwrap();
    assert!(
        block.contains("host all app 10.0.0.0/8") && anew.contains("host all app 10.0.0.0/8"),
        "{anew}"
    );
    pod.wait_until("and the rest is followed", |pod| pod.ask("show work_mem") == "6MB");
    std::os::unix::fs::chown(&hba, Some(0), Some(0)).unwrap();
    fs::set_permissions(&hba, fs::Permissions::from_mode(0o000)).unwrap();
    pod.place.configure("parameters: { work_mem: 7MB }");
    let line = finding_about(&mut pod, "settings files", "cannot be renewed: cannot read ");
    assert!(line.contains("pg_hba.conf") && line.contains("0600"), "{line}");
    std::os::unix::fs::chown(&hba, Some(user().uid.as_raw()), None).unwrap();
    fs::set_permissions(&hba, fs::Permissions::from_mode(0o600)).unwrap();
    until_no_finding_about(&mut pod, "settings files");
    pod.wait_until("followed again", |pod| pod.ask("show work_mem") == "7MB");
    pod.end();
}

/// The trial has to pass over these: a start that fails is taken back.
#[test]
fn a_start_that_fails_is_taken_back() {
    let Some(mut pod) = pod(WORKS) else { return };
    pod.wait_until_ready();
    for (parameters, name) in [
        ("logging_collector: \"on\", log_directory: /proc/none", "log_directory"),
        ("huge_pages: \"on\", shared_buffers: 64GB", "huge_pages"),
    ] {
        pod.place
            .configure(&format!("parameters: {{ work_mem: 5MB, {parameters} }}"));
        if name == "log_directory" {
            let line = finding_about(&mut pod, name, "in /proc/none no file can be made");
            assert!(
                line.starts_with("error | postgres") && pod.finding("only after a restart").is_none(),
                "{line}"
            );
        }
        pod.restart();
        pod.wait_until_ready();
        let line = finding_about(
            &mut pod,
            name,
            "did not work with it (ended: exited with code 1: FATAL: ",
        );
        assert!(line.starts_with("error | config"), "{line}");
        assert_eq!(pod.ask("show work_mem"), "5MB");
        // No trial finds it, so the doctor asks the agent.
        let (code, said) = pod.run(&["check", "config"]);
        assert!(code == Some(1) && said.contains("did not work with it"), "{said}");
        let (_, said) = pod.run(&["check", "limits"]);
        let wish = said.lines().find(|line| line.contains(&format!("{name} = "))).unwrap();
        assert!(wish.ends_with("not in use: gp-agent.conf does not set it"), "{said}");
        pod.has_never_said("crash-loop");
    }
    // The next agent of the same container knows it.
    assert!(
        fs::read_to_string(pod.place.volume.join(".gp-agent/settings.json"))
            .unwrap()
            .contains("huge_pages")
    );
    pod.place.configure(WORKS);
    until_no_finding_about(&mut pod, "parameters");
}

#[test]
fn without_a_last_good_set_the_pod_says_why_it_waits_and_goes_on_when_the_file_is_mended() {
    let Some(mut pod) = pod("parameters: { shared_preload_libraries: pg_stat_statments }") else {
        return;
    };
    pod.wait_until("refused", |pod| pod.status()["phase"] == "refused");
    finding_about(&mut pod, "shared_preload_libraries", "could not access file");
    assert!(
        pod.status()["reason"]
            .as_str()
            .unwrap()
            .contains("could not access file")
    );
    pod.place.configure(WORKS);
    pod.wait_until_ready();
    until_no_finding_about(&mut pod, "parameters");
}

#[test]
fn who_else_sets_what_the_agent_sets_is_named_and_the_remedy_helps() {
    let Some(mut pod) = pod(WORKS) else { return };
    pod.wait_until_ready();
    pod.ask("alter system set listen_addresses = '127.0.0.1'");
    pod.ask("alter system set work_mem = '7MB'");
    // The remedies below are for a server that has them.
    pg_ctl(&pod, &["restart", "-m", "fast"]);
    let line = finding_about(&mut pod, "listen_addresses", "ALTER SYSTEM");
    assert!(
        line.starts_with("error | postgres") && line.contains("ALTER SYSTEM RESET listen_addresses;"),
        "{line}"
    );
    let line = finding_about(&mut pod, "work_mem", "ALTER SYSTEM");
    assert!(
        line.starts_with("warning | postgres") && line.contains("ALTER SYSTEM RESET work_mem;"),
        "{line}"
    );
    pod.wait_until_ready();
    assert_eq!(pod.ask("show work_mem"), "7MB");
    pod.ask("alter system reset listen_addresses");
    pod.ask("alter system reset work_mem");
    pod.ask("select pg_reload_conf()");
    pg_ctl(&pod, &["restart", "-m", "fast"]);
    until_no_finding_about(&mut pod, "parameter ");
    pod.wait_until_ready();
    assert_eq!(pod.ask("show listen_addresses") + &pod.ask("show work_mem"), "*5MB");
}

#[test]
fn a_parameter_waits_for_a_restart_no_longer_than_it_is_in_the_file() {
    let Some(mut pod) = pod(WORKS) else { return };
    pod.wait_until_ready();
    let waits = |pod: &Pod| {
        pod.status()["pendingRestart"]
            .as_array()
            .is_some_and(|all| !all.is_empty())
    };
    pod.place
        .configure("parameters: { work_mem: 5MB, max_locks_per_transaction: \"99\" }");
    pod.wait_until("it waits", waits);
    pod.place.configure(WORKS);
    pod.wait_until("it waits no longer", |pod| !waits(pod));
    // One that the server has from a file waits when it is taken out.
    pod.place
        .configure("parameters: { work_mem: 5MB, max_locks_per_transaction: \"99\" }");
    pod.wait_until("it waits again", waits);
    pod.restart();
    pod.wait_until_ready();
    pod.wait_until("it has it", |pod| !waits(pod));
    pod.place.configure(WORKS);
    pod.wait_until("it waits to lose it", waits);
}

#[test]
fn a_crash_loop_has_its_cause_in_status_and_check_in_any_format() {
    for format in ["json", "text"] {
        if !is_root() {
            return;
        }
        let mut place = Place::new(WORKS);
        place.environment.push(("GP_AGENT_LOG_FORMAT".into(), format.into()));
        let mut pod = Pod::start(place);
        // Not of cluster.yaml, so nothing can be put in its place.
        pod.ask("alter system set shared_preload_libraries = 'nowhere'");
        pod.ask("select pg_reload_conf()");
        // Known before the restart.
        let line = finding_about(
            &mut pod,
            "settings in ",
            "would not start with them, whatever `parameters` say",
        );
        assert!(
            line.contains("could not access file") && line.contains("ALTER SYSTEM RESET"),
            "{line}"
        );
        pod.restart();
        pod.wait_until("a crash loop", |pod| pod.status()["phase"] == "crash-loop");
        let status = pod.status();
        let cause = "FATAL: could not access file \"nowhere\": No such file or directory";
        for said in [&status["reason"], &status["postmaster"]["lastEnd"]] {
            assert!(said.as_str().unwrap().contains(cause), "{format}: {status:#}");
        }
        let (code, said) = pod.run(&["check", "postgres"]);
        assert!(code == Some(1) && said.contains(cause), "{format}: {said}");
        fs::write(pod.place.dir().join("postgresql.auto.conf"), "").unwrap();
        pod.wait_until_ready();
        pod.wait_until("no finding", |pod| pod.finding("could not access file").is_none());
    }
}
