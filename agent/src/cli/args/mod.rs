//! The command line.

mod failover;
mod recovery;

use crate::init::exit_codes_help;
use crate::sys::config::config_file::DEFAULT_PATH;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;

use failover::{FAILOVER, SWITCHOVER};
pub(crate) use failover::{FailoverArgs, FailoverVerb};
pub(crate) use recovery::RecoverArgs;
use recovery::{EXPAND, REBALANCE, RECOVER};

const ENVIRONMENT: &str = "\
Environment:
  GP_AGENT_CONFIG     path of the configuration file
  GP_AGENT_RUN_DIR    directory of the agent's socket, on a tmpfs [default: /run/gp-agent]
  GP_AGENT_HOST_NAME  host name to use in place of the pod's own
  GP_AGENT_LOG        what is logged: error, warn, info, debug or trace [default: info]
  GP_AGENT_LOG_FORMAT text, json or auto: JSON in Kubernetes [default: auto]
  GP_AGENT_<KEY>      overrides one key of the configuration file: GP_AGENT_SEGMENTS_COUNT=4
                      stands for `segments: { count: 4 }`

Exit codes:
  0   done, or everything is well
  1   refused, not well or failed; standard error says what, where and what to do
  64  wrong command line

Examples:
  gp-agent init                          entrypoint of the container
  gp-agent status --watch                the whole cluster, refreshed
  gp-agent check                         what is wrong, and what to do about it
  gp-agent render hba                    pg_hba.conf as it would be written
  gp-agent hold 'moving the volume'      leave the postmaster alone until `resume`
  gp-agent switchover                    hand the coordinator's role over to the standby";

/// Entrypoint and segment agent of Greenplum and PostgreSQL pods.
#[derive(Clone, Debug, Parser)]
#[command(name = "gp-agent", version, about, after_help = ENVIRONMENT)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Path of the configuration file.
    #[arg(long, global = true, value_name = "PATH", env = "GP_AGENT_CONFIG", hide_env = true)]
    #[arg(default_value = DEFAULT_PATH)]
    pub config: PathBuf,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum Verb {
    /// Run as the container's first process: start the agent, reap orphans, stop in order.
    #[command(after_help = format!("{INIT}\n\n{}", exit_codes_help()))]
    Init(InitArgs),
    /// Run the agent itself; `gp-agent init` does this.
    Run,
    /// Answer a probe: exit code 0 or 1, and one line why.
    #[command(after_help = PROBE)]
    Probe {
        /// What to ask.
        probe: Probe,
    },
    /// Show this pod and the whole cluster as a table.
    #[command(after_help = STATUS)]
    Status(StatusArgs),
    /// Look for what is wrong; every finding says what, where, and what to do.
    #[command(after_help = CHECK)]
    Check {
        /// What to look at; everything when left out.
        areas: Vec<CheckArea>,
    },
    /// Print what would be written, for review; nothing is changed.
    #[command(after_help = RENDER)]
    Render {
        /// What to print.
        what: Rendering,
    },
    /// Take this pod's postmaster out of supervision: it is neither started nor stopped.
    #[command(after_help = HOLD)]
    Hold {
        /// Why, shown in the status until `gp-agent resume`.
        reason: Vec<String>,
    },
    /// Give this pod's postmaster back to the agent.
    Resume,
    /// Hand the coordinator's role over to the standby, in order; called in the coordinator's pod.
    #[command(after_help = SWITCHOVER)]
    Switchover {
        /// Wait until no client's transaction runs, ten minutes at most.
        #[arg(long)]
        when_idle: bool,
        /// Call off one that waits for that.
        #[arg(long, conflicts_with = "when_idle")]
        cancel: bool,
    },
    /// Take the coordinator's role over by force, or pause and resume failover.
    #[command(after_help = FAILOVER, args_conflicts_with_subcommands = true, arg_required_else_help = true)]
    Failover(FailoverArgs),
    /// Bring segments back that FTS has marked down (Greenplum); called in the active coordinator's pod.
    #[command(after_help = RECOVER)]
    Recover(RecoverArgs),
    /// Put roles of segments back after a failover (Greenplum); called like recover.
    #[command(after_help = REBALANCE)]
    Rebalance,
    /// Add new segments of cluster.yaml, and spread tables over them (Greenplum); called like recover.
    #[command(after_help = EXPAND)]
    Expand,
    /// Print what lets a shell's tools find this pod's database.
    #[command(after_help = ENV)]
    Env,
    /// Look at this host for what gpinitsystem needs; the coordinator's agent calls this over ssh.
    #[command(hide = true)]
    Preflight(PreflightArgs),
    /// Clear this pod of an unfinished creation; the coordinator's agent calls this over ssh.
    #[command(hide = true)]
    SetAside {
        /// The cluster that is created.
        cluster: String,
        /// A mirror's copy that the catalog does not list, though it is whole and its server may run.
        #[arg(long)]
        copy: bool,
    },
}

