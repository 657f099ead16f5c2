//! Why something that somebody asks of recovery is not begun.

use super::obstacle::Obstacle;

/// Why it is not begun; nothing is remembered of the wish.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecoveryRefusal {
    /// One tool at a time works on the cluster.
    #[error("a tool runs already; gp-agent status says how it goes on")]
    RunsAlready,
    /// Something is in the way, which ends by itself or by a person's hand.
    #[error("{0}")]
    Hindered(Obstacle),
    /// Nothing has to be brought back, at least not in the pod that was named.
    #[error("{}", nothing_down(.0.as_deref()))]
    NothingDown(Option<String>),
    /// No primary and mirror have changed places.
    #[error("every segment is in the role that it was made for")]
    InPlace,
    /// What an expansion has come to is not known now.
    #[error("the coordinator does not say now what gpexpand has left; ask again")]
    ExpansionUnknown,
    /// There is nothing to add, and nothing to go on with.
    #[error("every segment of cluster.yaml is in the catalog, and no expansion goes on")]
    NothingToAdd,
}

impl From<Obstacle> for RecoveryRefusal {
    fn from(obstacle: Obstacle) -> RecoveryRefusal {
        RecoveryRefusal::Hindered(obstacle)
    }
}

fn nothing_down(pod: Option<&str>) -> String {
    match pod {
        Some(pod) => format!("the catalog lists no server of {pod} as down"),
        None => "the catalog says of no segment that it is down".to_string(),
    }
}
