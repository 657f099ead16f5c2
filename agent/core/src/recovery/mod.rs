//! Segments that FTS has marked down are brought back: what is to be done now, given the catalog, what the agents say, and what
//! was tried before. Greenplum alone; the effects are in the agent's room of the same name.

pub mod expansion;
pub mod facts;
pub mod machine;
pub mod new_mirrors;
pub mod obstacle;
pub mod refusal;
pub mod roles;
pub mod segments;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
