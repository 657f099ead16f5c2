//! Any history of two pods and their volumes: no empty database is ever made where one was.

use super::{Decision, DirectoryKind, Partner, Question, decide};
use crate::cluster::topology::Role;
use crate::postgres::control_data::ControlData;
use crate::postgres::data_directory::{Look, Place, judge, missing_parts};
use crate::process::timeouts;
use proptest::prelude::*;

/// A data directory: its database, timeline, marker, and what it has lost.
#[derive(Clone, Debug, PartialEq)]
struct Data {
    id: u32,
    timeline: u32,
    standby: bool,
    lost: Vec<&'static str>,
}

/// What is on a volume, and what the world knows of it.
#[derive(Clone, Debug, Default)]
struct Volume {
    place: Option<Data>,
    emptied: bool,
    beside: Vec<Data>,
    record: Option<u32>,
    /// A server ran on it once.
    served: bool,
    /// Somebody removed the record by hand.
    record_removed: bool,
}

impl Volume {
    fn look(&self) -> Look {
        let place = match &self.place {
            None if self.emptied => Place::Empty,
            None => Place::Nothing,
            Some(data) => Place::Filled {
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
            remembered: self.record.map(|id| id.to_string()),
            beside: self.beside.iter().map(|data| data.id.to_string()).collect(),
        }
    }

    /// What a look of any kind would find of a database that was used here.
    fn leaves_traces(&self) -> bool {
        let unknown = self.record_removed && self.place.is_none() && self.beside.is_empty();
        self.served && !unknown
    }
}

#[derive(Debug)]
struct World {
    volumes: [Volume; 2],
    /// Volumes that are mounted no more.
    elsewhere: [Vec<Volume>; 2],
    runs: [bool; 2],
    silent: bool,
    next_id: u32,
    created: u32,
}

#[derive(Clone, Copy, Debug)]
enum Happening {
    /// The agent looks, decides and acts, and is killed after this many steps.
    Agent(usize, u8),
    Crash(usize),
    Lose(usize, usize),
    RemoveRecord(usize),
    MoveAside(usize),
    MoveBack(usize),
    MoveOff(usize),
    Empty(usize),
    SwapVolume(usize),
    SwapBack(usize),
    Promote(usize),
    Silence(bool),
}

use Happening::*;

const ROLES: [Role; 2] = [Role::Primary, Role::Mirror];
const LOSABLE: [&str; 6] = [
    "PG_VERSION",
    "global/pg_control",
    "base",
    "pg_wal",
    "pg_xact",
    "pg_tblspc",
];

impl World {
    fn new() -> World {
        World {
            volumes: Default::default(),
            elsewhere: Default::default(),
            runs: [false; 2],
            silent: false,
            next_id: 1,
            created: 0,
        }
    }

    fn writable(&self, i: usize) -> bool {
        self.runs[i] && self.volumes[i].place.as_ref().is_some_and(|data| !data.standby)
    }

    /// What the other pod's status says; what it remembers counts as what is left.
    fn partner(&self, i: usize) -> Partner {
        let other = 1 - i;
        let (mut directory, remains) = judge(&self.volumes[other].look());
        if remains.is_some() {
            directory.kind = DirectoryKind::HalfMade;
            directory.system_id = None;
        }
        match self.silent {
            true => Partner::Silent,
            false => Partner::Answered {
                directory,
                writable: self.writable(other),
            },
        }
    }

    fn agent(&mut self, i: usize, steps: u8) {
        if self.runs[i] {
            return;
        }
        let (own, remains) = judge(&self.volumes[i].look());
        let decision = decide(&Question {
            role: ROLES[i],
            own: &own,
            partner: &self.partner(i),
            partner_name: "the other",
            newest_timeline: 0,
            remains: remains.as_deref(),
            asked_for: timeouts::PARTNER_SILENT,
        });
        match decision {
            Decision::Create => self.create(i, steps),
            Decision::Clone => self.copy(i, steps),
            Decision::Start => self.start(i, steps),
            _ => {}
        }
    }

    fn create(&mut self, i: usize, steps: u8) {
        for volume in &self.volumes {
            assert!(!volume.leaves_traces(), "an empty database where one was: {self:#?}");
        }
        if steps > 0 {
            self.created += 1;
            let id = self.next_id;
            self.next_id += 1;
            self.made(i, id, 1, false);
        }
    }

