//! gp-agent.conf, as it should be.

use super::tls;
use crate::engine::Engine;
use crate::engine::limits::judge_limits;
use crate::lifecycle::pod::Pod;
use crate::sys::log;
use crate::sys::resources::cgroup;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::{Config, is_of_failover};
use gp_agent_core::failover::candidate::CommitsWait;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::postgres::conf;
use gp_agent_core::postgres::settings::Parameters;

/// A coordinator goes on without a standby that is silent for three seconds; left to itself an idle one answers every ten.
const ANSWER_SOON: (&str, &str) = ("wal_receiver_status_interval", "1s");

/// Where commits wait while a standby streams, and not for one by name, a postmaster that starts its processes anew after a crash
/// of one would let the first commits go on alone while the record still names the standby. So it ends, and is started by the agent,
/// which asks the record first.
const ASK_FIRST: (&str, &str) = ("restart_after_crash", "off");

/// The file with these parameters. The limits are read each time: a container can be resized while it runs.
pub(super) fn own_file(pod: &Pod, parameters: &Parameters) -> String {
    let failover = pod.leadership.off().is_none();
    with_failover(failover, &pod.engine, &pod.me, parameters, &pod.config.borrow())
}

/// The same for whoever looks once, and does not know whether failover finds a place for its record.
pub(super) fn render(engine: &Engine, me: &Member, parameters: &Parameters, config: &Config) -> String {
    let failover = me.content.is_coordinator() && config.wants_failover();
    with_failover(failover, engine, me, parameters, config)
}

fn with_failover(failover: bool, engine: &Engine, me: &Member, parameters: &Parameters, config: &Config) -> String {
    let derived = engine.derive(&cgroup::limits(), parameters);
    let mut own = engine.own_parameters(&me.pod);
    if engine.logs_to_standard_error() {
        own.extend(log::server_parameters());
    }
    let certificate = tls::parameters(config, me);
    own.extend(certificate.iter().map(|(name, value)| (*name, value.as_str())));
    let by_name = engine.commits_wait() == CommitsWait::Always;
    if failover {
        own.push(ANSWER_SOON);
        own.extend((!by_name).then_some(ASK_FIRST));
    }
    let kind = config.engine;
    let kept = |(name, value): &(&String, &String)| !failover || by_name || !is_of_failover(kind, name, value);
    let parameters: Parameters = parameters
        .iter()
        .filter(kept)
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect();
    let text = conf::render(&own, &derived, &parameters);
    match engine.last_word(failover) {
        Some(file) => conf::with_last(&text, file),
        None => text,
    }
}

/// Limits with which the database will not do its work.
pub(super) fn report_limits(pod: &Pod) {
    let judged = judge_limits(pod.config.borrow().engine, &cgroup::limits());
    pod.board.findings(FindingSource::Limits, judged.into_iter().collect());
}
