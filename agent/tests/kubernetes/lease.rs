//! The authority of Kubernetes.

use super::fake::{ApiServer, Mood};
use gp_agent::internals::failover::{Authority, AuthorityError, WriteError};
use gp_agent::internals::kubernetes::{Kubernetes, LeaseAuthority};
use gp_agent_core::failover::record::{Holder, Record, Seen, Version};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// Long enough for a machine with other work; shortened where it has to run out.
pub(crate) const WITHIN: Duration = Duration::from_secs(30);
pub(crate) const SHORT: Duration = Duration::from_millis(300);

pub(crate) const LEASE: &str = "warehouse-coordinator";

pub(crate) fn holder(pod: &str, uid: &str) -> Holder {
    Holder {
        pod: pod.into(),
        uid: uid.into(),
    }
}

/// The pod that the server serves: whose place the agent has.
pub(crate) fn us() -> Holder {
    holder("segment-a-0", "uid-1")
}

pub(crate) fn them() -> Holder {
    holder("coordinator-1", "uid-2")
}

pub(crate) fn record(serial: u64, epoch: u64, holder: Option<&Holder>) -> Record {
    let released = json!({ "by": us(), "lsn": "0/3000060", "timeline": 1, "why": "switchover" });
    let text = json!({
        "format": 1, "serial": serial, "cluster": "warehouse", "systemId": "7312345678901234567", "timeline": 1,
        "holder": holder, "epoch": epoch, "inSync": null, "released": if holder.is_none() { released } else { Value::Null },
        "mode": "auto", "switchover": null, "leaseSeconds": 10,
    });
    match Record::parse(&text.to_string()) {
        Seen::Record(record) => record,
        other => panic!("{other:?}"),
    }
}

/// Two agents and their server.
pub(crate) struct Pair {
    pub server: ApiServer,
    pub ours: LeaseAuthority,
    pub theirs: LeaseAuthority,
    directory: TempDir,
}

impl Pair {
    pub(crate) async fn start() -> Pair {
        let server = ApiServer::start().await;
        let directory = tempfile::tempdir().unwrap();
        let authority = |me: &Holder| {
            let mut place = server.place();
            place.pod.clone_from(&me.pod);
            place.uid = Some(me.uid.clone());
            let file = directory.path().join(&me.pod);
            std::fs::write(&file, "").unwrap();
            LeaseAuthority::with_instance(
                Arc::new(Kubernetes::new(place)),
                "warehouse-coordinator",
                &me.uid,
                &file,
            )
        };
        let (ours, theirs) = (authority(&us()), authority(&them()));
        Pair {
            server,
            ours,
            theirs,
            directory,
        }
    }

    /// The Lease as it is stored.
    fn lease(&self) -> Value {
        self.server.objects.lock().unwrap().leases.all[LEASE].clone()
    }

    fn edit(&self, change: impl FnOnce(&mut Value)) {
        self.server.objects.lock().unwrap().leases.edit(LEASE, change);
    }

    /// The file of the kubelet for the container of that pod.
    pub(crate) fn word_file(&self, pod: &str) -> PathBuf {
        self.directory.path().join(pod)
    }
}

pub(crate) async fn read(authority: &LeaseAuthority) -> (Seen, Version) {
    authority.read(WITHIN).await.unwrap()
}

#[tokio::test]
async fn the_lease_says_what_the_record_says() {
    let pair = Pair::start().await;
    assert_eq!(read(&pair.ours).await.0, Seen::Absent);
    let first = pair.ours.write(record(1, 1, Some(&us())), None, WITHIN).await.unwrap();
    let spec = pair.lease()["spec"].clone();
    assert_eq!(spec["holderIdentity"], "segment-a-0/uid-1");
    assert_eq!(
        (&spec["leaseTransitions"], &spec["leaseDurationSeconds"]),
        (&json!(1), &json!(10))
    );
    assert_eq!(spec["acquireTime"], spec["renewTime"]);
    let seen = Seen::Record(record(1, 1, Some(&us())));
    assert_eq!(read(&pair.theirs).await, (seen, first.clone()));
    let second = pair
        .ours
        .write(record(2, 1, Some(&us())), Some(first), WITHIN)
        .await
        .unwrap();
    let renewed = pair.lease()["spec"].clone();
    assert_eq!(renewed["acquireTime"], spec["acquireTime"], "a renewal");
    let third = pair.ours.write(record(3, 1, None), Some(second), WITHIN).await.unwrap();
    let released = pair.lease()["spec"].clone();
    assert!(
        released.get("holderIdentity").is_none() && released.get("acquireTime").is_none(),
        "{released}"
    );
    pair.theirs
        .write(record(4, 2, Some(&them())), Some(third), WITHIN)
        .await
        .unwrap();
    let taken = pair.lease()["spec"].clone();
    assert_eq!(
        (&taken["holderIdentity"], &taken["leaseTransitions"]),
        (&json!("coordinator-1/uid-2"), &json!(2))
    );
}

