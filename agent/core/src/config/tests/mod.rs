//! The configuration as a whole: texts and what is read, or found, in them.

mod constraints;
mod environment;
mod properties;
mod window;

use super::*;
use std::path::PathBuf;

pub(super) const SMALL: &str = "cluster: warehouse\nengine: postgres\nsegments: { count: 2 }\n";

pub(super) const WHOLE: &str = r#"# The warehouse.
cluster: warehouse
engine: greenplum
domain: agent.prod.svc.cluster.local
coordinator: { pods: coordinator, standby: true, port: 5432 }
segments: { count: 2, primaries: segment-a, mirrors: segment-b, primaryPort: 40000, mirrorPort: 50000 }
storage: { path: /greenplum, require: durable }
hba: { auth: trust, extra: [ "host all analyst 10.0.0.0/8 scram-sha-256" ] }
parameters: { log_statement: ddl, fsync: on, work_mem: 64MB, seq_page_cost: 1.10, jit: true, log_timezone: '' }
"#;

pub(super) fn load_with(text: &str, env: &[(&str, &str)]) -> Result<Config, Vec<ConfigFinding>> {
    let env = env.iter().map(|(k, v)| (k.to_string(), v.to_string()));
    load(text, "cluster.yaml", env)
}

/// The configuration as JSON, without what is absent.
pub(super) fn printed(config: &Config) -> serde_json::Value {
    let mut value = serde_json::to_value(config).unwrap();
    for section in value
        .as_object_mut()
        .unwrap()
        .values_mut()
        .filter_map(|v| v.as_object_mut())
    {
        section.retain(|_, value| !value.is_null());
    }
    value.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    value
}

pub(super) fn read(text: &str) -> Config {
    load_with(text, &[]).unwrap()
}

pub(super) fn findings(text: &str, env: &[(&str, &str)]) -> String {
    let findings = load_with(text, env).unwrap_err();
    findings.iter().map(|f| format!("{f}\n")).collect()
}

#[test]
fn a_small_file_gets_the_defaults() {
    let config = read(SMALL);
    assert_eq!(config.engine, EngineKind::Postgres);
    assert_eq!(config.coordinator.pods, "coordinator");
    assert!(!config.coordinator.standby);
    assert_eq!(config.segments.primaries, "segment-a");
    assert_eq!(config.segments.mirrors, None);
    assert_eq!(config.storage.path, PathBuf::from("/greenplum"));
    assert_eq!(config.storage.require, Require::Durable);
    assert_eq!(config.storage.min_free_mib, 512);
    assert_eq!(config.hba.auth, Auth::Trust);
    assert_eq!((config.ssh.port, config.http.port), (None, 8008));
    assert_eq!(config.shutdown.grace_seconds, 30);
    assert_eq!(config.greenplum.home, None);
    assert_eq!(config.greenplum.locale, "en_US.utf8");
    assert_eq!(config.greenplum.attempts, 3);
    assert_eq!(config.greenplum.database, "gpadmin");
    assert_eq!(config.greenplum.sql, PathBuf::from("/etc/greenplum-sql"));
    let ports = (
        config.coordinator.port,
        config.segments.primary_port,
        config.segments.mirror_port,
    );
    assert_eq!(ports, (5432, 40000, 50000));
}

#[test]
fn the_file_of_the_documentation_is_read() {
    let config = read(WHOLE);
    assert!(config.coordinator.standby);
    assert_eq!(config.segments.mirrors.as_deref(), Some("segment-b"));
    assert_eq!(config.hba.extra, ["host all analyst 10.0.0.0/8 scram-sha-256"]);
    let parameters: Vec<_> = config.parameters.iter().map(|(k, v)| format!("{k}={v}")).collect();
    insta::assert_snapshot!(parameters.join(" "), @"fsync=on jit=true log_statement=ddl log_timezone= seq_page_cost=1.10 work_mem=64MB");
}

#[test]
fn sections_may_be_empty() {
    assert_eq!(
        read(&format!("{SMALL}hba:\nparameters:\nstorage: {{}}\nssh: ~\n")),
        read(SMALL)
    );
    assert_eq!(read(&format!("{SMALL}hba:\n  extra:\n")), read(SMALL));
}

