//! What the Lease and the pods tell of its holder, and when it changes.

use super::fake::{ApiServer, Mood, PATIENCE};
use super::lease::{LEASE, Pair, SHORT, WITHIN, holder, read, record, them, us};
use gp_agent::internals::failover::{Authority, AuthorityError, WriteError};
use gp_agent::internals::kubernetes::{Kubernetes, LeaseAuthority};
use gp_agent_core::failover::record::Holder;
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::time::timeout;

fn pod(holder: &Holder, state: Value, last: Value) -> Value {
    let container = json!({
        "name": "gp-agent", "image": "i", "imageID": "", "ready": false, "restartCount": 1,
        "state": state, "lastState": last,
    });
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {
            "name": holder.pod, "namespace": "prod", "uid": holder.uid, "resourceVersion": "1",
            "labels": { "greenplum.io/role": "coordinator" },
        },
        "spec": { "containers": [{ "name": "gp-agent" }] },
        "status": { "containerStatuses": [container] },
    })
}

#[tokio::test]
async fn the_kubelets_word_on_the_holders_container_proves_its_death() {
    let pair = Pair::start().await;
    pair.theirs.claim(WITHIN).await.unwrap();
    let word = std::fs::read_to_string(pair.word_file("coordinator-1")).unwrap();
    let version = pair
        .theirs
        .write(record(1, 1, Some(&them())), None, WITHIN)
        .await
        .unwrap();
    read(&pair.ours).await;
    let is = |pod: Option<Value>| pair.server.objects.lock().unwrap().other = pod;
    let dead = || async { pair.ours.proof_of_death(&them(), WITHIN).await.unwrap() };
    let ended = json!({ "terminated": { "exitCode": 137, "message": word } });
    assert!(!dead().await, "there is no such pod");
    is(Some(pod(&them(), json!({ "running": {} }), json!({}))));
    assert!(!dead().await);
    is(Some(pod(&holder("coordinator-1", "uid-3"), ended.clone(), json!({}))));
    assert!(!dead().await, "another pod of its name");
    is(Some(pod(&them(), ended.clone(), json!({}))));
    assert!(dead().await);
    assert!(
        !pair.ours.proof_of_death(&us(), WITHIN).await.unwrap(),
        "it is not the holder"
    );
    // Its container runs again and has renewed; the kubelet's word is still about the one before it.
    std::fs::write(pair.word_file("coordinator-1"), "").unwrap();
    let file = pair.word_file("coordinator-1");
    let mut place = pair.server.place();
    place.pod = "coordinator-1".into();
    let again = LeaseAuthority::with_instance(
        Arc::new(Kubernetes::new(place)),
        "warehouse-coordinator",
        "uid-2",
        &file,
    );
    again.claim(WITHIN).await.unwrap();
    again
        .write(record(2, 1, Some(&them())), Some(version), WITHIN)
        .await
        .unwrap();
    read(&pair.ours).await;
    assert!(!dead().await);
    // What a third party writes while it holds leaves its word.
    let (_, version) = read(&pair.ours).await;
    pair.ours
        .write(record(3, 1, Some(&them())), Some(version), WITHIN)
        .await
        .unwrap();
    let word = std::fs::read_to_string(&file).unwrap();
    is(Some(pod(
        &them(),
        json!({ "terminated": { "exitCode": 137, "message": word } }),
        json!({}),
    )));
    assert!(dead().await);
}

#[tokio::test]
async fn a_holder_without_a_word_is_never_proven_dead() {
    let pair = Pair::start().await;
    std::fs::remove_file(pair.word_file("coordinator-1")).unwrap();
    pair.theirs.claim(WITHIN).await.unwrap();
    pair.theirs
        .write(record(1, 1, Some(&them())), None, WITHIN)
        .await
        .unwrap();
    read(&pair.ours).await;
    let ended = json!({ "terminated": { "exitCode": 137, "message": "" } });
    pair.server.objects.lock().unwrap().other = Some(pod(&them(), ended, json!({})));
    assert_eq!(pair.ours.proof_of_death(&them(), WITHIN).await, Ok(false));
    pair.server.feels(Mood::Refuses(500));
    pair.theirs.claim(WITHIN).await.unwrap();
}

