//! Mirrors for a cluster that was made without them: gpaddmirrors, once for all contents, as soon as every pod of a mirror is ready
//! for it. To the machine each of them is a server that is lost, with a copy as the way to bring it back: so one memory, one set of
//! limits and one judge serve both. Once the catalog lists a mirror gprecoverseg goes on with what gpaddmirrors left undone.

pub(super) mod judgement;
pub mod lacking;
#[cfg(test)]
mod tests;
pub(super) mod together;
