//! Agents of different versions understand each other's documents. See `golden/README.md`.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "tests fail by panicking, and golden documents are files"
)]

#[path = "documents/frozen_0_1_0.rs"]
mod frozen_0_1_0;

use gp_agent_core::cluster::catalog::{CatalogAnswer, CatalogReply};
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::document;
use gp_agent_core::cluster::document::{Document, DocumentFormat, Misread};
use gp_agent_core::cluster::failover_status::FailoverStatus;
use gp_agent_core::cluster::peer_error::PeerError;
use gp_agent_core::cluster::report::{PodReport, Report};
use gp_agent_core::cluster::status::{Phase, PodStatus};
use gp_agent_core::cluster::topology::{Member, Role};
use gp_agent_core::finding::{Area, Finding, Severity};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The files of 0.1.0 by their names without the ending.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        [$(($name, include_str!(concat!("golden/0.1.0/", $name, ".json")))),*]
    };
}

const GOLDEN: [(&str, &str); 26] = files![
    "catalog-before-configuration",
    "catalog-known-live",
    "catalog-known-one-content",
    "catalog-known-snapshot",
    "catalog-not-created",
    "catalog-postgres",
    "catalog-unknown-segment",
    "cluster-a-pod-is-gone",
    "cluster-greenplum-contradictions",
    "cluster-greenplum-ready",
    "cluster-postgres-ready",
    "status-bootstrapping-coordinator",
    "status-crash-loop",
    "status-draining",
    "status-first-second",
    "status-greenplum-mirror",
    "status-held",
    "status-primary-without-mirror",
    "status-promoted-mirror",
    "status-refused-old-primary",
    "status-refused-without-configuration",
    "status-running-coordinator",
    "status-running-primary",
    "status-running-standby",
    "status-stopped-by-an-administrator",
    "status-streaming-mirror",
];

/// Every document whose name begins so, with that name.
fn golden(prefix: &str) -> Vec<(&'static str, Value)> {
    let named = GOLDEN.iter().filter(|(name, _)| name.starts_with(prefix));
    let documents: Vec<_> = named
        .map(|(name, text)| (*name, serde_json::from_str(text).unwrap()))
        .collect();
    assert!(!documents.is_empty(), "no file is called {prefix}*");
    documents
}

/// The pod that gives the document.
fn member(document: &Value) -> Member {
    let fqdn = document["fqdn"].as_str().unwrap();
    let pod = document["pod"].as_str().or(fqdn.split('.').next()).unwrap();
    Member {
        pod: pod.into(),
        fqdn: fqdn.into(),
        role: Role::Primary,
        content: ContentId::new(0),
        port: 1,
        data_dir: "/greenplum/gpseg0".into(),
    }
}

fn read<D: Document>(document: &Value) -> Result<D, Misread> {
    let bytes = serde_json::to_vec(document).unwrap();
    document::read(&bytes, "warehouse", &member(document))
}

/// That `whole` has everything that `part` has, each with the same value; it may have more.
fn holds(whole: &Value, part: &Value, at: &str) {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            for (key, value) in part {
                let found = whole.get(key).unwrap_or_else(|| panic!("{at}.{key} is lost"));
                holds(found, value, &format!("{at}.{key}"));
            }
        }
        (Value::Array(whole), Value::Array(part)) => {
            assert_eq!(whole.len(), part.len(), "{at}");
            for (i, (whole, part)) in whole.iter().zip(part).enumerate() {
                holds(whole, part, &format!("{at}[{i}]"));
            }
        }
        (whole, part) => assert_eq!(whole, part, "{at}"),
    }
}

/// That 0.1.0 reads our document, and nothing that it knows is lost or different.
fn read_by_0_1_0<Frozen: Serialize + DeserializeOwned>(ours: &impl Serialize, name: &str) -> Frozen {
    let ours = serde_json::to_value(ours).unwrap();
    let theirs: Frozen = serde_json::from_value(ours.clone()).unwrap_or_else(|e| panic!("{name}: {e}: {ours:#}"));
    holds(&ours, &serde_json::to_value(&theirs).unwrap(), name);
    theirs
}

