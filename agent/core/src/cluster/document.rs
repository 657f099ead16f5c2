//! The documents that agents exchange: `/status`, the entries of `/cluster`, `/catalog` and the reply to `/recheck`.
//!
//! Agents of several versions run side by side while a cluster is upgraded. What holds in every version: a document is a
//! JSON object that names its `format` and the pod that gives it ([`Origin`]); fields may be added without a new format,
//! and a reader ignores those that it does not know. The format rises when an older reader would misunderstand: a field
//! that is gone or means something else, a new word for a phase, a role or the kind of a directory.

use super::topology::Member;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// The version of a document's meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DocumentFormat(u64);

impl DocumentFormat {
    /// What this agent writes, and the newest that it reads. It reads all older ones.
    pub(crate) const CURRENT: DocumentFormat = DocumentFormat(1);

    /// Version 0.1.0 does not say its format.
    const UNSAID: DocumentFormat = DocumentFormat(0);

    pub(crate) fn unsaid() -> DocumentFormat {
        DocumentFormat::UNSAID
    }
}

impl Default for DocumentFormat {
    fn default() -> Self {
        DocumentFormat::CURRENT
    }
}

impl fmt::Display for DocumentFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who gives a document, and in which format: the part that no later format may change. As a document of its own it is the
/// reply to `POST /recheck`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The document's format. One that is no number is newer than any that this agent knows.
    #[serde(default = "DocumentFormat::unsaid", deserialize_with = "format_or_newest")]
    pub format: DocumentFormat,
    /// Short host name of the pod. A catalog of 0.1.0 does not say it.
    #[serde(default)]
    pub pod: Option<String>,
    /// The cluster's name; empty while the pod does not know it.
    #[serde(default)]
    pub cluster: String,
    /// The pod's name below the headless service; empty while the pod does not know it.
    #[serde(default)]
    pub fqdn: String,
}

fn format_or_newest<'de, D: Deserializer<'de>>(from: D) -> Result<DocumentFormat, D::Error> {
    let value = serde_json::Value::deserialize(from)?;
    Ok(DocumentFormat(value.as_u64().unwrap_or(u64::MAX)))
}

impl Origin {
    /// In today's format.
    pub fn new(pod: String, cluster: String, fqdn: String) -> Origin {
        Origin {
            format: DocumentFormat::CURRENT,
            pod: Some(pod),
            cluster,
            fqdn,
        }
    }

    /// Who says this, when it is not that pod of that cluster: addresses are given to other pods later, of other clusters
    /// and namespaces too. What an agent does not know of itself yet is held against nobody.
    fn stranger(&self, cluster: &str, member: &Member) -> Option<String> {
        let differs = |said: &str, wanted: &str| !said.is_empty() && said != wanted;
        match &self.pod {
            None if self.cluster.is_empty() && self.fqdn.is_empty() => Some("somebody who is no agent".into()),
            Some(pod) if *pod != member.pod => Some(format!("{pod}: an old address")),
            _ if differs(&self.cluster, cluster) => Some(format!(
                "{} of cluster {}",
                self.pod.as_deref().unwrap_or(&self.fqdn),
                self.cluster
            )),
            _ if differs(&self.fqdn, &member.fqdn) => Some(format!("{}: an old address", self.fqdn)),
            _ => None,
        }
    }

    /// The same where a wrong belief would do harm: the pod has to know who it is.
    fn unproven(&self, cluster: &str, member: &Member) -> Option<String> {
        if self.cluster.is_empty() || self.fqdn.is_empty() {
            return Some("an agent that does not know its cluster yet".into());
        }
        self.stranger(cluster, member)
    }
}

/// A kind of document.
pub trait Document: DeserializeOwned {
    /// What it is called in errors, such as `a status`.
    const NAME: &'static str;
    /// Whether it is believed only from a pod that says its cluster and its full name.
    const NEEDS_PROOF: bool = false;
}

impl Document for Origin {
    const NAME: &'static str = "a reply";
}

/// Why a body is not taken for a document of the pod that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misread {
    /// Somebody else answers; who.
    Stranger(String),
    /// The pod itself answers, and this agent cannot tell what; why.
    NotUnderstood(String),
}

