//! The life of a pod.

pub mod discover;
