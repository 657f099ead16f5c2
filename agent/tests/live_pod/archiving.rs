//! Write-ahead log that nobody archives, as the server tells it.

use crate::machine::is_root;
use crate::place::Place;
use crate::pod::Pod;
use gp_agent_core::postgres::archiving::SQL;

fn with(archive: &str) -> String {
    format!("parameters: {{ archive_mode: \"on\", {archive} }}")
}

/// The words of the row: how many files are archived, the first that waits, the one that failed.
fn told(pod: &Pod) -> Vec<String> {
    pod.ask(SQL).split('|').map(String::from).collect()
}

#[test]
fn the_server_tells_what_waits_to_be_archived_and_why() {
    if !is_root() {
        return;
    }
    let mut pod = Pod::start(Place::new(&with("archive_command: \"true\"")));
    pod.ask("select pg_switch_wal()");
    pod.wait_until("it is archived", |pod| told(pod) == ["1", "", ""]);
    pod.place.configure(&with("archive_command: \"false\""));
    pod.wait_until("it is used", |pod| pod.ask("show archive_command") == "false");
    pod.ask("create table t (); select pg_switch_wal()");
    pod.wait_until("it fails", |pod| {
        let told = told(pod);
        told[0] == "1" && told[1] == format!("{}.ready", told[2])
    });
    // Nothing is attempted without the library, so that nothing fails.
    pod.place
        .configure(&with("archive_command: \"\", archive_library: basic_archvie"));
    pod.wait_until("it is used", |pod| pod.ask("show archive_library") == "basic_archvie");
    pod.ask("select pg_stat_reset_shared('archiver')");
    pod.ask("create table u (); select pg_switch_wal()");
    pod.wait_until("it waits", |pod| {
        let told = told(pod);
        told[0] == "0" && told[1].ends_with(".ready")
    });
    println!("{:?}", told(&pod));
    pod.place.configure("");
    pod.restart();
    pod.wait_until_ready();
    assert_eq!(pod.ask(SQL), "");
    pod.end();
}
