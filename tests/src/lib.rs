//! Clusters of containers for tests and benchmarks.
//!
//! Every [`Cluster`](cluster::Cluster) has a Docker network, volumes and names of its own, so that several of them, and
//! the one of `image/up`, run beside each other; dropping it removes everything that it made.

#![allow(clippy::panic, reason = "helpers of tests are tests")]

pub mod arguments;
pub mod chaos;
pub mod cluster;
pub mod docker;
pub mod greenplum;
pub mod helm;
pub mod http;
pub mod kube;
pub mod secret;
pub mod settings;
pub mod suite;
pub mod wait;
pub mod writers;
