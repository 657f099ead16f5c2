//! The machine's view as status, findings and lines of the log.

use super::last;
use super::report;
use crate::lifecycle::failover::record::authority::RecordPlace;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::status_board::now;
use crate::sys::process::clock;
use gp_agent_core::cluster::failover_status::{
    FailoverKind, FailoverStatus, LastFailover, NotInSync, Promise, RecordCause, RecordTrouble, SyncCause, TakeoverMode,
};
use gp_agent_core::config::FailoverMode;
use gp_agent_core::failover::candidate::{
    Acquired, Doing, Doubt, Kill, Lack, Me, Notice, Permit, Standing, Unable, View,
};
use gp_agent_core::failover::record::Mode;
use gp_agent_core::failover::timing::Timing;
use std::sync::Arc;
use std::time::Duration;

/// A finding appears once its cause has lasted, so what does not change is told again.
const TELL_EVERY: Duration = Duration::from_secs(2);

/// What is remembered from view to view.
pub(crate) struct Show {
    fixed: FailoverStatus,
    told: Option<(FailoverStatus, Duration)>,
    seen: Option<(Permit, Doing, Standing)>,
    failed: Option<String>,
    last: Option<LastFailover>,
    /// A change of the holder that is not complete: when it began.
    changing: Option<(LastFailover, Duration)>,
    began: Option<Duration>,
    held: Option<String>,
    fences: u64,
    /// When a write of the record began that has no answer yet, and the seconds that the last one took.
    write: (Option<Duration>, Option<f64>),
}

impl Show {
    pub(crate) fn new(pod: &Pod, place: &RecordPlace, me: &Me, timing: Timing) -> Show {
        let fixed = FailoverStatus {
            mode: mode(pod),
            other: me.other.clone(),
            authority: place.authority.kind(),
            place: place.authority.place(),
            uid: me.own.uid.clone(),
            lease_seconds: timing.lease_seconds(),
            fence: me.fence,
            rejoins_by_copy: !pod.engine.can_rewind(),
            ..FailoverStatus::default()
        };
        Show {
            fixed,
            told: None,
            seen: None,
            failed: None,
            last: last::recall(pod),
            changing: None,
            began: None,
            held: None,
            fences: 0,
            write: (None, None),
        }
    }

    /// Shows it. True when what may be started may have changed.
    pub(crate) fn tell(&mut self, pod: &Arc<Pod>, view: &View) -> bool {
        self.follow_change(pod, view);
        let fenced = self.seen.as_ref().is_some_and(|(_, doing, _)| *doing == Doing::Fencing);
        self.fences += u64::from(view.doing == Doing::Fencing && !fenced);
        self.held = view
            .holder
            .as_ref()
            .map(|holder| holder.pod.clone())
            .or(self.held.take());
        let status = self.status(pod, view);
        let at = clock::boottime();
        let same = self
            .told
            .as_ref()
            .is_some_and(|(told, when)| alike(told, &status) && at < *when + TELL_EVERY);
        if !same {
            report::tell(pod, status.clone());
            self.told = Some((status, at));
        }
        let seen = Some((view.permit.clone(), view.doing, view.standing));
        std::mem::replace(&mut self.seen, seen.clone()) != seen
    }

    fn status(&self, pod: &Pod, view: &View) -> FailoverStatus {
        let (mine, other) = (view.standing == Standing::Holder, &self.fixed.other);
        let lacks = view.no_failover.clone();
        let promise = match (view.by_promise, view.promised_until) {
            (true, _) => view.deadline.map(|until| (other.clone(), until)),
            (false, until) => until.map(|until| (pod.me.pod.clone(), until)),
        };
        FailoverStatus {
            record: trouble(view),
            holder: view.holder.as_ref().map(|holder| holder.pod.clone()),
            epoch: view.epoch,
            mine,
            writes_until: view.deadline.filter(|_| mine).map(unix),
            in_sync: view.in_sync.as_ref().map(|in_sync| in_sync.pod.clone()),
            not_in_sync: lacks.as_ref().filter(|_| view.in_sync.is_none()).map(|lack| NotInSync {
                cause: cause(lack),
                why: lack.to_string(),
                since: unix(view.no_failover_since),
            }),
            promise: promise.map(|(by, until)| Promise { by, until: unix(until) }),
            paused: view.mode == Mode::Paused,
            activity: activity(view, other),
            obstacle: lacks.filter(|_| !mine).map(|lack| lack.to_string()),
            failed: self.failed.clone(),
            last: self.last.clone(),
            set_aside: pod.leadership.report.set_aside(),
            rejoin: pod.leadership.report.rejoin_trouble(),
            stream: pod.leadership.report.stream(),
            fences: self.fences,
            renewal_seconds: self.write.1.filter(|_| mine),
            ..self.fixed.clone()
        }
    }

