//! What the machine is told: the catalog, what the agents say of their pods, and who else is at work.

use super::expansion_facts::Depth;
use super::{expansion_facts, roles_detail, tool_watch};
use crate::engine::Greenplum;
use crate::lifecycle::greenplum::{fts_trigger, tool};
use crate::lifecycle::peers::client;
use crate::lifecycle::peers::fan_out::FanOutLimits;
use crate::lifecycle::pod::Pod;
use crate::sys::postgres::session::{NoAnswer, Session};
use gp_agent_core::cluster::catalog::Segment;
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::process::timeouts;
use gp_agent_core::recovery::facts::charge::LostRole;
use gp_agent_core::recovery::facts::evidence::{Circumstances, Evidence};
use gp_agent_core::recovery::facts::{charge, role_changes, sizes};
use std::collections::BTreeMap;

const PACE: FanOutLimits = FanOutLimits {
    peer: timeouts::PEER_ANSWERS,
    all: timeouts::RECOVERY_PEERS_ANSWER,
    in_flight: 128,
};

/// What a look has to have beside what it needs anyway.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Wanted {
    /// What the servers say, and the answers of all agents, to change roles back.
    pub detail: bool,
    /// The answers of all agents, to add segments.
    pub everybody: bool,
    /// gpexpand's schema is the agent's own.
    pub expands: bool,
}

/// Looks, with what is remembered between looks.
pub(super) struct Looks<'a> {
    pod: &'a Pod,
    greenplum: &'a Greenplum,
    /// Whether the tool knows differential recovery; asked until it has answered.
    differential: Option<bool>,
}

impl<'a> Looks<'a> {
    pub(super) fn new(pod: &'a Pod, greenplum: &'a Greenplum) -> Self {
        Looks {
            pod,
            greenplum,
            differential: None,
        }
    }

    /// One look. Agents and servers are asked only where a row is down or a mirror lacking; all of them where roles could be changed back
    /// (`detailed`).
    pub(super) async fn look(&mut self, session: &mut Session, wanted: Wanted) -> Evidence {
        let pod = self.pod;
        let Some(catalog) = fts_trigger::acting(pod) else {
            let why = "this pod's server is not the active coordinator".to_string();
            return not_in_charge(pod, why);
        };
        let mut evidence = Evidence::new(role(pod), &catalog, &pod.topology, &[]);
        evidence.circumstances.not_in_charge = keeps_back(pod);
        evidence.circumstances.at_work = tool_watch::look(pod).await;
        let left = match evidence.circumstances.not_in_charge.is_some() {
            true => None,
            false => {
                let depth = Depth {
                    new: !evidence.expanding.new.is_empty(),
                    expands: wanted.expands,
                    everybody: wanted.everybody,
                };
                expansion_facts::look(pod, session, &catalog, depth).await
            }
        };
        evidence.expanding.found.clone_from(&left);
        let detailed = wanted.detail;
        if evidence.down.is_empty() && !detailed && !wanted.everybody {
            return evidence;
        }
        let members = pod.topology.peers(&pod.me);
        let concerned = members.filter(|member| {
            detailed
                || wanted.everybody
                || member.content.is_coordinator()
                || evidence.down.iter().any(|pair| pair.row.content == member.content)
        });
        let reports = client::ask_each(pod, concerned, PACE).await;
        let tools = reports
            .iter()
            .filter_map(|report| report.status.as_ref()?.status.tool.clone());
        let tool = evidence.circumstances.at_work.or_else(|| tools.into_iter().next());
        let unknown = |error: NoAnswer| Some(format!("the coordinator cannot be asked: {error}"));
        let adds = evidence.down.iter().any(|pair| !pair.listed);
        let known = match ask(session, &catalog.segments, (adds, wanted.expands)).await {
            Ok(known) => known,
            // Without an answer nobody knows.
            Err(error) => Known {
                expands: unknown(error),
                ..Known::default()
            },
        };
        let hinders = known.expands;
        let (hinders, detail) = match detailed && hinders.is_none() {
            true => match roles_detail::ask(pod, self.greenplum, session).await {
                Ok(detail) => (None, Some(detail)),
                Err(error) => (unknown(error), None),
            },
            false => (hinders, None),
        };
        let at_work = tool.or(hinders);
        // Beside another of its kind the tool says nothing.
        let differential = match &at_work {
            None if !adds && !evidence.down.is_empty() => self.differential().await,
            None | Some(_) => false,
        };
        let circumstances = Circumstances {
            at_work,
            not_in_charge: evidence.circumstances.not_in_charge,
            lost_role: evidence.circumstances.lost_role,
            cut_off_seconds: evidence.circumstances.cut_off_seconds,
            role_changes: known.role_changes,
            differential,
            sizes: known.sizes,
        };
        let mut evidence = Evidence {
            detail,
            ..Evidence::new(circumstances, &catalog, &pod.topology, &reports)
        };
        evidence.expanding.found = left;
        if wanted.everybody {
            evidence.expanding.pods = expansion_facts::places(pod, &reports);
        }
        evidence
    }

