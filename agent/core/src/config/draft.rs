//! The configuration while single values may still be missing, and what holds between them.

use super::diagnostic::{Fault, SourceLocation};
use super::reader::{Read, Reader};
use super::value_rules;
use super::value_rules::{LABEL_MAX, NAME_MAX};
use super::yaml::Kind;
use super::{
    Auth, Config, CoordinatorConfig, EngineKind, GreenplumConfig, HbaConfig, HttpConfig, Require, SegmentsConfig,
    ShutdownConfig, SshConfig, StorageConfig,
};
use super::{kubernetes, postgres_parameters, schema};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The most segments that a cluster may have.
const SEGMENTS_MAX: u64 = 10_000;

/// 1 PiB in MiB; beyond it a number of bytes would not fit.
const MIB_MAX: u64 = 1 << 30;

/// Every value, as far as it passed its own rule.
pub(super) struct Draft {
    cluster: Option<Read<String>>,
    engine: Option<Read<EngineKind>>,
    domain: Option<Read<String>>,
    pods: Option<Read<String>>,
    standby: Option<Read<bool>>,
    port: Option<Read<u16>>,
    count: Option<Read<u32>>,
    primaries: Option<Read<String>>,
    mirrors: Option<Read<String>>,
    primary_port: Option<Read<u16>>,
    mirror_port: Option<Read<u16>>,
    path: Option<Read<PathBuf>>,
    wal: Option<Read<PathBuf>>,
    require: Option<Read<Require>>,
    min_free_mib: Option<Read<u64>>,
    auth: Option<Read<Auth>>,
    extra: Vec<String>,
    password_file: Option<Read<PathBuf>>,
    parameters: BTreeMap<String, String>,
    secret: Option<Read<PathBuf>>,
    ssh_port: Option<Read<u16>>,
    http_port: Option<Read<u16>>,
    greenplum: Greenplum,
    kubernetes: kubernetes::Draft,
    grace_seconds: Option<Read<u32>>,
}

impl Draft {
    /// Reads every key; what is wrong with a single one is reported to the reader.
    pub(super) fn read(r: &mut Reader) -> Draft {
        let port = |r: &mut Reader, key| whole(r, key, 1, u16::MAX.into());
        Draft {
            cluster: r.scalar(&schema::CLUSTER, Kind::Text, value_rules::label),
            engine: choice(r, &schema::ENGINE, EngineKind::WORDS),
            domain: r.scalar(&schema::DOMAIN, Kind::Text, value_rules::domain),
            pods: r.scalar(&schema::COORDINATOR_PODS, Kind::Text, value_rules::label),
            standby: r.scalar(&schema::COORDINATOR_STANDBY, Kind::Switch, value_rules::switch),
            port: port(r, &schema::COORDINATOR_PORT),
            count: whole(r, &schema::SEGMENTS_COUNT, 1, SEGMENTS_MAX),
            primaries: r.scalar(&schema::SEGMENTS_PRIMARIES, Kind::Text, value_rules::label),
            mirrors: r.scalar(&schema::SEGMENTS_MIRRORS, Kind::Text, value_rules::label),
            primary_port: port(r, &schema::SEGMENTS_PRIMARY_PORT),
            mirror_port: port(r, &schema::SEGMENTS_MIRROR_PORT),
            path: r.scalar(&schema::STORAGE_PATH, Kind::Text, value_rules::path),
            wal: r.scalar(&schema::STORAGE_WAL, Kind::Text, value_rules::path),
            require: choice(r, &schema::STORAGE_REQUIRE, Require::WORDS),
            min_free_mib: whole(r, &schema::STORAGE_MIN_FREE_MIB, 0, MIB_MAX),
            auth: choice(r, &schema::HBA_AUTH, Auth::WORDS),
            extra: r.list(&schema::HBA_EXTRA, value_rules::hba_line),
            password_file: r.scalar(&schema::HBA_PASSWORD_FILE, Kind::Text, value_rules::path),
            parameters: r.map(
                &schema::PARAMETERS,
                postgres_parameters::name,
                postgres_parameters::value,
            ),
            secret: r.scalar(&schema::SSH_SECRET, Kind::Text, value_rules::path),
            ssh_port: port(r, &schema::SSH_PORT),
            http_port: port(r, &schema::HTTP_PORT),
            greenplum: Greenplum::read(r),
            kubernetes: kubernetes::Draft::read(r),
            grace_seconds: whole(r, &schema::SHUTDOWN_GRACE_SECONDS, 5, 86_400),
        }
    }

