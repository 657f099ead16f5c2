//! A cluster of pairs as the machine sees it, with what FTS, the tool and faults do to it.

use crate::cluster::catalog::{CatalogRole, Segment};
use crate::cluster::content::ContentId;
use crate::cluster::directory::DirectoryKind;
use crate::cluster::status::Phase;
use crate::cluster::topology::Role;
use crate::fixtures::row;
use crate::recovery::expansion::facts::Expanding;
use crate::recovery::facts::evidence::{Circumstances, Detail, Evidence, Pair, Swap};
use crate::recovery::facts::server::{PodOfRow, Server};
use crate::recovery::new_mirrors::lacking::Lacking;

/// One pod of a pair.
#[derive(Clone, Debug)]
pub(crate) struct Pod {
    pub answers: bool,
    pub server: Server,
    /// Whether pg_rewind finds what it needs.
    pub rewinds: bool,
    /// Whether the catalog lists it.
    pub listed: bool,
    /// Whether what lies there was left by a copy that was broken off.
    pub own_copy: bool,
    /// Whether the tool reaches it.
    pub ssh: bool,
    /// What it has to replay before it streams; counts while it runs and does not.
    pub to_replay: u64,
}

/// A whole server in its role.
pub(crate) fn server(role: Role) -> Server {
    Server {
        phase: Phase::Running,
        since: 0,
        reason: format!("active as {role}"),
        held: None,
        active: Some(role),
        stopping: false,
        replayed: None,
        directory: Some(match role.is_writable() {
            true => DirectoryKind::Primary,
            false => DirectoryKind::Standby,
        }),
        remains: None,
        system_id: Some("7".into()),
        damaged: Default::default(),
        hung: false,
        unfit: None,
        tool: None,
        peers: 1000,
        room: None,
    }
}

/// A mirror that has replayed so much, and receives nothing yet.
pub(crate) fn replaying(place: u64) -> Server {
    Server {
        reason: "replays, but receives no stream".into(),
        active: None,
        replayed: Some(place),
        ..server(Role::Mirror)
    }
}

/// A directory whose mirror took over.
pub(crate) fn old_primary() -> Server {
    Server {
        phase: Phase::Refused,
        reason: "the other one took over".into(),
        active: None,
        ..server(Role::Primary)
    }
}

/// A directory whose server was stopped in order at that time: the mirror's, or that of a primary.
pub(crate) fn stopped(of: &Server, now: u64) -> Server {
    Server {
        phase: Phase::Stopped,
        since: now,
        reason: "stopped by an administrator".into(),
        active: None,
        replayed: None,
        ..of.clone()
    }
}

/// A volume that has never had a database.
pub(crate) fn empty() -> Server {
    Server {
        phase: Phase::Refused,
        reason: "there is no data directory".into(),
        active: None,
        directory: Some(DirectoryKind::Absent),
        system_id: None,
        ..server(Role::Mirror)
    }
}

/// A directory that is not whole.
pub(crate) fn half_made() -> Server {
    Server {
        directory: Some(DirectoryKind::HalfMade),
        remains: Some("parts of it are missing".into()),
        ..empty()
    }
}

/// Rows and pods: the first of a pair is the acting primary when all is well.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub rows: Vec<Segment>,
    pub pods: Vec<Pod>,
    pub circumstances: Circumstances,
    /// What every mirror has still to replay.
    pub behind: u64,
    pub busy: bool,
    pub backup: Option<String>,
    /// Whether the tool that changes roles back does so.
    pub rebalances: bool,
    /// What a mirror has to replay once the tool has started it.
    pub to_replay: u64,
}

impl World {
    pub(crate) fn new(contents: usize) -> World {
        let mut rows = Vec::new();
        let mut pods = Vec::new();
        for content in 0..contents {
            for (side, letter, role) in [(0, 'p', Role::Primary), (1, 'm', Role::Mirror)] {
                let (dbid, host) = (2 + content * 2 + side, pod_name(content * 2 + side));
                rows.push(row(&format!(
                    "{dbid}|{content}|{letter}|{letter}|s|u|7000|{host}|{host}|/g"
                )));
                pods.push(Pod {
                    answers: true,
                    server: server(role),
                    rewinds: true,
                    listed: true,
                    own_copy: false,
                    ssh: true,
                    to_replay: 0,
                });
            }
        }
        World {
            rows,
            pods,
            circumstances: Circumstances::default(),
            behind: 0,
            busy: false,
            backup: None,
            rebalances: true,
            to_replay: 0,
        }
    }

    /// With pods for mirrors on new volumes, which the catalog does not list.
    pub(crate) fn without_mirrors(contents: usize) -> World {
        let mut world = World::new(contents);
        for content in 0..contents {
            let waits = Server {
                phase: Phase::Bootstrapping,
                ..empty()
            };
            world.lose_mirror(content, waits);
            world.pods[content * 2 + 1].listed = false;
        }
        world
    }

    pub(crate) fn contents(&self) -> usize {
        self.rows.len() / 2
    }

