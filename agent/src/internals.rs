//! What the component tests and the examples use of the rooms inside. Nothing else may.

/// Names and addresses.
pub mod discovery {
    pub use crate::lifecycle::discovery::HostsKeeper;
    pub use crate::lifecycle::discovery::{Discovery, look};
    pub use crate::sys::discovery::dns::{DnsError, Families, Resolver};
    pub use crate::sys::discovery::hosts_file::HostsFile;
    pub use crate::sys::discovery::nss::{LookupLimits, NssResolver};
}

/// The database programs.
pub mod engine {
    pub use crate::engine::find;
    pub use crate::sys::postgres::programs::Tools;
}

/// Where the record of leadership lives.
pub mod failover {
    pub use crate::sys::failover::authority::{Authority, AuthorityError, WriteError};
    pub use crate::sys::failover::file::FileAuthority;
    pub use crate::sys::process::clock::boottime;
    pub use crate::sys::process::inherit::with_inherited;
}

/// The HTTP server.
pub mod http {
    pub use crate::lifecycle::api::agent::{Agent, Done};
    pub use crate::lifecycle::api::refusal::Refusal;
    pub use crate::lifecycle::api::routes::{serve_tcp, serve_unix};
    pub use crate::sys::http::bind::BindError;
    pub use crate::sys::http::{HttpLimits, Reply, bind_tcp, bind_unix};
}

/// The Kubernetes API.
pub mod kubernetes {
    pub use crate::lifecycle::kubernetes::events::Events;
    pub use crate::lifecycle::kubernetes::role_label::{RoleLabel, WITHDRAW_WITHIN};
    pub use crate::sys::kubernetes::lease::LeaseAuthority;
    pub use crate::sys::kubernetes::{InClusterConfig, Kubernetes};
}

/// The agents of other pods.
pub mod peers {
    pub use crate::lifecycle::greenplum::catalog;
    pub use crate::lifecycle::peers::client;
    pub use crate::lifecycle::peers::client::PeerClient;
    pub use crate::lifecycle::peers::fan_out::FanOutLimits;
}

/// This pod.
pub mod pod {
    pub use crate::lifecycle::pod::Pod;
    pub use crate::lifecycle::pod::leadership::Leadership;
    pub use crate::lifecycle::status_board::{StatusBoard, now};
}

/// Processes, and the line to init.
pub mod process {
    pub use crate::sys::process::init_channel::{Heartbeat, restarts_from_env};
    pub use crate::sys::process::passwd::current as current_account;
    pub use crate::sys::process::{ProcessInfo, processes};
}

/// What the documents are compared with.
pub mod reference {
    use crate::lifecycle::api::metrics::render;
    use clap::CommandFactory;
    use gp_agent_core::cluster::exposition::MetricsFormat;
    use gp_agent_core::cluster::status::PodStatus;

    pub use crate::init::exit_code::EXIT_CODES;
    pub use crate::lifecycle::api::endpoints::{ENDPOINTS, Endpoint};

    /// The command line.
    pub fn command() -> clap::Command {
        crate::cli::args::Cli::command()
    }

    /// The exposition of a pod as OpenMetrics.
    pub fn metrics(status: &PodStatus) -> String {
        render(status, Default::default(), 0, MetricsFormat::OpenMetrics)
    }

    /// The same in Prometheus' text format.
    pub fn prometheus_metrics(status: &PodStatus) -> String {
        render(status, Default::default(), 0, MetricsFormat::Prometheus)
    }
}

/// SSH and its Secret.
pub mod ssh {
    pub use crate::lifecycle::ssh::settings::Timing;
    pub use crate::lifecycle::ssh::{PeerAddresses, Setup, Ssh, SshReport, check, known_hosts};
    pub use crate::sys::ssh::secret::{RawSecret, examine};
}

/// The volume.
pub mod storage {
    pub use crate::sys::storage::fs::volume_lock::LockError;
    pub use crate::sys::storage::fs::{VolumeLock, set_aside, write_atomically};
    pub use crate::sys::storage::{StorageError, prove, prove_all, same_device};
}
