//! Single calls.

use super::fake::{ApiServer, Mood};
use gp_agent::internals::kubernetes::Kubernetes;
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::kubernetes::api_error::ApiError;
use serde_json::json;

#[tokio::test]
async fn the_label_is_set_read_and_removed_and_no_other_is_touched() {
    let server = ApiServer::start().await;
    let api = Kubernetes::new(server.place());
    assert_eq!(api.role_label().await, Ok(None));
    let set = api.set_role_label(Some(Role::Primary)).await;
    assert_eq!(set, Ok(Some("primary".into())));
    assert_eq!(api.role_label().await, Ok(Some("primary".into())));
    assert_eq!(server.role().as_deref(), Some("primary"));
    assert_eq!(api.set_role_label(None).await, Ok(None));
    assert_eq!(api.set_role_label(None).await, Ok(None), "again");
    let other = server.objects.lock().unwrap().other_labels();
    assert_eq!(other, json!({ "app": "greenplum" }));
}

#[tokio::test]
async fn a_pod_of_the_same_name_is_never_touched() {
    let server = ApiServer::start().await;
    let known = Kubernetes::new(server.place());
    let mut place = server.place();
    place.uid = None;
    let learning = Kubernetes::new(place);
    assert_eq!(learning.role_label().await, Ok(None));
    server.objects.lock().unwrap().set_uid("uid-2");
    for api in [known, learning] {
        assert_eq!(api.role_label().await, Err(ApiError::Replaced));
        let set = api.set_role_label(Some(Role::Primary)).await;
        assert_eq!(set, Err(ApiError::Replaced));
    }
    assert_eq!(server.role(), None);
}

#[tokio::test]
async fn a_policys_refusal_is_none_of_another_pod() {
    let server = ApiServer::start().await;
    let api = Kubernetes::new(server.place());
    let words = "pods \"segment-a-0\" is forbidden: ValidatingAdmissionPolicy 'frozen' denied request: not now";
    let policy = |words: Option<&str>| server.objects.lock().unwrap().policy = words.map(str::to_string);
    policy(Some(words));
    let set = api.set_role_label(Some(Role::Primary)).await;
    assert_eq!(set, Err(ApiError::Invalid(words.into())));
    let removed = api.remove_role_label_of("segment-a-0", None).await;
    assert_eq!(
        removed,
        Err(ApiError::Invalid(words.into())),
        "the label may be there still"
    );
    policy(None);
    let set = api.set_role_label(Some(Role::Primary)).await;
    assert_eq!(set, Ok(Some("primary".into())));
}

#[tokio::test]
async fn refusals_and_outages_are_told_apart() {
    let server = ApiServer::start().await;
    let api = Kubernetes::new(server.place());
    server.objects.lock().unwrap().forbidden = vec!["patch pods".into()];
    let refused = api.set_role_label(None).await;
    assert!(
        matches!(&refused, Err(ApiError::Denied(words)) if words.contains("cannot patch resource \"pods\"")),
        "{refused:?}"
    );
    let mut elsewhere = server.place();
    elsewhere.pod = "segment-a-9".into();
    let missing = Kubernetes::new(elsewhere).role_label().await;
    assert_eq!(missing, Err(ApiError::Missing("pods \"segment-a-9\" not found".into())));
    for mood in [
        Mood::Refuses(409),
        Mood::Refuses(429),
        Mood::Refuses(500),
        Mood::Hangs,
        Mood::Closes,
        Mood::Babbles,
    ] {
        server.feels(mood);
        let result = api.role_label().await;
        assert!(matches!(result, Err(ApiError::Unavailable(_))), "{mood:?}: {result:?}");
    }
    server.feels(Mood::Well);
    assert_eq!(api.role_label().await, Ok(None));
}

#[tokio::test]
async fn a_server_with_another_certificate_is_not_trusted() {
    let (real, other) = (ApiServer::start().await, ApiServer::start().await);
    let mut place = other.place();
    place.directory = real.place().directory;
    let result = Kubernetes::new(place).role_label().await;
    assert!(
        matches!(&result, Err(ApiError::Unavailable(words)) if words.contains("certificate")),
        "{result:?}"
    );
    assert_eq!(other.verbs(), [""; 0], "the token was not sent");
}

#[tokio::test]
async fn a_token_that_is_not_there_yet_or_has_been_rotated_is_read_again() {
    let server = ApiServer::start().await;
    let api = Kubernetes::new(server.place());
    server.objects.lock().unwrap().token = "token-2".into();
    assert!(matches!(api.role_label().await, Err(ApiError::Denied(_))));
    server.change_token("token-2");
    assert_eq!(api.role_label().await, Ok(None));
}
