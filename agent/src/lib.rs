//! gp-agent: the entrypoint and segment agent of every Greenplum pod.
//!
//! Floors: [`domain`] is pure and knows nobody; [`sys`] (effects) and [`engine`] know the domain;
//! [`lifecycle`] knows all three; [`cli`] and the binary know the lifecycle and [`init`].

pub mod cli;
pub mod domain;
pub mod engine;
pub mod init;
pub mod lifecycle;
pub mod sys;
