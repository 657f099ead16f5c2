//! What has to hold between values that are right by themselves.

use super::diagnostic::Fault;
use super::model::{AuthorityChoice, EngineKind, FailoverMode, RebalanceWhen};
use super::postgres_parameters::{OF_TLS, guarded, is_of_failover, keeps_partner_away};
use super::reader::Reader;
use super::schema::draft::Config as Draft;
use super::value_rules::{LABEL_MAX, NAME_MAX};
use super::values::Read;
use super::yaml::Position;

impl Draft {
    /// Reports what is wrong between values that are right by themselves.
    pub(super) fn check(&self, r: &mut Reader) {
        self.check_groups(r);
        self.check_names(r);
        self.check_ports(r);
        self.check_tls(r);
        self.check_failover(r);
        self.check_pairs(r);
        self.check_window(r);
        if let (Some(path), Some(wal)) = (&self.storage.path, &self.storage.wal)
            && path.value == wal.value
        {
            let remedy = "mount the second volume elsewhere, or remove storage.wal to keep the log on the first";
            clash(r, wal, path, "is the same directory as", remedy);
        }
    }

    /// Every group of pods that there is: its name, and the ordinal of its last pod.
    fn groups(&self) -> impl Iterator<Item = (&Read<String>, u32)> {
        let last = self.segments.count.as_ref().map_or(0, |count| count.value - 1);
        let standby = self.coordinator.standby.as_ref().is_some_and(|standby| standby.value);
        let groups = [
            (&self.coordinator.pods, u32::from(standby)),
            (&self.segments.primaries, last),
            (&self.segments.mirrors, last),
        ];
        groups
            .into_iter()
            .filter_map(|(name, last)| Some((name.as_ref()?, last)))
    }

    /// Two groups of one name would both have a pod 0; of different names, none in common, since
    /// an ordinal holds no `-`.
    fn check_groups(&self, r: &mut Reader) {
        let groups: Vec<_> = self.groups().map(|(group, _)| group).collect();
        for (i, group) in groups.iter().enumerate() {
            for other in groups[..i].iter().filter(|other| other.value == group.value) {
                let what = format!("pods are called {:?} like those of", group.value);
                clash(r, group, other, &what, "give every group of pods a name of its own");
            }
        }
    }

    fn check_names(&self, r: &mut Reader) {
        let mut longest = String::new();
        for (group, last) in self.groups() {
            let pod = format!("{}-{last}", group.value);
            if pod.len() > LABEL_MAX {
                let fault = Fault::new(
                    format!("the host name {pod:?} is {} characters long", pod.len()),
                    format!("shorten the name; host names have at most {LABEL_MAX}"),
                );
                report(r, group, fault);
            }
            if pod.len() > longest.len() {
                longest = pod;
            }
        }
        if let Some(domain) = &self.domain
            && longest.len() + 1 + domain.value.len() > NAME_MAX
        {
            let what = format!("{longest}.{} is longer than {NAME_MAX} characters", domain.value);
            report(r, domain, Fault::new(what, "shorten the domain"));
        }
    }

    /// What follows from the Secret is nobody else's to set.
    fn check_tls(&self, r: &mut Reader) {
        let Some(secret) = &self.tls.secret else {
            return;
        };
        let owned = |name: &&String| OF_TLS.iter().any(|owned| name.eq_ignore_ascii_case(owned));
        for name in self.parameters.keys().filter(owned) {
            let what = format!("sets parameters.{name}, which is given as well");
            report(r, secret, Fault::new(what, "remove one of the two"));
        }
    }