const INIT: &str = "\
Signals: SIGTERM, SIGINT and SIGQUIT end the pod within the grace period; SIGHUP, SIGUSR1 and
SIGUSR2 are passed on to the agent.

Environment:
  GP_AGENT_GRACE_SECONDS     the same as --grace
  GP_AGENT_WATCHDOG_SECONDS  the same as --watchdog";

/// Arguments of `init`, which reads them itself ([`crate::init::options`]): it starts before
/// anything else is set up. Here they stand for `--help`.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct InitArgs {
    /// Seconds from SIGTERM to the end, at least 1; the configuration's graceSeconds replaces it.
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub grace: String,
    /// Kill the agent after so many seconds without a heartbeat; 0 means never.
    #[arg(long, value_name = "SECONDS", default_value = "30")]
    pub watchdog: String,
    /// Program to run in place of `gp-agent run`, with its arguments.
    #[arg(last = true, value_name = "PROGRAM")]
    pub program: Vec<OsString>,
}

const PROBE: &str = "\
The question goes to the agent over the unix socket in GP_AGENT_RUN_DIR.

Examples:
  gp-agent probe ready     readinessProbe: exec
  gp-agent probe live      HEALTHCHECK of a container";

/// A probe, as Kubernetes means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Probe {
    /// Whether this pod can take part.
    Startup,
    /// Whether this pod does the work of its role now.
    Ready,
    /// Whether the agent's loop turns.
    Live,
}

const STATUS: &str = "\
Exit codes:
  0  every pod does its work
  1  some pod does not, or does not answer

Examples:
  gp-agent status --json | jq '.[].status.phase'
  gp-agent status --watch --interval 5";

/// Arguments of `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Args)]
pub(crate) struct StatusArgs {
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Refresh until interrupted.
    #[arg(long)]
    pub watch: bool,
    /// Seconds between two refreshes of --watch.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, requires = "watch")]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub interval: u64,
}

/// Arguments of `preflight`: everything it has to know, since it reads no configuration.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct PreflightArgs {
    /// Where Greenplum is (GPHOME).
    #[arg(long, value_name = "PATH")]
    pub home: PathBuf,
    /// The data directory that will be made.
    #[arg(long, value_name = "PATH")]
    pub dir: PathBuf,
    /// The postmaster's port.
    #[arg(long)]
    pub port: u16,
    /// The locale of the cluster.
    #[arg(long)]
    pub locale: String,
    /// A host to ping; may be given more than once.
    #[arg(long, value_name = "HOST")]
    pub ping: Vec<String>,
}

const CHECK: &str = "\
Exit codes:
  0  nothing is wrong; warnings do not count
  1  something is

Examples:
  gp-agent check                everything
  gp-agent check config dns     two areas only";

/// What `check` looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum CheckArea {
    /// The configuration file, its overrides, and this pod's place in it.
    Config,
    /// The volume: ownership, free space, durability.
    Storage,
    /// The container's memory and CPUs, and each parameter that follows from them.
    Limits,
    /// Names and addresses of the peers.
    Dns,
    /// pg_hba.conf: who is admitted, and by which line.
    Hba,
    /// Keys, sshd, known_hosts.
    Ssh,
    /// The server, as the agent sees it: why it does not run, who else sets what.
    Postgres,
    /// Failover: whether the standby would take over now.
    Ha,
    /// Recovery: what is done about segments down or out of place, or why not.
    Recovery,
}

const RENDER: &str = "\
Examples:
  gp-agent render topology                          who is who
  gp-agent render gpinitsystem                      how the cluster would be created
  gp-agent render topology --config ./cluster.yaml  the same, before it is deployed";

/// What `render` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rendering {
    /// This pod's pg_hba.conf.
    Hba,
    /// The files that gpinitsystem is given, and how it is called (Greenplum).
    Gpinitsystem,
    /// This pod's known_hosts.
    KnownHosts,
    /// Every pod: role, port, data directory, and who replicates from whom.
    Topology,
}

const ENV: &str = "\
PATH, USER, PGPORT, the data directory's variable and their like, as `export` commands. Login
shells and interactive ones call this by themselves, and programs that `kubectl exec` or `docker
exec` starts need none of it: each is told what it has to know when it is called by its name.

Example:
  eval \"$(gp-agent env)\"      in a script";

const HOLD: &str = "\
Example:
  gp-agent hold replacing the disk      then gp-agent resume";

#[cfg(test)]
mod tests;