#[tokio::test]
async fn who_has_not_seen_the_last_change_writes_nothing() {
    let pair = Pair::start().await;
    let (_, absent) = read(&pair.theirs).await;
    let first = pair
        .ours
        .write(record(1, 1, Some(&us())), Some(absent.clone()), WITHIN)
        .await
        .unwrap();
    for over in [None, Some(absent), Some(Version("7".into()))] {
        let late = pair
            .theirs
            .write(record(2, 2, Some(&them())), over.clone(), WITHIN)
            .await;
        assert_eq!(late, Err(WriteError::Conflict), "{over:?}");
    }
    read(&pair.theirs).await;
    let second = pair
        .ours
        .write(record(2, 1, Some(&us())), Some(first.clone()), WITHIN)
        .await
        .unwrap();
    let late = pair
        .theirs
        .write(record(2, 2, Some(&them())), Some(first), WITHIN)
        .await;
    assert_eq!(late, Err(WriteError::Conflict));
    assert_eq!(pair.lease()["metadata"]["resourceVersion"], second.0.as_str());
    // It was deleted; then somebody made it anew.
    pair.server.objects.lock().unwrap().leases.delete(LEASE);
    let late = pair
        .ours
        .write(record(3, 1, Some(&us())), Some(second.clone()), WITHIN)
        .await;
    assert_eq!(late, Err(WriteError::Conflict));
    assert_eq!(read(&pair.ours).await.0, Seen::Absent);
    pair.theirs
        .write(record(9, 2, Some(&them())), None, WITHIN)
        .await
        .unwrap();
    let late = pair.ours.write(record(3, 1, Some(&us())), Some(second), WITHIN).await;
    assert_eq!(late, Err(WriteError::Conflict));
    let late = pair.ours.write(record(3, 1, Some(&us())), None, WITHIN).await;
    assert_eq!(late, Err(WriteError::Conflict));
}

#[tokio::test]
async fn of_two_who_write_at_once_none_loses_an_update() {
    let pair = Pair::start().await;
    pair.ours.write(record(1, 1, Some(&us())), None, WITHIN).await.unwrap();
    let count = async |authority: &LeaseAuthority| {
        let mut written = 0;
        while written < 50 {
            let (Seen::Record(mut next), version) = read(authority).await else {
                panic!("no record")
            };
            next.serial += 1;
            match authority.write(next, Some(version), WITHIN).await {
                Ok(_) => written += 1,
                Err(WriteError::Conflict) => {}
                Err(other) => panic!("{other}"),
            }
        }
    };
    tokio::join!(count(&pair.ours), count(&pair.theirs));
    assert_eq!(read(&pair.ours).await.0, Seen::Record(record(101, 1, Some(&us()))));
}

#[tokio::test]
async fn what_others_keep_in_the_lease_stays() {
    let pair = Pair::start().await;
    let first = pair.ours.write(record(1, 1, Some(&us())), None, WITHIN).await.unwrap();
    pair.edit(|lease| {
        lease["metadata"]["labels"] = json!({ "app": "greenplum" });
        lease["metadata"]["annotations"]["else"] = json!("kept");
    });
    let late = pair.ours.write(record(2, 1, Some(&us())), Some(first), WITHIN).await;
    assert_eq!(late, Err(WriteError::Conflict), "any change is one");
    let (_, version) = read(&pair.ours).await;
    pair.ours
        .write(record(2, 1, Some(&us())), Some(version), WITHIN)
        .await
        .unwrap();
    let metadata = pair.lease()["metadata"].clone();
    assert_eq!(metadata["labels"], json!({ "app": "greenplum" }));
    assert_eq!(metadata["annotations"]["else"], "kept");
}

