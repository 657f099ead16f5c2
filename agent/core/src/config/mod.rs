//! The configuration, `cluster.yaml`: the same file in every pod.

mod constraints;
mod diagnostic;
mod diff;
mod entry;
mod env;
mod field;
mod growth;
mod key;
mod leave;
mod load;
mod model;
mod postgres_parameters;
pub mod quote;
mod reader;
mod reference;
mod rule;
mod schedule;
mod schema;
mod suggest;
mod table;
#[cfg(test)]
mod tests;
mod value_rules;
mod values;
mod yaml;

pub use diagnostic::{ConfigFinding, SourceLocation};
pub use diff::{Change, diff, is_settled};
pub use growth::{Growth, growth};
pub use leave::same_leave;
pub use load::{Bearings, bearings, load};
pub use model::{
    Auth, AuthorityChoice, EngineKind, FailoverMode, KeepHosts, OnPodDelete, RebalanceWhen, Recover, RecoverFull,
    Redistribute, Require, UseApi,
};
#[cfg(test)]
pub(crate) use postgres_parameters::GUARDED;
pub use postgres_parameters::is_of_failover;
pub(crate) use postgres_parameters::{Guarded, Setter, guarded, is_on};
pub use reference::{reference, value_schemas, variables_reference};
pub use schedule::{Schedule, Times};
pub use schema::{
    Config, CoordinatorConfig, ExpansionConfig, FailoverConfig, GreenplumConfig, HbaConfig, HttpConfig,
    KubernetesConfig, NamesConfig, RecoveryConfig, SegmentsConfig, ShutdownConfig, SshConfig, StorageConfig, TlsConfig,
};
pub use yaml::MAX_BYTES;