#[test]
fn each_status_of_0_1_0_is_understood_field_by_field_and_back() {
    for (name, document) in golden("status-") {
        let report: Report = read(&document).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert!(report.format < DocumentFormat::default(), "{name}");
        holds(&serde_json::to_value(&report).unwrap(), &document, name);
        let back: frozen_0_1_0::Report = read_by_0_1_0(&report, name);
        assert_eq!(back, serde_json::from_value(document).unwrap(), "{name}");
    }
}

/// What the decisions of other pods rest on, spelled out.
#[test]
fn what_0_1_0_says_means_the_same_today() {
    let status = |file: &str| {
        let (_, document) = golden(file).remove(0);
        read::<Report>(&document).unwrap()
    };
    let mirror = status("status-streaming-mirror");
    assert_eq!(mirror.status.phase, Phase::Running);
    assert_eq!(mirror.status.active_role, Some(Role::Mirror));
    assert_eq!(mirror.status.directory.kind.as_str(), "standby");
    assert_eq!(mirror.status.replication[0].state.as_str(), "streaming");
    assert!(mirror.ready.ok);
    let old = status("status-refused-old-primary");
    assert_eq!(old.status.phase, Phase::Refused);
    assert_eq!((old.status.directory.timeline, old.status.active_role), (Some(1), None));
    assert_eq!(old.status.findings[0].severity, Severity::Error);
    let promoted = status("status-promoted-mirror");
    assert_eq!(promoted.status.directory.timeline, Some(2));
    assert_eq!(promoted.status.directory.kind.as_str(), "primary");
    assert_eq!(promoted.status.active_role, Some(Role::Primary));
    assert_eq!(promoted.status.directory.system_id, old.status.directory.system_id);
    assert_eq!(status("status-held").status.held.as_deref(), Some("new disk"));
    assert_eq!(status("status-draining").status.phase, Phase::Draining);
    assert_eq!(status("status-first-second").status.directory.kind.as_str(), "");
    assert_eq!(status("status-greenplum-mirror").status.seen_coordinator, 1);
}

#[test]
fn each_cluster_document_of_0_1_0_is_understood_field_by_field_and_back() {
    for (name, document) in golden("cluster-") {
        let entries: Vec<PodReport> = serde_json::from_value(document.clone()).unwrap();
        holds(&serde_json::to_value(&entries).unwrap(), &document, name);
        let back: Vec<frozen_0_1_0::Entry> = read_by_0_1_0(&entries, name);
        let theirs: Vec<frozen_0_1_0::Entry> = serde_json::from_value(document).unwrap();
        assert_eq!(back, theirs, "{name}");
    }
}

#[test]
fn each_catalog_of_0_1_0_is_understood_field_by_field_and_back() {
    for (name, document) in golden("catalog-") {
        let read = read::<CatalogReply>(&document);
        if name == "catalog-before-configuration" {
            assert!(matches!(read, Err(Misread::Stranger(_))), "it does not know who it is");
            continue;
        }
        let reply = read.unwrap_or_else(|e| panic!("{name}: {e:?}"));
        holds(&serde_json::to_value(&reply).unwrap(), &document, name);
        let back: frozen_0_1_0::Told = read_by_0_1_0(&reply, name);
        assert_eq!(back, serde_json::from_value(document).unwrap(), "{name}");
        match (name, reply.answer) {
            ("catalog-not-created", answer) => assert!(matches!(answer, CatalogAnswer::NotCreated { .. })),
            (name, CatalogAnswer::Known(catalog)) => {
                assert_eq!(catalog.live, name != "catalog-known-snapshot", "{name}");
                let rows = if name == "catalog-known-one-content" { 2 } else { 4 };
                assert_eq!((catalog.segments.len(), catalog.timeline), (rows, 1), "{name}");
            }
            (name, answer) => assert!(matches!(answer, CatalogAnswer::Unknown { .. }), "{name}"),
        }
    }
}

