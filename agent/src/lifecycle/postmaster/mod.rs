//! Keeps this pod's postmaster running: makes its directory, starts or adopts it, tells how it ended and what follows.

mod access;
mod activities;
mod crash_cause;
pub(crate) mod leftovers;
mod maintenance;
pub(crate) mod monitor;
mod pidfile_watch;
mod platform;
mod pod_platform;
pub(crate) mod postgres;
mod shortage;
mod stop;
pub(crate) mod strategy;
pub(crate) mod supervisor;
#[cfg(test)]
mod tests;
