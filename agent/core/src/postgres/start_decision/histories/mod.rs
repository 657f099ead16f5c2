//! Any history of two pods and their volumes: no empty database is ever made where one was, and no copy serves that is older
//! than one that the other pod has, whole or not, or that this volume has heard of.

mod volume;

use super::{Decision, Directory, Partner, Question, decide, same_database};
use crate::cluster::topology::Role;
use crate::postgres::data_directory::judge;
use crate::process::timeouts;
use proptest::prelude::*;
use volume::{Data, Volume};

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
    Damage(usize),
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

    /// What the other pod's status says.
    fn partner(&self, i: usize) -> Partner {
        let other = 1 - i;
        let (directory, _) = self.volumes[other].told();
        match self.silent {
            true => Partner::Silent,
            false => Partner::Answered {
                directory,
                writable: self.writable(other),
            },
        }
    }

    fn agent(&mut self, i: usize, steps: u8) {
        let damaged = self.volumes[i].place.as_ref().is_some_and(|data| data.damaged);
        if self.runs[i] || damaged {
            return;
        }
        let (own, remains) = judge(&self.volumes[i].look());
        let partner = self.partner(i);
        let decision = decide(&Question {
            role: ROLES[i],
            own: &own,
            partner: &partner,
            partner_name: "the other",
            newest_timeline: self.hear(i, &own, &partner),
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

    /// The memory of `newest_timeline`.
    fn hear(&mut self, i: usize, own: &Directory, partner: &Partner) -> u32 {
        let Some(id) = own.system_id.as_ref().and_then(|id| id.parse().ok()) else {
            return 0;
        };
        let known = self.volumes[i].newest.filter(|(of, _)| *of == id);
        let known = known.map_or(0, |(_, timeline)| timeline);
        let heard = match partner {
            Partner::Answered { directory, .. } if same_database(own, directory) => directory.timeline,
            _ => 0,
        };
        if heard > known {
            self.volumes[i].newest = Some((id, heard));
        }
        known.max(heard)
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
                self.volumes[i].record.is_none_or(|(id, _)| id == source.id),
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
            damaged: false,
        });
    }

    /// What the pod has is written down before it serves.
    fn start(&mut self, i: usize, steps: u8) {
        self.is_newest(i);
        let volume = &mut self.volumes[i];
        if steps > 0 {
            volume.record = volume.place.as_ref().map(|data| (data.id, data.timeline));
            volume.record_removed = false;
        }
        if steps > 1 {
            volume.served = true;
            self.runs[i] = true;
        }
    }

    /// Nothing that would take writes is older than what the other pod can tell of, or this one has heard of.
    fn is_newest(&self, i: usize) {
        let Some(data) = self.volumes[i].place.as_ref().filter(|data| !data.standby) else {
            return;
        };
        let heard = self.volumes[i].newest.filter(|(id, _)| *id == data.id);
        let heard = heard.map_or(0, |(_, timeline)| timeline);
        let there = match self.silent {
            true => 0,
            false => self.volumes[1 - i].newest_of(data.id),
        };
        assert!(
            heard.max(there) <= data.timeline,
            "pod {i} serves an old copy: {self:#?}"
        );
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
                    // The monitor writes it down.
                    let promoted = (data.id, data.timeline);
                    let record = &mut self.volumes[i].record;
                    *record = record.map(|known| if known.0 == promoted.0 { promoted } else { known });
                }
            }
            // The others happen while no server runs.
            Lose(i, _)
            | Damage(i)
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
            Damage(i) => self.volumes[i].place.iter_mut().for_each(|data| data.damaged = true),
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
        1 => pod().prop_map(Damage),
        1 => pod().prop_map(RemoveRecord),
        1 => pod().prop_map(MoveAside),
        1 => pod().prop_map(MoveBack),
        1 => pod().prop_map(MoveOff),
        1 => pod().prop_map(Empty),
        1 => pod().prop_map(SwapVolume),
        1 => pod().prop_map(SwapBack),
        2 => pod().prop_map(Promote),
        1 => any::<bool>().prop_map(Silence),
    ];
    proptest::collection::vec(happening, 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Files lost, directories moved, volumes swapped and emptied, records removed, agents killed at every step: where a
    /// server ever ran, and where its partner's did, no empty database is made while anything says so, and no copy is laid
    /// over anything or in the place of another database. No old primary starts beside a newer copy that anything tells of, be
    /// that damaged, half gone or remembered.
    #[test]
    fn no_history_ends_in_an_empty_or_an_old_database_where_one_was(happenings in happenings()) {
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
