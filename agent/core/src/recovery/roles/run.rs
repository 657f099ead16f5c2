//! How gprecoverseg changes roles back, and what that does to sessions.

use crate::cluster::content::ContentId;
use crate::recovery::facts::evidence::Swap;

/// One run of the tool, which takes no list: it changes back whatever is out of place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rebalance {
    /// What is out of place as it begins.
    pub contents: Vec<ContentId>,
}

impl Rebalance {
    pub(super) fn of(swapped: &[Swap]) -> Rebalance {
        let contents = swapped.iter().map(|swap| swap.content).collect();
        Rebalance { contents }
    }

    /// The tool's command line.
    pub fn arguments(&self) -> Vec<String> {
        ["-a", "-r"].map(String::from).into()
    }

    /// What it does to sessions.
    pub fn warning(&self) -> String {
        format!("sessions that use {} are cancelled", contents(&self.contents))
    }
}

/// `content 0`, `contents 0, 1`.
pub(super) fn contents(list: &[ContentId]) -> String {
    let numbers: Vec<String> = list.iter().map(ToString::to_string).collect();
    let word = if list.len() == 1 { "content" } else { "contents" };
    format!("{word} {}", numbers.join(", "))
}
