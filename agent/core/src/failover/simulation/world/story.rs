//! A world in one line, for who has to find out what went wrong.

use super::state::World;
use crate::failover::candidate::Permit;
use crate::failover::record::{Record, Seen};
use std::fmt::Write;

impl World {
    pub(crate) fn line(&self) -> String {
        let mut text = format!("{:>7} {}", self.now, short(&self.seen));
        for (p, pod) in self.pods.iter().enumerate() {
            let view = pod.agent.view();
            let state = match (pod.gone, pod.frozen, pod.agent_frozen) {
                (true, ..) => " gone",
                (_, true, _) => " frozen",
                (_, _, true) => " agent frozen",
                _ => "",
            };
            let permit = match &view.permit {
                Permit::Yes => "may start".to_string(),
                Permit::No(why) => why.clone(),
            };
            let _ = write!(
                text,
                "\n        {p}/{}{state}{} {:?} {:?} tl {} end {} | {:?} {:?} fence {:?} {} | {permit} | {}",
                pod.uid,
                if self.cut[p] { " cut" } else { "" },
                pod.kind,
                pod.runs,
                pod.log.timeline(),
                pod.log.end(),
                view.standing,
                view.doing,
                pod.fence,
                if pod.draining { "draining" } else { "" },
                view.no_failover.map_or(String::new(), |why| why.to_string()),
            );
        }
        let _ = write!(
            text,
            "\n        stream {:?} cut {} wire {}",
            self.stream,
            self.peers_cut,
            self.wire.len()
        );
        text
    }
}

fn short(seen: &Seen) -> String {
    match seen {
        Seen::Record(Record {
            serial,
            holder,
            epoch,
            in_sync,
            released,
            mode,
            ..
        }) => {
            let holder = holder.as_ref().map_or("nobody".into(), |h| h.to_string());
            let in_sync = in_sync
                .as_ref()
                .map_or("none".into(), |s| format!("{}/{} by {}", s.pod, s.uid, s.stream));
            let released = released.as_ref().map_or(String::new(), |r| {
                format!("released by {} at {} {:?}", r.by, r.lsn, r.why)
            });
            format!("serial {serial} epoch {epoch} {holder}, in sync {in_sync} {released} {mode:?}")
        }
        other => format!("{other:?}"),
    }
}
