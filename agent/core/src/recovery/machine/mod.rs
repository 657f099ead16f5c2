//! The machine that is asked from look to look what is to be done, for segments first and then for roles.

mod asked;
mod assessment;
pub(in crate::recovery) mod coming_back;
mod ending;
mod expanding;
pub(in crate::recovery) mod in_question;
pub mod model;
mod probing;
mod rebalancing;
mod settle;
mod show;
pub mod steps;
