//! What agents, this one or one of another version, left on the volume: the pod's UID, who holds the lock, the settings with
//! which the server ran, coordinators that were heard of.

#![no_main]

use gp_agent_core::cluster::seen_coordinators::SeenCoordinators;
use gp_agent_core::failover::pod_uid;
use gp_agent_core::postgres::settings::{Ledger, Parameters};
use gp_agent_core::recovery::segments::accepted::Accepted;
use gp_agent_core::storage::lock_holder;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// The document in these bytes; it is written as it was read.
fn document<D: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) -> Option<D> {
    let read = serde_json::from_slice(bytes).ok()?;
    let written = serde_json::to_vec(&read).expect("it can be written");
    assert_eq!(serde_json::from_slice::<D>(&written).ok().as_ref(), Some(&read));
    Some(read)
}

fn ledger(mut ledger: Ledger) {
    let wanted = Parameters::from([("work_mem".into(), "4MB".into())]);
    assert_eq!(
        ledger.clone().for_version("14").for_version("14"),
        ledger.clone().for_version("14")
    );
    ledger.count_unseen();
    ledger.new_container();
    ledger.begin(&wanted);
    ledger.came_up();
    assert_eq!(ledger.good(), Some(&wanted));
    // With what the server ran before, it can always be started again.
    let other = Parameters::from([("work_mem".into(), "5MB".into())]);
    ledger.begin(&other);
    ledger.failed("no memory");
    let chosen = format!("{:?}", ledger.choose(&other));
    assert!(chosen.contains("4MB"), "{chosen}");
}

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let pod = text.split(' ').next().unwrap_or_default();
    if let Some(uid) = pod_uid::of_pod(&text, pod) {
        assert_eq!(pod_uid::line(pod, uid), text);
        assert_eq!(pod_uid::of_pod(&text, &format!("{pod}1")), None);
    }
    if let Some(said) = lock_holder::said(bytes) {
        assert!(!said.is_empty() && !said.contains(char::is_control));
        assert_eq!(lock_holder::said(said.as_bytes()).as_ref(), Some(&said));
        assert!(lock_holder::pod(&said).is_none_or(|pod| !pod.contains(',')));
    }
    document::<Ledger>(bytes).map(ledger);
    document::<Accepted>(bytes);
    if let Some(seen) = document::<SeenCoordinators>(bytes) {
        let kept = SeenCoordinators::one(None, 3).and(&seen);
        assert_eq!(kept.clone().and(&kept), kept);
        assert_eq!(kept.newest(), seen.newest().max(3));
        assert!(!kept.overtakes(&kept) && kept.unnamed() <= kept.newest());
    }
});
