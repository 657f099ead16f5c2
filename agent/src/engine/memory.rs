//! What is remembered of the engine while its container lives, for an agent that is started again when the programs are gone:
//! the server that runs needs none of them.

use super::{Engine, Greenplum, Postgres};
use crate::sys::postgres::programs::Tools;
use crate::sys::storage::fs::write_atomically;
use gp_agent_core::config::EngineKind;
use gp_agent_core::greenplum::version::GpVersion;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

#[derive(Serialize, Deserialize)]
struct Record {
    /// Where the programs are: the directory of PostgreSQL's, or Greenplum's home.
    place: PathBuf,
    /// PG_VERSION of PostgreSQL's directories.
    major: String,
    /// Of Greenplum.
    greenplum: Option<GpVersion>,
    /// What the programs need in their environment; what is no text is left out.
    environment: Vec<(String, String)>,
}

impl Engine {
    /// Writes it down.
    ///
    /// # Errors
    /// Those of the file system.
    pub(crate) fn remember(&self, file: &Path) -> io::Result<()> {
        let text = |(name, value): (&std::ffi::OsStr, &std::ffi::OsStr)| {
            Some((name.to_str()?.to_string(), value.to_str()?.to_string()))
        };
        let (place, greenplum) = match self {
            Engine::Postgres(postgres) => (postgres.tools().bin(), None),
            Engine::Greenplum(greenplum) => (greenplum.home(), Some(greenplum.version().clone())),
        };
        let record = Record {
            place: place.to_path_buf(),
            major: self.major_version().to_string(),
            greenplum,
            environment: self.tools().environment().filter_map(text).collect(),
        };
        write_atomically(file, &serde_json::to_vec(&record)?, 0o600).map(drop)
    }

    /// The engine that was last written down, when it is of this kind.
    pub(crate) fn recall(kind: EngineKind, file: &Path) -> Option<Engine> {
        let record: Record = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
        let words = record.environment.into_iter();
        let environment = words.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        let environment = environment.collect();
        match (kind, record.greenplum) {
            (EngineKind::Postgres, None) => {
                let tools = Tools::new(record.place, environment);
                Some(Engine::Postgres(Postgres::new(tools, record.major)))
            }
            (EngineKind::Greenplum, Some(version)) => {
                let greenplum = Greenplum::known(record.place, environment, version);
                Some(Engine::Greenplum(Box::new(greenplum)))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_of_an_engine_is_all_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("engine.json");
        let environment = || vec![(OsString::from("LD_LIBRARY_PATH"), OsString::from("/gp/lib"))];
        let version = GpVersion::parse(
            "postgres (Greenplum Database) 9.4.26",
            "postgres (Greenplum Database) 6.24.3 build dev",
        );
        let greenplum = Greenplum::known("/gp".into(), environment(), version.unwrap());
        let postgres = Postgres::new(Tools::new("/pg/bin".into(), Vec::new()), "15".into());
        for (engine, kind, other) in [
            (Engine::Postgres(postgres), EngineKind::Postgres, EngineKind::Greenplum),
            (
                Engine::Greenplum(Box::new(greenplum)),
                EngineKind::Greenplum,
                EngineKind::Postgres,
            ),
        ] {
            engine.remember(&file).unwrap();
            let again = Engine::recall(kind, &file).unwrap();
            assert_eq!(format!("{again:?}"), format!("{engine:?}"));
            assert!(Engine::recall(other, &file).is_none());
        }
        std::fs::write(&file, "{").unwrap();
        assert!(Engine::recall(EngineKind::Greenplum, &file).is_none());
    }
}