    /// Whether the content is served by the pod made as its mirror.
    pub(crate) fn is_swapped(&self, content: usize) -> bool {
        self.acting(content).0 % 2 == 1
    }

    pub(crate) fn is_in_place(&self) -> bool {
        !(0..self.contents()).any(|content| self.is_swapped(content))
    }

    /// FTS lets the mirror of a pair take over: the first pod is lost.
    pub(crate) fn fail_over(&mut self, content: usize) {
        let (from, to) = self.acting(content);
        self.pods[to].server = server(Role::Primary);
        self.pods[from].server = old_primary();
        self.set(to, CatalogRole::Primary, true);
        self.set(from, CatalogRole::Mirror, false);
    }

    /// FTS marks the mirror down.
    pub(crate) fn lose_mirror(&mut self, content: usize, found: Server) {
        let (primary, mirror) = self.acting(content);
        self.pods[mirror].server = found;
        self.set(primary, CatalogRole::Primary, true);
        self.set(mirror, CatalogRole::Mirror, false);
    }

    fn set(&mut self, pod: usize, role: CatalogRole, up: bool) {
        let whole = up && self.rows[pod ^ 1].up;
        let row = &mut self.rows[pod];
        (row.role, row.up, row.in_sync) = (role, up, whole);
        let sync = self.rows[pod].up && self.rows[pod ^ 1].up;
        self.rows[pod ^ 1].in_sync = sync;
    }

    /// Acting primary and mirror by the catalog.
    pub(crate) fn acting(&self, content: usize) -> (usize, usize) {
        match self.rows[content * 2].role {
            CatalogRole::Primary => (content * 2, content * 2 + 1),
            CatalogRole::Mirror => (content * 2 + 1, content * 2),
        }
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let place = |pod: usize| PodOfRow {
            pod: Some(pod_name(pod)),
            server: self.pods[pod].answers.then(|| self.pods[pod].server.clone()),
            unclear: false,
        };
        let up_primary = |pod: &usize| self.rows[*pod].up && self.rows[*pod].role == CatalogRole::Primary;
        let swapped = (0..self.contents()).filter(|pair| self.is_swapped(*pair));
        let down = (0..self.rows.len()).filter(|pod| !self.rows[*pod].up);
        let listed = (0..self.rows.len()).filter(|pod| self.pods[*pod].listed);
        Evidence {
            expanding: Expanding::default(),
            circumstances: self.circumstances.clone(),
            rows: listed.map(|pod| self.rows[pod].clone()).collect(),
            lacking: Lacking {
                some_listed: self.pods.iter().skip(1).step_by(2).any(|pod| pod.listed),
                without_pod: None,
                pods: self.pods.len(),
            },
            down: down
                .map(|pod| Pair {
                    row: self.rows[pod].clone(),
                    listed: self.pods[pod].listed,
                    target: place(pod),
                    primary: Some(pod ^ 1).filter(up_primary).map(place),
                })
                .collect(),
            swapped: swapped
                .map(|pair| Swap {
                    content: content(pair),
                    acting: place(pair * 2 + 1),
                    preferred: place(pair * 2),
                })
                .collect(),
            detail: None,
        }
    }

    /// With what is asked only where roles could be changed back.
    pub(crate) fn detailed(&self) -> Evidence {
        let contents = (0..self.contents()).map(content);
        Evidence {
            detail: Some(Detail {
                behind: contents.map(|content| (content, self.behind)).collect(),
                busy: self.busy,
                backup: self.backup.clone(),
            }),
            ..self.evidence()
        }
    }

    /// Mirrors go on; those that have replayed everything stream.
    pub(crate) fn replay(&mut self) {
        for pod in &mut self.pods {
            let Some(place) = pod.server.replayed else {
                continue;
            };
            let held = pod.server.held.take();
            pod.server = match place < pod.to_replay {
                true => replaying(place + 1),
                false => server(Role::Mirror),
            };
            pod.server.held = held;
        }
    }

    /// FTS marks mirrors up that stream.
    pub(crate) fn probe(&mut self) {
        for pod in 0..self.rows.len() {
            let streams = self.pods[pod].answers && self.pods[pod].server.active == Some(Role::Mirror);
            if !self.rows[pod].up && self.pods[pod].listed && streams && self.serves(pod ^ 1) {
                self.set(pod, CatalogRole::Mirror, true);
            }
        }
    }

    /// Whether that pod is its content's primary, and everybody can see it.
    pub(crate) fn serves(&self, pod: usize) -> bool {
        let Pod { answers, server, .. } = &self.pods[pod];
        *answers && server.active == Some(Role::Primary) && self.rows[pod].up
    }

    pub(crate) fn index(&self, name: &str) -> usize {
        name.trim_start_matches("pod-").parse().unwrap_or(0)
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.rows.iter().all(|row| row.up)
    }
}

pub(crate) fn pod_name(pod: usize) -> String {
    format!("pod-{pod}")
}

pub(crate) fn content(number: usize) -> ContentId {
    ContentId::new(i32::try_from(number).unwrap_or(0))
}