    /// Reports what is wrong between values that are right by themselves.
    pub(super) fn check(&self, r: &mut Reader) {
        self.check_groups(r);
        self.check_names(r);
        self.check_ports(r);
        if let (Some(path), Some(wal)) = (&self.path, &self.wal)
            && path.value == wal.value
        {
            let (path, wal) = (
                (schema::STORAGE_PATH.name, &path.place),
                (schema::STORAGE_WAL.name, &wal.place),
            );
            let remedy = "mount the second volume elsewhere, or remove storage.wal to keep the log on the first";
            clash(r, wal, path, "is the same directory as", remedy);
        }
    }

    fn groups(&self) -> [(&'static str, &Option<Read<String>>, u32); 3] {
        let last = self.count.as_ref().map_or(0, |count| count.value - 1);
        let standby = self.standby.as_ref().is_some_and(|standby| standby.value);
        [
            (schema::COORDINATOR_PODS.name, &self.pods, u32::from(standby)),
            (schema::SEGMENTS_PRIMARIES.name, &self.primaries, last),
            (schema::SEGMENTS_MIRRORS.name, &self.mirrors, last),
        ]
    }

    /// Two groups of one name would both have a pod 0; of different names, none in common, since
    /// an ordinal holds no `-`.
    fn check_groups(&self, r: &mut Reader) {
        let groups = self.groups();
        for (i, (key, group, _)) in groups.iter().enumerate() {
            for (other_key, other, _) in &groups[..i] {
                if let (Some(group), Some(other)) = (group, other)
                    && group.value == other.value
                {
                    let what = format!("pods are called {:?} like those of", group.value);
                    let remedy = "give every group of pods a name of its own";
                    clash(r, (key, &group.place), (other_key, &other.place), &what, remedy);
                }
            }
        }
    }

    fn check_names(&self, r: &mut Reader) {
        let mut longest = String::new();
        for (key, group, last) in self.groups() {
            let Some(group) = group else { continue };
            let pod = format!("{}-{last}", group.value);
            if pod.len() > LABEL_MAX {
                let fault = Fault::new(
                    format!("the host name {pod:?} is {} characters long", pod.len()),
                    format!("shorten the name; host names have at most {LABEL_MAX}"),
                );
                report(r, key, &group.place, fault);
            }
            if pod.len() > longest.len() {
                longest = pod;
            }
        }
        if let Some(domain) = &self.domain
            && longest.len() + 1 + domain.value.len() > NAME_MAX
        {
            let fault = Fault::new(
                format!("{longest}.{} is longer than {NAME_MAX} characters", domain.value),
                "shorten the domain",
            );
            report(r, schema::DOMAIN.name, &domain.place, fault);
        }
    }

    /// gpinitsystem wants the ports of coordinator, primaries and mirrors apart; the agent's own
    /// and sshd's share every pod with one of them.
    fn check_ports(&self, r: &mut Reader) {
        let mirrors = self.mirrors.as_ref().and(self.mirror_port.as_ref());
        let ports = [
            (schema::COORDINATOR_PORT.name, self.port.as_ref()),
            (schema::SEGMENTS_PRIMARY_PORT.name, self.primary_port.as_ref()),
            (schema::SEGMENTS_MIRROR_PORT.name, mirrors),
            (schema::HTTP_PORT.name, self.http_port.as_ref()),
            (schema::SSH_PORT.name, self.ssh_port.as_ref()),
        ];
        let given: Vec<_> = ports.iter().filter_map(|(key, port)| Some((*key, (*port)?))).collect();
        for (i, (key, port)) in given.iter().enumerate() {
            for (other_key, other) in &given[..i] {
                if port.value == other.value {
                    let what = format!("port {} is also that of", port.value);
                    let remedy = "give each a port of its own";
                    clash(r, (key, &port.place), (other_key, &other.place), &what, remedy);
                }
            }
            if self.ssh_port.is_none() && matches!(port.value, 22 | 2222) {
                let fault = Fault::new(
                    format!("port {} may be taken by sshd", port.value),
                    "choose another port, or set ssh.port",
                );
                report(r, key, &port.place, fault);
            }
        }
    }

    /// The configuration, when nothing that it needs is missing.
    pub(super) fn finish(self) -> Option<Config> {
        Some(Config {
            cluster: self.cluster?.value,
            engine: self.engine?.value,
            domain: self.domain.map(|domain| domain.value),
            coordinator: CoordinatorConfig {
                pods: self.pods?.value,
                standby: self.standby?.value,
                port: self.port?.value,
            },
            segments: SegmentsConfig {
                count: self.count?.value,
                primaries: self.primaries?.value,
                mirrors: self.mirrors.map(|mirrors| mirrors.value),
                primary_port: self.primary_port?.value,
                mirror_port: self.mirror_port?.value,
            },
            storage: StorageConfig {
                path: self.path?.value,
                wal: self.wal.map(|wal| wal.value),
                require: self.require?.value,
                min_free_mib: self.min_free_mib?.value,
            },
            hba: HbaConfig {
                auth: self.auth?.value,
                extra: self.extra,
                password_file: self.password_file?.value,
            },
            parameters: self.parameters,
            ssh: SshConfig {
                secret: self.secret?.value,
                port: self.ssh_port.map(|port| port.value),
            },
            http: HttpConfig {
                port: self.http_port?.value,
            },
            greenplum: self.greenplum.finish()?,
            kubernetes: self.kubernetes.finish()?,
            shutdown: ShutdownConfig {
                grace_seconds: self.grace_seconds?.value,
            },
        })
    }
}

/// The section of Greenplum alone, as far as its values passed their own rules.
struct Greenplum {
    home: Option<Read<PathBuf>>,
    locale: Option<Read<String>>,
    attempts: Option<Read<u32>>,
    database: Option<Read<String>>,
    sql: Option<Read<PathBuf>>,
}

impl Greenplum {
    fn read(r: &mut Reader) -> Greenplum {
        Greenplum {
            home: r.scalar(&schema::GREENPLUM_HOME, Kind::Text, value_rules::path),
            locale: r.scalar(&schema::GREENPLUM_LOCALE, Kind::Text, value_rules::locale),
            attempts: whole(r, &schema::GREENPLUM_ATTEMPTS, 1, 10),
            database: r.scalar(&schema::GREENPLUM_DATABASE, Kind::Text, value_rules::database),
            sql: r.scalar(&schema::GREENPLUM_SQL, Kind::Text, value_rules::path),
        }
    }

