//! A cluster whose cluster.yaml has one content more than its catalog, and gpexpand as far as the machine sees it.

use crate::cluster::catalog::Segment;
use crate::cluster::directory::DirectoryKind;
use crate::cluster::status::Phase;
use crate::cluster::topology::{Role, Topology};
use crate::fixtures::{large_catalog, large_topology};
use crate::recovery::expansion::facts::{Expanding, Found, NewServer, Schema, SetupFile, SetupStage, new_members};
use crate::recovery::expansion::task::{Run, Task};
use crate::recovery::facts::evidence::{Circumstances, Evidence, Pair};
use crate::recovery::facts::server::{PodOfRow, Server};
use crate::recovery::simulation::world::server;

/// gpexpand -i by its steps.
pub(super) const STEPS: u64 = 6;

pub(super) struct World {
    pub topology: Topology,
    pub rows: Vec<Segment>,
    pub found: Found,
    pub circumstances: Circumstances,
    pub servers: Vec<(String, Option<Server>)>,
    /// Tables on all segments of which gpexpand's list does not say so.
    pub unsaid: u64,
}

/// A pod that waits to become a part of the cluster.
pub(super) fn waiting() -> Server {
    Server {
        phase: Phase::Bootstrapping,
        active: None,
        directory: Some(DirectoryKind::Absent),
        system_id: None,
        ..server(Role::Mirror)
    }
}

impl World {
    pub(super) fn new() -> World {
        let (old, topology) = (large_topology(1), large_topology(2));
        let rows = large_catalog(&old).segments;
        let old_pods: Vec<&str> = old.members.iter().map(|member| member.pod.as_str()).collect();
        let peers = topology.members.len() - 1;
        let of = |pod: &str| {
            let mut server = match old_pods.contains(&pod) {
                true => server(Role::Primary),
                false => waiting(),
            };
            server.peers = peers;
            (pod.to_string(), Some(server))
        };
        World {
            servers: topology.members.iter().map(|member| of(&member.pod)).collect(),
            topology,
            rows: rows.into_iter().filter(|row| row.content.is_segment()).collect(),
            found: Found {
                highest_dbid: 4,
                template: Some(50 << 20),
                ..Found::default()
            },
            circumstances: Circumstances::default(),
            unsaid: 0,
        }
    }

    pub(super) fn server(&mut self, pod: &str) -> &mut Option<Server> {
        let found = self.servers.iter_mut().find(|(name, _)| name == pod);
        &mut found.unwrap().1
    }

    pub(super) fn evidence(&self, everybody: bool) -> Evidence {
        let of = |pod: &str| {
            self.servers
                .iter()
                .find(|(name, _)| name == pod)
                .and_then(|(_, s)| s.clone())
        };
        let new = new_members(&self.rows, &self.topology).map(|member| NewServer {
            member: member.clone(),
            server: of(&member.pod).filter(|_| everybody),
        });
        let place = |(pod, server): &(String, Option<Server>)| PodOfRow {
            pod: Some(pod.clone()),
            server: server.clone(),
            unclear: false,
        };
        let down = self.rows.iter().filter(|row| !row.up).map(|row| Pair {
            row: row.clone(),
            listed: true,
            target: PodOfRow::default(),
            primary: None,
        });
        Evidence {
            circumstances: self.circumstances.clone(),
            down: down.collect(),
            rows: self.rows.clone(),
            expanding: Expanding {
                new: new.collect(),
                found: Some(self.found.clone()),
                pods: match everybody {
                    true => self.servers.iter().map(place).collect(),
                    false => Vec::new(),
                },
            },
            ..Evidence::default()
        }
    }

    pub(super) fn is_listed(&self) -> bool {
        new_members(&self.rows, &self.topology).next().is_none()
    }

    fn file(&mut self, stage: SetupStage) {
        self.found.file = Some(SetupFile {
            stage,
            input_is_own: Some(true),
        });
    }

    fn list(&mut self) {
        let all = large_catalog(&self.topology).segments;
        self.rows = all.into_iter().filter(|row| row.content.is_segment()).collect();
        self.found.highest_dbid = 6;
    }

    fn schema(&mut self, status: &str) {
        let schema = self.found.schema.get_or_insert_default();
        schema.status = Some(status.into());
    }

    /// The effects of a run that comes to its end, or is killed after so many steps. Whether it said that it failed.
    pub(super) fn run(&mut self, run: &Run, steps: u64) -> bool {
        match run.task {
            Task::SetUp => self.set_up(0, steps),
            Task::FinishSetUp => self.set_up(4, steps + 4),
            Task::RollBack => {
                assert!(!self.is_listed(), "undone after the catalog had changed");
                if steps > 0 {
                    self.found.file = None;
                }
            }
            Task::FinishCatalog => {
                assert!(self.is_listed(), "the catalog does not list what it is said to list");
                if steps > 0 {
                    self.file(SetupStage::AfterCatalog);
                }
            }
            Task::Redistribute => return self.redistribute(steps),
            Task::CleanUp => {
                let schema = self.found.schema.as_ref();
                assert_eq!(schema.map(|s| s.left + self.unsaid), Some(0), "tables were left");
                if steps > 0 {
                    self.found.schema = None;
                }
            }
        }
        steps < STEPS
    }

    fn set_up(&mut self, from: u64, steps: u64) {
        for step in from..steps.min(STEPS) {
            match step {
                0 => {
                    assert_eq!(self.found.file, None, "begun beside what was broken off");
                    self.file(SetupStage::BeforeCatalog);
                }
                1 => self.file(SetupStage::AtCatalog),
                2 => self.list(),
                3 => self.file(SetupStage::AfterCatalog),
                4 => {
                    self.found.schema = Some(Schema {
                        left: 3,
                        ..Schema::default()
                    });
                }
                _ => {
                    self.schema("SETUP DONE");
                    self.found.file = None;
                }
            }
        }
    }

    /// A table that is spread without a word of it makes gpexpand fail, unless that is made good before.
    fn redistribute(&mut self, steps: u64) -> bool {
        let unsaid = std::mem::take(&mut self.unsaid);
        self.schema("EXPANSION STARTED");
        let schema = self.found.schema.get_or_insert_default();
        (schema.done, schema.left) = (schema.done + unsaid, schema.left - unsaid);
        let can = steps.min(schema.left);
        (schema.done, schema.left) = (schema.done + can, schema.left - can);
        if schema.left == 0 {
            self.schema("EXPANSION COMPLETE");
            return false;
        }
        self.unsaid = steps % 2;
        true
    }
}