    fn copy(&mut self, i: usize, steps: u8) {
        assert!(self.volumes[i].place.is_none(), "a copy over something: {self:#?}");
        let source = self.volumes[1 - i]
            .place
            .clone()
            .filter(|_| self.writable(1 - i) && steps > 0);
        if let Some(source) = source {
            assert!(
                self.volumes[i].record.is_none_or(|id| id == source.id),
                "another database: {self:#?}"
            );
            self.made(i, source.id, source.timeline, true);
        }
    }

    fn made(&mut self, i: usize, id: u32, timeline: u32, standby: bool) {
        self.volumes[i].emptied = false;
        self.volumes[i].place = Some(Data {
            id,
            timeline,
            standby,
            lost: Vec::new(),
        });
    }

    /// What the pod has is written down before it serves.
    fn start(&mut self, i: usize, steps: u8) {
        let volume = &mut self.volumes[i];
        if steps > 0 {
            volume.record = volume.place.as_ref().map(|data| data.id);
            volume.record_removed = false;
        }
        if steps > 1 {
            volume.served = true;
            self.runs[i] = true;
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Agent(i, steps) => self.agent(i, steps),
            Crash(i) => self.runs[i] = false,
            Silence(silent) => self.silent = silent,
            Promote(i) => {
                let runs = self.runs[i];
                if let Some(data) = self.volumes[i].place.as_mut().filter(|data| runs && data.standby) {
                    (data.standby, data.timeline) = (false, data.timeline + 1);
                }
            }
            // The others happen while no server runs.
            Lose(i, _)
            | RemoveRecord(i)
            | MoveAside(i)
            | MoveBack(i)
            | MoveOff(i)
            | Empty(i)
            | SwapVolume(i)
            | SwapBack(i)
                if self.runs[i] => {}
            Lose(i, part) => self.volumes[i]
                .place
                .iter_mut()
                .for_each(|data| data.lost.push(LOSABLE[part])),
            RemoveRecord(i) => (self.volumes[i].record, self.volumes[i].record_removed) = (None, true),
            MoveAside(i) => {
                let data = self.volumes[i].place.take();
                self.volumes[i].beside.extend(data);
            }
            MoveBack(i) if self.volumes[i].place.is_none() => self.volumes[i].place = self.volumes[i].beside.pop(),
            MoveBack(_) => {}
            MoveOff(i) => {
                self.volumes[i].place = None;
                self.volumes[i].beside.clear();
            }
            Empty(i) => (self.volumes[i].place, self.volumes[i].emptied) = (None, true),
            SwapVolume(i) => {
                let old = std::mem::take(&mut self.volumes[i]);
                self.elsewhere[i].push(old);
            }
            SwapBack(i) => {
                if let Some(old) = self.elsewhere[i].pop() {
                    self.volumes[i] = old;
                }
            }
        }
    }
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    let pod = || 0usize..2;
    let happening = prop_oneof![
        12 => (pod(), 0u8..3).prop_map(|(i, steps)| Agent(i, steps)),
        2 => pod().prop_map(Crash),
        2 => (pod(), 0..LOSABLE.len()).prop_map(|(i, part)| Lose(i, part)),
        1 => pod().prop_map(RemoveRecord),
        1 => pod().prop_map(MoveAside),
        1 => pod().prop_map(MoveBack),
        1 => pod().prop_map(MoveOff),
        1 => pod().prop_map(Empty),
        1 => pod().prop_map(SwapVolume),
        1 => pod().prop_map(SwapBack),
        1 => pod().prop_map(Promote),
        1 => any::<bool>().prop_map(Silence),
    ];
    proptest::collection::vec(happening, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Files lost, directories moved, volumes swapped and emptied, records removed, agents killed at every step: where a
    /// server ever ran, and where its partner's did, no empty database is made while anything says so, and no copy is laid
    /// over anything or in the place of another database.
    #[test]
    fn no_history_ends_in_an_empty_database_where_one_was(happenings in happenings()) {
        let mut world = World::new();
        for happening in happenings {
            world.happen(happening);
        }
    }

    /// The same rule lets a new pair come up, whoever is killed how often.
    #[test]
    fn a_new_pair_is_made_however_often_its_agents_are_killed(steps in proptest::collection::vec((0usize..2, 0u8..3), 0..20)) {
        let mut world = World::new();
        let settled = [(0, 2), (0, 2), (1, 2), (1, 2)];
        for (i, steps) in steps.into_iter().chain(settled) {
            world.happen(Agent(i, steps));
        }
        prop_assert_eq!((world.runs, world.created), ([true; 2], 1));
    }
}