/// The areas that 0.1.0 knows. Whoever adds one: agents of 0.1.0 cannot read a status with a finding of it, and silence is
/// what they take that for.
fn areas_of_0_1_0() -> Vec<Area> {
    let mut areas = vec![Area::Config];
    loop {
        areas.push(match areas.last().unwrap() {
            Area::Config => Area::Storage,
            Area::Storage => Area::Dns,
            Area::Dns => Area::Hba,
            Area::Hba => Area::Ssh,
            Area::Ssh => Area::Postgres,
            Area::Postgres => Area::Limits,
            Area::Limits => Area::Kubernetes,
            // 0.1.0 finds it under another one: see `a_finding_of_failover_is_read_by_0_1_0`.
            Area::Kubernetes => Area::Ha,
            Area::Ha | Area::Other => return areas,
        });
    }
}

/// Whoever adds a phase, a role or an area: agents of 0.1.0 read no document with such a word.
#[test]
fn every_word_of_today_is_one_that_0_1_0_reads() {
    let roles = [
        None,
        Some(Role::Coordinator),
        Some(Role::Standby),
        Some(Role::Primary),
        Some(Role::Mirror),
    ];
    let severities = [Severity::Info, Severity::Warning, Severity::Error].into_iter().cycle();
    let areas = areas_of_0_1_0();
    for phase in Phase::ALL {
        for role in roles {
            let mut status = PodStatus::unknown("segment-a-0");
            status.phase = phase;
            (status.preferred_role, status.active_role) = (role, role);
            let finding = |(area, severity): (&Area, _)| Finding {
                severity,
                ..Finding::error(*area, "s", "w", "r")
            };
            status.findings = areas.iter().zip(severities.clone()).map(finding).collect();
            let report = Report::new(status, 100);
            let entry = PodReport::own(report.clone());
            let _: frozen_0_1_0::Report = read_by_0_1_0(&report, phase.as_str());
            let _: frozen_0_1_0::Entry = read_by_0_1_0(&entry, phase.as_str());
        }
    }
}

#[test]
fn what_0_1_0_has_no_word_for_it_passes_over() {
    let newer = PeerError::NotUnderstood("segment-b-0 speaks format 3, this agent reads up to 1".into());
    let document = golden("status-streaming-mirror").remove(0).1;
    let entry = PodReport::of(&member(&document), Err(newer.clone()));
    let read: frozen_0_1_0::Entry = read_by_0_1_0(&entry, "an entry without a status");
    assert_eq!(read.error, Some(newer.to_string()));
    for answer in [
        CatalogAnswer::Unknown { why: "w".into() },
        CatalogAnswer::NotCreated { what: "w".into() },
        CatalogAnswer::Known(Default::default()),
    ] {
        let reply = CatalogReply::new("warehouse", "segment-b-0.gp", answer);
        let _: frozen_0_1_0::Told = read_by_0_1_0(&reply, "a catalog");
    }
}

/// What came after 0.1.0 is passed over there: it sees a finding of the database, and no failover.
#[test]
fn a_finding_of_failover_is_read_by_0_1_0() {
    let mut status = PodStatus::unknown("coordinator-0");
    status.findings = vec![Finding::error(Area::Ha, "coordinator-1", "w", "r")];
    status.failover = Some(FailoverStatus::off("no place for the record"));
    let read: frozen_0_1_0::Report = read_by_0_1_0(&Report::new(status, 100), "coordinator-0");
    assert_eq!(read.status.findings[0].area, frozen_0_1_0::Area::Postgres);
}

/// An agent of 0.1.0 says nothing of failover: it is not taken for one with which it runs.
#[test]
fn no_document_of_0_1_0_speaks_of_failover() {
    for (name, document) in golden("status-") {
        let report: Report = read(&document).unwrap();
        assert_eq!(report.status.failover, None, "{name}");
    }
}

/// A finding of an area that is added later does not make the pod silent.
#[test]
fn an_area_of_a_later_version_is_read_as_another() {
    let (_, mut document) = golden("status-refused-old-primary").remove(0);
    document["findings"][0]["area"] = "weather".into();
    let report: Report = read(&document).unwrap();
    assert_eq!(report.status.findings[0].area, Area::Other);
    document["findings"][0]["area"] = 7.into();
    assert!(matches!(read::<Report>(&document), Err(Misread::NotUnderstood(_))));
}
