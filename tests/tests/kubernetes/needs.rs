//! What a test needs of the cluster beyond being one.

use cluster_tests::greenplum::{self, Kind};
use cluster_tests::kube::{self, Client};

/// Something that not every cluster has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A tool that hurts the cluster (`GP_KUBE`).
    Tool,
    /// Two nodes at least.
    Nodes,
    /// A load balancer that this machine reaches, and psql here.
    Balancer,
    /// Storage classes `tmpfs` and `ramfs`.
    MemoryVolumes,
    /// The image under a second tag, `GP_IMAGE_NEXT`, present in the cluster.
    NextImage,
    /// An image with Greenplum in it, present in the cluster.
    Greenplum,
}

impl Need {
    /// Why it is not there, if so.
    pub(crate) fn lacking(self) -> Option<String> {
        match self {
            Need::Tool => kube::Tool::find().err(),
            Need::Nodes => {
                let nodes = kube::kubectl(&["get", "nodes", "-o", "name"]).unwrap_or_default();
                (nodes.lines().count() < 2).then(|| "the cluster has one node only".into())
            }
            Need::Balancer => Client::missing().or_else(no_balancer),
            Need::MemoryVolumes => kube::kubectl(&["get", "storageclass", "tmpfs", "ramfs"])
                .is_err()
                .then(|| "the cluster has no storage classes tmpfs and ramfs".into()),
            Need::NextImage => std::env::var_os("GP_IMAGE_NEXT")
                .is_none()
                .then(|| "GP_IMAGE_NEXT names no second tag of the image".into()),
            Need::Greenplum => {
                let inside = greenplum::kind() == Kind::Real && greenplum::home().is_none();
                (!inside).then(|| "no image with Greenplum is given (tests/run --greenplum)".into())
            }
        }
    }
}

/// kind has no load balancer, and minikube one only while `minikube tunnel` runs.
fn no_balancer() -> Option<String> {
    let context = kube::kubectl(&["config", "current-context"]).unwrap_or_default();
    let small = context.starts_with("kind-") || context == "minikube";
    small.then(|| format!("{context} gives Services of type LoadBalancer no address"))
}
