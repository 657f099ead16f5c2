//! Which gp-agent.conf is written: what cluster.yaml says, when a server starts with it; or that of the last start that worked.
//!
//! Two things guard the next start. A trial of the server program finds most mistakes before anything relies on them. What
//! only a real start finds is taken back after the first one that fails: see
//! [`gp_agent_core::postgres::settings::Ledger`].

use super::own_file::{own_file, render, report_limits};
use super::start_record::with_ledger;
use crate::engine::Engine;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::run_dir;
use crate::sys::postgres::settings_trial::TrialGround;
use anyhow::{Result, bail};
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::config::Config;
use gp_agent_core::finding::{Area, Finding, FindingSource};
use gp_agent_core::postgres::conf;
use gp_agent_core::postgres::settings::{Choice, Ledger, Parameters, TrialVerdict, blamed};
use std::sync::Arc;

const AT_ONCE: &str = "mend it in cluster.yaml: it is tried again as soon as that changes";

/// What to write.
#[derive(Debug)]
pub(super) struct Proven {
    /// gp-agent.conf; `None` leaves the file as it is.
    pub text: Option<String>,
    /// The parameters in it, where these are known.
    pub parameters: Option<Parameters>,
}

/// What is known before anything is tried.
struct Known {
    /// What to put in place of `wanted`, and the server's words about that.
    instead: Option<(Parameters, String)>,
    good: Option<Parameters>,
    /// gp-agent.conf as it is.
    existing: Option<String>,
    /// What others wrote, which servers read too.
    others: Vec<u8>,
}

/// Finds it. `starting` says that no server runs, and one will be started with it.
///
/// # Errors
/// A server would not start with what cluster.yaml says, and there is nothing to put in its place.
pub(super) async fn prove(pod: &Arc<Pod>, starting: bool) -> Result<Proven> {
    report_limits(pod);
    let wanted = pod.config.borrow().parameters.clone();
    let known = look(pod, &wanted).await;
    let use_set = |parameters: &Parameters| Proven {
        text: Some(own_file(pod, parameters)),
        parameters: Some(parameters.clone()),
    };
    if let Some((good, words)) = known.instead {
        report(pod, vec![not_started(&words, &good, &wanted)]);
        return Ok(use_set(&good));
    }
    let text = own_file(pod, &wanted);
    if starting && known.good.as_ref() == Some(&wanted) {
        report(pod, Vec::new());
        return Ok(use_set(&wanted));
    }
    // What others wrote counts too: it may keep the next start from coming up as well.
    let files = [text.as_bytes(), &known.others].concat();
    if let Some(left_open) = pod.settings.left_open_by(&files) {
        report(pod, left_open);
        return Ok(use_set(&wanted));
    }
    let good = known.good.filter(|good| *good != wanted);
    let other = known.existing.filter(|existing| *existing != text);
    let control = good.as_ref().map(|good| own_file(pod, good));
    let control = control.or_else(|| other.clone());
    let control = control.unwrap_or_else(|| own_file(pod, &Parameters::new()));
    match try_out(pod, &text, &control).await {
        TrialVerdict::Refused(words) => {
            let finding = refused(&words, good.as_ref(), &wanted);
            let said = finding.to_string();
            report(pod, vec![finding]);
            match good {
                Some(good) if starting => Ok(use_set(&good)),
                None if starting && other.is_none() => bail!("{said}"),
                _ => Ok(Proven {
                    text: None,
                    parameters: None,
                }),
            }
        }
        verdict => {
            let left_open: Vec<Finding> = doubt(pod, &verdict, good.as_ref(), &wanted).into_iter().collect();
            // What mends itself elsewhere is tried again.
            if !matches!(verdict, TrialVerdict::Others(_) | TrialVerdict::Damaged(_)) {
                pod.settings.prove(files, left_open.clone());
            }
            report(pod, left_open);
            Ok(use_set(&wanted))
        }
    }
}

