//! Who has to be able to connect to a pod's postmaster.

use super::evaluate::Database;
use crate::cluster::topology::{Member, Role, Topology};

/// Which way a connection comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Via {
    /// The unix socket.
    Socket,
    /// 127.0.0.1 or ::1.
    Loopback,
    /// The pod's network address.
    Network,
}

/// A connection that the topology needs into one pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The pod it comes from.
    pub from: String,
    /// That pod's full name.
    pub fqdn: String,
    /// Which way.
    pub via: Via,
    /// What it wants.
    pub database: Database,
    /// As which user.
    pub user: String,
    /// What for, in words.
    pub purpose: &'static str,
}

/// A pod that needs this one over the network.
pub(super) struct Source<'a> {
    pub member: &'a Member,
    pub database: Database,
    pub purpose: &'static str,
}

/// Every connection that the topology needs into `me` as `user`, on PostgreSQL: a fixed order, and at most a
/// handful however large the cluster is.
///
/// Both ends of a replication pair need each other, so that what holds now also holds after a promotion.
pub fn needs(topology: &Topology, me: &Member, user: &str) -> Vec<Connection> {
    let connection = |member: &Member, via, database, purpose| Connection {
        from: member.pod.clone(),
        fqdn: member.fqdn.clone(),
        via,
        database,
        user: user.to_string(),
        purpose,
    };
    let mut needs = vec![
        connection(me, Via::Socket, any_database(), "the agent's own questions"),
        connection(me, Via::Loopback, any_database(), "tools inside the pod"),
    ];
    needs.extend(
        sources(topology, me)
            .into_iter()
            .map(|s| connection(s.member, Via::Network, s.database, s.purpose)),
    );
    needs
}

/// What Greenplum needs besides: FTS, from the coordinator's and the standby's host into every primary. It names no
/// database, so libpq asks for the one called like the user (ftsprobe.c, `ftsConnect`); into mirrors, and for dispatch,
/// pg_hba.conf is not asked (auth.c). Mirrors are meant too, for they may be promoted.
pub fn needs_of_fts(topology: &Topology, me: &Member, user: &str) -> Vec<Connection> {
    heads(topology)
        .filter(|_| me.content.is_segment())
        .map(|member| Connection {
            from: member.pod.clone(),
            fqdn: member.fqdn.clone(),
            via: Via::Network,
            database: Database::Named(user.to_string()),
            user: user.to_string(),
            purpose: "FTS",
        })
        .collect()
}

/// The pods that are the coordinator, or may be tomorrow.
fn heads(topology: &Topology) -> impl Iterator<Item = &Member> {
    let is_head = |member: &&Member| matches!(member.role, Role::Coordinator | Role::Standby);
    topology.members.iter().filter(is_head)
}

/// The pods that need `me` over the network; `me` first, by its own name.
pub(super) fn sources<'a>(topology: &'a Topology, me: &'a Member) -> Vec<Source<'a>> {
    let source = |member, database, purpose| Source {
        member,
        database,
        purpose,
    };
    let mut sources = vec![source(me, any_database(), "tools that use the pod's own name")];
    if let Some(partner) = topology.partner(me) {
        let wal = Database::PhysicalReplication;
        sources.push(source(partner, wal, "replication and base backups"));
        sources.push(source(partner, any_database(), "pg_rewind"));
    }
    if me.content.is_segment() {
        let work = "the coordinator's work";
        sources.extend(heads(topology).map(|member| source(member, any_database(), work)));
    }
    sources
}

/// Every server has it, and pg_rewind and the agent use it.
fn any_database() -> Database {
    Database::Named("postgres".to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Coordinator, standby, and `count` primaries with mirrors.
    pub(crate) fn topology(count: u32) -> Topology {
        let member = |pod: String, role, content: i32| Member {
            fqdn: format!("{pod}.db.test"),
            pod,
            role,
            content: crate::cluster::content::ContentId::new(content),
            port: 5432,
            data_dir: format!("/greenplum/gpseg{content}").into(),
        };
        let mut members = vec![
            member("coordinator-0".into(), Role::Coordinator, -1),
            member("coordinator-1".into(), Role::Standby, -1),
        ];
        for (group, role) in [("a", Role::Primary), ("b", Role::Mirror)] {
            let pods = (0..count).map(|i| member(format!("segment-{group}-{i}"), role, i.cast_signed()));
            members.extend(pods);
        }
        Topology {
            cluster: "test".into(),
            domain: "db.test".into(),
            members,
        }
    }

    fn into(pod: &str) -> Vec<(String, Via, bool)> {
        let topology = topology(2);
        needs(&topology, topology.member(pod).unwrap(), "gpadmin")
            .into_iter()
            .map(|c| (c.from, c.via, c.database == Database::PhysicalReplication))
            .collect()
    }

    #[test]
    fn both_ends_of_a_pair_need_each_other() {
        for (pod, partner) in [
            ("coordinator-0", "coordinator-1"),
            ("coordinator-1", "coordinator-0"),
            ("segment-a-1", "segment-b-1"),
            ("segment-b-1", "segment-a-1"),
        ] {
            for wal in [true, false] {
                assert!(into(pod).contains(&(partner.to_string(), Via::Network, wal)), "{pod}");
            }
        }
    }

    #[test]
    fn fts_comes_from_both_coordinator_pods_into_segments_alone() {
        let topology = topology(1);
        let fts = |pod: &str| {
            needs_of_fts(&topology, topology.member(pod).unwrap(), "gpadmin")
                .into_iter()
                .map(|c| (c.from, c.database))
                .collect::<Vec<_>>()
        };
        let database = Database::Named("gpadmin".into());
        let both = ["coordinator-0", "coordinator-1"].map(|pod| (pod.into(), database.clone()));
        assert_eq!((fts("segment-a-0"), fts("segment-b-0")), (both.to_vec(), both.to_vec()));
        assert_eq!((fts("coordinator-0"), fts("coordinator-1")), (vec![], vec![]));
    }

    #[test]
    fn segments_need_no_other_segment_and_the_coordinator_needs_no_segment() {
        let from = |pod: &str| -> Vec<String> {
            let mut pods: Vec<_> = into(pod).into_iter().map(|need| need.0).collect();
            pods.dedup();
            pods
        };
        assert_eq!(from("coordinator-0"), ["coordinator-0", "coordinator-1"]);
        assert_eq!(
            from("segment-b-0"),
            ["segment-b-0", "segment-a-0", "coordinator-0", "coordinator-1"]
        );
    }
}
