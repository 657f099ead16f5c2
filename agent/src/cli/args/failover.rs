//! The commands by which the coordinator's role moves.

use clap::{Args, Subcommand};

pub(super) const SWITCHOVER: &str = "\
The server is stopped in order, the standby has everything and is promoted; the old coordinator
becomes the standby. Refused while the standby is not in sync.
One that waits goes on waiting when this command is broken off; --cancel calls it off.

Exit codes:
  0  the other pod has the role, and takes writes; with --cancel: it was called off
  1  it has not; standard error says why

Example:
  gp-agent switchover --when-idle";

/// Arguments of `failover`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct FailoverArgs {
    /// Promote this pod's server even if commits that were acknowledged are missing here.
    #[arg(long)]
    pub accept_data_loss: bool,
    /// Pause or resume.
    #[command(subcommand)]
    pub verb: Option<FailoverVerb>,
}

/// What to do about failover that happens by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
pub(crate) enum FailoverVerb {
    /// No failover happens by itself until it is resumed; it stays so when pods restart.
    Pause,
    /// Failover happens by itself again.
    Resume,
}

pub(super) const FAILOVER: &str = "\
A forced failover waits until the old coordinator has been silent for the whole lease. One that
is cut off and went on alone may write until it sees the record: what it wrote is set aside when
it comes back, and is not in the cluster.

Exit codes:
  0  done
  1  not done; standard error says why

Examples:
  gp-agent failover --accept-data-loss   in the standby's pod: the coordinator is lost for good
  gp-agent failover pause                in the coordinator's pod: before work on network or nodes
  gp-agent failover resume               there as well";