#[tokio::test]
async fn a_lease_without_a_record_is_free_for_the_first_one() {
    for names_the_version in [true, false] {
        let pair = Pair::start().await;
        let empty = json!({ "metadata": { "name": LEASE, "labels": { "app": "greenplum" } } });
        pair.server
            .objects
            .lock()
            .unwrap()
            .leases
            .all
            .insert(LEASE.into(), empty);
        pair.edit(|_| ());
        let (seen, version) = read(&pair.ours).await;
        assert_eq!(seen, Seen::Absent);
        let over = names_the_version.then_some(version);
        pair.ours.write(record(1, 1, Some(&us())), over, WITHIN).await.unwrap();
        assert_eq!(pair.lease()["metadata"]["labels"], json!({ "app": "greenplum" }));
        let late = pair.theirs.write(record(1, 1, Some(&them())), None, WITHIN).await;
        assert!(matches!(late, Err(WriteError::Conflict)), "{late:?}");
    }
}

/// What is found then, and a change.
type Edit = (&'static str, fn(&mut Value));

#[tokio::test]
async fn what_was_changed_by_hand_is_garbled() {
    let pair = Pair::start().await;
    pair.ours.write(record(1, 1, Some(&us())), None, WITHIN).await.unwrap();
    let whole = pair.lease();
    let edits: [Edit; 6] = [
        ("holderIdentity is coordinator-1/x", |l| {
            l["spec"]["holderIdentity"] = json!("coordinator-1/x");
        }),
        ("holderIdentity is nothing", |l| l["spec"]["holderIdentity"] = json!("")),
        ("leaseTransitions is 7", |l| l["spec"]["leaseTransitions"] = json!(7)),
        ("leaseDurationSeconds is 60", |l| {
            l["spec"]["leaseDurationSeconds"] = json!(60);
        }),
        ("no annotation", |l| l["metadata"]["annotations"] = Value::Null),
        ("not a record", |l| {
            l["metadata"]["annotations"]["greenplum.io/failover"] = json!("{}");
        }),
    ];
    for (part, edit) in edits {
        pair.edit(|lease| {
            *lease = whole.clone();
            edit(lease);
        });
        let (seen, version) = read(&pair.theirs).await;
        assert!(
            matches!(&seen, Seen::Garbled(why) if why.contains(part)),
            "{part}: {seen:?}"
        );
        // Whoever saw that may write it anew.
        pair.ours
            .write(record(2, 1, Some(&us())), Some(version), WITHIN)
            .await
            .unwrap();
        assert_eq!(read(&pair.theirs).await.0, Seen::Record(record(2, 1, Some(&us()))));
    }
    pair.edit(|lease| lease["spec"]["renewTime"] = json!("2020-01-01T00:00:00.000000Z"));
    assert!(
        matches!(read(&pair.theirs).await.0, Seen::Record(_)),
        "times are for people"
    );
}

#[tokio::test]
async fn what_the_server_could_have_done_is_not_taken_for_undone() {
    let pair = Pair::start().await;
    let mut version = pair.ours.write(record(1, 1, Some(&us())), None, WITHIN).await.unwrap();
    for (serial, mood) in (2..).zip([
        Mood::DoesAndFails(500),
        Mood::Refuses(500),
        Mood::Hangs,
        Mood::Closes,
        Mood::Babbles,
    ]) {
        pair.server.feels(mood);
        let written = pair
            .ours
            .write(record(serial, 1, Some(&us())), Some(version), SHORT)
            .await;
        assert!(
            matches!(written, Err(WriteError::Unknown(AuthorityError::Unavailable(_)))),
            "{mood:?}: {written:?}"
        );
        let seen = pair.ours.read(SHORT).await;
        assert!(
            matches!(seen, Err(AuthorityError::Unavailable(_))),
            "{mood:?}: {seen:?}"
        );
        pair.server.feels(Mood::Well);
        let (Seen::Record(seen), now) = read(&pair.ours).await else {
            panic!("no record")
        };
        // The first of them did what it was asked.
        assert_eq!(seen.serial, 2, "{mood:?}");
        version = now;
    }
    for (code, lasts) in [(401, false), (403, true), (429, false), (400, true)] {
        pair.server.feels(Mood::Refuses(code));
        let Err(WriteError::Failed(error)) = pair
            .ours
            .write(record(9, 1, Some(&us())), Some(version.clone()), WITHIN)
            .await
        else {
            panic!("{code}")
        };
        assert_eq!(matches!(error, AuthorityError::Unusable(_)), lasts, "{code}: {error}");
    }
}
