//! Addresses of names, asked of the container's name servers without going through libc.

mod error;

pub use error::DnsError;

use super::hosts_file::{HOSTS, lines_of_others};
use gp_agent_core::process::timeouts;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as HickoryError, NetError};
use hickory_resolver::proto::op::{Query, ResponseCode};
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{Hosts, TokioResolver};
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a name server has for one answer.
const TIMEOUT: Duration = timeouts::NAME_SERVER_ANSWERS;

/// Which families of addresses to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Families {
    /// A and AAAA: two requests.
    Both,
    /// A only.
    V4,
    /// AAAA only.
    V6,
}

/// A successful lookup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsAnswer {
    /// The addresses, at least one, sorted.
    pub addresses: Vec<IpAddr>,
    /// Set when the other family could not be asked: there may be more addresses.
    pub unsure: Option<DnsError>,
}

enum Source {
    Files {
        resolv_conf: PathBuf,
        hosts: PathBuf,
    },
    /// Another name server than the files': only tests have one.
    #[cfg_attr(not(feature = "internals"), expect(dead_code, reason = "component tests choose"))]
    Server(SocketAddr),
}

/// What tells that a file was changed or replaced.
type Stamp = Option<(u64, i64, i64, u64)>;

/// What was made of the files as they were.
struct Loaded {
    stamps: (Stamp, Stamp),
    hosts: Hosts,
    resolver: Result<TokioResolver, DnsError>,
    servers: String,
}

/// Asks name servers for addresses. Keeps no answers: a cached "no such name" would be believed for half a minute.
pub struct Resolver {
    source: Source,
    timeout: Duration,
    loaded: Mutex<Option<Arc<Loaded>>>,
}

impl Resolver {
    /// Follows /etc/resolv.conf and /etc/hosts.
    pub fn system() -> Resolver {
        Self::from_files("/etc/resolv.conf".into(), HOSTS.into())
    }

    /// Follows these files: they are read again when they change. A name in `hosts` is not asked for, as libc does it,
    /// but for the agent's own lines: those follow from what DNS says.
    pub fn from_files(resolv_conf: PathBuf, hosts: PathBuf) -> Resolver {
        Self::new(Source::Files { resolv_conf, hosts })
    }

    /// Asks this name server, and no file.
    #[cfg(feature = "internals")]
    pub fn from_server(server: SocketAddr) -> Resolver {
        Self::new(Source::Server(server))
    }

    fn new(source: Source) -> Resolver {
        Resolver {
            source,
            timeout: TIMEOUT,
            loaded: Mutex::new(None),
        }
    }

    /// The same with another time-out than 2 s for each request.
    #[cfg(feature = "internals")]
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Resolver {
        self.timeout = timeout;
        self
    }

    /// The addresses of `fqdn`, which is taken as absolute: resolv.conf's search list is left alone.
    ///
    /// # Errors
    /// A name that does not exist is one, as is a server that does not answer in time.
    pub async fn addresses(&self, fqdn: &str, families: Families) -> Result<DnsAnswer, DnsError> {
        let mut name = Name::from_ascii(fqdn).map_err(|e| DnsError::BadName { reason: e.to_string() })?;
        name.set_fqdn(true);
        let loaded = self.loaded();
        let listed = in_hosts(&loaded.hosts, &name);
        if !listed.is_empty() {
            return Ok(answer(listed, None));
        }
        self.asked(&loaded, &name, families).await
    }

    /// What DNS says of a name whose addresses are a line's in the hosts file. Empty where no line has it, where DNS does not know
    /// the name, which is then meant for that file, and where it does not say all of it.
    pub async fn beside_hosts(&self, fqdn: &str) -> Vec<IpAddr> {
        let Ok(mut name) = Name::from_ascii(fqdn) else {
            return Vec::new();
        };
        name.set_fqdn(true);
        let loaded = self.loaded();
        if in_hosts(&loaded.hosts, &name).is_empty() {
            return Vec::new();
        }
        match self.asked(&loaded, &name, Families::Both).await {
            Ok(answer) if answer.unsure.is_none() => answer.addresses,
            _ => Vec::new(),
        }
    }

    /// What the name servers say.
    async fn asked(&self, loaded: &Loaded, name: &Name, families: Families) -> Result<DnsAnswer, DnsError> {
        let resolver = loaded.resolver.as_ref().map_err(Clone::clone)?;
        let ask = async |record| match resolver.lookup(name.clone(), record).await {
            Ok(found) => {
                let list: Vec<IpAddr> = found.answers().iter().filter_map(|r| r.data.ip_addr()).collect();
                if list.is_empty() {
                    Err(DnsError::NoAddress)
                } else {
                    Ok(list)
                }
            }
            Err(error) => Err(self.error(&error, &loaded.servers)),
        };
        match families {
            Families::V4 => Ok(answer(ask(RecordType::A).await?, None)),
            Families::V6 => Ok(answer(ask(RecordType::AAAA).await?, None)),
            Families::Both => {
                let v4 = ask(RecordType::A).await;
                // NXDOMAIN holds for all types, and a server that failed will fail again.
                if let Err(error) = &v4
                    && *error != DnsError::NoAddress
                {
                    return Err(error.clone());
                }
                both(v4, ask(RecordType::AAAA).await)
            }
        }
    }

