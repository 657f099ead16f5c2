//! What the two coordinators' agents say of failover.

use serde_json::Value;
use std::collections::BTreeSet;

/// Their statuses; none of one that does not answer.
#[derive(Clone, Debug)]
pub struct State(pub [Option<Value>; 2]);

fn failover(status: &Value) -> &Value {
    &status["failover"]
}

impl State {
    fn all(&self) -> impl Iterator<Item = (usize, &Value)> {
        let all = self.0.iter().enumerate();
        all.filter_map(|(i, status)| status.as_ref().map(|s| (i, s)))
    }

    /// Which of them has the role, when exactly one says so.
    pub fn holder(&self) -> Option<usize> {
        let mut mine = self.all().filter(|(_, status)| failover(status)["mine"] == true);
        match (mine.next(), mine.next()) {
            (Some((holder, _)), None) => Some(holder),
            _ => None,
        }
    }

    /// Whether the other one could be promoted now.
    pub fn in_sync(&self) -> bool {
        let holder = self.holder().and_then(|holder| self.0[holder].as_ref());
        holder.is_some_and(|status| failover(status)["inSync"].is_string())
    }

    /// Whether the last change of the role was an orderly one.
    pub fn in_order(&self) -> bool {
        let holder = self.holder().and_then(|holder| self.0[holder].as_ref());
        holder.is_some_and(|status| failover(status)["last"]["kind"] == "switchover")
    }

    /// Whether an agent answers.
    pub fn answers(&self) -> bool {
        self.0.iter().any(Option::is_some)
    }

    /// What they say is being done, or missing.
    pub fn reasons(&self) -> BTreeSet<String> {
        let mut reasons = BTreeSet::new();
        for (_, status) in self.all() {
            let failover = failover(status);
            let texts = [
                &failover["notInSync"]["why"],
                &failover["record"]["why"],
                &failover["rejoin"]["why"],
                &failover["obstacle"],
                &failover["activity"],
                &failover["failed"],
                &failover["off"],
                &status["reason"],
            ];
            reasons.extend(texts.into_iter().filter_map(Value::as_str).map(String::from));
            let recovery = &status["recovery"];
            let down = recovery["down"].as_array().into_iter().flatten();
            let waits = down
                .map(|down| &down["obstacle"])
                .chain([&recovery["waits"], &recovery["activity"]["method"]]);
            reasons.extend(waits.filter_map(Value::as_str).map(String::from));
            let findings = status["findings"].as_array().into_iter().flatten();
            reasons.extend(findings.filter_map(|f| f["what"].as_str()).map(String::from));
        }
        reasons
    }

    /// Why it is not as it should be.
    ///
    /// # Errors
    /// In words.
    pub fn complete(&self) -> Result<usize, String> {
        for (i, status) in self.0.iter().enumerate() {
            if status.is_none() {
                return Err(format!("the agent of coordinator-{i} does not answer"));
            }
        }
        let Some(holder) = self.holder() else {
            return Err("not exactly one has the role".into());
        };
        if !self.in_sync() {
            return Err("the standby is not in sync".into());
        }
        Ok(holder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn status(mine: bool, in_sync: Option<&str>) -> Value {
        json!({ "failover": { "mine": mine, "inSync": in_sync } })
    }

    #[test]
    fn complete_is_one_holder_with_a_standby_in_sync() {
        let other = Some("c-1");
        let both = |one, two| State([Some(one), Some(two)]).complete();
        assert_eq!(both(status(true, other), status(false, other)), Ok(0));
        assert!(State([Some(status(true, other)), None]).complete().is_err());
        assert!(both(status(true, None), status(false, None)).is_err());
        assert!(both(status(true, other), status(true, other)).is_err());
        assert!(both(status(false, other), status(false, other)).is_err());
    }

    #[test]
    fn every_word_about_a_wait_is_heard() {
        let standby = json!({
            "reason": "waits",
            "failover": { "obstacle": "the stream is new", "notInSync": { "why": "behind" }, "activity": "copies" },
            "findings": [{ "what": "the volume is full" }],
            "recovery": { "waits": "a tool runs", "down": [{ "obstacle": "its agent is silent" }, { "pod": "b" }] },
        });
        let state = State([None, Some(standby)]);
        let expected = [
            "a tool runs",
            "behind",
            "copies",
            "its agent is silent",
            "the stream is new",
            "the volume is full",
            "waits",
        ];
        let expected = expected.map(String::from);
        assert_eq!(state.reasons(), BTreeSet::from(expected));
        assert!(State([None, None]).reasons().is_empty());
    }

    #[test]
    fn an_orderly_change_is_told_from_another() {
        let last = |kind| Some(json!({ "failover": { "mine": true, "last": { "kind": kind } } }));
        assert!(State([last("switchover"), None]).in_order());
        assert!(!State([last("failover"), None]).in_order());
    }
}
