//! gp-agent: the entrypoint and segment agent of every Greenplum pod.
//!
//! Floors: the crate `gp_agent_core` is pure and knows nobody; [`sys`] (effects) and [`engine`] know it; [`lifecycle`] knows all
//! three; [`cli`] and the binary know the lifecycle and [`init`].

pub mod cli;
pub mod engine;
pub mod init;
pub mod lifecycle;
pub mod sys;