    async fn differential(&mut self) -> bool {
        if self.differential.is_none() {
            let pod = self.pod;
            tool::free_lock(pod).await;
            self.differential = self.greenplum.recovers_differentially(&pod.account, pod.dir()).await;
        }
        self.differential.unwrap_or(false)
    }
}

/// What the record says of the coordinator's role; a pod that is cut off finds out when its lease is over.
fn role(pod: &Pod) -> Circumstances {
    if pod.leadership.off().is_some() {
        return Circumstances::default();
    }
    Circumstances {
        lost_role: pod.leadership.view().and_then(|view| charge::lost_role(view.standing)),
        cut_off_seconds: u64::from(pod.config.borrow().failover.lease_seconds) * 2,
        ..Circumstances::default()
    }
}

fn not_in_charge(pod: &Pod, why: String) -> Evidence {
    let mut role = role(pod);
    // The record that was read last says who had the role then; a pod whose server does not act, and that cannot read it, may have
    // lost it.
    let silent = pod
        .leadership
        .view()
        .is_some_and(|view| view.authority_silent.is_some());
    if silent {
        role.lost_role.get_or_insert(LostRole::Doubtful);
    }
    let circumstances = Circumstances {
        not_in_charge: Some(why),
        ..role
    };
    Evidence {
        circumstances,
        ..Evidence::default()
    }
}

/// Why the coordinator that runs here decides nothing about segments now.
fn keeps_back(pod: &Pod) -> Option<String> {
    if pod.leadership.off().is_some() {
        return None;
    }
    match pod.leadership.view() {
        None => Some("who may write is not known yet".into()),
        Some(view) => charge::not_in_charge(view.standing, view.doing, view.mode),
    }
}

/// What the coordinator's server says.
#[derive(Default)]
struct Known {
    expands: Option<String>,
    role_changes: BTreeMap<ContentId, Vec<role_changes::RoleChange>>,
    sizes: BTreeMap<ContentId, u64>,
}

/// Whether an expansion is under way, how often primaries changed; and how large it is, where mirrors are to be made.
/// `own`: the expansion is the agent's, and keeps nobody from bringing segments back.
async fn ask(session: &mut Session, rows: &[Segment], (adds, own): (bool, bool)) -> Result<Known, NoAnswer> {
    let expansion = session.ask(expansion_facts::EXPANSION).await?;
    let history = session.ask(role_changes::SQL).await?;
    let words = "the cluster is being expanded: its schema gpexpand is there (gpexpand -c removes it)";
    let expands = (!expansion.is_empty() && !own).then(|| words.to_string());
    Ok(Known {
        expands,
        role_changes: role_changes::of(&history, rows),
        sizes: match adds {
            true => sizes(session).await?,
            false => BTreeMap::new(),
        },
    })
}

/// An engine that does not tell is no reason to do without mirrors.
async fn sizes(session: &mut Session) -> Result<BTreeMap<ContentId, u64>, NoAnswer> {
    match session.ask(sizes::SQL).await {
        Ok(rows) => Ok(sizes::of(&rows)),
        Err(NoAnswer::Refused(words)) => {
            tracing::debug!("how large the contents are is not known: {words}");
            Ok(BTreeMap::new())
        }
        Err(error) => Err(error),
    }
}
