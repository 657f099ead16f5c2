//! `gp-agent preflight`, which the coordinator's agent calls over ssh on every host before gpinitsystem runs.

use super::args::PreflightArgs;
use crate::sys::greenplum::preflight::{Surroundings, look};
use gp_agent_core::greenplum::preflight::HostQuestion;

/// Prints what this host is like as JSON, whatever that is; judging is the coordinator's business.
pub(super) async fn preflight(args: PreflightArgs) -> u8 {
    let wanted = HostQuestion {
        home: args.home,
        dir: args.dir,
        port: args.port,
        locale: args.locale,
        ping: args.ping,
    };
    let seen = look(&wanted, &Surroundings::current()).await;
    match serde_json::to_string(&seen) {
        Ok(json) => {
            println!("{json}");
            0
        }
        Err(error) => {
            eprintln!("cannot print what was seen: {error}");
            1
        }
    }
}
