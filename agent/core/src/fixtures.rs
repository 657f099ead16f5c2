//! Values for tests, here and in the crates above; only with the feature `fixtures`.
#![allow(clippy::unwrap_used, reason = "values for tests")]

use crate::cluster::catalog::{Catalog, Segment};
use crate::cluster::content::ContentId;
use crate::cluster::replication::{Link, LinkEnd};
use crate::cluster::server::{ServerAnswer, ServerReport};
use crate::cluster::state::Event;
use crate::cluster::status::{Phase, PodStatus, PostmasterStatus, ReplicationStatus};
use crate::cluster::topology::{Member, Role, Topology};
use crate::config::load;
use crate::ssh::public_key::PublicKey;
use base64::Engine;
use base64::prelude::BASE64_STANDARD as STANDARD;

/// A row of gp_segment_configuration, its columns divided by `|`.
///
/// # Panics
/// Where the text is no such row.
pub fn row(text: &str) -> Segment {
    let cells: Vec<Option<String>> = text.split('|').map(|c| Some(c.to_string())).collect();
    Segment::from_row(&cells).unwrap()
}

/// A pod of the cluster of [`pair`].
pub fn member_of_pair(pod: &str, role: Role) -> Member {
    Member {
        pod: pod.into(),
        fqdn: format!("{pod}.gp"),
        role,
        content: ContentId::new(0),
        port: 1,
        data_dir: "/g".into(),
    }
}

/// A cluster of one content alone: its primary `a` and its mirror `b`.
pub fn pair() -> Topology {
    Topology {
        cluster: "c".into(),
        domain: "gp".into(),
        members: vec![member_of_pair("a", Role::Primary), member_of_pair("b", Role::Mirror)],
    }
}

/// A mirrored cluster of that many contents.
///
/// # Panics
/// More than 10,000 are refused.
pub fn large_topology(segments: u32) -> Topology {
    let text = format!(
        "cluster: w\nengine: greenplum\ncoordinator: {{ standby: true }}\nsegments: {{ count: {segments}, mirrors: segment-b }}\n"
    );
    Topology::new(&load(&text, "cluster.yaml", std::iter::empty()).unwrap(), "gp")
}

/// The catalog of that cluster while all is well, in the order of its pods.
pub fn large_catalog(topology: &Topology) -> Catalog {
    let listed = |(dbid, m): (usize, &Member)| {
        let role = if m.role.is_writable() { "p" } else { "m" };
        let (content, port, host, dir) = (m.content, m.port, &m.fqdn, m.data_dir.display());
        row(&format!(
            "{dbid}|{content}|{role}|{role}|s|u|{port}|{host}|{host}|{dir}"
        ))
    };
    Catalog {
        segments: topology.members.iter().enumerate().map(listed).collect(),
        coordinator: "coordinator-0".into(),
        timeline: 1,
        system_id: None,
        read_at: 100,
        live: true,
    }
}

/// A pod at second 100 whose role, if it has one, does its work.
pub fn status(phase: Phase, role: Option<Role>) -> PodStatus {
    let link = ReplicationStatus {
        peer: "segment-a-0".into(),
        state: "streaming".into(),
        sync_state: LinkEnd::Receiver,
        lag_bytes: Some(0),
    };
    PodStatus {
        active_role: role,
        phase,
        loop_turned_at: 100,
        postmaster: PostmasterStatus {
            answer: "ok".into(),
            answered_at: 100,
            ..Default::default()
        },
        replication: role.filter(|r| !r.is_writable()).map(|_| link).into_iter().collect(),
        ..PodStatus::unknown("segment-a-0")
    }
}

/// What happens to a pod whose server starts, as process 7, and does `role`.
pub fn serves(role: Role) -> [Event; 3] {
    let starting = Event::Phase {
        phase: Phase::Starting,
        reason: "postmaster 7 started".into(),
    };
    let runs = Event::PostmasterRuns {
        pid: 7,
        adopted: false,
        restarts: 0,
    };
    let report = ServerReport {
        role: Some(role),
        replication: (!role.is_writable()).then(Link::received).into_iter().collect(),
        ..ServerReport::without_role(
            ServerAnswer::Serving,
            Some((Phase::Running, format!("active as {role}"))),
        )
    };
    let seconds = 0.001;
    [runs, starting, Event::Answered { report, seconds }]
}

/// An ed25519 public key made of one repeated byte.
///
/// # Panics
/// Never: such a key has the right length.
pub fn key(byte: u8) -> PublicKey {
    let mut blob = Vec::new();
    for field in [b"ssh-ed25519".as_slice(), &[byte; 32]] {
        blob.extend(u32::try_from(field.len()).unwrap().to_be_bytes());
        blob.extend(field);
    }
    PublicKey::parse(&format!("ssh-ed25519 {}", STANDARD.encode(blob))).unwrap()
}
