//! gp_segment_configuration: what the coordinator's catalog says of every postmaster.
//!
//! Source of names and letters: Greenplum's `src/include/catalog/gp_segment_configuration.h`.

use super::content::ContentId;
use super::document::{Document, DocumentFormat};
use super::seen_coordinators::SeenCoordinators;
use super::topology::Member;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// The columns read, in the order that [`Catalog::from_rows`] expects.
pub const SQL: &str = "select dbid, content, role, preferred_role, mode, status, port, hostname, address, datadir \
    from gp_segment_configuration order by content, dbid";

/// Primary or mirror; of content -1, coordinator or standby.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatalogRole {
    /// `p`: is written to.
    #[serde(rename = "p")]
    Primary,
    /// `m`: is replicated to.
    #[serde(rename = "m")]
    Mirror,
}

impl CatalogRole {
    /// The letter of the catalog.
    pub(crate) fn letter(self) -> char {
        match self {
            CatalogRole::Primary => 'p',
            CatalogRole::Mirror => 'm',
        }
    }

    fn of(letter: &str) -> Option<Self> {
        match letter {
            "p" => Some(CatalogRole::Primary),
            "m" => Some(CatalogRole::Mirror),
            _ => None,
        }
    }
}

/// One row: one postmaster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Segment {
    /// Number of this row, unique in the cluster.
    pub dbid: i32,
    /// Which part of the database it holds.
    pub content: ContentId,
    /// What it is now.
    pub role: CatalogRole,
    /// What it was made as.
    pub preferred_role: CatalogRole,
    /// Whether primary and mirror are in sync (mode `s`). Means nothing for content -1.
    pub in_sync: bool,
    /// Whether FTS holds it for up (status `u`).
    pub up: bool,
    /// TCP port.
    pub port: u16,
    /// The host's name, which gpstop, gpinitstandby and gprecoverseg use.
    pub hostname: String,
    /// The name that the coordinator, FTS and gpstart connect to.
    pub address: String,
    /// Data directory.
    pub datadir: PathBuf,
}

impl Segment {
    pub(crate) fn from_row(row: &[Option<String>]) -> Option<Segment> {
        let cell = |i: usize| row.get(i)?.as_deref();
        Some(Segment {
            dbid: cell(0)?.parse().ok()?,
            content: cell(1)?.parse().ok()?,
            role: CatalogRole::of(cell(2)?)?,
            preferred_role: CatalogRole::of(cell(3)?)?,
            in_sync: cell(4)? == "s",
            up: cell(5)? == "u",
            port: cell(6)?.parse().ok()?,
            hostname: cell(7)?.to_string(),
            address: cell(8)?.to_string(),
            datadir: cell(9)?.into(),
        })
    }

    /// Whether this row is that pod's: the same content, and its full or short name.
    pub fn is(&self, member: &Member) -> bool {
        let named = |name: &str| name.eq_ignore_ascii_case(&member.fqdn) || name.eq_ignore_ascii_case(&member.pod);
        self.content == member.content && (named(&self.address) || named(&self.hostname))
    }
}

/// Role, preferred role, mode and status, as `p/p s u`.
impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (role, preferred) = (self.role.letter(), self.preferred_role.letter());
        let mode = if self.in_sync { 's' } else { 'n' };
        let status = if self.up { 'u' } else { 'd' };
        write!(f, "{role}/{preferred} {mode} {status}")
    }
}

/// The whole table, and how it is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Catalog {
    /// The rows, by content and dbid.
    pub segments: Vec<Segment>,
    /// The pod whose server said so.
    pub coordinator: String,
    /// The timeline of that coordinator; a standby that is activated begins a new one.
    pub timeline: u32,
    /// "Database system identifier" of that coordinator; 0.1.0 does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_id: Option<String>,
    /// Unix seconds of the reading.
    pub read_at: u64,
    /// Whether the server answers at this moment; otherwise this is the snapshot of an earlier reading.
    pub live: bool,
}

impl Catalog {
    /// Reads the rows of [`SQL`]. `None` when one of them cannot be understood: half a catalog is none.
    pub fn segments_from_rows(rows: &[Vec<Option<String>>]) -> Option<Vec<Segment>> {
        rows.iter().map(|row| Segment::from_row(row)).collect()
    }

    /// Whether there is a row of a standby.
    pub(crate) fn lists_a_standby(&self) -> bool {
        let mut rows = self.segments.iter();
        rows.any(|row| row.content.is_coordinator() && row.role == CatalogRole::Mirror)
    }

    /// The pod's row.
    pub(crate) fn of(&self, member: &Member) -> Option<&Segment> {
        self.segments.iter().find(|s| s.is(member))
    }

    /// The same with the rows of one content alone.
    #[must_use]
    pub fn only(&self, content: ContentId) -> Catalog {
        let segments = self.segments.iter().filter(|s| s.content == content);
        Catalog {
            segments: segments.cloned().collect(),
            coordinator: self.coordinator.clone(),
            system_id: self.system_id.clone(),
            ..*self
        }
    }
}

/// What a coordinator pod's agent answers when it is asked for the catalog.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "camelCase")]
pub enum CatalogAnswer {
    /// This pod has nothing to say; why.
    Unknown {
        /// In words.
        why: String,
    },
    /// There is no cluster yet; what is being done about it.
    NotCreated {
        /// In words.
        what: String,
    },
    /// The cluster exists.
    Known(Catalog),
}

