//! What the other pod and the catalog say to one of the world's pods. Every decision about a start is the real one.

use super::fake_pod::{ANSWER, FakePod, SILENCE, TOOL};
use super::world::{GRACE, Permit, PodState, Rules, directory};
use crate::lifecycle::postmaster::strategy::EngineStrategy;
use anyhow::{Result, bail};
use gp_agent_core::cluster::catalog::{Catalog, CatalogAnswer, CatalogRole, Segment};
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::cluster::topology::{Member, Role};
use gp_agent_core::greenplum::start_decision as by_catalog;
use gp_agent_core::postgres::left_behind::gives_way;
use gp_agent_core::postgres::start_decision as by_partner;
use gp_agent_core::postgres::start_decision::{Decision, Directory, DirectoryKind, Partner, same_database};
use std::io;
use std::time::Duration;
use tokio::time::sleep;

const COPY: Duration = Duration::from_secs(3);

/// No directory; one that is remembered is told to peers as what is left of one.
pub(super) fn absent(kind: DirectoryKind) -> Directory {
    Directory {
        kind,
        system_id: None,
        timeline: 0,
    }
}

/// What the other pod said, and what is remembered.
#[derive(Clone)]
pub(super) struct Answers {
    partner: Partner,
    catalog: Option<CatalogAnswer>,
    newest_timeline: u32,
    left_behind: bool,
}

impl EngineStrategy for FakePod {
    type Evidence = Answers;

    fn creation_is_unfinished(&self) -> bool {
        false
    }

    async fn create(&self) -> Result<()> {
        sleep(COPY).await;
        self.must_be_free("a database is created");
        let mut inner = self.world.lock();
        if inner.pods.iter().any(|pod| !pod.starts.is_empty()) {
            let fault = format!("pod {}: an empty database where one was", self.i);
            inner.faults.push(fault);
        }
        inner.pods[self.i].directory = Some(directory(DirectoryKind::Primary, 1));
        Ok(())
    }

    async fn copy(&self) -> Result<()> {
        sleep(COPY).await;
        let source = self.world.read(self.other(), |pod| {
            let writable = pod.writable();
            pod.directory.clone().filter(|_| writable)
        });
        let Some(source) = source.filter(|_| !self.world.lock().silent) else {
            bail!("nobody to copy");
        };
        self.must_be_free("a database is copied");
        self.world.lock().pods[self.i].directory = Some(directory(DirectoryKind::Standby, source.timeline));
        Ok(())
    }

    async fn rejoin(&self) -> Result<()> {
        sleep(TOOL).await;
        let is_replica = |pod: &PodState| pod.directory.as_ref().is_some_and(|d| d.kind == DirectoryKind::Standby);
        if self.world.read(self.i, is_replica) {
            self.make_room();
            return Ok(());
        }
        if self.world.read(self.i, |pod| pod.permit) != Permit::Lost {
            bail!("nobody took over");
        }
        let there = self
            .world
            .read(self.other(), |pod| pod.directory.clone().filter(|_| pod.writable()));
        let Some(there) = there.filter(|_| !self.world.lock().silent) else {
            bail!("the new one does not answer");
        };
        self.must_be_free("an old primary is made a mirror");
        self.world.lock().pods[self.i].directory = Some(directory(DirectoryKind::Standby, there.timeline));
        Ok(())
    }

    async fn ask(&self, own: &Directory) -> Answers {
        let silent = self.world.lock().silent;
        sleep(if silent { SILENCE } else { ANSWER }).await;
        let mut inner = self.world.lock();
        // Who was cut off meanwhile has not answered.
        let silent = silent || inner.silent;
        let other = &inner.pods[self.other()];
        let partner = match &other.directory {
            _ if silent => Partner::Silent,
            Some(directory) => Partner::Answered {
                directory: directory.clone(),
                writable: other.writable(),
            },
            None => Partner::Answered {
                directory: absent(match other.remembered {
                    true => DirectoryKind::HalfMade,
                    false => DirectoryKind::Absent,
                }),
                writable: false,
            },
        };
        let pod = &mut inner.pods[self.i];
        if let Partner::Answered { directory, .. } = &partner
            && same_database(own, directory)
        {
            pod.told = pod.told.max(directory.timeline);
            pod.newest_timeline = pod.newest_timeline.max(directory.timeline);
        }
        let (newest_timeline, left_behind) = (pod.newest_timeline, pod.left_behind);
        drop(inner);
        Answers {
            partner,
            catalog: (!silent).then(|| self.catalog()),
            newest_timeline,
            left_behind,
        }
    }

