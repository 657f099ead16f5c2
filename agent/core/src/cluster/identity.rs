//! Who this pod is: told from its host name alone.

use super::topology::{Member, Role, Topology};
use crate::config::Config;
use std::fmt;

/// Up to so many names that would fit are listed one by one, more as ranges.
const LIST_MAX: usize = 20;

/// The host name fits no pod of the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdentityError {
    /// The name as it was found.
    pub host_name: String,
    /// The cluster that it does not fit into.
    pub cluster: String,
    /// What is probably wrong, when that can be told.
    pub hint: Option<String>,
    /// The names that would fit: all of them, or ranges such as `segment-a-0 .. segment-a-99`.
    pub fitting: Vec<String>,
}

impl IdentityError {
    /// What is wrong.
    pub fn what(&self) -> String {
        let (host, cluster) = (&self.host_name, &self.cluster);
        format!("host name {host:?} fits no pod of cluster {cluster}")
    }

    /// What to do about it.
    pub fn remedy(&self) -> String {
        let fitting = format!("names that fit: {}", self.fitting.join(", "));
        match &self.hint {
            Some(hint) => format!("{hint}; {fitting}"),
            None => fitting,
        }
    }
}

/// `host name "segment-a-7" fits no pod of cluster warehouse; ...`
impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.what(), self.remedy())
    }
}

impl std::error::Error for IdentityError {}

/// The pod that `host_name` names; a domain behind the first dot and upper case do not matter.
///
/// # Errors
/// No pod of the topology has that name.
pub fn identify<'a>(host_name: &str, topology: &'a Topology) -> Result<&'a Member, IdentityError> {
    let short = host_name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    topology.member(&short).ok_or_else(|| IdentityError {
        host_name: host_name.to_string(),
        cluster: topology.cluster.clone(),
        hint: hint(&short, topology),
        fitting: fitting(topology),
    })
}

/// The domain in a pod's own FQDN: what follows `<pod>.`, without a dot at the end. `pod` is a host
/// name, short or full (Kubernetes: setHostnameAsFQDN).
pub fn domain_of<'a>(own_fqdn: &'a str, pod: &str) -> Option<&'a str> {
    let (host, domain) = own_fqdn.split_once('.')?;
    let pod = pod.split('.').next()?;
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    (host.eq_ignore_ascii_case(pod) && !domain.is_empty()).then_some(domain)
}

/// Neither the configuration nor this pod's own name tells the domain of the pods.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not set, and {found}")]
pub struct DomainError {
    found: String,
}

/// The domain of all pods: the configured one, else the one in this pod's own FQDN.
///
/// # Errors
/// There is neither; to be read after the key's name, `domain`.
pub fn domain_for<'a>(config: &'a Config, host_name: &str, own_fqdn: Option<&'a str>) -> Result<&'a str, DomainError> {
    if let Some(domain) = &config.domain {
        return Ok(domain);
    }
    let pod = host_name.split('.').next().unwrap_or_default();
    let found = match own_fqdn {
        None => format!("neither /etc/hosts nor DNS knows a full name of {pod:?}"),
        Some(own) => match domain_of(own, pod) {
            Some(domain) => return Ok(domain),
            None => format!("this pod's full name, {own:?}, does not begin with {pod:?} and a dot"),
        },
    };
    Err(DomainError { found })
}

/// One StatefulSet: its name, and its pods in the order of their ordinals.
struct Group<'a> {
    name: &'a str,
    pods: Vec<&'a Member>,
}

fn split(pod: &str) -> Option<(&str, &str)> {
    let (group, ordinal) = pod.rsplit_once('-')?;
    let digits = !ordinal.is_empty() && ordinal.chars().all(|c| c.is_ascii_digit());
    (digits && !group.is_empty()).then_some((group, ordinal))
}

fn groups(topology: &Topology) -> Vec<Group<'_>> {
    let mut groups: Vec<Group> = Vec::new();
    for member in &topology.members {
        let name = split(&member.pod).map_or(member.pod.as_str(), |(group, _)| group);
        match groups.last_mut() {
            Some(group) if group.name == name => group.pods.push(member),
            _ => groups.push(Group {
                name,
                pods: vec![member],
            }),
        }
    }
    groups
}

fn fitting(topology: &Topology) -> Vec<String> {
    if topology.members.len() <= LIST_MAX {
        return topology.members.iter().map(|m| m.pod.clone()).collect();
    }
    groups(topology)
        .iter()
        .flat_map(|group| match group.pods.as_slice() {
            [first, _, .., last] => vec![format!("{} .. {}", first.pod, last.pod)],
            few => few.iter().map(|member| member.pod.clone()).collect(),
        })
        .collect()
}

