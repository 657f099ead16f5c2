//! A volume and what can be told of it.

use crate::postgres::control_data::ControlData;
use crate::postgres::data_directory::{Contents, Look, Remembered, judge, missing_parts};
use crate::postgres::start_decision::{Directory, DirectoryKind};

/// A data directory: its database, timeline, marker, and what it has lost.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Data {
    pub(super) id: u32,
    pub(super) timeline: u32,
    pub(super) standby: bool,
    pub(super) lost: Vec<&'static str>,
    /// What says its version, or its control file, is there and cannot be understood.
    pub(super) damaged: bool,
}

/// What is on a volume, and what the world knows of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Volume {
    pub(super) place: Option<Data>,
    pub(super) emptied: bool,
    pub(super) beside: Vec<Data>,
    /// Database and timeline.
    pub(super) record: Option<(u32, u32)>,
    /// What was heard of a newer one.
    pub(super) newest: Option<(u32, u32)>,
    /// A server ran on it once.
    pub(super) served: bool,
    /// Somebody removed the record by hand.
    pub(super) record_removed: bool,
}

impl Volume {
    pub(super) fn look(&self) -> Look {
        let place = match &self.place {
            None if self.emptied => Contents::Empty,
            None => Contents::Nothing,
            Some(data) => Contents::Filled {
                missing: missing_parts(|name| !data.lost.contains(&name))
                    .iter()
                    .map(ToString::to_string)
                    .collect(),
                entries: vec!["some".into()],
            },
        };
        let readable = self
            .place
            .as_ref()
            .filter(|data| !data.lost.contains(&"global/pg_control"));
        Look {
            place,
            standby: self.place.as_ref().is_some_and(|data| data.standby),
            control: ControlData {
                system_id: readable.map(|data| data.id.to_string()),
                timeline: readable.map(|data| data.timeline),
                state: None,
                checkpoint: None,
                required: Vec::new(),
                wal_page: None,
            },
            newest_history: 0,
            remembered: self.record.map(|(id, timeline)| Remembered {
                system_id: id.to_string(),
                timeline,
            }),
            beside: self.beside.iter().map(|data| data.id.to_string()).collect(),
        }
    }

    /// What the pod publishes; what it remembers counts as what is left.
    pub(super) fn told(&self) -> (Directory, Option<String>) {
        let (mut directory, remains) = judge(&self.look());
        if let Some(data) = self.place.as_ref().filter(|data| data.damaged) {
            let history = if data.lost.contains(&"pg_wal") {
                0
            } else {
                data.timeline
            };
            return (
                Directory {
                    kind: DirectoryKind::Unreadable,
                    system_id: self.record.map(|(id, _)| id.to_string()),
                    timeline: self.record.map_or(0, |(_, timeline)| timeline).max(history),
                },
                Some("damaged".into()),
            );
        }
        if remains.is_some() {
            directory.kind = DirectoryKind::HalfMade;
        }
        (directory, remains)
    }

    /// The newest timeline of the database that anything on the volume tells of.
    pub(super) fn newest_of(&self, id: u32) -> u32 {
        let readable = |data: &&Data| !data.damaged && !data.lost.contains(&"global/pg_control");
        let place = self
            .place
            .as_ref()
            .filter(readable)
            .map(|data| (data.id, data.timeline));
        let told = place.into_iter().chain(self.record).filter(|(of, _)| *of == id);
        told.map(|(_, timeline)| timeline).max().unwrap_or(0)
    }

    /// What a look of any kind would find of a database that was used here.
    pub(super) fn leaves_traces(&self) -> bool {
        let unknown = self.record_removed && self.place.is_none() && self.beside.is_empty();
        self.served && !unknown
    }
}
