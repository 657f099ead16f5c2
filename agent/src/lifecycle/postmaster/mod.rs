//! Keeps this pod's postmaster running: makes its directory, starts or adopts it, tells how it ended and what follows.

mod activities;
pub(crate) mod left_behind;
pub(crate) mod leftovers;
pub(crate) mod monitor;
mod platform;
pub(crate) mod postgres;
mod real_pod;
mod shortage;
mod stop;
pub(crate) mod strategy;
pub(crate) mod supervisor;
#[cfg(test)]
mod tests;
mod timeline_record;