/// The same for whoever looks once: only what a server would certainly not start with.
pub(super) async fn check(engine: &Engine, me: &Member, config: &Config) -> Vec<Finding> {
    if !me.data_dir.join("global/pg_control").exists() {
        return Vec::new();
    }
    let wanted = &config.parameters;
    let text = render(engine, me, wanted, config);
    let existing = std::fs::read_to_string(me.data_dir.join(conf::FILE)).ok();
    let control = existing.filter(|existing| *existing != text);
    let control = control.unwrap_or_else(|| render(engine, me, &Parameters::new(), config));
    // The agent may be trying something itself.
    let scratch = run_dir().join(format!("trial-{}", std::process::id()));
    let ground = TrialGround {
        dir: &me.data_dir,
        scratch: &scratch,
    };
    match engine.try_settings(ground, &text, &control).await {
        TrialVerdict::Refused(words) => vec![refused(&words, None, wanted)],
        _ => Vec::new(),
    }
}

async fn look(pod: &Arc<Pod>, wanted: &Parameters) -> Known {
    let (looked, wanted) = (pod.clone(), wanted.clone());
    let look = move || {
        let existing = std::fs::read_to_string(looked.dir().join(conf::FILE)).ok();
        let read = |name: &str| std::fs::read(looked.dir().join(name)).unwrap_or_default();
        let others = [read("postgresql.conf"), read("postgresql.auto.conf")].concat();
        let of = |ledger: &mut Ledger| Known {
            instead: match ledger.choose(&wanted) {
                Choice::Wanted => None,
                Choice::Good { parameters, refused } => Some((parameters.clone(), refused.words.clone())),
            },
            good: ledger.good().cloned(),
            existing,
            others,
        };
        with_ledger(&looked, of)
    };
    pod.volume.run(look).await
}

async fn try_out(pod: &Pod, text: &str, control: &str) -> TrialVerdict {
    let _turn = pod.settings.trial.lock().await;
    let scratch = run_dir().join("trial");
    let ground = TrialGround {
        dir: pod.dir(),
        scratch: &scratch,
    };
    pod.engine.try_settings(ground, text, control).await
}

fn report(pod: &Pod, findings: Vec<Finding>) {
    pod.board.findings(FindingSource::Settings, findings);
}

fn subject(words: &str, good: Option<&Parameters>, wanted: &Parameters) -> String {
    format!("parameters: {}", blamed(words, good, wanted).join(", "))
}

fn not_started(words: &str, good: &Parameters, wanted: &Parameters) -> Finding {
    Finding::error(
        Area::Config,
        subject(words, Some(good), wanted),
        format!("the server did not work with it ({words}); the parameters of its last start that worked are in use"),
        AT_ONCE,
    )
}

fn refused(words: &str, good: Option<&Parameters>, wanted: &Parameters) -> Finding {
    let what = match good {
        Some(_) => {
            format!(
                "a server does not start with it: {words}; until it is mended nothing of `parameters` changes, and a server that starts takes those of its last start that worked"
            )
        }
        None => format!("a server does not start with it: {words}"),
    };
    Finding::error(Area::Config, subject(words, good, wanted), what, AT_ONCE)
}

/// What the trial left open.
fn doubt(pod: &Pod, verdict: &TrialVerdict, good: Option<&Parameters>, wanted: &Parameters) -> Option<Finding> {
    match verdict {
        TrialVerdict::NoMemory(words) => Some(Finding::warning(
            Area::Config,
            subject(words, good, wanted),
            format!(
                "a trial start beside the running server got too little memory ({words}), so only a restart will tell"
            ),
            "restart one pod and look; if the server does not start with it, it starts with the parameters of its last start that worked",
        )),
        TrialVerdict::Others(words) => Some(Finding::error(
            Area::Postgres,
            format!("settings in {}", pod.dir().display()),
            format!(
                "a server would not start with them, whatever `parameters` say: {words}; one that runs goes on until its next restart"
            ),
            "mend postgresql.conf, or undo the ALTER SYSTEM that wrote it into postgresql.auto.conf (ALTER SYSTEM RESET name;)",
        )),
        TrialVerdict::Unknown(words) | TrialVerdict::Damaged(words) => {
            tracing::debug!("settings could not be tried: {words}");
            None
        }
        TrialVerdict::Accepted | TrialVerdict::Refused(_) => None,
    }
}