    fn is_answer(&self, answers: &Answers) -> bool {
        match self.world.rules {
            Rules::Partner => answers.partner != Partner::Silent,
            Rules::Catalog => answers.catalog.is_some(),
        }
    }

    fn decide(&self, own: &Directory, answers: &Answers, asked_for: Duration) -> Decision {
        // Greenplum's mirrors are gprecoverseg's.
        if self.world.rules == Rules::Partner && gives_way(answers.left_behind, own, &answers.partner) {
            return Decision::Rejoin;
        }
        match self.world.rules {
            Rules::Partner => by_partner::decide(&by_partner::Question {
                role: self.role(),
                own,
                partner: &answers.partner,
                partner_name: "the other",
                newest_timeline: answers.newest_timeline,
                remains: self.remains().as_deref(),
                asked_for,
            }),
            Rules::Catalog => self.with_question(own, answers, asked_for, by_catalog::decide),
        }
    }

    fn asks_while_running(&self, own: &Directory) -> bool {
        own.kind == DirectoryKind::Primary
    }

    fn overtaken(&self, own: &Directory, answers: &Answers) -> Option<String> {
        match self.world.rules {
            Rules::Partner => by_partner::must_step_down(own, &answers.partner).then(|| "older".to_string()),
            Rules::Catalog => self.with_question(own, answers, Duration::MAX, by_catalog::must_step_down),
        }
    }

    fn tools_first(&self, _own: &Directory) -> io::Result<Option<String>> {
        Ok(None)
    }

    async fn before_start(&self, own: &Directory) {
        if own.kind == DirectoryKind::Primary {
            sleep(ANSWER).await;
        }
    }

    fn runs(&self) {}

    /// Longer than is allowed.
    async fn before_stop(&self) {
        sleep(GRACE).await;
    }

    fn tools_remove_directories(&self) -> bool {
        self.world.rules == Rules::Catalog
    }

    fn forgive(&self) {}
}

impl FakePod {
    /// The directory of a replica that is left behind is set aside.
    fn make_room(&self) {
        self.must_be_free("a directory is set aside");
        let mut inner = self.world.lock();
        let pod = &mut inner.pods[self.i];
        let wanted = std::mem::take(&mut pod.left_behind);
        let runs = pod.runs();
        pod.directory = None;
        if !wanted || runs {
            let fault = format!(
                "pod {}: a directory is set aside (wanted {wanted}, runs {runs})",
                self.i
            );
            inner.faults.push(fault);
        }
    }

    fn remains(&self) -> Option<String> {
        let gone = |pod: &PodState| pod.directory.is_none() && pod.remembered;
        self.world.read(self.i, gone).then(|| "it has had one".to_string())
    }

    fn role(&self) -> Role {
        [Role::Primary, Role::Mirror][self.i]
    }

    fn member(&self, i: usize) -> Member {
        let pod = ["segment-a-0", "segment-b-0"][i];
        Member {
            pod: pod.into(),
            fqdn: format!("{pod}.gp"),
            role: [Role::Primary, Role::Mirror][i],
            content: ContentId::new(0),
            port: 1,
            data_dir: "/g".into(),
        }
    }

    fn catalog(&self) -> CatalogAnswer {
        let segment = |i: usize| {
            let primary = self.world.read(i, |pod| pod.is_primary_in_catalog);
            let member = self.member(i);
            Segment {
                dbid: 2,
                content: ContentId::new(0),
                role: if primary {
                    CatalogRole::Primary
                } else {
                    CatalogRole::Mirror
                },
                preferred_role: CatalogRole::Primary,
                in_sync: true,
                up: true,
                port: 1,
                hostname: member.fqdn.clone(),
                address: member.fqdn,
                datadir: "/g".into(),
            }
        };
        CatalogAnswer::Known(Catalog {
            segments: vec![segment(0), segment(1)],
            coordinator: "coordinator-0".into(),
            timeline: 1,
            system_id: None,
            read_at: 1,
            live: true,
        })
    }

    fn with_question<T>(
        &self,
        own: &Directory,
        answers: &Answers,
        asked_for: Duration,
        rule: impl Fn(&by_catalog::Question<'_>) -> T,
    ) -> T {
        rule(&by_catalog::Question {
            me: &self.member(self.i),
            own,
            partner: &answers.partner,
            partner_name: "the other",
            catalog: answers.catalog.as_ref(),
            newest_coordinator: 1,
            unnamed_coordinator: 0,
            not_understood: None,
            segments_answered: 1,
            remains: self.remains().as_deref(),
            memory_lost: None,
            record: false,
            asked_for,
        })
    }
}
