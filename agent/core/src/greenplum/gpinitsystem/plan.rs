//! What gpinitsystem is called with.

use super::request::CreationRequest;
use super::{hosts, parameters, shell};
use crate::cluster::topology::Role;
use crate::config::quote;
use crate::finding::Finding;
use crate::postgres::major::Feature;

/// The input file's name in [`CreationRequest::folder`].
pub const INPUT_FILE: &str = "gpinitsystem.conf";

/// The parameters file's name in [`CreationRequest::folder`].
pub const PARAMETERS_FILE: &str = "gpinitsystem-parameters.conf";

/// How many segments gpinitsystem makes at the same time when it is not told (`BATCH_DEFAULT`).
const BATCH_MAX: usize = 60;

/// What is written, and how gpinitsystem is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreationPlan {
    /// Text of [`INPUT_FILE`].
    pub input: String,
    /// Text of [`PARAMETERS_FILE`]; empty when there is none to be written (gpinitsystem refuses an empty one).
    pub parameters: String,
    /// Parameters whose values gpinitsystem would mangle; the agent's own settings file brings them later.
    pub deferred: Vec<String>,
    /// The arguments, without the program.
    pub arguments: Vec<String>,
}

/// Renders everything. The same request gives the same plan.
///
/// # Errors
/// Every value that gpinitsystem could not be told without harm, and every topology that it refuses.
pub fn render(request: &CreationRequest<'_>) -> Result<CreationPlan, Vec<Finding>> {
    let mut findings = hosts::judge(request.topology);
    findings.extend(judge_rest(request));
    if !findings.is_empty() {
        return Err(findings);
    }
    let (parameters, deferred) = parameters::render(request.parameters);
    Ok(CreationPlan {
        input: input(request),
        arguments: arguments(request, !parameters.is_empty()),
        parameters,
        deferred,
    })
}

fn judge_rest(request: &CreationRequest<'_>) -> Vec<Finding> {
    let folder = request.folder.to_string_lossy();
    let logs = request.logs.to_string_lossy();
    [
        ("cluster", request.topology.cluster.as_str(), shell::NAME),
        ("greenplum.locale", request.locale, shell::LOCALE),
        ("folder of the input file", &folder, shell::PATH),
        ("folder of the logs", &logs, shell::PATH),
    ]
    .into_iter()
    .filter_map(|(subject, value, kind)| kind.judge(subject, value))
    .collect()
}

fn input(request: &CreationRequest<'_>) -> String {
    let topology = request.topology;
    let switch = if request.hba_host_names { "1" } else { "0" };
    let mut settings = vec![
        ("ARRAY_NAME", topology.cluster.as_str()),
        ("TRUSTED_SHELL", "ssh"),
        ("ENCODING", "UTF-8"),
        ("HEAP_CHECKSUM", "on"),
        ("HBA_HOSTNAMES", switch),
    ];
    if request.family.postgres().has(Feature::CheckpointSegments) {
        // Greenplum 6 warns without it, and then ends with exit code 1.
        settings.push(("CHECK_POINT_SEGMENTS", "8"));
    }
    let mut text = String::from("# Written by gp-agent for gpinitsystem -I.\n");
    for (name, value) in settings {
        text.push_str(&format!("{name}={}\n", quote::shell(value)));
    }
    let numbered = hosts::numbered(topology);
    for entry in numbered.iter().filter(|e| e.role == Role::Coordinator) {
        text.push_str(&format!("QD_PRIMARY_ARRAY={}\n", quote::shell(&entry.to_string())));
    }
    text.push_str(&array("PRIMARY_ARRAY", Role::Primary, &numbered));
    text.push_str(&array("MIRROR_ARRAY", Role::Mirror, &numbered));
    text
}

/// One bash array; nothing when no pod is made for `role`.
fn array(name: &str, role: Role, entries: &[hosts::HostEntry<'_>]) -> String {
    let lines: String = entries
        .iter()
        .filter(|e| e.role == role)
        .map(|e| format!("{}\n", quote::shell(&e.to_string())))
        .collect();
    if lines.is_empty() {
        return lines;
    }
    format!("declare -a {name}=(\n{lines})\n")
}

fn arguments(request: &CreationRequest<'_>, with_parameters: bool) -> Vec<String> {
    let members = &request.topology.members;
    let primaries = members.iter().filter(|m| m.role == Role::Primary).count();
    let file = |name: &str| request.folder.join(name).display().to_string();
    let mut arguments = vec!["-a".to_string(), "-I".to_string(), file(INPUT_FILE)];
    let mut option = |letter: &str, value: String| arguments.extend([format!("-{letter}"), value]);
    option("l", request.logs.display().to_string());
    option("n", request.locale.to_string());
    option("B", primaries.clamp(1, BATCH_MAX).to_string());
    if with_parameters {
        option("p", file(PARAMETERS_FILE));
    }
    if let Some(standby) = members.iter().find(|m| m.role == Role::Standby) {
        option("s", standby.fqdn.clone());
        option("P", standby.port.to_string());
        option("S", standby.data_dir.display().to_string());
    }
    arguments
}
