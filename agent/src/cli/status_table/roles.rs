//! Lines about primaries and mirrors that have changed places.

use super::cells::ago;
use super::paint::Tone;
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::roles_status::{LastRebalance, RebalanceTime, RolesStatus};

/// Nothing where everybody is in place and was.
pub(super) fn lines(status: &RolesStatus, now: u64) -> Vec<(Tone, String)> {
    let mut lines = Vec::new();
    match (&status.activity, status.announced) {
        (Some(activity), _) => {
            let contents: Vec<String> = activity.contents.iter().map(ContentId::to_string).collect();
            let since = ago(now.saturating_sub(activity.since));
            let what = match activity.judging {
                true => "gprecoverseg has ended, FTS looks",
                false => "gprecoverseg -r runs",
            };
            let line = format!("roles of {} are put back for {since}, {what}", contents_of(&contents));
            lines.push((Tone::Waiting, line));
        }
        (None, Some(at)) => {
            let (out, _) = out_of_place(status, now);
            let line = format!("{out}; roles are put back in {}", ago(at.saturating_sub(now)));
            lines.push((Tone::Waiting, line));
        }
        (None, None) if !status.swapped.is_empty() => lines.push(waiting(status, now)),
        (None, None) => {}
    }
    lines.extend(status.last.as_ref().map(|last| (Tone::Quiet, over(last, now))));
    lines
}

fn contents_of(contents: &[String]) -> String {
    let word = if contents.len() == 1 { "content" } else { "contents" };
    format!("{word} {}", contents.join(", "))
}

/// Who is out of place since when, and whether it is one content alone.
fn out_of_place(status: &RolesStatus, now: u64) -> (String, bool) {
    let contents: Vec<String> = status
        .swapped
        .iter()
        .map(|swapped| swapped.content.to_string())
        .collect();
    let pods: Vec<&str> = status.swapped.iter().map(|swapped| &*swapped.pod).collect();
    let since = status.swapped.iter().map(|swapped| swapped.since).min().unwrap_or(now);
    let one = contents.len() == 1;
    let text = format!(
        "{} {} served by {}, made as {}, for {}",
        contents_of(&contents),
        if one { "is" } else { "are" },
        pods.join(", "),
        if one { "its mirror" } else { "their mirrors" },
        ago(now.saturating_sub(since))
    );
    (text, one)
}

fn waiting(status: &RolesStatus, now: u64) -> (Tone, String) {
    let (mut line, one) = out_of_place(status, now);
    let it = if one { "it" } else { "them" };
    if status.when == RebalanceTime::Manual {
        line.push_str(&format!(
            ": gp-agent rebalance puts {it} back (recovery.roles is manual)"
        ));
        return (Tone::Waiting, line);
    }
    if let Some(why) = &status.waits {
        line.push_str(&format!(": {why}"));
    }
    if let Some(at) = status.not_before.filter(|at| *at > now) {
        line.push_str(&format!("; put back in {} at the earliest", ago(at - now)));
    }
    let tone = match &status.remedy {
        Some(remedy) => {
            line.push_str(&format!("; {remedy}"));
            Tone::Bad
        }
        None => Tone::Waiting,
    };
    (tone, line)
}

fn over(last: &LastRebalance, now: u64) -> String {
    let since = ago(now.saturating_sub(last.at));
    let took = last.seconds.map_or(String::new(), |seconds| format!(", {seconds} s"));
    match &last.why {
        None => format!("{since} ago, roles were put back{took}"),
        Some(why) => format!("{since} ago, roles were not put back{took}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::cluster::roles_status::{RebalanceActivity, SwappedContent};

    #[test]
    fn each_state_has_its_line() {
        let swapped = |content: i32, pod: &str| SwappedContent {
            content: ContentId::new(content),
            pod: pod.into(),
            since: 940,
        };
        let mut status = RolesStatus {
            when: "manual".into(),
            ..RolesStatus::default()
        };
        let mut told = Vec::new();
        let mut look = |status: &RolesStatus| told.extend(lines(status, 1000).into_iter().map(|(_, line)| line));
        look(&status);
        status.swapped = vec![swapped(0, "b-0")];
        look(&status);
        status.when = "window".into();
        status.swapped.push(swapped(2, "b-2"));
        status.waits = Some("the time for it (recovery.window) has not come".into());
        status.not_before = Some(8200);
        look(&status);
        status.waits = None;
        status.not_before = None;
        status.announced = Some(1045);
        look(&status);
        status.announced = None;
        status.activity = Some(RebalanceActivity {
            contents: vec![ContentId::new(0), ContentId::new(2)],
            since: 995,
            judging: false,
        });
        look(&status);
        status.activity = None;
        status.waits = Some("it failed twice".into());
        status.remedy = Some("mend it".into());
        status.last = Some(LastRebalance {
            at: 980,
            seconds: Some(12),
            rebalanced: false,
            why: Some("cannot stop".into()),
        });
        look(&status);
        insta::assert_snapshot!(told.join("\n"), @"
        content 0 is served by b-0, made as its mirror, for 1 min: gp-agent rebalance puts it back (recovery.roles is manual)
        contents 0, 2 are served by b-0, b-2, made as their mirrors, for 1 min: the time for it (recovery.window) has not come; put back in 2 h 0 min at the earliest
        contents 0, 2 are served by b-0, b-2, made as their mirrors, for 1 min; roles are put back in 45 s
        roles of contents 0, 2 are put back for 5 s, gprecoverseg -r runs
        contents 0, 2 are served by b-0, b-2, made as their mirrors, for 1 min: it failed twice; mend it
        20 s ago, roles were not put back, 12 s: cannot stop
        ");
    }
}