    fn finish(self) -> Option<GreenplumConfig> {
        Some(GreenplumConfig {
            home: self.home.map(|home| home.value),
            locale: self.locale?.value,
            attempts: self.attempts?.value,
            database: self.database?.value,
            sql: self.sql?.value,
        })
    }
}

type Claim<'a> = (&'a str, &'a Option<SourceLocation>);

/// Reports that `this` contradicts `other`; when `this` is a default, `other` is the one to change.
fn clash(r: &mut Reader, this: Claim, other: Claim, what: &str, remedy: &str) {
    let (this, other) = if this.1.is_some() { (this, other) } else { (other, this) };
    report(r, this.0, this.1, Fault::new(format!("{what} {}", other.0), remedy));
}

/// Reports a value that was given; a default is never wrong by itself.
fn report(r: &mut Reader, key: &str, place: &Option<SourceLocation>, fault: Fault) {
    if let Some(place) = place {
        r.report(place.clone(), key, fault);
    }
}

fn whole<T: TryFrom<u64>>(r: &mut Reader, key: &schema::Key, min: u64, max: u64) -> Option<Read<T>> {
    r.scalar(key, Kind::Number, |text| {
        let number = value_rules::whole(text, min, max)?;
        T::try_from(number).map_err(|_| Fault::new("is too large", format!("give at most {max}")))
    })
}

pub(super) fn choice<T: Copy>(r: &mut Reader, key: &schema::Key, words: &[(&str, T)]) -> Option<Read<T>> {
    r.scalar(key, Kind::Text, |text| {
        let found = words.iter().find(|(word, _)| *word == text);
        found.map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            let near = super::suggest::nearest(text, known.iter().copied());
            let hint = near.map_or(String::new(), |near| format!("; did you mean {near}?"));
            Fault::new(
                format!("{} is not known", value_rules::shown(text)),
                format!("choose one of {}{hint}", known.join(", ")),
            )
        })
    })
}