    /// A change of the holder is complete when this pod's server takes writes.
    fn follow_change(&mut self, pod: &Arc<Pod>, view: &View) {
        let changes = matches!(view.doing, Doing::Acquiring | Doing::Promoting);
        if changes {
            self.began.get_or_insert_with(clock::boottime);
            return;
        }
        let began = self.began.take();
        if let Some((mut done, noted)) = self.changing.take() {
            done.seconds = clock::boottime().saturating_sub(began.unwrap_or(noted)).as_secs_f64();
            done.at = clock::wall();
            tracing::info!(
                "{} has the coordinator's role, which was {}'s: {}",
                done.to,
                done.from,
                done.why
            );
            last::keep(pod, &done);
            self.last = Some(done);
        }
    }

    /// The record's place is asked to write.
    pub(crate) fn write_begins(&mut self) {
        self.write.0 = Some(clock::boottime());
    }

    /// It has written.
    pub(crate) fn wrote(&mut self) {
        let began = self.write.0.take();
        self.write.1 = began.map(|began| clock::boottime().saturating_sub(began).as_secs_f64());
    }

    /// Something has happened.
    pub(crate) fn note(&mut self, pod: &Arc<Pod>, notice: &Notice) {
        match notice {
            Notice::Refused(why) | Notice::HandOverFailed(why) => self.failed = Some(why.clone()),
            Notice::InSync(_) => self.failed = None,
            Notice::Acquired { how, .. } => {
                self.failed = None;
                let from = self.held.clone().unwrap_or_default();
                self.changing = kind(*how).map(|(kind, why)| {
                    let change = change(kind, from, pod.me.pod.clone(), why);
                    (change, clock::boottime())
                });
            }
            Notice::HolderIs { holder, .. } => {
                let from = self.held.clone().filter(|held| *held != holder.pod);
                if let Some(from) = from {
                    let why = "the record says so";
                    let done = change(FailoverKind::Other, from, holder.pod.clone(), why);
                    last::keep(pod, &done);
                    self.last = Some(done);
                }
            }
            _ => {}
        }
        log(notice);
    }
}

fn change(kind: FailoverKind, from: String, to: String, why: &str) -> LastFailover {
    LastFailover {
        kind,
        from,
        to,
        at: clock::wall(),
        why: why.to_string(),
        ..LastFailover::default()
    }
}

fn kind(how: Acquired) -> Option<(FailoverKind, &'static str)> {
    match how {
        Acquired::Failover => Some((FailoverKind::Failover, "the coordinator was lost")),
        Acquired::HandOver => Some((FailoverKind::Switchover, "it was handed over")),
        Acquired::Forced => Some((FailoverKind::Forced, "an administrator accepted the loss of data")),
        Acquired::Again => None,
    }
}

/// Deadlines move with every renewal, and none takes as long as another.
fn alike(told: &FailoverStatus, now: &FailoverStatus) -> bool {
    let still = |status: &FailoverStatus| FailoverStatus {
        writes_until: None,
        renewal_seconds: None,
        promise: None,
        ..status.clone()
    };
    still(told) == still(now)
}

/// A moment of CLOCK_BOOTTIME in Unix seconds, as the status has them.
fn unix(moment: Duration) -> u64 {
    let at = clock::boottime();
    let (ahead, behind) = (moment.saturating_sub(at), at.saturating_sub(moment));
    (now() + ahead.as_secs()).saturating_sub(behind.as_secs())
}

fn trouble(view: &View) -> Option<RecordTrouble> {
    // Before the cluster is created there is nothing to record.
    let missed = view.doubt.as_ref().filter(|_| !view.unclaimed);
    if let Some(doubt) = missed {
        return Some(RecordTrouble {
            cause: match doubt {
                Doubt::NoRecordBeside(..) => RecordCause::Rival,
                Doubt::NoRecord | Doubt::Missing(..) => RecordCause::Missing,
                Doubt::Older(..) | Doubt::PeerKnowsLater(..) => RecordCause::Older,
                Doubt::Garbled(_) | Doubt::OtherCluster(_) | Doubt::OtherSystem(_) => RecordCause::Garbled,
            },
            why: doubt.to_string(),
            // What the record says may change all the while, when it is another cluster's.
            since: unix(view.absent_since.unwrap_or(view.no_failover_since)),
        });
    }
    view.authority_silent.as_ref().map(|(why, since)| RecordTrouble {
        cause: RecordCause::Unreachable,
        why: why.to_string(),
        since: unix(*since),
    })
}

