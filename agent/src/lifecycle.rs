//! The life of a pod.
