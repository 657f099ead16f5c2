//! What holds for every configuration and every text.

use super::{WHOLE, load_with, printed};
use crate::config::model::Word;
use crate::config::*;
use proptest::prelude::*;
use std::path::PathBuf;

fn word() -> impl Strategy<Value = String> {
    "[a-z]([a-z0-9-]{0,20}[a-z0-9])?"
}

fn path() -> impl Strategy<Value = PathBuf> {
    "(/[a-zA-Z0-9_-]{1,8}){1,4}".prop_map(PathBuf::from)
}

prop_compose! {
    fn sections()(
        ports in proptest::sample::subsequence((1u16..=2000).collect::<Vec<_>>(), 5).prop_shuffle(),
        groups in proptest::collection::hash_set(word(), 3),
        count in 1u32..=10_000,
        standby: bool,
        mirrored: bool,
        ssh: bool,
    ) -> (CoordinatorConfig, SegmentsConfig, HttpConfig, Option<u16>) {
        let mut groups = groups.into_iter();
        let mut group = || groups.next().unwrap_or_default();
        let ports: Vec<u16> = ports.iter().map(|port| port + 2222).collect();
        (
            CoordinatorConfig { pods: group(), standby, port: ports[0] },
            SegmentsConfig {
                count,
                primaries: group(),
                mirrors: mirrored.then(group),
                primary_port: ports[1],
                mirror_port: ports[2],
            },
            HttpConfig { port: ports[3] },
            ssh.then_some(ports[4]),
        )
    }
}

prop_compose! {
    fn config()(
        cluster in word(),
        domain in proptest::option::of("[a-z]{1,8}(\\.[a-z]{1,8}){0,4}"),
        (coordinator, segments, http, ssh_port) in sections(),
        paths in (path(), proptest::option::of(path()), path(), path(), proptest::option::of(path())),
        engine in proptest::sample::select(EngineKind::WORDS),
        require in proptest::sample::select(Require::WORDS),
        auth in proptest::sample::select(Auth::WORDS),
        numbers in (0u64..=MAX_MIB, 5u32..=86_400),
        extra in proptest::collection::vec("[a-z][ -~\u{a0}-\u{d7ff}]{0,30}", 0..4),
        (home, locale, database) in (
            proptest::option::of(path()),
            "[a-zA-Z][a-zA-Z0-9_.@-]{0,20}",
            "[a-z_][a-z0-9_-]{0,20}",
        ),
        (attempts, sql, labels, events) in (
            1u32..=10,
            path(),
            proptest::sample::select(UseApi::WORDS),
            proptest::sample::select(UseApi::WORDS),
        ),
        failover in (
            proptest::sample::select(FailoverMode::WORDS),
            6u32..=60,
            proptest::sample::select(AuthorityChoice::WORDS),
            path(),
            proptest::sample::select(OnPodDelete::WORDS),
        ),
        recovery in (
            proptest::sample::select(Recover::WORDS),
            proptest::sample::select(Recover::WORDS),
            proptest::sample::select(RecoverFull::WORDS),
            proptest::sample::select(RebalanceWhen::WORDS),
            proptest::sample::select(&["* * * * *", "0 2 * * sun", "5-55/10 22,23 1-7 jan-jun 1"][..]),
            any::<bool>(),
            10_u32..=1440,
            proptest::sample::select(Redistribute::WORDS),
        ),
        parameters in proptest::collection::btree_map("x_[a-z0-9_.]{0,10}", "[ -~\u{a1}-\u{d7ff}]{0,20}", 0..4),
    ) -> Config {
        let wal = paths.1.filter(|wal| *wal != paths.0);
        Config {
            cluster,
            engine: engine.1,
            domain,
            coordinator,
            segments,
            storage: StorageConfig { path: paths.0, wal, require: require.1, min_free_mib: numbers.0 },
            hba: HbaConfig { auth: auth.1, extra, password_file: paths.2 },
            tls: TlsConfig { secret: paths.4 },
            parameters,
            ssh: SshConfig { secret: paths.3, port: ssh_port },
            http,
            greenplum: GreenplumConfig { home, locale, attempts, database, sql },
            names: NamesConfig { hosts: KeepHosts::Auto },
            kubernetes: KubernetesConfig { labels: labels.1, events: events.1 },
            failover: FailoverConfig {
                mode: failover.0.1,
                lease_seconds: failover.1,
                authority: failover.2.1,
                directory: failover.3,
                on_pod_delete: failover.4.1,
            },
            recovery: RecoveryConfig {
                segments: recovery.0.1,
                standby: recovery.1.1,
                full: recovery.2.1,
                roles: recovery.3.1,
                window: (recovery.5 || recovery.3.1 == RebalanceWhen::Window).then(|| Schedule::known(recovery.4)),
                window_minutes: recovery.6,
            },
            expansion: ExpansionConfig { redistribute: recovery.7.1 },
            shutdown: ShutdownConfig { grace_seconds: numbers.1 },
        }
    }
}

const MAX_MIB: u64 = 1 << 30;

/// Block style, as people write it; texts in double quotes.
fn as_yaml(value: &serde_json::Value, depth: usize) -> String {
    let pad = "  ".repeat(depth);
    match value {
        serde_json::Value::Object(map) if !map.is_empty() => map
            .iter()
            .map(|(key, value)| format!("\n{pad}{key}: {}", as_yaml(value, depth + 1)))
            .collect(),
        serde_json::Value::Array(items) if !items.is_empty() => items
            .iter()
            .map(|item| format!("\n{pad}- {}", as_yaml(item, depth + 1)))
            .collect(),
        other => other.to_string(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_is_printed_is_read_back(config in config()) {
        let value = printed(&config);
        let json = serde_json::to_string_pretty(&value).unwrap();
        prop_assert_eq!(load_with(&json, &[]), Ok(config.clone()));
        prop_assert_eq!(load_with(&as_yaml(&value, 0), &[]), Ok(config));
    }

    #[test]
    fn no_text_is_too_strange(text in "\\PC{0,200}", value in "\\PC{0,20}") {
        let _ = load_with(&text, &[("GP_AGENT_DOMAIN", &value)]);
    }

    #[test]
    fn no_yaml_is_too_strange(text in "([a-z]{1,3}|cluster|segments|hba|[ \n:{}\\[\\],*&!|>'\"#?~0-9.-]){0,60}") {
        if let Err(findings) = load_with(&text, &[]) {
            prop_assert!(!findings.is_empty());
            let in_file = |f: &ConfigFinding| match f.place {
                SourceLocation::File { line, column, .. } => line >= 1 && column >= 1,
                SourceLocation::Variable(_) => false,
            };
            prop_assert!(findings.iter().all(in_file));
            prop_assert!(findings.iter().all(|f| !f.to_string().contains('\n')));
        }
    }

    #[test]
    fn a_damaged_file_is_judged_without_panic(at in 0..WHOLE.len(), with in "[ -~\n\t]{0,3}") {
        let text = format!("{}{with}{}", &WHOLE[..at], &WHOLE[(at + 1)..]);
        let _ = load_with(&text, &[]);
    }
}
