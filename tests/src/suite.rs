//! Tests that share a cluster, which is made when the first of them asks for it and taken down after the last one.

use crate::arguments;
use crate::cluster::{self, Cluster};
use crate::docker;
use crate::settings::Settings;
use anyhow::{Result, bail};
use libtest_mimic::{Failed, Trial};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

/// One test.
pub type Test = fn(&Shared) -> Result<()>;

/// The cluster that most tests share.
#[derive(Debug)]
pub struct Shared {
    settings: fn() -> Settings,
    prepare: fn(&Cluster) -> Result<()>,
    made: Mutex<Option<Result<Cluster, String>>>,
}

impl Shared {
    /// Hands the cluster over with every pod ready.
    ///
    /// # Errors
    /// Those of the test, or why there is no such cluster.
    pub fn with(&self, test: impl FnOnce(&Cluster) -> Result<()>) -> Result<()> {
        let mut slot = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = slot.get_or_insert_with(|| self.make().map_err(|e| format!("{e:#}")));
        match made {
            Ok(cluster) => {
                let result = cluster.wait_all_ready().and_then(|()| test(cluster));
                if result.is_err() {
                    // The next test shall not suffer for it.
                    *slot = None;
                }
                result
            }
            Err(why) => {
                let why = std::mem::replace(why, "see the first test".into());
                bail!("the shared cluster did not come up: {why}")
            }
        }
    }

    fn make(&self) -> Result<Cluster> {
        let cluster = Cluster::new((self.settings)())?;
        (self.prepare)(&cluster)?;
        cluster.create_all()?;
        cluster.wait_all_ready()?;
        Ok(cluster)
    }
}

/// A suite: what its shared cluster is like, how that is prepared before its containers start, and its tests.
#[derive(Debug)]
pub struct Suite {
    /// The image without which nothing runs.
    pub image: String,
    /// The shared cluster's settings.
    pub settings: fn() -> Settings,
    /// What is done to the shared cluster before its containers are made.
    pub prepare: fn(&Cluster) -> Result<()>,
    /// Names and tests.
    pub tests: Vec<(&'static str, Test)>,
}

impl Suite {
    /// Runs the tests that the command line asks for, one after the other.
    pub fn main(self) -> ExitCode {
        if arguments::come_later() {
            return ExitCode::SUCCESS;
        }
        let (arguments, names) = arguments::of_this_process();
        let missing = docker::missing(&self.image);
        if let Some(why) = &missing {
            eprintln!("tests across containers are left out: {why}");
            if std::env::var_os("GP_TESTS_REQUIRE_CONTAINERS").is_some() {
                return ExitCode::FAILURE;
            }
        } else if !arguments.list {
            cluster::sweep();
        }
        let shared = Arc::new(Shared {
            settings: self.settings,
            prepare: self.prepare,
            made: Mutex::new(None),
        });
        let tests = self.tests.into_iter();
        let tests = tests.filter(|(name, _)| names.want(name));
        let trials = tests.map(|(name, test)| {
            let shared = shared.clone();
            Trial::test(name, move || test(&shared).map_err(|e| Failed::from(format!("{e:#}"))))
                .with_ignored_flag(missing.is_some())
        });
        let conclusion = libtest_mimic::run(&arguments, trials.collect());
        drop(shared);
        conclusion.exit_code()
    }
}
