//! Keeps the label of this pod's active role, and takes it away before the pod stops serving. Its own task, so that an API
//! server that hangs never holds up the database.

use crate::lifecycle::status_board::{StatusBoard, now};
use crate::sys::kubernetes::Kubernetes;
use gp_agent_core::config::UseApi;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::kubernetes::api_error::ApiError;
use gp_agent_core::kubernetes::role_label::{DesiredRole, LABEL, LabelIntervals, Reconciler, Step, finding, wanted};
use gp_agent_core::process::timeouts;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

/// The longest that the end of a database waits for the label to go.
pub const WITHDRAW_WITHIN: Duration = timeouts::LABEL_WITHDRAWN;

/// Failures in a row after which they are told: one lost packet, or one refused token, is not worth a finding.
const TELL_AFTER: u32 = 3;

/// The handle on the task. Without an API, or switched off, it does nothing.
pub struct RoleLabel {
    orders: watch::Sender<Orders>,
    seen: watch::Receiver<ObservedLabel>,
}

/// What the task is told.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Orders {
    on: bool,
    /// The database is about to stop.
    withheld: bool,
    /// Counts the orders.
    number: u64,
}

/// What the task has come to.
#[derive(Clone, Copy, PartialEq, Eq)]
struct ObservedLabel {
    /// The orders that it follows.
    number: u64,
    /// The label is not there, or nothing can be done about it soon.
    gone: bool,
}

impl RoleLabel {
    /// Begins to keep the label of the pod that `api` is for, if there is one.
    /// A pod whose `shutdown` turns true serves nothing from that moment on.
    pub fn start(
        api: Option<Arc<Kubernetes>>,
        labels: UseApi,
        pace: LabelIntervals,
        board: &Arc<StatusBoard>,
        shutdown: watch::Receiver<bool>,
    ) -> RoleLabel {
        let on = labels == UseApi::Auto;
        let orders = watch::Sender::new(Orders {
            on,
            withheld: false,
            number: 1,
        });
        let (seen, watched) = watch::channel(ObservedLabel { number: 0, gone: false });
        if let Some(api) = api {
            let keeper = LabelTask {
                api,
                board: board.clone(),
                reconciler: Reconciler::new(pace),
                began: Instant::now(),
                orders: orders.subscribe(),
                shutdown,
                seen,
            };
            tokio::spawn(keeper.keep());
        }
        RoleLabel { orders, seen: watched }
    }

    /// Follows the configuration.
    pub fn configure(&self, labels: UseApi) {
        self.order(|o| o.on = labels == UseApi::Auto);
    }

    /// Takes the label away and keeps it away until [`RoleLabel::allow`]. Returns once it is gone, or nothing can be done
    /// about it, or after `patience`, at most [`WITHDRAW_WITHIN`].
    pub async fn withdraw(&self, patience: Duration) {
        let patience = patience.min(WITHDRAW_WITHIN);
        let number = self.order(|o| o.withheld = true);
        let mut seen = self.seen.clone();
        let gone = seen.wait_for(|seen| seen.number >= number && seen.gone);
        // An error means that no task runs, so that nothing was ever labelled.
        if timeout(patience, gone).await.is_err() {
            tracing::warn!("the label {LABEL} is not gone after {patience:?}; the database stops all the same");
        }
    }

    /// A postmaster runs: the label may come back when it serves.
    pub fn allow(&self) {
        self.order(|o| o.withheld = false);
    }

    fn order(&self, change: impl FnOnce(&mut Orders)) -> u64 {
        let mut number = 0;
        self.orders.send_modify(|orders| {
            change(orders);
            orders.number += 1;
            number = orders.number;
        });
        number
    }
}

struct LabelTask {
    api: Arc<Kubernetes>,
    board: Arc<StatusBoard>,
    reconciler: Reconciler,
    began: Instant,
    orders: watch::Receiver<Orders>,
    shutdown: watch::Receiver<bool>,
    seen: watch::Sender<ObservedLabel>,
}

impl LabelTask {
    async fn keep(mut self) {
        let mut board = self.board.changes();
        let mut last = None;
        loop {
            board.mark_unchanged();
            let orders = *self.orders.borrow_and_update();
            if orders.withheld && last != Some(orders) {
                self.reconciler.hurry();
            }
            last = Some(orders);
            let step = self.due(orders);
            self.tell(orders, step);
            match step {
                Step::Wait(pause) => {
                    tokio::select! {
                        Ok(()) = board.changed() => {}
                        Ok(()) = self.shutdown.changed() => {}
                        changed = self.orders.changed() => if changed.is_err() { return },
                        () = sleep_or_rest(pause) => {}
                    }
                }
                Step::Look | Step::Set(_) => self.act(step).await,
            }
        }
    }

    fn due(&mut self, orders: Orders) -> Step {
        if !orders.on {
            return Step::Wait(None);
        }
        let wanted = if orders.withheld || *self.shutdown.borrow_and_update() {
            DesiredRole::Nothing
        } else {
            wanted(&self.board.snapshot(), now())
        };
        self.reconciler.next(wanted, self.began.elapsed())
    }

    /// Says what is known before anything is done, so that nobody takes a label for gone that is just being set.
    fn tell(&self, orders: Orders, step: Step) {
        let setting = matches!(step, Step::Set(Some(_)));
        self.seen.send_replace(ObservedLabel {
            number: orders.number,
            gone: !orders.on || self.reconciler.is_gone_or_out_of_reach() && !setting,
        });
    }

    async fn act(&mut self, step: Step) {
        let result = match step {
            Step::Set(role) => self.api.set_role_label(role).await,
            _ => self.api.role_label().await,
        };
        let (time, chance) = (self.began.elapsed(), rand::random());
        match result {
            Ok(label) => {
                report(step, label.as_deref());
                self.reconciler.learnt(step, label, time, chance);
                self.board.findings(FindingSource::RoleLabel, Vec::new());
            }
            Err(trouble) => {
                tracing::debug!("cannot keep the label {LABEL}: {trouble}");
                self.reconciler.failed(step, &trouble, time, chance);
                self.complain(&trouble);
            }
        }
    }

    fn complain(&self, trouble: &ApiError) {
        let failures = self.reconciler.failures();
        // During an outage the first words stay: they change from try to try.
        if self.reconciler.is_lasting() || failures == TELL_AFTER {
            let place = self.api.place();
            let finding = finding(trouble, &place.pod, &place.namespace);
            self.board.findings(FindingSource::RoleLabel, vec![finding]);
        }
    }
}

fn report(step: Step, label: Option<&str>) {
    match (step, label) {
        (Step::Set(Some(_)), Some(label)) => {
            tracing::info!("this pod has the label {LABEL}={label}");
        }
        (Step::Set(_), _) => tracing::info!("this pod has no label {LABEL}"),
        (_, label) => tracing::debug!("the label {LABEL} is {label:?}"),
    }
}

async fn sleep_or_rest(pause: Option<Duration>) {
    match pause {
        Some(pause) => sleep(pause).await,
        None => std::future::pending().await,
    }
}
