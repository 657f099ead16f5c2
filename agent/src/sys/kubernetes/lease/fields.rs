//! A record as a Lease, and back.

use gp_agent_core::failover::record::{Holder, Record, Seen, Version};
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::{Error as TimeError, Timestamp};
use std::num::TryFromIntError;
use std::time::Duration;

/// The annotation with the record.
const RECORD: &str = "greenplum.io/failover";

/// The annotation with the word of the holder's container.
const INSTANCE: &str = "greenplum.io/failover-instance";

/// The version of no Lease at all; a resourceVersion is never empty.
const NO_LEASE: &str = "";

/// The server's word for what it holds now.
pub(super) fn version_of(lease: Option<&Lease>) -> Version {
    let version = lease.and_then(|lease| lease.metadata.resource_version.clone());
    Version(version.unwrap_or_else(|| NO_LEASE.into()))
}

/// What a Lease says besides the record.
pub(super) struct Written<'a> {
    /// Who writes.
    pub me: &'a Holder,
    /// The word of this container, if it has one.
    pub instance: Option<String>,
    /// Since 1970, for people.
    pub now: Duration,
}

/// What a Lease that is there says.
pub(super) fn read_record(lease: &Lease) -> Seen {
    let spec = lease.spec.clone().unwrap_or_default();
    let Some(json) = annotation(lease, RECORD) else {
        let empty = spec.holder_identity.unwrap_or_default().is_empty() && spec.lease_transitions.is_none();
        return match empty {
            true => Seen::Absent,
            false => Seen::Garbled(format!("the Lease has a holder, but no annotation {RECORD}")),
        };
    };
    let seen = Record::parse(json);
    if let Seen::Record(record) = &seen
        && let Some(why) = contradiction(record, &spec)
    {
        return Seen::Garbled(why);
    }
    seen
}

/// What a person changed.
fn contradiction(record: &Record, spec: &LeaseSpec) -> Option<String> {
    let holder = record.holder.as_ref().map(Holder::to_string);
    let fields = [
        (
            "holderIdentity",
            spec.holder_identity.clone().filter(|holder| !holder.is_empty()),
            holder,
        ),
        (
            "leaseTransitions",
            spec.lease_transitions.map(|n| n.to_string()),
            Some(record.epoch.to_string()),
        ),
        (
            "leaseDurationSeconds",
            spec.lease_duration_seconds.map(|n| n.to_string()),
            Some(record.lease_seconds.to_string()),
        ),
    ];
    let (name, field, wanted) = fields.into_iter().find(|(_, field, wanted)| field != wanted)?;
    let [field, wanted] = [field, wanted].map(|value| value.unwrap_or_else(|| "nothing".into()));
    Some(format!(
        "the Lease's {name} is {field}, and its annotation {RECORD} says {wanted}: one of them was changed by hand"
    ))
}

/// Why a record does not fit into a Lease.
#[derive(Debug, thiserror::Error)]
pub(super) enum LeaseError {
    /// The clock of this host is beyond what a Lease can say.
    #[error(transparent)]
    Time(#[from] TimeError),
    /// A number of it is larger than the field.
    #[error(transparent)]
    Number(#[from] TryFromIntError),
    /// The same of the epoch, which no cluster reaches.
    #[error("epoch {epoch}: {source}")]
    Epoch {
        /// The record's.
        epoch: u64,
        /// That it does not fit.
        source: TryFromIntError,
    },
    /// It cannot be written as JSON.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
}

/// The Lease that takes the place of `before`, with everything of it that is not the record's.
pub(super) fn replacement(
    record: &Record,
    before: Option<&Lease>,
    name: &str,
    written: &Written<'_>,
) -> Result<Lease, LeaseError> {
    let mut lease = before.cloned().unwrap_or_default();
    let same_holder = before.map(read_record).is_some_and(|seen| match seen {
        Seen::Record(before) => before.holder == record.holder,
        _ => false,
    });
    let time = |since: Duration| {
        let micros = i64::try_from(since.as_micros())?;
        Ok::<_, LeaseError>(MicroTime(Timestamp::from_microsecond(micros)?))
    };
    let now = time(written.now)?;
    let mut spec = lease.spec.unwrap_or_default();
    let acquired = spec.acquire_time.filter(|_| same_holder).unwrap_or_else(|| now.clone());
    spec.acquire_time = record.holder.as_ref().map(|_| acquired);
    spec.holder_identity = record.holder.as_ref().map(Holder::to_string);
    let epoch = record.epoch;
    spec.lease_transitions = Some(i32::try_from(epoch).map_err(|source| LeaseError::Epoch { epoch, source })?);
    spec.lease_duration_seconds = Some(i32::try_from(record.lease_seconds)?);
    spec.renew_time = Some(now);
    lease.spec = Some(spec);
    lease.metadata.name = Some(name.to_string());
    let annotations = lease.metadata.annotations.get_or_insert_default();
    annotations.insert(RECORD.into(), record.to_json()?);
    match &written.instance {
        Some(word) if record.holder.as_ref() == Some(written.me) => {
            annotations.insert(INSTANCE.into(), word.clone());
        }
        // Whoever writes while another holds leaves its word.
        _ if same_holder && record.holder.as_ref() != Some(written.me) => {}
        _ => {
            annotations.remove(INSTANCE);
        }
    }
    Ok(lease)
}

/// The word of the container that wrote the Lease, if it is that holder's.
pub(super) fn instance_of(lease: &Lease, holder: &Holder) -> Option<String> {
    let identity = lease.spec.as_ref()?.holder_identity.as_ref()?;
    let word = annotation(lease, INSTANCE).filter(|_| *identity == holder.to_string())?;
    Some(word.to_string())
}

fn annotation<'a>(lease: &'a Lease, name: &str) -> Option<&'a str> {
    Some(lease.metadata.annotations.as_ref()?.get(name)?)
}

/// Whether the Lease is held by that pod.
pub(super) fn is_held_by(lease: &Lease, holder: &Holder) -> bool {
    let identity = lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_ref());
    identity.is_some_and(|identity| *identity == holder.to_string())
}
