//! PostgreSQL's part in the life of a postmaster.

use super::rejoin::Rejoin;
use super::{bootstrap, newest_timeline, tablespaces};
use crate::engine::Postgres;
use crate::lifecycle::peers::{client, discovered};
use crate::lifecycle::pod::Pod;
use crate::lifecycle::postmaster::left_behind;
use crate::lifecycle::postmaster::strategy::EngineStrategy;
use anyhow::{Context, Result};
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::postgres::left_behind::gives_way;
use gp_agent_core::postgres::start_decision as rules;
use gp_agent_core::postgres::start_decision::{Decision, Directory, DirectoryKind, Partner, Question};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// One pod of a pair.
pub(super) struct Strategy<'a> {
    pod: &'a Arc<Pod>,
    postgres: &'a Postgres,
    rejoin: Rejoin,
}

/// What the partner says, and the newest timeline of this database that was ever heard of.
#[derive(Clone, Debug)]
pub(super) struct PartnerWord {
    partner: Partner,
    /// Shared, since an answer is.
    newest_timeline: Result<u32, Arc<io::Error>>,
    /// The volume says that the directory is left behind.
    left_behind: bool,
}

impl<'a> Strategy<'a> {
    pub(super) fn new(pod: &'a Arc<Pod>, postgres: &'a Postgres) -> Self {
        let rejoin = Rejoin::default();
        Strategy { pod, postgres, rejoin }
    }
}

/// Where the record says who writes, a directory is what it is, whichever pod's: a standby's follows, and a copy is made where
/// there is none.
fn role(made_for: Role, own: DirectoryKind, decides: bool) -> Role {
    match (decides, own) {
        (false, _) => made_for,
        (true, DirectoryKind::Primary) => Role::Coordinator,
        (true, _) => Role::Standby,
    }
}

impl EngineStrategy for Strategy<'_> {
    type Evidence = PartnerWord;

    fn creation_is_unfinished(&self) -> bool {
        false
    }

    async fn create(&self) -> Result<()> {
        discovered::all_found(self.pod).await;
        bootstrap::create(self.pod, self.postgres).await
    }

    async fn copy(&self) -> Result<()> {
        let partner = self.pod.partner().context("no partner to copy")?;
        bootstrap::clone_partner(self.pod, self.postgres, partner).await
    }

    async fn rejoin(&self) -> Result<()> {
        if self.pod.board.read(|s| s.directory.kind) == Some(DirectoryKind::Standby) {
            return left_behind::give_way(self.pod, async || Ok(())).await;
        }
        self.rejoin.run(self.pod, self.postgres).await
    }

    async fn ask(&self, own: &Directory) -> PartnerWord {
        let partner = client::ask(self.pod).await;
        let (state_dir, own, heard) = (self.pod.state_dir(), own.clone(), partner.clone());
        let hear = move || newest_timeline::hear(&state_dir, &own, &heard);
        let newest_timeline = self.pod.volume.run(hear).await;
        PartnerWord {
            partner,
            newest_timeline: newest_timeline.map_err(Arc::new),
            left_behind: left_behind::wants_room(self.pod).await,
        }
    }

    fn is_answer(&self, answer: &PartnerWord) -> bool {
        answer.partner != Partner::Silent
    }

    fn decide(&self, own: &Directory, answer: &PartnerWord, asked_for: Duration) -> Decision {
        if gives_way(answer.left_behind, own, &answer.partner) {
            return Decision::Rejoin;
        }
        let newest_timeline = match &answer.newest_timeline {
            Ok(timeline) => *timeline,
            Err(why) if own.kind == DirectoryKind::Primary => {
                return Decision::Refuse {
                    what: format!(
                        "this pod does not know the newest timeline of its database that it has heard of: {why}"
                    ),
                    remedy:
                        "mend the volume; if the file is damaged and this directory is the newest copy, remove the file"
                            .into(),
                };
            }
            Err(_) => 0,
        };
        let decides = self.pod.leadership.decides();
        let remains = self.pod.board.read(|s| s.directory.remains.clone());
        rules::decide(&Question {
            role: role(self.pod.me.role, own.kind, decides),
            own,
            partner: &answer.partner,
            partner_name: self.pod.partner().map_or("nobody", |m| m.pod.as_str()),
            newest_timeline,
            remains: remains.as_deref(),
            // Nobody is waited for where the record says who writes.
            asked_for: if decides { Duration::MAX } else { asked_for },
        })
    }

    fn asks_while_running(&self, own: &Directory) -> bool {
        own.kind == DirectoryKind::Primary
    }

    fn overtaken(&self, own: &Directory, answer: &PartnerWord) -> Option<String> {
        rules::must_step_down(own, &answer.partner)
            .then(|| "the partner was promoted; this server is on the older timeline".to_string())
    }

    fn tools_first(&self, _own: &Directory) -> io::Result<Option<String>> {
        Ok(None)
    }

    async fn before_start(&self, own: &Directory) {
        if own.kind == DirectoryKind::Standby {
            tablespaces::provide(self.pod).await;
        }
    }

    fn runs(&self) {}

    async fn before_stop(&self) {
        self.pod.leadership.may_stop().await;
    }

    fn tools_remove_directories(&self) -> bool {
        false
    }

    fn forgive(&self) {}
}
