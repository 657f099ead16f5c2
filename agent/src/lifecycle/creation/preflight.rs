//! Before gpinitsystem runs: every host looks at itself, all at once, and everything that is missing anywhere is told.

use super::{hosts, tell};
use crate::domain::gpinitsystem::quote;
use crate::domain::preflight::{Answer, Look, Rules, Seen, Wanted, arguments, judge, read_answer};
use crate::domain::topology::Member;
use crate::engine::Greenplum;
use crate::lifecycle::pod::Pod;
use crate::sys::preflight::{Surroundings, look, unix_millis};
use crate::sys::ssh;
use anyhow::{Result, bail};
use futures_util::{StreamExt, stream};
use std::time::Duration;

const AT_ONCE: usize = 32;
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// What the findings are filed under on the board.
pub const BOARD: &str = "preflight";

/// Looks at every host. Returns the locale in the spelling that gpinitsystem accepts.
///
/// # Errors
/// Everything that keeps gpinitsystem from working, on whatever host.
pub async fn preflight(pod: &Pod, greenplum: &Greenplum) -> Result<String> {
    tell(pod, "looking at every host");
    let (locale, min_free_mib) = {
        let config = pod.config.borrow();
        (config.greenplum.locale.clone(), config.storage.min_free_mib)
    };
    let rules = Rules {
        locale: &locale,
        min_free_mib,
    };
    let calls = pod.topology.members.iter().map(|member| {
        let wanted = wanted(pod, greenplum, member, &locale);
        async move {
            let asked = unix_millis();
            let said = ask(pod, member, &wanted).await;
            Answer {
                member,
                asked,
                answered: unix_millis(),
                said,
            }
        }
    });
    let answers: Vec<Answer> = stream::iter(calls).buffered(AT_ONCE).collect().await;
    let judgement = judge(&answers, &rules);
    pod.board.findings(BOARD, judgement.findings.clone());
    match (judgement.passes(), &judgement.locale) {
        (true, Some(locale)) => Ok(locale.clone()),
        _ => bail!(
            "not every host is ready for gpinitsystem: {}",
            judgement.words()
        ),
    }
}

fn wanted(pod: &Pod, greenplum: &Greenplum, member: &Member, locale: &str) -> Wanted {
    Wanted {
        home: greenplum.home().to_path_buf(),
        dir: member.data_dir.clone(),
        port: member.port,
        locale: locale.to_string(),
        ping: match member.pod == pod.me.pod {
            // gpinitsystem pings every host from here; the others show that an activated standby could.
            true => pod
                .topology
                .members
                .iter()
                .map(|m| m.fqdn.clone())
                .collect(),
            false => vec![pod.me.fqdn.clone()],
        },
    }
}

async fn ask(pod: &Pod, member: &Member, wanted: &Wanted) -> Look<Seen> {
    if member.pod == pod.me.pod {
        return Ok(look(wanted, &Surroundings::current()).await);
    }
    let words: Vec<String> = arguments(wanted).iter().map(|word| quote(word)).collect();
    let command = format!("exec {} {}", hosts::own_program(), words.join(" "));
    let config = pod.account.home.join(".ssh/config");
    let said = ssh::run_there(&config, &member.fqdn, &command, ANSWER_WITHIN).await;
    read_answer(&said.map_err(|error| error.to_string())?)
}
