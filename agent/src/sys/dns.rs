//! Asking the container's name servers for the addresses of peers.

use hickory_resolver::config::{
    ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::{Resolver, TokioResolver};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long one question may take.
pub const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Why a name has no address, in the words of progress lines.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// The name server says that there is no such name.
    #[error("NXDOMAIN")]
    NoSuchName,
    /// The name exists and has no address.
    #[error("no address")]
    NoAddress,
    /// The name server failed; its response code.
    #[error("{0}")]
    Failed(String),
    /// No name server answered.
    #[error("no answer from {servers} within {seconds} s")]
    NoAnswer {
        /// Who was asked.
        servers: String,
        /// For how long.
        seconds: u64,
    },
    /// Something else.
    #[error("{0}")]
    Other(String),
}

/// A resolver with its settings.
pub struct Dns {
    resolver: TokioResolver,
    servers: String,
}

impl Dns {
    /// A resolver on /etc/resolv.conf and /etc/hosts.
    pub fn system() -> Result<Dns, LookupError> {
        let (config, options) = hickory_resolver::system_conf::read_system_conf()
            .map_err(|e| LookupError::Other(format!("cannot use /etc/resolv.conf: {e}")))?;
        Dns::build(config, options, ResolveHosts::Always)
    }

    /// A resolver on one name server.
    pub fn at(server: SocketAddr) -> Result<Dns, LookupError> {
        let mut udp = ConnectionConfig::udp();
        udp.port = server.port();
        let mut tcp = ConnectionConfig::tcp();
        tcp.port = server.port();
        let name_server = NameServerConfig::new(server.ip(), true, vec![udp, tcp]);
        let config = ResolverConfig::from_name_servers(vec![name_server]);
        Dns::build(config, ResolverOpts::default(), ResolveHosts::Never)
    }

    fn build(
        config: ResolverConfig,
        mut options: ResolverOpts,
        hosts: ResolveHosts,
    ) -> Result<Dns, LookupError> {
        options.timeout = ANSWER_WITHIN;
        options.attempts = 1;
        options.cache_size = 0;
        options.use_hosts_file = hosts;
        let servers: Vec<String> = config
            .name_servers()
            .iter()
            .map(|s| s.ip.to_string())
            .collect();
        let resolver = Resolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .build()
            .map_err(|e| LookupError::Other(format!("cannot make a resolver: {e}")))?;
        Ok(Dns {
            resolver,
            servers: servers.join(", "),
        })
    }

    /// All addresses of `fqdn`, sorted. The name is asked as it is: no search suffixes.
    pub async fn addresses(&self, fqdn: &str) -> Result<Vec<IpAddr>, LookupError> {
        let name = format!("{}.", fqdn.trim_end_matches('.'));
        match self.resolver.lookup_ip(name).await {
            Ok(found) => {
                let mut addresses: Vec<IpAddr> = found.iter().collect();
                addresses.sort_unstable();
                addresses.dedup();
                if addresses.is_empty() {
                    return Err(LookupError::NoAddress);
                }
                Ok(addresses)
            }
            Err(error) => Err(self.words(&error)),
        }
    }

    fn words(&self, error: &NetError) -> LookupError {
        match error {
            e if e.is_nx_domain() => LookupError::NoSuchName,
            NetError::Timeout | NetError::NoConnections => LookupError::NoAnswer {
                servers: self.servers.clone(),
                seconds: ANSWER_WITHIN.as_secs(),
            },
            NetError::Dns(DnsError::NoRecordsFound(none)) => match none.response_code {
                hickory_resolver::proto::op::ResponseCode::NoError => LookupError::NoAddress,
                code => LookupError::Failed(format!("{code} from {}", self.servers)),
            },
            NetError::Dns(DnsError::ResponseCode(code)) => {
                LookupError::Failed(format!("{code} from {}", self.servers))
            }
            other => LookupError::Other(other.to_string()),
        }
    }
}