/// Reads the answer of the pod `member` of `cluster`.
///
/// # Errors
/// Another pod, or something that is no agent, answers; or the document is of a newer format, or damaged.
pub fn read<D: Document>(body: &[u8], cluster: &str, member: &Member) -> Result<D, Misread> {
    let Ok(origin) = serde_json::from_slice::<Origin>(body) else {
        let what = format!("something else than {}", D::NAME);
        return Err(Misread::Stranger(what));
    };
    let stranger = if D::NEEDS_PROOF {
        origin.unproven(cluster, member)
    } else {
        origin.stranger(cluster, member)
    };
    if let Some(who) = stranger {
        return Err(Misread::Stranger(who));
    }
    let pod = &member.pod;
    if origin.format > DocumentFormat::CURRENT {
        return Err(Misread::NotUnderstood(format!(
            "{pod} speaks format {}, this agent reads up to {}",
            origin.format,
            DocumentFormat::CURRENT
        )));
    }
    serde_json::from_slice(body).map_err(|error| {
        Misread::NotUnderstood(format!(
            "{pod} answers in format {} with something else than {}: {error}",
            origin.format,
            D::NAME
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::catalog::{CatalogAnswer, CatalogReply};
    use crate::cluster::report::Report;
    use crate::cluster::status::Phase;
    use crate::cluster::topology::Role;
    use crate::fixtures::status;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn member() -> Member {
        Member {
            pod: "segment-a-0".into(),
            fqdn: "segment-a-0.gp".into(),
            role: Role::Primary,
            content: crate::cluster::content::ContentId::new(0),
            port: 1,
            data_dir: "/g".into(),
        }
    }

    fn document() -> Value {
        let mut status = status(Phase::Running, Some(Role::Primary));
        status.cluster = "warehouse".into();
        status.fqdn = "segment-a-0.gp".into();
        serde_json::to_value(Report::new(status, 100)).unwrap()
    }

    fn report(document: &Value) -> Result<Report, Misread> {
        read(&serde_json::to_vec(document).unwrap(), "warehouse", &member())
    }

    fn not_understood(document: &Value) -> String {
        match report(document) {
            Err(Misread::NotUnderstood(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    fn stranger(document: &Value) -> String {
        match report(document) {
            Err(Misread::Stranger(who)) => who,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn todays_format_and_older_ones_are_read() {
        let mut document = document();
        assert_eq!(document["format"], json!(1));
        assert_eq!(report(&document).unwrap().format, DocumentFormat::CURRENT);
        document.as_object_mut().unwrap().remove("format");
        assert_eq!(report(&document).unwrap().format, DocumentFormat::UNSAID);
        document["added later"] = json!({ "any": [1, "thing"] });
        assert!(report(&document).is_ok());
    }

    #[test]
    fn a_newer_format_is_named() {
        let mut newer = document();
        newer["format"] = json!(3);
        newer["phase"] = json!("a word of the future");
        assert_eq!(
            not_understood(&newer),
            "segment-a-0 speaks format 3, this agent reads up to 1"
        );
        for odd in [json!("2.0"), json!(-1), json!({}), json!(1.5)] {
            newer["format"] = odd;
            assert!(not_understood(&newer).starts_with("segment-a-0 speaks format"));
        }
    }

    #[test]
    fn a_damaged_document_of_the_pod_itself_is_no_silence() {
        let mut damaged = document();
        damaged["phase"] = json!("dreaming");
        let why = not_understood(&damaged);
        assert!(why.starts_with("segment-a-0 answers in format 1 with something else than a status:"));
        let bare = json!({ "format": 1, "pod": "segment-a-0" });
        assert!(not_understood(&bare).contains("missing field"));
    }

    #[test]
    fn somebody_else_is_a_stranger_in_every_format() {
        let mut other = document();
        for format in [0, 1, 9] {
            other["format"] = json!(format);
            other["pod"] = json!("segment-b-0");
            assert_eq!(stranger(&other), "segment-b-0: an old address");
            other["pod"] = json!("segment-a-0");
            other["cluster"] = json!("archive");
            assert_eq!(stranger(&other), "segment-a-0 of cluster archive");
            other["cluster"] = json!("warehouse");
            other["fqdn"] = json!("segment-a-0.elsewhere");
            assert_eq!(stranger(&other), "segment-a-0.elsewhere: an old address");
            other["fqdn"] = json!("segment-a-0.gp");
        }
        for thing in [json!({}), json!([]), json!("ok"), json!({ "format": 7 })] {
            let who = stranger(&thing);
            assert!(who.contains("no agent") || who.contains("something else than a status"));
        }
        let unread = read::<Report>(b"<html>", "warehouse", &member());
        assert!(matches!(unread, Err(Misread::Stranger(_))));
    }

    #[test]
    fn a_catalog_is_believed_only_from_a_pod_that_knows_who_it_is() {
        let reply = |cluster: &str, fqdn: &str| {
            let what = "x".to_string();
            let reply = CatalogReply::new(cluster, fqdn, CatalogAnswer::NotCreated { what });
            read::<CatalogReply>(&serde_json::to_vec(&reply).unwrap(), "warehouse", &member())
        };
        assert!(reply("warehouse", "segment-a-0.gp").is_ok());
        for (cluster, fqdn) in [
            ("", ""),
            ("warehouse", ""),
            ("", "segment-a-0.gp"),
            ("warehouse", "x.gp"),
        ] {
            let read = reply(cluster, fqdn);
            assert!(matches!(read, Err(Misread::Stranger(_))), "{cluster} {fqdn}: {read:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = read::<Report>(&body, "warehouse", &member());
        }

        /// Whatever a later version makes of its documents: as long as it says who it is, it is not taken for silence.
        #[test]
        fn the_pods_own_word_is_never_a_strangers(format in 2u64.., key in "[a-z]{1,8}", value in any::<i64>()) {
            let newer = json!({ "format": format, "pod": "segment-a-0", "cluster": "warehouse", "fqdn": "segment-a-0.gp", "x": { key: value } });
            prop_assert!(matches!(report(&newer), Err(Misread::NotUnderstood(_))));
        }
    }
}
