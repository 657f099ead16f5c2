//! Who is in the cluster: every pod's name, role, content, port and data directory.

use super::content::ContentId;
use crate::config::Config;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// What a pod is for, or what it does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Takes the clients' connections.
    Coordinator,
    /// Streams from the coordinator.
    Standby,
    /// Holds one content.
    Primary,
    /// Streams from the primary of the same content.
    Mirror,
}

impl Role {
    /// Whether this role is written to (coordinator, primary) rather than replicated to.
    pub fn is_writable(self) -> bool {
        matches!(self, Role::Coordinator | Role::Primary)
    }

    /// The role on the other end of replication.
    #[must_use]
    pub(crate) fn partner(self) -> Role {
        match self {
            Role::Coordinator => Role::Standby,
            Role::Standby => Role::Coordinator,
            Role::Primary => Role::Mirror,
            Role::Mirror => Role::Primary,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Role::Coordinator => "coordinator",
            Role::Standby => "standby",
            Role::Primary => "primary",
            Role::Mirror => "mirror",
        })
    }
}

/// One pod of the cluster and the one postmaster it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// The pod's short host name, such as `segment-a-0`.
    pub pod: String,
    /// Its name below the headless service, without a trailing dot.
    pub fqdn: String,
    /// The role it was made for (Greenplum: preferred_role).
    pub role: Role,
    /// Greenplum's content id.
    pub content: ContentId,
    /// The postmaster's TCP port.
    pub port: u16,
    /// The data directory, `gpseg<content>` below the volume (Greenplum wants the coordinator's to end in `-1`). The
    /// mirrors of Greenplum are one folder deeper: gpinitsystem refuses a mirror whose directory has the same parent as
    /// any primary's, be it on another host ("Conflict between data directory and mirror data directory").
    pub data_dir: PathBuf,
}

/// All pods of the cluster, in a fixed order: coordinator, standby, primaries, mirrors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Topology {
    /// The cluster's name.
    pub cluster: String,
    /// The domain that all pods share, without dots at either end.
    pub domain: String,
    /// Every pod.
    pub members: Vec<Member>,
}

impl Topology {
    /// The topology that a valid configuration describes, below `domain`.
    pub fn new(config: &Config, domain: &str) -> Topology {
        let member = |group: &str, ordinal: u32, role: Role, content: ContentId, port: u16| {
            let pod = format!("{group}-{ordinal}");
            Member {
                fqdn: format!("{pod}.{domain}"),
                pod,
                role,
                content,
                port,
                data_dir: parent(config, role).join(format!("gpseg{content}")),
            }
        };
        let c = &config.coordinator;
        let s = &config.segments;
        let mut members = vec![member(&c.pods, 0, Role::Coordinator, ContentId::COORDINATOR, c.port)];
        if c.standby {
            members.push(member(&c.pods, 1, Role::Standby, ContentId::COORDINATOR, c.port));
        }
        let contents = 0..s.count;
        let content = |i: u32| ContentId::new(i.cast_signed());
        members.extend(
            contents
                .clone()
                .map(|i| member(&s.primaries, i, Role::Primary, content(i), s.primary_port)),
        );
        if let Some(mirrors) = &s.mirrors {
            members.extend(contents.map(|i| member(mirrors, i, Role::Mirror, content(i), s.mirror_port)));
        }
        Topology {
            cluster: config.cluster.clone(),
            domain: domain.to_string(),
            members,
        }
    }

    /// The pod of that short name.
    pub fn member(&self, pod: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.pod == pod)
    }

    /// Every pod but `me`.
    pub fn peers<'a>(&'a self, me: &'a Member) -> impl Iterator<Item = &'a Member> {
        self.members.iter().filter(move |m| m.pod != me.pod)
    }

    /// The pod on the other end of `me`'s replication, when there is one.
    pub fn partner(&self, me: &Member) -> Option<&Member> {
        self.members
            .iter()
            .find(|m| m.content == me.content && m.role == me.role.partner())
    }

    /// The coordinator (the pod made for that role).
    pub fn coordinator(&self) -> Option<&Member> {
        self.members.iter().find(|m| m.role == Role::Coordinator)
    }
}

/// What the data directory of a pod made for `role` lies in.
fn parent(config: &Config, role: Role) -> PathBuf {
    let volume = &config.storage.path;
    match role {
        Role::Mirror if config.engine.has_catalog() => volume.join("mirror"),
        _ => volume.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    #[test]
    fn no_mirror_of_greenplum_shares_its_parent_with_a_primary() {
        let dirs = |engine: &str| {
            let text = format!(
                "cluster: w\nengine: {engine}\ncoordinator: {{ standby: true }}\nsegments: {{ count: 2, mirrors: b }}\n"
            );
            let config = load(&text, "cluster.yaml", std::iter::empty()).unwrap();
            let members = Topology::new(&config, "d").members;
            members
                .iter()
                .map(|m| m.data_dir.display().to_string())
                .collect::<Vec<_>>()
                .join(" ")
        };
        insta::assert_snapshot!(dirs("greenplum"), @"/greenplum/gpseg-1 /greenplum/gpseg-1 /greenplum/gpseg0 /greenplum/gpseg1 /greenplum/mirror/gpseg0 /greenplum/mirror/gpseg1");
        insta::assert_snapshot!(dirs("postgres"), @"/greenplum/gpseg-1 /greenplum/gpseg-1 /greenplum/gpseg0 /greenplum/gpseg1 /greenplum/gpseg0 /greenplum/gpseg1");
    }
}
