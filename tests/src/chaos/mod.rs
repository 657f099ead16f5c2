//! Hurts a pair of coordinators, or a cluster of Greenplum, while clients write, and checks that nothing is lost and never two
//! write.
//!
//! The choice of faults, the checks of the ledger and the classes are pure; [`bed`] has the containers and [`round`] plays.

pub mod bed;
mod choice;
mod dialect;
mod dice;
pub mod fault;
mod greenplum_choices;
pub mod histogram;
pub mod ledger;
mod node_choices;
pub mod outcome;
pub mod plan;
pub mod played;
pub mod recipe;
mod recipes;
pub mod round;
pub mod sql;
pub mod tally;
pub mod writers;
