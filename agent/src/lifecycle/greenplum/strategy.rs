//! Greenplum's part in the life of a postmaster: the coordinator's pod makes all directories at once, its tools make them anew,
//! and its catalog is asked before one is started.

use super::questions::Answers;
use super::running_tools::ToolWatch;
use super::{catalog, creation, questions, shutdown_order, startup_order};
use crate::engine::Greenplum;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::postmaster::strategy::EngineStrategy;
use anyhow::{Result, bail};
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::greenplum::start_decision as rules;
use gp_agent_core::postgres::start_decision::{Decision, Directory, DirectoryKind};
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One pod of a Greenplum cluster.
pub(super) struct Strategy<'a> {
    pod: &'a Pod,
    greenplum: &'a Greenplum,
    tools: Mutex<ToolWatch>,
}

impl<'a> Strategy<'a> {
    pub(super) fn new(pod: &'a Pod, greenplum: &'a Greenplum) -> Self {
        Strategy {
            pod,
            greenplum,
            tools: Mutex::default(),
        }
    }

    fn tools(&self) -> MutexGuard<'_, ToolWatch> {
        self.tools.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EngineStrategy for Strategy<'_> {
    type Evidence = Answers;

    fn creation_is_unfinished(&self) -> bool {
        creation::is_unfinished(self.pod)
    }

    async fn create(&self) -> Result<()> {
        creation::create(self.pod, self.greenplum).await
    }

    async fn copy(&self) -> Result<()> {
        bail!("copies are made by gpinitstandby, gpaddmirrors and gprecoverseg")
    }

    async fn ask(&self, _own: &Directory) -> Answers {
        questions::ask(self.pod).await
    }

    fn is_answer(&self, answers: &Answers) -> bool {
        answers.somebody_answered(self.pod)
    }

    fn decide(&self, own: &Directory, answers: &Answers, asked_for: Duration) -> Decision {
        let decision = rules::decide(&answers.question(self.pod, own, asked_for));
        match decision {
            Decision::Refuse { .. } => self.tools().refused(),
            Decision::Wait(_) if own.kind != DirectoryKind::Primary => self.tools().refused(),
            _ => {}
        }
        decision
    }

    /// The question also tells this pod that the cluster is created, whatever its role is.
    fn asks_while_running(&self, own: &Directory) -> bool {
        own.kind == DirectoryKind::Primary || !self.pod.board.read(|s| s.cluster.is_confirmed())
    }

    fn overtaken(&self, own: &Directory, answers: &Answers) -> Option<String> {
        rules::must_step_down(&answers.question(self.pod, own, Duration::MAX))
    }

    fn tools_first(&self, own: &Directory) -> io::Result<Option<String>> {
        self.tools().first(self.pod.dir(), own)
    }

    async fn before_start(&self, own: &Directory) {
        if own.kind == DirectoryKind::Primary {
            startup_order::primaries_first(self.pod).await;
        }
    }

    fn runs(&self) {
        self.tools().running();
        // A whole coordinator's directory that no creation is at work on.
        if self.pod.me.role == Role::Coordinator {
            self.pod.board.on(catalog::CREATED);
        }
    }

    async fn before_stop(&self) {
        shutdown_order::coordinator_first(self.pod).await;
    }

    fn tools_remove_directories(&self) -> bool {
        true
    }

    fn forgive(&self) {
        creation::forgive(self.pod);
    }
}