#[tokio::test]
async fn the_label_of_the_other_pod_is_taken_away_and_no_later_pods() {
    let pair = Pair::start().await;
    let api = Kubernetes::new(pair.server.place());
    let is = |pod: Option<Value>| pair.server.objects.lock().unwrap().other = pod;
    let label = || pair.server.objects.lock().unwrap().other.as_ref().unwrap()["metadata"]["labels"].clone();
    let running = json!({ "running": {} });
    is(Some(pod(&them(), running.clone(), json!({}))));
    api.remove_role_label_of("coordinator-1", Some("uid-2")).await.unwrap();
    api.remove_role_label_of("coordinator-1", None).await.unwrap();
    assert_eq!(label(), json!({}));
    is(Some(pod(&holder("coordinator-1", "uid-3"), running, json!({}))));
    api.remove_role_label_of("coordinator-1", Some("uid-2")).await.unwrap();
    assert_eq!(label(), json!({ "greenplum.io/role": "coordinator" }));
    is(None);
    api.remove_role_label_of("coordinator-1", Some("uid-2")).await.unwrap();
    pair.server.feels(Mood::Refuses(500));
    assert!(api.remove_role_label_of("coordinator-1", None).await.is_err());
}

#[tokio::test]
async fn the_others_changes_wake_and_ones_own_do_not() {
    let pair = Pair::start().await;
    let wakes = async |authority: &LeaseAuthority| timeout(PATIENCE, authority.changed()).await.unwrap();
    let sleeps = async |authority: &LeaseAuthority| timeout(SHORT, authority.changed()).await.is_err();
    let mut version = pair.ours.write(record(1, 1, Some(&us())), None, WITHIN).await.unwrap();
    // What is there when the watch begins is news, unless it was read.
    wakes(&pair.theirs).await;
    read(&pair.theirs).await;
    for serial in 2..5 {
        version = pair
            .ours
            .write(record(serial, 1, Some(&us())), Some(version), WITHIN)
            .await
            .unwrap();
        wakes(&pair.theirs).await;
    }
    assert!(sleeps(&pair.ours).await);
    // Ended by the server, the watch begins anew.
    pair.server.objects.lock().unwrap().leases.end_watches();
    read(&pair.theirs).await;
    pair.ours
        .write(record(5, 1, Some(&us())), Some(version), WITHIN)
        .await
        .unwrap();
    wakes(&pair.theirs).await;
    pair.server.objects.lock().unwrap().leases.delete(LEASE);
    wakes(&pair.theirs).await;
    wakes(&pair.ours).await;
}

#[tokio::test]
async fn without_the_right_to_watch_it_is_not_asked_again_and_again() {
    let pair = Pair::start().await;
    pair.server.objects.lock().unwrap().forbidden = vec!["watch leases".into()];
    assert!(timeout(SHORT * 2, pair.ours.changed()).await.is_err());
    let watches = pair.server.verbs().iter().filter(|verb| *verb == "WATCH").count();
    assert_eq!(watches, 1);
    pair.ours.write(record(1, 1, Some(&us())), None, WITHIN).await.unwrap();
}

#[tokio::test]
async fn the_pods_uid_comes_from_the_server_where_the_environment_has_none() {
    let server = ApiServer::start().await;
    let mut place = server.place();
    assert_eq!(Kubernetes::new(place.clone()).pod_uid().await.as_deref(), Ok("uid-1"));
    assert_eq!(server.verbs(), [""; 0], "it is in the environment");
    place.uid = None;
    let api = Kubernetes::new(place);
    server.feels(Mood::Refuses(500));
    assert!(api.pod_uid().await.is_err());
    server.feels(Mood::Well);
    assert_eq!(api.pod_uid().await.as_deref(), Ok("uid-1"));
}

#[tokio::test]
async fn without_rights_it_is_told_what_to_do() {
    let pair = Pair::start().await;
    let forbid = |verbs: &[&str]| {
        let verbs = verbs.iter().map(|verb| format!("{verb} leases")).collect();
        pair.server.objects.lock().unwrap().forbidden = verbs;
    };
    forbid(&["get", "update"]);
    let read_ = pair.ours.read(WITHIN).await.unwrap_err();
    forbid(&["update"]);
    let Err(WriteError::Failed(write)) = pair.ours.write(record(1, 1, Some(&us())), None, WITHIN).await else {
        panic!("written")
    };
    for error in [read_, write] {
        let words = error.to_string();
        assert!(matches!(error, AuthorityError::Unusable(_)), "{words}");
        assert!(
            words.contains("Lease prod/warehouse-coordinator") && words.contains("`helm upgrade`"),
            "{words}"
        );
    }
}
