//! Primaries and mirrors that have changed places are changed back: when, and whether it is safe now. gprecoverseg -r stops each
//! primary that was made as a mirror, which cancels the sessions that use it; so nobody is hurried.

pub mod attempts;
mod judgement;
pub mod machine;
pub mod replay_lag;
pub mod run;
mod settle;
mod show;
#[cfg(test)]
mod tests;
pub mod when;
pub mod window;
