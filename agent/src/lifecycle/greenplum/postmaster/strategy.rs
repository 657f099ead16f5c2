//! Greenplum's part in the life of a postmaster: the coordinator's pod makes all directories at once, its tools make them anew,
//! and its catalog is asked before one is started.

use super::questions::Answers;
use super::rejoin::Rejoin;
use super::running_tools::ToolWatch;
use super::{questions, rejoin_files, shutdown_order, startup_order};
use crate::engine::Greenplum;
use crate::lifecycle::greenplum::creation;
use crate::lifecycle::peers::client::PeerClient;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::postmaster::left_behind;
use crate::lifecycle::postmaster::strategy::EngineStrategy;
use crate::sys::postgres::running_tools::at_work;
use anyhow::{Result, bail};
use gp_agent_core::cluster::peer_error::PeerError;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::config::Recover;
use gp_agent_core::greenplum::start_decision as rules;
use gp_agent_core::greenplum::start_decision::standby_copy::{self, StandbyPlace};
use gp_agent_core::postgres::start_decision::{Decision, Directory, DirectoryKind};
use gp_agent_core::process::timeouts;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One pod of a Greenplum cluster.
pub(crate) struct Strategy<'a> {
    pod: &'a Arc<Pod>,
    greenplum: &'a Greenplum,
    tools: Mutex<ToolWatch>,
    rejoin: Rejoin,
}

impl<'a> Strategy<'a> {
    pub(crate) fn new(pod: &'a Arc<Pod>, greenplum: &'a Greenplum) -> Self {
        Strategy {
            pod,
            greenplum,
            tools: Mutex::default(),
            rejoin: Rejoin::default(),
        }
    }

    /// Whether this pod is to follow the coordinator, which another one is.
    fn follows(&self) -> bool {
        let pod = self.pod;
        let holder = pod.leadership.view().and_then(|view| view.holder);
        pod.me.content.is_coordinator() && holder.is_some_and(|holder| holder.pod != pod.me.pod)
    }

    fn place(&self, answers: &Answers) -> StandbyPlace {
        StandbyPlace {
            follows: self.follows(),
            begun: answers.copy_begun(),
            by_itself: self.pod.config.borrow().recovery.standby == Recover::Auto,
        }
    }

    /// Beside gpinitstandby, here or in the coordinator's pod, no second standby is made.
    async fn nobody_at_work(&self) -> Result<()> {
        if let Some(tool) = at_work(self.pod.dir())? {
            bail!("{} (process {}) is at work on the data directory", tool.comm, tool.pid);
        }
        let Some(partner) = self.pod.partner() else {
            return Ok(());
        };
        match PeerClient::of(self.pod).status(partner, timeouts::PEER_ANSWERS).await {
            Ok(report) => match report.status.tool {
                Some(tool) => bail!("waiting for a tool to end: {tool}"),
                None => Ok(()),
            },
            Err(PeerError::NotUnderstood(why)) => bail!("cannot tell whether a tool is at work there: {why}"),
            Err(_) => Ok(()),
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
        if !self.follows() {
            bail!("copies are made by gpinitstandby, gpaddmirrors and gprecoverseg");
        }
        self.nobody_at_work().await?;
        self.rejoin.copy(self.pod, self.greenplum).await?;
        self.tools().running();
        Ok(())
    }

    async fn rejoin(&self) -> Result<()> {
        self.nobody_at_work().await?;
        if self.pod.board.read(|s| s.directory.kind) == Some(DirectoryKind::Standby) {
            // A copy that was broken off is known by its mark, and gone on with.
            return left_behind::give_way(self.pod, async || rejoin_files::want_copy(self.pod).await).await;
        }
        self.rejoin.run(self.pod, self.greenplum).await?;
        self.tools().running();
        Ok(())
    }

    async fn ask(&self, _own: &Directory) -> Answers {
        questions::ask(self.pod).await
    }

    fn is_answer(&self, answers: &Answers) -> bool {
        answers.somebody_answered(self.pod)
    }

    fn decide(&self, own: &Directory, answers: &Answers, asked_for: Duration) -> Decision {
        if standby_copy::belongs(self.place(answers), own.kind, answers.remains()) {
            return Decision::Clone;
        }
        if self.follows() && answers.give_way(own) {
            return Decision::Rejoin;
        }
        let mut question = answers.question(self.pod, own, asked_for);
        if self.pod.me.content.is_coordinator() && self.pod.leadership.decides() {
            // Nobody is waited for where the record says who writes.
            question.asked_for = Duration::MAX;
            question.segments_answered = question.segments_answered.max(1);
        }
        let decision = rules::decide(&question);
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
            self.pod.board.on(Event::CREATED);
        }
    }

    async fn before_stop(&self) {
        tokio::join!(
            self.pod.leadership.may_stop(),
            shutdown_order::coordinator_first(self.pod)
        );
    }

    fn tools_remove_directories(&self) -> bool {
        true
    }

    fn forgive(&self) {
        creation::forgive(self.pod);
    }
}