#[test]
fn every_finding_is_told_at_once_with_its_place() {
    let text = "\
cluster: Ware_House
engin: greenplum
segments:
  count: 0
  primaries: segment-a
  primaryPort: '40000'
  mirrorPort: many
  mirrors:
primaries: x
coordinator: { standby: yes, port: 70000, pods: 7 }
storage:
  path: ~/data
  require: solid
  wal: [a]
  minFreeMib: -1
hba:
  auth: trusty
  extra: [ '# none', true, \"a\\nb\", 'host all all all trust' ]
parameters:
  work_mem: 1MB
  Work_Mem: 2MB
  port: 5433
  9lives: 1
  log_statement:
  search_path: [a, b]
http: 8008
\"c\\nd\": 1
cluster: twice
17: x
shutdown: { graceSeconds: 4 }
";
    insta::assert_snapshot!(findings(text, &[]), @r#"
    cluster.yaml:1:1: engine: is missing; add it: `greenplum` or `postgres`
    cluster.yaml:1:10: cluster: "Ware_House" is not a DNS label; use at most 63 lower-case letters, digits and `-`, with a letter or digit at both ends
    cluster.yaml:2:1: engin: is no key of this file; did you mean engine?
    cluster.yaml:4:10: segments.count: must be at least 1, is 0; give a whole number from 1 to 10000
    cluster.yaml:6:16: segments.primaryPort: is the text "40000", not a number; write 40000 without quotes
    cluster.yaml:7:15: segments.mirrorPort: "many" is not a whole number; give a whole number from 1 to 65535
    cluster.yaml:8:10: segments.mirrors: mirrors without a name; give the name of the mirrors' StatefulSet, or remove the key for a cluster without mirrors
    cluster.yaml:9:1: primaries: is no key of this file; did you mean `primaries:` below `segments:`?
    cluster.yaml:10:25: coordinator.standby: "yes" is neither `true` nor `false`; write `true` or `false`, without quotes
    cluster.yaml:10:36: coordinator.port: must be at most 65535, is 70000; give a whole number from 1 to 65535
    cluster.yaml:10:49: coordinator.pods: is a number (7), not a text; put it in quotes: "7"
    cluster.yaml:12:9: storage.path: "~/data" is not an absolute path; begin it with `/`
    cluster.yaml:13:12: storage.require: "solid" is not known; choose one of durable, direct-io, any
    cluster.yaml:14:8: storage.wal: is a list, not a single value; give one value
    cluster.yaml:15:15: storage.minFreeMib: "-1" is not a whole number; give a whole number from 0 to 1073741824
    cluster.yaml:17:9: hba.auth: "trusty" is not known; choose one of trust, scram-sha-256; did you mean trust?
    cluster.yaml:18:12: hba.extra[0]: is only a comment; remove the entry; comments belong into the YAML file itself
    cluster.yaml:18:22: hba.extra[1]: is a switch (true), not a text; put the line in quotes
    cluster.yaml:18:28: hba.extra[2]: holds a line break or another control character; write one line of pg_hba.conf per entry
    cluster.yaml:21:3: parameters.Work_Mem: is given a second time, first in line 20; remove one of the two; upper and lower case are the same here
    cluster.yaml:22:3: parameters.port: is set by the agent itself; remove it; set coordinator.port, segments.primaryPort or segments.mirrorPort
    cluster.yaml:23:3: parameters.9lives: is not the name of a parameter; use letters, digits, `_` and `.`, beginning with a letter or `_`
    cluster.yaml:24:16: parameters.log_statement: has no value; give one, `''` for an empty one, or remove the parameter
    cluster.yaml:25:16: parameters.search_path: is a list, not a single value; give one value
    cluster.yaml:26:7: http: is a number (8008), not a mapping; write keys and values: port
    cluster.yaml:27:1: c\nd: is no key of this file; remove it; keys here are cluster, engine, domain, coordinator, segments, storage, hba, tls, parameters, ssh, http, greenplum, names, kubernetes, failover, recovery, expansion, shutdown
    cluster.yaml:28:1: cluster: is given a second time, first in line 1; remove one of the two
    cluster.yaml:29:1: a number (17) stands where a key is expected; write a key, then `:` and its value
    cluster.yaml:30:27: shutdown.graceSeconds: must be at least 5, is 4; give a whole number from 5 to 86400
    "#);
}

#[test]
fn what_is_no_configuration_at_all() {
    let texts = ["", "\n# nothing\n", "- a\n", "cluster", "a: [", "a:\n\tb: 1\n"];
    let shown: String = texts.iter().map(|t| format!("{t:?}\n{}", findings(t, &[]))).collect();
    insta::assert_snapshot!(shown, @r#"
    ""
    cluster.yaml:1:1: cluster: is missing; add it: Name of the cluster, a DNS label; recorded on every volume
    cluster.yaml:1:1: engine: is missing; add it: `greenplum` or `postgres`
    cluster.yaml:1:1: segments.count: is missing; add it: Number of primaries, 1 to 10000; as many mirrors
    "\n# nothing\n"
    cluster.yaml:1:1: cluster: is missing; add it: Name of the cluster, a DNS label; recorded on every volume
    cluster.yaml:1:1: engine: is missing; add it: `greenplum` or `postgres`
    cluster.yaml:1:1: segments.count: is missing; add it: Number of primaries, 1 to 10000; as many mirrors
    "- a\n"
    cluster.yaml:1:1: is a list, not a mapping; write keys and values: cluster, engine, domain, coordinator, segments, storage, hba, tls, parameters, ssh, http, greenplum, names, kubernetes, failover, recovery, expansion, shutdown
    cluster.yaml:1:1: cluster: is missing; add it: Name of the cluster, a DNS label; recorded on every volume
    cluster.yaml:1:1: engine: is missing; add it: `greenplum` or `postgres`
    cluster.yaml:1:1: segments.count: is missing; add it: Number of primaries, 1 to 10000; as many mirrors
    "cluster"
    cluster.yaml:1:1: is the text "cluster", not a mapping; write keys and values: cluster, engine, domain, coordinator, segments, storage, hba, tls, parameters, ssh, http, greenplum, names, kubernetes, failover, recovery, expansion, shutdown
    cluster.yaml:1:1: cluster: is missing; add it: Name of the cluster, a DNS label; recorded on every volume
    cluster.yaml:1:1: engine: is missing; add it: `greenplum` or `postgres`
    cluster.yaml:1:1: segments.count: is missing; add it: Number of primaries, 1 to 10000; as many mirrors
    "a: ["
    cluster.yaml:1:4: unclosed bracket '['; mend the YAML there
    "a:\n\tb: 1\n"
    cluster.yaml:2:2: tabs disallowed within this context (block indentation); mend the YAML there
    "#);
}

#[test]
fn quoted_numbers_and_flat_names_are_refused() {
    let text = "cluster: w\nengine: postgres\nsegments.count: 2\nengine.x: 1\n\
                coordinator: { standby: 'true', engine: postgres }\n<<: { a: b }\n";
    insta::assert_snapshot!(findings(text, &[]), @r#"
    cluster.yaml:1:1: segments.count: is missing; add it: Number of primaries, 1 to 10000; as many mirrors
    cluster.yaml:3:1: segments.count: is no key of this file; did you mean `count:` below `segments:`?
    cluster.yaml:4:1: engine.x: is no key of this file; did you mean engine?
    cluster.yaml:5:25: coordinator.standby: is the text "true", not a switch; write true without quotes
    cluster.yaml:5:33: coordinator.engine: is no key of this file; did you mean `engine:` at the top level?
    cluster.yaml:6:1: <<: is no key of this file; merge keys are not supported; write the keys out
    "#);
}

#[test]
fn what_only_greenplum_has_is_judged_value_by_value() {
    let text = format!("{SMALL}greenplum: {{ home: gp, locale: 'C; id', attempts: 11, database: Gp, sql: ../x }}\n");
    insta::assert_snapshot!(findings(&text, &[("GP_AGENT_GREENPLUM_ATTEMPTS", "0")]), @r#"
    cluster.yaml:4:20: greenplum.home: "gp" is not an absolute path; begin it with `/`
    cluster.yaml:4:32: greenplum.locale: "C; id" is not the name of a locale; write it as `locale -a` prints it, such as en_US.utf8 or C.UTF-8
    cluster.yaml:4:65: greenplum.database: "Gp" is not a name for a database; use at most 63 lower-case letters, digits, `_` and `-`, beginning with a letter or `_`
    cluster.yaml:4:74: greenplum.sql: "../x" is not an absolute path; begin it with `/`
    GP_AGENT_GREENPLUM_ATTEMPTS: greenplum.attempts: must be at least 1, is 0; give a whole number from 1 to 10
    "#);
    let env = [
        ("GP_AGENT_GREENPLUM_HOME", "/opt/gp"),
        ("GP_AGENT_GREENPLUM_LOCALE", "C.UTF-8"),
        ("GP_AGENT_GREENPLUM_ATTEMPTS", "10"),
        ("GP_AGENT_GREENPLUM_DATABASE", "house"),
        ("GP_AGENT_GREENPLUM_SQL", "/sql"),
    ];
    let greenplum = GreenplumConfig {
        home: Some(PathBuf::from("/opt/gp")),
        locale: "C.UTF-8".to_string(),
        attempts: 10,
        database: "house".to_string(),
        sql: PathBuf::from("/sql"),
    };
    assert_eq!(load_with(&text, &env).unwrap().greenplum, greenplum);
}

#[test]
fn a_second_document_is_refused() {
    insta::assert_snapshot!(findings(&format!("{SMALL}---\nhttp: {{ port: 1 }}\n"), &[]), @"cluster.yaml:5:1: a second YAML document begins here; keep one document in the file, without `---` between its keys");
}

#[test]
fn the_api_is_used_where_there_is_one_unless_told_otherwise() {
    let config = read(SMALL).kubernetes;
    assert_eq!((config.labels, config.events), (UseApi::Auto, UseApi::Auto));
    // `off` is a word here, not YAML 1.1's false.
    let config = read(&format!("{SMALL}kubernetes: {{ labels: off }}\n")).kubernetes;
    assert_eq!((config.labels, config.events), (UseApi::Off, UseApi::Auto));
    let config = load_with(SMALL, &[("GP_AGENT_KUBERNETES_EVENTS", "off")]).unwrap();
    assert_eq!(config.kubernetes.events, UseApi::Off);
    // Helm has read the file before.
    let config = read(&format!("{SMALL}kubernetes: {{ events: false }}\n")).kubernetes;
    assert_eq!((config.labels, config.events), (UseApi::Auto, UseApi::Off));
    let wrong = load_with(&format!("{SMALL}kubernetes: {{ labels: on }}\n"), &[]).unwrap_err();
    insta::assert_snapshot!(wrong[0].to_string(), @r#"cluster.yaml:4:23: kubernetes.labels: "on" is not known; choose one of auto, off"#);
}

#[test]
fn failover_is_on_where_there_is_a_standby_unless_told_otherwise() {
    let config = read(SMALL);
    assert!(!config.wants_failover(), "without a standby");
    let expected = FailoverConfig {
        mode: FailoverMode::Auto,
        lease_seconds: 10,
        authority: AuthorityChoice::Auto,
        directory: PathBuf::from("/var/lib/gp-agent-failover"),
        on_pod_delete: OnPodDelete::HandOver,
    };
    assert_eq!(config.failover, expected);
    let with = |failover: &str| {
        read(&format!(
            "{SMALL}coordinator: {{ standby: true }}\nfailover: {{ {failover} }}\n"
        ))
    };
    assert!(with("").wants_failover() && with("mode: manual").wants_failover());
    assert!(!with("mode: off").wants_failover() && !with("authority: off").wants_failover());
    let all = with("mode: manual, leaseSeconds: 6, authority: file, directory: /shared, onPodDelete: restart").failover;
    assert_eq!((all.mode, all.authority), (FailoverMode::Manual, AuthorityChoice::File));
    assert_eq!((all.lease_seconds, all.on_pod_delete), (6, OnPodDelete::Restart));
    assert_eq!(all.directory, PathBuf::from("/shared"));
    let wrong =
        "failover: { mode: automatic, leaseSeconds: 5, authority: lease, directory: shared, onPodDelete: handover }";
    insta::assert_snapshot!(findings(&format!("{SMALL}{wrong}\n"), &[("GP_AGENT_FAILOVER_LEASE_SECONDS", "61")]), @r#"
    cluster.yaml:4:19: failover.mode: "automatic" is not known; choose one of auto, manual, off
    cluster.yaml:4:58: failover.authority: "lease" is not known; choose one of auto, kubernetes, file, off
    cluster.yaml:4:76: failover.directory: "shared" is not an absolute path; begin it with `/`
    cluster.yaml:4:97: failover.onPodDelete: "handover" is not known; choose one of handOver, restart; did you mean handOver?
    GP_AGENT_FAILOVER_LEASE_SECONDS: failover.leaseSeconds: must be at most 60, is 61; give a whole number from 6 to 60
    "#);
}
