//! What variables say goes before the file.

use super::{SMALL, findings, load_with};
use crate::config::Require;

#[test]
fn the_environment_goes_before_the_file() {
    let env = [
        ("GP_AGENT_CLUSTER", "other"),
        ("GP_AGENT_COORDINATOR_STANDBY", "true"),
        ("GP_AGENT_SEGMENTS_COUNT", "3"),
        ("GP_AGENT_SEGMENTS_MIRRORS", "segment-b"),
        ("GP_AGENT_STORAGE_REQUIRE", "any"),
    ];
    let config = load_with(&SMALL.replace("count: 2", "count: none"), &env).unwrap();
    assert_eq!((config.cluster.as_str(), config.segments.count), ("other", 3));
    assert!(config.coordinator.standby);
    assert_eq!(config.segments.mirrors.as_deref(), Some("segment-b"));
    assert_eq!(config.storage.require, Require::Any);
}

#[test]
fn a_finding_about_an_override_names_the_variable() {
    let env = [
        ("GP_AGENT_SEGMENTS_COUNT", "0"),
        ("GP_AGENT_SEGMENTS_MIRRORS", ""),
        ("GP_AGENT_HTTP_PORT", "5432"),
        ("GP_AGENT_HTTP_PROT", "1"),
        ("GP_AGENT_ENGINE", "postgre"),
    ];
    insta::assert_snapshot!(findings("cluster: w\nparamters: {}\n", &env), @r#"
    cluster.yaml:2:1: paramters: is no key of this file; did you mean parameters?
    GP_AGENT_ENGINE: engine: "postgre" is not known; choose one of greenplum, postgres; did you mean postgres?
    GP_AGENT_HTTP_PORT: http.port: port 5432 is also that of coordinator.port; give each a port of its own
    GP_AGENT_HTTP_PROT: is no variable of gp-agent; did you mean GP_AGENT_HTTP_PORT?
    GP_AGENT_SEGMENTS_COUNT: segments.count: must be at least 1, is 0; give a whole number from 1 to 10000
    GP_AGENT_SEGMENTS_MIRRORS: segments.mirrors: mirrors without a name; give the name of the mirrors' StatefulSet, or remove the key for a cluster without mirrors
    "#);
}
