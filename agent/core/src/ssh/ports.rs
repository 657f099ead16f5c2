//! Which ports sshd shall have.

use crate::finding::{Area, Finding};

/// Where sshd listens in any case when the configuration names no port, and where the peers therefore ask.
pub(crate) const UNPRIVILEGED_PORT: u16 = 2222;

/// The port that the peers' ssh has to ask.
pub fn peers_port(configured: Option<u16>) -> u16 {
    configured.unwrap_or(UNPRIVILEGED_PORT)
}

/// What came of trying to listen on a port in one address family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bind {
    /// Nobody has it and we may take it.
    Free,
    /// Somebody listens there.
    InUse,
    /// EACCES: the port is below net.ipv4.ip_unprivileged_port_start, and we are not root.
    Denied,
    /// This container has no such address family.
    NoFamily,
    /// Something else, in the system's words.
    Failed(String),
}

/// Both families.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binds {
    /// 0.0.0.0.
    pub v4: Bind,
    /// `[::]`, IPv6 only.
    pub v6: Bind,
}

impl Binds {
    fn usable(&self) -> bool {
        let fine = |bind: &Bind| matches!(bind, Bind::Free | Bind::NoFamily);
        fine(&self.v4) && fine(&self.v6) && (self.v4 == Bind::Free || self.v6 == Bind::Free)
    }

    fn denied(&self) -> bool {
        self.v4 == Bind::Denied || self.v6 == Bind::Denied
    }

    /// What is wrong, for every family that is not free: `in use on IPv4`.
    fn complaint(&self) -> String {
        let words = |family: &str, bind: &Bind| match bind {
            Bind::Free => None,
            Bind::NoFamily => (!matches!((&self.v4, &self.v6), (Bind::Free, _) | (_, Bind::Free)))
                .then(|| format!("{family} is not available here")),
            Bind::InUse => Some(format!("in use on {family}")),
            Bind::Denied => Some(format!("not allowed for this user on {family}")),
            Bind::Failed(why) => Some(format!("not available on {family} ({why})")),
        };
        [words("IPv4", &self.v4), words("IPv6", &self.v6)]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
            .join(" and ")
    }
}

/// The ports sshd shall listen on (none: it cannot be started now) and what is wrong with the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PortPlan {
    /// Ports that are free.
    pub listen: Vec<u16>,
    /// Ports that are not.
    pub findings: Vec<Finding>,
}

/// The configured port; or 2222, and 22 beside it where that is allowed.
pub fn plan_ports(configured: Option<u16>, probe: impl Fn(u16) -> Binds) -> PortPlan {
    let main = peers_port(configured);
    let mut plan = PortPlan::default();
    let binds = probe(main);
    if !binds.usable() {
        plan.findings.push(port_finding(main, &binds));
        return plan;
    }
    if configured.is_none() {
        let binds = probe(22);
        if binds.usable() {
            plan.listen.push(22);
        } else if !binds.denied() {
            plan.findings.push(Finding::warning(
                Area::Ssh,
                "port 22",
                format!("{}; sshd listens on {main} alone", binds.complaint()),
                "find out with `ss -ltnp` who listens there, or set ssh.port; the pods themselves use only the other port",
            ));
        }
    }
    plan.listen.push(main);
    plan
}

fn port_finding(port: u16, binds: &Binds) -> Finding {
    let remedy = if binds.denied() {
        "leave ssh.port out, set it to 1024 or more, or set the sysctl net.ipv4.ip_unprivileged_port_start"
    } else {
        "find out with `ss -ltnp` who listens there and stop it, or set ssh.port to a free port (the same in every pod)"
    };
    Finding::error(
        Area::Ssh,
        format!("port {port}"),
        format!("{}; sshd is not started", binds.complaint()),
        remedy,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Severity;

    fn both(bind: Bind) -> Binds {
        Binds {
            v4: bind.clone(),
            v6: bind,
        }
    }

    #[test]
    fn without_a_configured_port_22_is_added_where_it_may_be() {
        let plan = plan_ports(None, |_| both(Bind::Free));
        assert_eq!((plan.listen, plan.findings), (vec![22, 2222], vec![]));
        let may_not = |port| both(if port == 22 { Bind::Denied } else { Bind::Free });
        let plan = plan_ports(None, may_not);
        assert_eq!((plan.listen, plan.findings), (vec![2222], vec![]));
    }

    #[test]
    fn a_taken_22_is_said_and_does_not_keep_sshd_from_starting() {
        let taken = |port| both(if port == 22 { Bind::InUse } else { Bind::Free });
        let plan = plan_ports(None, taken);
        assert_eq!(plan.listen, [2222]);
        assert_eq!(plan.findings[0].severity, Severity::Warning);
        assert_eq!(plan.findings[0].subject, "port 22");
    }

    #[test]
    fn a_port_in_use_in_one_family_alone_is_an_error_that_names_it() {
        let one = Binds {
            v4: Bind::Free,
            v6: Bind::InUse,
        };
        let plan = plan_ports(Some(2200), |_| one.clone());
        assert_eq!(plan.listen, [0u16; 0]);
        assert_eq!(plan.findings[0].severity, Severity::Error);
        assert_eq!(plan.findings[0].subject, "port 2200");
        assert_eq!(plan.findings[0].what, "in use on IPv6; sshd is not started");
        let other = Binds {
            v4: Bind::InUse,
            v6: Bind::NoFamily,
        };
        let plan = plan_ports(None, |_| other.clone());
        assert_eq!(plan.findings[0].subject, "port 2222");
        assert!(plan.findings[0].what.starts_with("in use on IPv4"), "{:?}", plan);
    }

    #[test]
    fn a_configured_port_that_is_not_allowed_has_its_own_remedy() {
        let plan = plan_ports(Some(22), |_| both(Bind::Denied));
        assert!(plan.listen.is_empty());
        assert!(plan.findings[0].what.contains("not allowed"));
        assert!(plan.findings[0].remedy.contains("ip_unprivileged_port_start"));
    }

    #[test]
    fn a_container_without_ipv6_is_fine() {
        let binds = Binds {
            v4: Bind::Free,
            v6: Bind::NoFamily,
        };
        assert_eq!(plan_ports(Some(2222), |_| binds.clone()).listen, [2222]);
        let plan = plan_ports(Some(2222), |_| both(Bind::NoFamily));
        assert!(plan.findings[0].what.contains("not available"));
    }
}
