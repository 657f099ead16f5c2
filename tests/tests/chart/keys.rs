//! Generated Secrets.

use crate::objects::{object, of_kind, text};
use crate::{NEWEST, can_render, cases};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gp_agent::internals::ssh::{RawSecret, examine};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn decoded(value: &Value) -> Vec<u8> {
    STANDARD.decode(text(value)).unwrap()
}

#[tokio::test]
async fn the_agent_can_use_the_generated_keys() {
    if !can_render() {
        return;
    }
    let objects = cases::default().render(NEWEST);
    let directory = tempfile::tempdir().unwrap();
    let secret = object(&objects, "Secret/greenplum-ssh-key");
    for (name, value) in secret["data"].as_object().unwrap() {
        let path = directory.path().join(name);
        fs::write(&path, decoded(value)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o440)).unwrap();
    }
    let run = tempfile::tempdir().unwrap();
    let reading = examine(&RawSecret::read(directory.path()), run.path()).await;
    assert!(reading.is_whole(), "{:?}", reading.findings);
    assert_eq!((reading.keys.user.len(), reading.keys.host.len()), (1, 1));
}

#[test]
fn passwords_are_long_random_and_one_line() {
    if !can_render() {
        return;
    }
    let password = || {
        let objects = cases::default().render(NEWEST);
        decoded(&object(&objects, "Secret/greenplum-password")["data"]["password"])
    };
    let (one, two) = (password(), password());
    assert_ne!(one, two);
    assert!(one.len() >= 20 && one.iter().all(u8::is_ascii_alphanumeric));
}

#[test]
fn generated_secrets_outlive_the_release_and_given_ones_are_left_alone() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        for secret in of_kind(objects, "Secret") {
            let kept = &secret["metadata"]["annotations"]["helm.sh/resource-policy"];
            assert_eq!(*kept, "keep", "{name}");
        }
        let count = of_kind(objects, "Secret").count();
        match name.split(" on ").next().unwrap() {
            "with what others made" => assert_eq!(count, 0),
            "trust" => assert_eq!(count, 1),
            _ => assert_eq!(count, 2, "{name}"),
        }
    }
}