    /// The files as they are now.
    fn loaded(&self) -> Arc<Loaded> {
        let stamps = match &self.source {
            Source::Files { resolv_conf, hosts } => (stamp(resolv_conf), stamp(hosts)),
            Source::Server(_) => (None, None),
        };
        let mut slot = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.as_ref() {
            Some(loaded) if loaded.stamps == stamps => loaded.clone(),
            _ => {
                let fresh = Arc::new(self.load(stamps));
                *slot = Some(fresh.clone());
                fresh
            }
        }
    }

    fn load(&self, stamps: (Stamp, Stamp)) -> Loaded {
        let mut hosts = Hosts::default();
        let config = match &self.source {
            Source::Files {
                resolv_conf,
                hosts: path,
            } => {
                // An odd hosts file is an empty one, as for libc.
                let _ = hosts.read_hosts_conf(lines_of_others(path).as_slice());
                read_resolv_conf(resolv_conf)
            }
            Source::Server(server) => {
                let port = |mut c: ConnectionConfig| {
                    c.port = server.port();
                    c
                };
                let connections = vec![port(ConnectionConfig::udp()), port(ConnectionConfig::tcp())];
                let server = NameServerConfig::new(server.ip(), true, connections);
                Ok(ResolverConfig::from_name_servers(vec![server]))
            }
        };
        let servers = config.as_ref().map_or(String::new(), server_words);
        Loaded {
            stamps,
            hosts,
            resolver: config.and_then(|c| self.build(c)),
            servers,
        }
    }

    fn build(&self, config: ResolverConfig) -> Result<TokioResolver, DnsError> {
        let mut options = ResolverOpts::default();
        options.timeout = self.timeout;
        // The callers have a backoff of their own; hickory sends a lost packet again within the time-out.
        options.attempts = 0;
        options.edns0 = false;
        options.cache_size = 0;
        options.positive_max_ttl = Some(Duration::ZERO);
        options.negative_max_ttl = Some(Duration::ZERO);
        options.use_hosts_file = ResolveHosts::Never;
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .map_err(|e| DnsError::Other {
                servers: "the resolver library".into(),
                what: e.to_string(),
            })
    }

    fn error(&self, error: &NetError, servers: &str) -> DnsError {
        let servers = servers.to_string();
        let code = match error {
            NetError::Dns(HickoryError::NoRecordsFound(none)) => none.response_code,
            NetError::Dns(HickoryError::ResponseCode(code)) => *code,
            NetError::Timeout => {
                return DnsError::NoAnswer {
                    servers,
                    within: self.timeout,
                };
            }
            other => {
                return DnsError::Other {
                    servers,
                    what: other.to_string(),
                };
            }
        };
        match code {
            ResponseCode::NoError => DnsError::NoAddress,
            ResponseCode::NXDomain => DnsError::NoSuchName,
            ResponseCode::ServFail => DnsError::ServerFailure { servers },
            ResponseCode::Refused => DnsError::Refused { servers },
            other => DnsError::Other {
                servers,
                what: other.to_string(),
            },
        }
    }
}

fn both(v4: Result<Vec<IpAddr>, DnsError>, v6: Result<Vec<IpAddr>, DnsError>) -> Result<DnsAnswer, DnsError> {
    match (v4, v6) {
        (Ok(mut list), Ok(more)) => {
            list.extend(more);
            Ok(answer(list, None))
        }
        (Ok(list), Err(e)) if e.is_negative() => Ok(answer(list, None)),
        (Ok(list), Err(e)) => Ok(answer(list, Some(e))),
        (Err(_), Ok(list)) => Ok(answer(list, None)),
        (Err(_), Err(e)) => Err(e),
    }
}

fn answer(mut addresses: Vec<IpAddr>, unsure: Option<DnsError>) -> DnsAnswer {
    addresses.sort_unstable();
    addresses.dedup();
    DnsAnswer { addresses, unsure }
}

fn in_hosts(hosts: &Hosts, name: &Name) -> Vec<IpAddr> {
    let lower = name.to_lowercase();
    [RecordType::A, RecordType::AAAA]
        .into_iter()
        .filter_map(|record| hosts.lookup_static_host(&Query::query(lower.clone(), record)))
        .flat_map(|found| {
            let list: Vec<IpAddr> = found.answers().iter().filter_map(|r| r.data.ip_addr()).collect();
            list
        })
        .collect()
}

fn stamp(path: &Path) -> Stamp {
    let m = std::fs::metadata(path).ok()?;
    Some((m.ino(), m.mtime(), m.mtime_nsec(), m.size()))
}

fn read_resolv_conf(path: &Path) -> Result<ResolverConfig, DnsError> {
    let unusable = |reason: String| DnsError::Configuration {
        path: path.to_path_buf(),
        reason,
    };
    let text = std::fs::read(path).map_err(|e| unusable(e.to_string()))?;
    let (config, _) = parse_resolv_conf(text).map_err(|e| unusable(e.to_string()))?;
    Ok(ResolverConfig::from_name_servers(config.name_servers().to_vec()))
}

/// `10.96.0.10`, or `10.96.0.10 or 10.96.0.11`, with the port where it is not 53.
fn server_words(config: &ResolverConfig) -> String {
    let list: Vec<String> = config
        .name_servers()
        .iter()
        .map(|s| match s.connections.first().map(|c| c.port) {
            Some(port) if port != 53 => SocketAddr::new(s.ip, port).to_string(),
            _ => s.ip.to_string(),
        })
        .collect();
    list.join(" or ")
}
