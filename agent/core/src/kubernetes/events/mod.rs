//! Kubernetes Events: what an administrator must know of this pod, seen where he looks first (`kubectl describe pod`).

mod expansion;
mod failover;
mod notice;
mod queue;
mod recovery;
mod roles;
#[cfg(test)]
mod tests;
mod watcher;

pub use notice::{Kind, Notice};
pub use queue::{Due, EventLimits, EventQueue, EventUpdate};
pub use watcher::Watcher;
