//! Contents that cluster.yaml has and the catalog lacks become a part of the cluster: gpexpand adds them, and afterwards spreads the
//! tables over all contents. It keeps what it has done in a file beside the catalog until that lists the new contents, and in a
//! schema from then on; which of its calls comes next is read from those, never from what an earlier call said.

pub mod facts;
mod judgement;
pub mod machine;
pub mod memory;
mod settle;
mod show;
pub mod stage;
pub mod task;
#[cfg(test)]
mod tests;
