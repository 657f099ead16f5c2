//! What differs between database engines: how to start one, how to tell a role, how to create a cluster. Nothing outside
//! this folder asks which engine it is.

mod postgres;

pub use postgres::{Clone, Create, Engine};

use crate::domain::config::EngineKind;
use crate::sys::postgres::tools::{ToolError, Tools};

/// Why there is no engine to work with.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// This version of the agent cannot run it.
    #[error(
        "engine: {0} is not supported by this version of gp-agent; set `engine: postgres` in cluster.yaml"
    )]
    Unsupported(&'static str),
    /// Its programs are missing or broken.
    #[error(transparent)]
    Tool(#[from] ToolError),
}

/// Finds the programs of the configured engine and asks their version.
pub async fn find(kind: EngineKind) -> Result<Engine, EngineError> {
    match kind {
        EngineKind::Greenplum => Err(EngineError::Unsupported("greenplum")),
        EngineKind::Postgres => {
            let tools = Tools::find()?;
            let major = tools.major_version().await?;
            Ok(Engine::new(tools, major))
        }
    }
}
