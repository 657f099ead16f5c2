//! Named scenarios: what is done, and what has to come of it.

use super::fault::Step;
use super::outcome::Class;
use super::plan::Plan;
use super::recipes;
use std::time::Duration;

/// One scenario.
#[derive(Clone, Debug)]
pub struct Recipe {
    /// Its number in the list of scenarios.
    pub number: u8,
    /// In words.
    pub title: &'static str,
    /// What is done.
    pub steps: Vec<Step>,
    /// Any of these.
    pub expect: &'static [Class],
    /// Longer than its class may take, where what is done lasts longer.
    pub within: Option<Duration>,
    /// So long after the last step it has come to that.
    pub settle: Duration,
    /// Further sessions that write to the coordinator.
    pub crowd: usize,
    /// It is over in seconds, so it is among those that are played every time.
    pub quick: bool,
    /// A person accepts that acknowledged rows are lost.
    pub may_lose: bool,
}

impl Recipe {
    /// All of them, in the order of their numbers.
    pub fn all() -> Vec<Recipe> {
        let mut all = recipes::all();
        all.sort_by_key(|recipe| recipe.number);
        all
    }

    /// The same as a round.
    pub fn plan(&self) -> Plan {
        Plan {
            steps: self.steps.clone(),
            settle: self.settle,
            crowd: self.crowd,
            numbers: vec![self.number],
        }
    }

    /// A line of the list.
    pub fn line(&self) -> String {
        let classes: Vec<String> = self.expect.iter().map(|c| c.letter().to_string()).collect();
        let quick = if self.quick { "quick" } else { "" };
        let loss = if self.may_lose { "" } else { " 0" };
        let expected = format!("{}{loss} 1 R", classes.join("/"));
        format!("{:>4}  {:<16}{quick:<7}{}", self.number, expected, self.title)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chaos::fault::{Fault, When};

    #[test]
    fn the_list() {
        let lines: Vec<String> = Recipe::all().iter().map(Recipe::line).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn every_scenario_does_something_and_expects_something() {
        for recipe in Recipe::all() {
            assert!(
                !recipe.expect.is_empty() && !recipe.steps.is_empty(),
                "{}",
                recipe.title
            );
            assert!(
                recipe.steps.iter().any(|s| s.fault != Fault::Nothing),
                "{}",
                recipe.title
            );
        }
    }

    #[test]
    fn only_force_may_lose_rows() {
        for recipe in Recipe::all() {
            let forced = recipe.steps.iter().any(|step| step.fault == Fault::ForceFailover);
            assert_eq!(recipe.may_lose, forced, "{}", recipe.title);
        }
    }

    #[test]
    fn quick_ones_are_quick() {
        for recipe in Recipe::all().into_iter().filter(|recipe| recipe.quick) {
            let delay = |step: &Step| match step.when {
                When::After(delay) => delay + step.lasts.unwrap_or_default(),
                _ => Duration::from_secs(5),
            };
            let length: Duration = recipe.steps.iter().map(delay).sum();
            assert!(length + recipe.settle <= Duration::from_secs(30), "{}", recipe.title);
        }
    }
}