fn cause(lack: &Lack) -> SyncCause {
    match lack {
        Lack::PeerUnable(Unable::OldAgent) => SyncCause::OldAgent,
        Lack::PeerSilent | Lack::StandbySilent => SyncCause::Silent,
        Lack::NotConnected | Lack::OtherConnected | Lack::ConnectionEnded => SyncCause::NotStreaming,
        Lack::CommitsGoOn => SyncCause::Setting,
        Lack::GivesUpEarly(..) => SyncCause::SenderTimeout,
        Lack::Behind | Lack::CatchingUp => SyncCause::Behind,
        Lack::Confirming | Lack::ConnectedAnew | Lack::LostJustNow => SyncCause::Confirming,
        Lack::NoFence | Lack::FenceFailed(_) => SyncCause::NoFence,
        _ => SyncCause::Other,
    }
}

fn activity(view: &View, other: &str) -> Option<String> {
    let doing = match view.doing {
        Doing::Nothing | Doing::Confirming => match &view.switchover {
            Some(switchover) if switchover.when_idle => "waits until no client's transaction runs".into(),
            Some(switchover) => format!("hands the role over to {}", switchover.to),
            None => return None,
        },
        Doing::Acquiring => "takes the role".to_string(),
        Doing::Promoting => "promotes the server".to_string(),
        Doing::Stopping => "stops the server to hand the role over".to_string(),
        Doing::Releasing => "releases the role".to_string(),
        Doing::HandingOver => format!("waits for {other} to take the role"),
        Doing::Fencing => "kills the server, whose time to write is over".to_string(),
        Doing::Rejoining => "becomes the standby".to_string(),
    };
    Some(doing)
}

/// Why a server is killed, in words.
pub(crate) fn killed(why: &Kill) -> String {
    match why {
        Kill::Deadline => "the time is over within which this coordinator may write without a renewal".into(),
        Kill::NotHolder(Some(holder)) => format!("{} has the coordinator's role", holder.pod),
        Kill::NotHolder(None) => "this pod has not the coordinator's role".into(),
        Kill::Hangs => "the server answers nothing any more".into(),
    }
}

fn log(notice: &Notice) {
    match notice {
        Notice::Created => tracing::info!("wrote the first record: this pod is the coordinator"),
        Notice::Acquired { epoch, how, .. } => tracing::info!(epoch, ?how, "took the coordinator's role"),
        Notice::HolderIs { holder, epoch } => tracing::info!(epoch, "{} has the coordinator's role", holder.pod),
        Notice::InSync(standby) => tracing::info!("{} is in sync", standby.pod),
        Notice::NotInSync(why) => tracing::warn!("the standby is not in sync any more: {why}"),
        Notice::Released(why) => tracing::info!(?why, "released the coordinator's role"),
        Notice::Refused(why) => tracing::warn!("not done: {why}"),
        Notice::StepsAside(why) => {
            tracing::error!("{why}; leaving the coordinator's role to the standby that is in sync");
        }
        Notice::HandOverFailed(why) => tracing::error!("the hand-over was given up: {why}"),
        Notice::Mode(Mode::Auto) => tracing::info!("failover is automatic"),
        Notice::Mode(Mode::Paused) => tracing::info!("failover is paused"),
        Notice::Mode(Mode::Manual) => tracing::info!("takeovers happen by command only: failover.mode is manual"),
        Notice::Doubtful(why) => tracing::error!("the record is not trusted: {why}"),
        Notice::Restored => tracing::warn!("wrote the record anew"),
        Notice::ForceBegins(by) => tracing::warn!("{by} takes the role by force"),
        Notice::PromotionFailed(why) => tracing::error!("the server could not be promoted: {why}"),
    }
}

/// The record's place cannot be used yet.
pub(crate) fn unusable(pod: &Arc<Pod>, why: &str) {
    let status = FailoverStatus {
        mode: mode(pod),
        other: pod.partner().map(|partner| partner.pod.clone()).unwrap_or_default(),
        place: pod.config.borrow().failover.directory.display().to_string(),
        record: Some(RecordTrouble {
            cause: RecordCause::Unreachable,
            why: why.to_string(),
            since: now(),
        }),
        last: last::recall(pod),
        ..FailoverStatus::default()
    };
    report::tell(pod, status);
}

fn mode(pod: &Pod) -> TakeoverMode {
    match pod.config.borrow().failover.mode {
        FailoverMode::Auto => TakeoverMode::Auto,
        FailoverMode::Manual => TakeoverMode::Manual,
        FailoverMode::Off => TakeoverMode::Off,
    }
}
