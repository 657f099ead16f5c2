//! gp-agent.conf, as it should be.

use super::tls;
use crate::engine::Engine;
use crate::engine::limits::judge_limits;
use crate::lifecycle::pod::Pod;
use crate::sys::log;
use crate::sys::resources::cgroup;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Config;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::postgres::conf;
use gp_agent_core::postgres::settings::Parameters;

/// The file with these parameters. The limits are read each time: a container can be resized while it runs.
pub(super) fn own_file(pod: &Pod, parameters: &Parameters) -> String {
    render(&pod.engine, &pod.me, parameters, &pod.config.borrow())
}

/// The same for whoever looks once.
pub(super) fn render(engine: &Engine, me: &Member, parameters: &Parameters, config: &Config) -> String {
    let derived = engine.derive(&cgroup::limits(), parameters);
    let mut own = engine.own_parameters(&me.pod);
    if engine.logs_to_standard_error() {
        own.extend(log::server_parameters());
    }
    let certificate = tls::parameters(config, me);
    own.extend(certificate.iter().map(|(name, value)| (*name, value.as_str())));
    conf::render(&own, &derived, parameters)
}

/// Limits with which the database will not do its work.
pub(super) fn report_limits(pod: &Pod) {
    let judged = judge_limits(pod.config.borrow().engine, &cgroup::limits());
    pod.board.findings(FindingSource::Limits, judged.into_iter().collect());
}
