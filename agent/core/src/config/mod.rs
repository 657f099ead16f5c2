//! The configuration, `cluster.yaml`: the same file in every pod.

mod constraints;
mod diagnostic;
mod diff;
mod entry;
mod env;
mod field;
mod key;
mod load;
mod model;
mod postgres_parameters;
pub mod quote;
mod reader;
mod reference;
mod rule;
mod schema;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod value_rules;
mod values;
mod yaml;

pub use diagnostic::{ConfigFinding, SourceLocation};
pub use diff::{Change, diff};
pub use load::load;
pub use model::{Auth, EngineKind, Require, UseApi};
#[cfg(test)]
pub(crate) use postgres_parameters::GUARDED;
pub(crate) use postgres_parameters::{Guarded, Setter, guarded};
pub use reference::{reference, value_schemas, variables_reference};
pub use schema::{
    Config, CoordinatorConfig, GreenplumConfig, HbaConfig, HttpConfig, KubernetesConfig, SegmentsConfig,
    ShutdownConfig, SshConfig, StorageConfig, TlsConfig,
};
pub use yaml::MAX_BYTES;