fn hint(short: &str, topology: &Topology) -> Option<String> {
    let Some((name, ordinal)) = split(short) else {
        return Some(
            "pods are named <StatefulSet>-<ordinal>; run them as StatefulSets, or set the \
             container's hostname"
                .to_string(),
        );
    };
    let groups = groups(topology);
    let Some(group) = groups.iter().find(|group| group.name == name) else {
        let no_mirrors = !topology.members.iter().any(|m| m.role == Role::Mirror);
        return no_mirrors
            .then(|| format!("segments.mirrors is not set; set it to {name:?} if these pods are the mirrors"));
    };
    if ordinal.len() > 1 && ordinal.starts_with('0') {
        return Some(format!("the ordinal {ordinal} has a leading zero"));
    }
    let count = group.pods.len();
    Some(match group.pods.first().map(|m| m.role) {
        Some(Role::Coordinator | Role::Standby) if count == 1 && ordinal == "1" => {
            "coordinator.standby is false; set it to true, or run one coordinator pod only".into()
        }
        Some(Role::Coordinator | Role::Standby) => {
            format!("{name} has {count} of at most 2 pods, coordinator and standby")
        }
        _ => format!("segments.count is {count}; raise it, or lower the replicas of StatefulSet {name} to {count}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::content::ContentId;
    use crate::config::load;
    use proptest::prelude::*;

    fn topology(rest: &str) -> Topology {
        let text = format!("cluster: warehouse\nengine: postgres\n{rest}\n");
        let config = load(&text, "cluster.yaml", std::iter::empty()).unwrap();
        Topology::new(&config, "agent.prod.svc.cluster.local")
    }

    fn mirrored(count: u32) -> Topology {
        topology(&format!(
            "coordinator: {{ standby: true }}\nsegments: {{ count: {count}, mirrors: segment-b }}"
        ))
    }

    fn refused(host: &str, topology: &Topology) -> String {
        identify(host, topology).unwrap_err().to_string()
    }

    #[test]
    fn short_and_full_names_tell_the_pod() {
        let topology = mirrored(2);
        for host in [
            "segment-b-1",
            "segment-b-1.agent.prod.svc.cluster.local",
            "segment-b-1.",
            "Segment-B-1",
        ] {
            let member = identify(host, &topology).unwrap();
            assert_eq!(
                (member.role, member.content),
                (Role::Mirror, ContentId::new(1)),
                "{host}"
            );
        }
        let standby = identify("coordinator-1", &topology).unwrap();
        assert_eq!((standby.role, standby.content), (Role::Standby, ContentId::COORDINATOR));
    }

    #[test]
    fn every_refusal_lists_what_would_fit_and_says_why() {
        let (small, large) = (mirrored(2), mirrored(100));
        let bare = topology("segments: { count: 1 }");
        let shown = [
            refused("segment-a-7", &small),
            refused("segment-a-00", &small),
            refused("coordinator-2", &small),
            refused("segment-c-0", &small),
            refused("gp-7d9f8c-x2kqz", &small),
            refused("", &small),
            refused("segment-b-100", &large),
            refused("coordinator-1", &bare),
            refused("segment-b-0", &bare),
        ];
        insta::assert_snapshot!(shown.join("\n"), @r#"
        host name "segment-a-7" fits no pod of cluster warehouse; segments.count is 2; raise it, or lower the replicas of StatefulSet segment-a to 2; names that fit: coordinator-0, coordinator-1, segment-a-0, segment-a-1, segment-b-0, segment-b-1
        host name "segment-a-00" fits no pod of cluster warehouse; the ordinal 00 has a leading zero; names that fit: coordinator-0, coordinator-1, segment-a-0, segment-a-1, segment-b-0, segment-b-1
        host name "coordinator-2" fits no pod of cluster warehouse; coordinator has 2 of at most 2 pods, coordinator and standby; names that fit: coordinator-0, coordinator-1, segment-a-0, segment-a-1, segment-b-0, segment-b-1
        host name "segment-c-0" fits no pod of cluster warehouse; names that fit: coordinator-0, coordinator-1, segment-a-0, segment-a-1, segment-b-0, segment-b-1
        host name "gp-7d9f8c-x2kqz" fits no pod of cluster warehouse; pods are named <StatefulSet>-<ordinal>; run them as StatefulSets, or set the container's hostname; names that fit: coordinator-0, coordinator-1, segment-a-0, segment-a-1, segment-b-0, segment-b-1
        host name "" fits no pod of cluster warehouse; pods are named <StatefulSet>-<ordinal>; run them as StatefulSets, or set the container's hostname; names that fit: coordinator-0, coordinator-1, segment-a-0, segment-a-1, segment-b-0, segment-b-1
        host name "segment-b-100" fits no pod of cluster warehouse; segments.count is 100; raise it, or lower the replicas of StatefulSet segment-b to 100; names that fit: coordinator-0, coordinator-1, segment-a-0 .. segment-a-99, segment-b-0 .. segment-b-99
        host name "coordinator-1" fits no pod of cluster warehouse; coordinator.standby is false; set it to true, or run one coordinator pod only; names that fit: coordinator-0, segment-a-0
        host name "segment-b-0" fits no pod of cluster warehouse; segments.mirrors is not set; set it to "segment-b" if these pods are the mirrors; names that fit: coordinator-0, segment-a-0
        "#);
    }

    #[test]
    fn the_domain_follows_the_pod() {
        let domain = Some("agent.prod.svc");
        assert_eq!(domain_of("segment-a-0.agent.prod.svc", "segment-a-0"), domain);
        assert_eq!(domain_of("Segment-A-0.agent.prod.svc.", "segment-a-0"), domain);
        assert_eq!(domain_of("a-0.agent.svc", "a-0.agent.svc"), Some("agent.svc"));
        for fqdn in ["", "segment-a-0", "segment-a-0.", "segment-a-01.x", "x.segment-a-0.y"] {
            assert_eq!(domain_of(fqdn, "segment-a-0"), None, "{fqdn}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_pod_knows_itself_and_no_other_name_fits(count in 1u32..200, name in "\\PC{0,12}|(segment|coordinator)-[ab]?-?[0-9]{1,4}") {
            let topology = mirrored(count);
            for member in &topology.members {
                prop_assert_eq!(identify(&member.pod, &topology), Ok(member));
                prop_assert_eq!(identify(&member.fqdn, &topology), Ok(member));
                prop_assert_eq!(domain_of(&member.fqdn, &member.pod), Some(topology.domain.as_str()));
            }
            if let Ok(member) = identify(&name, &topology) {
                prop_assert!(name.to_ascii_lowercase().starts_with(&member.pod));
            }
        }
    }
}