    /// Whether commits wait for the standby is the agent's to decide where it promotes that standby by itself. With `auto` only
    /// the pod knows whether it does; there the agent's value wins while it does.
    fn check_failover(&self, r: &mut Reader) {
        let is = |read: &Option<Read<bool>>| read.as_ref().is_some_and(|read| read.value);
        let failover = &self.failover;
        let on = failover
            .mode
            .as_ref()
            .is_some_and(|read| read.value != FailoverMode::Off)
            && failover
                .authority
                .as_ref()
                .is_some_and(|read| matches!(read.value, AuthorityChoice::Kubernetes | AuthorityChoice::File));
        let Some(engine) = self.engine.as_ref().map(|read| read.value) else {
            return;
        };
        if !(on && is(&self.coordinator.standby)) {
            return;
        }
        let ours = self
            .parameters
            .iter()
            .filter(|(name, value)| is_of_failover(engine, name, value));
        for (name, _) in ours {
            let dotted = format!("parameters.{name}");
            let at = r.entries_at.get(&dotted).copied().unwrap_or(Position::START);
            let why = guarded(name).map_or("", |guarded| guarded.why);
            let remedy = format!("remove it, or set failover.mode to off; {why}");
            r.report_at(at, &dotted, "is set by the agent itself while failover is on", remedy);
        }
    }

    /// A mirror that cannot follow is down with the next restart, and every pod restarts for such a value. In Greenplum these are
    /// gpinitsystem's and its tools'.
    fn check_pairs(&self, r: &mut Reader) {
        let standby = self.coordinator.standby.as_ref().is_some_and(|standby| standby.value);
        let paired = standby || self.segments.mirrors.is_some();
        if self.engine.as_ref().map(|read| read.value) != Some(EngineKind::Postgres) || !paired {
            return;
        }
        for (name, value) in &self.parameters {
            let Some(why) = keeps_partner_away(name, value) else {
                continue;
            };
            let dotted = format!("parameters.{name}");
            let at = r.entries_at.get(&dotted).copied().unwrap_or(Position::START);
            let what = format!("{value:?} takes mirrors and standby down");
            r.report_at(at, &dotted, what, format!("remove it; {why}"));
        }
    }

    fn check_window(&self, r: &mut Reader) {
        // One that is written wrongly is told already.
        let meant = r.findings.iter().any(|f| f.key.starts_with("recovery.window"));
        if let Some(roles) = &self.recovery.roles
            && roles.value == RebalanceWhen::Window
            && self.recovery.window.is_none()
            && !meant
        {
            let remedy = "add recovery.window, such as \"0 2 * * sun\": when that time begins, in UTC";
            report(
                r,
                roles,
                Fault::new("no time is set aside: there is no recovery.window", remedy),
            );
        }
    }

    /// gpinitsystem wants the ports of coordinator, primaries and mirrors apart; the agent's own
    /// and sshd's share every pod with one of them.
    fn check_ports(&self, r: &mut Reader) {
        let mirrors = self.segments.mirrors.as_ref();
        let ports = [
            self.coordinator.port.as_ref(),
            self.segments.primary_port.as_ref(),
            mirrors.and(self.segments.mirror_port.as_ref()),
            self.http.port.as_ref(),
            self.ssh.port.as_ref(),
        ];
        let given: Vec<_> = ports.into_iter().flatten().collect();
        for (i, port) in given.iter().enumerate() {
            for other in given[..i].iter().filter(|other| other.value == port.value) {
                let what = format!("port {} is also that of", port.value);
                clash(r, port, other, &what, "give each a port of its own");
            }
            if self.ssh.port.is_none() && matches!(port.value, 22 | 2222) {
                let what = format!("port {} may be taken by sshd", port.value);
                report(r, port, Fault::new(what, "choose another port, or set ssh.port"));
            }
        }
    }
}

/// Reports that `this` contradicts `other`; when `this` is a default, `other` is the one to change.
fn clash<T>(r: &mut Reader, this: &Read<T>, other: &Read<T>, what: &str, remedy: &str) {
    let (this, other) = if this.place.is_some() {
        (this, other)
    } else {
        (other, this)
    };
    report(r, this, Fault::new(format!("{what} {}", other.key.name), remedy));
}

/// Reports a value that was given; a default is never wrong by itself.
fn report<T>(r: &mut Reader, read: &Read<T>, fault: Fault) {
    if let Some(place) = &read.place {
        r.report(place.clone(), read.key.name, fault);
    }
}
