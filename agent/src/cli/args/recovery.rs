//! The commands by which segments come back, take their roles again, and become more.

use clap::Args;

/// Arguments of `recover`.
#[derive(Clone, Debug, PartialEq, Eq, Args)]
pub(crate) struct RecoverArgs {
    /// Copy the segment anew, over what is on its volume.
    #[arg(long)]
    pub full: bool,
    /// The pod of the segment; all that are down when left out.
    pub pod: Option<String>,
}

pub(super) const RECOVER: &str = "\
It begins gprecoverseg as the agent does by itself, without waiting for the time of its next
try, and where recovery.segments is manual. It is still refused while recovery is unsafe.

Exit codes:
  0  it begins; gp-agent status says how it goes on
  1  it does not; standard error says why

Examples:
  gp-agent recover                     all segments that are down
  gp-agent recover --full segment-b-0  a new copy of one";

pub(super) const REBALANCE: &str = "\
Called in the active coordinator's pod. It begins gprecoverseg -r now, without waiting for what
recovery.roles waits for. Each primary that was made as a mirror is stopped, and the sessions
that use its content are cancelled. Refused while a segment is down, not in sync or far behind, a
pod concerned is held or does not answer, a backup or another of Greenplum's tools is at work, or
failover is paused.

Exit codes:
  0  it begins; gp-agent status says how it goes on
  1  it does not; standard error says why

Example:
  gp-agent rebalance";

pub(super) const EXPAND: &str = "\
Called in the active coordinator's pod. The agent adds segments by itself when segments.count is
raised, and spreads the tables over them where expansion.redistribute is auto. This begins what
comes next without waiting for the time of its next try, where it has failed too often, and where
expansion.redistribute is manual. What makes it unsafe refuses it all the same.

Exit codes:
  0  it begins; gp-agent status says how it goes on
  1  it does not; standard error says why

Example:
  gp-agent expand";
