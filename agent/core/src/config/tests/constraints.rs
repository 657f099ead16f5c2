//! Values that do not go together.

use super::{SMALL, findings, load_with, read};

#[test]
fn contradictions_between_values() {
    let text = "\
cluster: warehouse
engine: greenplum
domain: svc.local
coordinator: { pods: segment-a, standby: true }
segments: { count: 2, mirrors: segment-a, primaryPort: 8008, mirrorPort: 5432 }
ssh: { port: 5432 }
storage: { path: /data, wal: /data/ }
";
    insta::assert_snapshot!(findings(text, &[]), @r#"
    cluster.yaml:4:22: coordinator.pods: pods are called "segment-a" like those of segments.primaries; give every group of pods a name of its own
    cluster.yaml:5:32: segments.mirrors: pods are called "segment-a" like those of coordinator.pods; give every group of pods a name of its own
    cluster.yaml:5:32: segments.mirrors: pods are called "segment-a" like those of segments.primaries; give every group of pods a name of its own
    cluster.yaml:5:56: segments.primaryPort: port 8008 is also that of http.port; give each a port of its own
    cluster.yaml:5:74: segments.mirrorPort: port 5432 is also that of coordinator.port; give each a port of its own
    cluster.yaml:6:14: ssh.port: port 5432 is also that of coordinator.port; give each a port of its own
    cluster.yaml:6:14: ssh.port: port 5432 is also that of segments.mirrorPort; give each a port of its own
    cluster.yaml:7:30: storage.wal: is the same directory as storage.path; mount the second volume elsewhere, or remove storage.wal to keep the log on the first
    "#);
}

#[test]
fn ports_of_mirrors_count_only_with_mirrors_and_sshd_has_two_by_itself() {
    let config = |rest: &str| format!("cluster: w\nengine: postgres\n{rest}\n");
    assert!(load_with(&config("segments: { count: 1, primaryPort: 50000 }"), &[]).is_ok());
    let mirrored = config("segments: { count: 1, mirrors: b, primaryPort: 50000 }");
    let sshd = config("segments: { count: 1 }\ncoordinator: { port: 2222 }");
    insta::assert_snapshot!(findings(&mirrored, &[]) + &findings(&sshd, &[]), @r"
    cluster.yaml:3:48: segments.primaryPort: port 50000 is also that of segments.mirrorPort; give each a port of its own
    cluster.yaml:4:22: coordinator.port: port 2222 may be taken by sshd; choose another port, or set ssh.port
    ");
    assert!(load_with(&sshd, &[("GP_AGENT_SSH_PORT", "2022")]).is_ok());
}

#[test]
fn names_must_fit_into_dns() {
    let group = "a".repeat(61);
    let domain = ["abcdefg"; 31].join(".");
    let text =
        format!("cluster: w\nengine: postgres\ndomain: {domain}\nsegments: {{ count: 11, primaries: {group} }}\n");
    let shown = findings(&text, &[])
        .replace(&group, "<group>")
        .replace(&domain, "<domain>");
    insta::assert_snapshot!(shown, @r#"
    cluster.yaml:3:9: domain: <group>-10.<domain> is longer than 253 characters; shorten the domain
    cluster.yaml:4:35: segments.primaries: the host name "<group>-10" is 64 characters long; shorten the name; host names have at most 63
    "#);
    assert!(load_with(&text, &[("GP_AGENT_SEGMENTS_COUNT", "10"), ("GP_AGENT_DOMAIN", "d")]).is_ok());
}

#[test]
fn commits_wait_for_the_standby_as_the_agent_says_where_it_promotes_it() {
    let standby = "coordinator: { standby: true }\nparameters: { work_mem: 1MB, Synchronous_Standby_Names: '*' }\n";
    let named = "failover: { authority: file }\n";
    insta::assert_snapshot!(findings(&format!("{SMALL}{standby}{named}"), &[]), @"cluster.yaml:5:30: parameters.Synchronous_Standby_Names: is set by the agent itself while failover is on; remove it, or set failover.mode to off; failover promotes a standby only while the agent knows that every commit waits for it");
    let allowed = |text: &str| load_with(text, &[]).is_ok();
    // Whether it is on with `auto` is not known here.
    for off in ["", "failover: { mode: off }\n", "failover: { authority: off }\n"] {
        assert!(allowed(&format!("{SMALL}{standby}{off}")), "{off}");
    }
    assert!(allowed(
        &format!("{SMALL}{standby}{named}").replace("standby: true", "standby: false")
    ));
    assert!(allowed(
        &format!("{SMALL}{standby}{named}").replace("engine: postgres", "engine: greenplum")
    ));
}

#[test]
fn a_coordinator_of_greenplum_starts_again_as_the_agent_says_where_it_is_taken_over_from() {
    let small = SMALL.replace("engine: postgres", "engine: greenplum");
    let with = |value: &str, failover: &str| {
        let parameters = format!("parameters: {{ Restart_After_Crash: {value} }}\n");
        load_with(
            &format!("{small}coordinator: {{ standby: true }}\n{parameters}{failover}"),
            &[],
        )
    };
    let named = "failover: { authority: file }\n";
    let refused = with("on", named).unwrap_err()[0].to_string();
    assert!(
        refused.contains("is set by the agent itself while failover is on"),
        "{refused}"
    );
    assert!(with("off", named).is_ok() && with("on", "").is_ok());
}

#[test]
fn what_follows_from_the_secret_is_not_set_twice() {
    let text = format!("{SMALL}tls: {{ secret: /etc/tls }}\nparameters: {{ SSL: on, ssl_ciphers: HIGH }}\n");
    assert_eq!(
        findings(&text, &[]),
        "cluster.yaml:4:16: tls.secret: sets parameters.SSL, which is given as well; remove one of the two\n"
    );
    let alone = format!("{SMALL}parameters: {{ ssl: on }}\n");
    assert_eq!(read(&alone).tls.secret, None);
    assert_eq!(read(&format!("{SMALL}tls: {{}}\n")).tls.secret, None);
}