/// The answer as it goes over the network, with who gives it: the address that was asked may be another pod's by now, and
/// what a coordinator of another cluster says must not be believed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogReply {
    /// The format that the pod's agent speaks.
    #[serde(default = "DocumentFormat::unsaid")]
    pub format: DocumentFormat,
    /// The cluster of the pod; empty while it does not know.
    pub cluster: String,
    /// Its name below the headless service.
    pub fqdn: String,
    /// The answer.
    #[serde(flatten)]
    pub answer: CatalogAnswer,
}

impl CatalogReply {
    /// The answer of the pod `fqdn` of `cluster`.
    pub fn new(cluster: impl Into<String>, fqdn: impl Into<String>, answer: CatalogAnswer) -> CatalogReply {
        CatalogReply {
            format: DocumentFormat::CURRENT,
            cluster: cluster.into(),
            fqdn: fqdn.into(),
            answer,
        }
    }
}

impl Document for CatalogReply {
    const NAME: &'static str = "a catalog";
    // One that is believed fences a coordinator for good.
    const NEEDS_PROOF: bool = true;
}

impl CatalogAnswer {
    /// The same, unless it is the catalog of a coordinator on an older timeline than one of the same database that was `seen`: a standby was
    /// activated since, and what its predecessor knew no longer counts.
    #[must_use]
    pub fn not_older_than(self, seen: &SeenCoordinators) -> CatalogAnswer {
        let of = |catalog: &Catalog| seen.of(catalog.system_id.as_deref()).max(seen.unnamed());
        match self {
            CatalogAnswer::Known(catalog) if catalog.timeline < of(&catalog) => CatalogAnswer::Unknown {
                why: format!(
                    "{} was coordinator on timeline {}, but there has been one on {} since; start that one",
                    catalog.coordinator,
                    catalog.timeline,
                    of(&catalog)
                ),
            },
            answer => answer,
        }
    }

    /// The best of the answers of several coordinator pods: the newest timeline, then a live one; a catalog before the
    /// word that there is none, and that before no word.
    pub fn best(answers: impl IntoIterator<Item = CatalogAnswer>) -> Option<CatalogAnswer> {
        answers.into_iter().max_by_key(|answer| match answer {
            CatalogAnswer::Unknown { .. } => (0, 0, false, 0),
            CatalogAnswer::NotCreated { .. } => (1, 0, false, 0),
            CatalogAnswer::Known(c) => (2, c.timeline, c.live, c.read_at),
        })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::cluster::topology::Role;
    use crate::fixtures::row;

    fn member(pod: &str, content: i32) -> Member {
        Member {
            pod: pod.into(),
            fqdn: format!("{pod}.gp.test"),
            role: Role::Primary,
            content: ContentId::new(content),
            port: 40000,
            data_dir: "/greenplum/gpseg0".into(),
        }
    }

    #[test]
    fn a_row_is_read_and_belongs_to_its_pod() {
        let primary = row("2|0|m|p|n|d|40000|segment-a-0.GP.test|segment-a-0.GP.test|/g/gpseg0");
        assert_eq!(primary.to_string(), "m/p n d");
        assert!(primary.is(&member("segment-a-0", 0)));
        assert!(!primary.is(&member("segment-a-0", 1)));
        assert!(!primary.is(&member("segment-a-00", 0)));
    }

    #[test]
    fn half_a_catalog_is_none() {
        let good: Vec<_> = "2|0|p|p|s|u|1|h|h|/d".split('|').map(|c| Some(c.to_string())).collect();
        let mut bad = good.clone();
        bad[2] = Some("x".into());
        assert!(Catalog::segments_from_rows(&[good.clone(), bad]).is_none());
        assert_eq!(Catalog::segments_from_rows(&[good]).unwrap().len(), 1);
    }

    #[test]
    fn the_newest_coordinator_is_believed() {
        let known = |timeline, live| {
            CatalogAnswer::Known(Catalog {
                timeline,
                live,
                ..Catalog::default()
            })
        };
        let seen = |system_id| SeenCoordinators::one(system_id, 2);
        assert_eq!(known(2, false).not_older_than(&seen(None)), known(2, false));
        let named = CatalogAnswer::Known(Catalog {
            timeline: 1,
            system_id: Some("7".into()),
            ..Catalog::default()
        });
        assert_eq!(
            named.clone().not_older_than(&seen(Some("8"))),
            named,
            "an earlier cluster's"
        );
        assert_ne!(named.clone().not_older_than(&seen(Some("7"))), named);
        assert_ne!(named.clone().not_older_than(&seen(None)), named, "it may be this one's");
        let overtaken = known(1, true).not_older_than(&seen(Some("7")));
        assert!(matches!(overtaken, CatalogAnswer::Unknown { .. }));
        let unknown = CatalogAnswer::Unknown { why: String::new() };
        let none = CatalogAnswer::NotCreated { what: String::new() };
        // A fenced coordinator that still answers is older than the activated standby's snapshot.
        assert_eq!(
            CatalogAnswer::best([known(1, true), known(2, false)]),
            Some(known(2, false))
        );
        assert_eq!(
            CatalogAnswer::best([known(1, false), known(1, true), none.clone()]),
            Some(known(1, true))
        );
        assert_eq!(CatalogAnswer::best([unknown, none.clone()]), Some(none));
        assert_eq!(CatalogAnswer::best([]), None);
    }
}
