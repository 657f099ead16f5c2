//! Clients that write to one coordinator each, connect again at once, and remember what was acknowledged.
//!
//! Some come from outside, over the pod's address. Others are inside of its network namespace: they reach its server when
//! nobody else does, and are not stopped when the pod is. Whatever either of them was told counts.

use super::bed::place::Place;
use super::dialect::Dialect;
use super::ledger::Acknowledged;
use super::sql::{Answer, Session};
use anyhow::{Context, Result};
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const PORT: u16 = 5432;

/// Between two transactions of a writer: enough of them for the clock, and few enough for two cores.
const PAUSE: Duration = Duration::from_millis(8);
/// Between two attempts to reach a server.
const AGAIN: Duration = Duration::from_millis(60);
/// A statement that waits for longer is given up, and nobody knows what became of it.
const PATIENCE: Duration = Duration::from_secs(6);
const READ_ONLY: &str = "25006";
/// What the server says when it has committed on its own alone (`SyncRepWaitForLSN`, syncrep.c).
const ALONE: &str = "canceling wait for synchronous replication";

/// What all writers share.
#[derive(Debug)]
pub struct Ledger {
    begin: Instant,
    next: AtomicU64,
    acknowledged: Mutex<Vec<Acknowledged>>,
    /// Told that the commit is on this server alone.
    alone: AtomicUsize,
    over: AtomicBool,
}

impl Ledger {
    fn new() -> Ledger {
        Ledger {
            begin: Instant::now(),
            next: AtomicU64::new(1),
            acknowledged: Mutex::new(Vec::new()),
            alone: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        }
    }

    /// Time since the program's start.
    pub fn now(&self) -> Duration {
        self.begin.elapsed()
    }

    /// The smallest number that no writer has used.
    pub fn next(&self) -> u64 {
        self.next.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Acknowledged>> {
        self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those from this number on.
    pub fn since(&self, id: u64) -> Vec<Acknowledged> {
        self.lock().iter().filter(|ack| ack.id >= id).copied().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.lock().len()
    }

    /// How many commits were acknowledged with the warning that no other server has them.
    pub fn alone(&self) -> usize {
        self.alone.load(Ordering::Relaxed)
    }

    /// When that address acknowledged last.
    pub fn last(&self, address: usize) -> Option<Duration> {
        let acks = self.lock();
        acks.iter()
            .rev()
            .find(|ack| ack.address == address)
            .map(|ack| ack.acked)
    }
}

/// Running writers.
#[derive(Debug)]
pub struct Writers {
    /// What was acknowledged.
    pub ledger: Arc<Ledger>,
    places: Vec<Arc<Place>>,
    dialect: Dialect,
    threads: Vec<JoinHandle<()>>,
}

/// Sessions for a while.
#[derive(Debug)]
pub struct Crowd {
    over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

impl Writers {
    /// Two from outside and one from inside for each address.
    pub fn start(places: &[Arc<Place>], dialect: Dialect) -> Writers {
        let ledger = Arc::new(Ledger::new());
        let mut threads = Vec::new();
        for address in 0..places.len() {
            for inside in [false, false, true] {
                let writer = Writer::new(places, dialect, address, inside, &ledger);
                threads.push(std::thread::spawn(move || writer.run()));
            }
        }
        Writers {
            ledger,
            places: places.to_vec(),
            dialect,
            threads,
        }
    }

    /// So many more from outside, for each address, until it is dropped.
    pub fn crowd(&self, count: usize) -> Crowd {
        let over = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        for address in 0..self.places.len() {
            for _ in 0..count {
                let mut writer = Writer::new(&self.places, self.dialect, address, false, &self.ledger);
                writer.over = over.clone();
                threads.push(std::thread::spawn(move || writer.run()));
            }
        }
        Crowd { over, threads }
    }
}

impl Drop for Writers {
    fn drop(&mut self) {
        self.ledger.over.store(true, Ordering::Relaxed);
        self.threads.drain(..).for_each(|thread| drop(thread.join()));
    }
}

struct Writer {
    place: Arc<Place>,
    dialect: Dialect,
    address: usize,
    inside: bool,
    ledger: Arc<Ledger>,
    over: Arc<AtomicBool>,
}

impl Writer {
    fn new(places: &[Arc<Place>], dialect: Dialect, address: usize, inside: bool, ledger: &Arc<Ledger>) -> Writer {
        Writer {
            place: places[address].clone(),
            dialect,
            address,
            inside,
            ledger: ledger.clone(),
            over: Arc::new(AtomicBool::new(false)),
        }
    }

    fn is_over(&self) -> bool {
        self.ledger.over.load(Ordering::Relaxed) || self.over.load(Ordering::Relaxed)
    }

    fn run(self) {
        while !self.is_over() {
            if let Ok(session) = self.connect() {
                // However it ends, the next connection is another attempt.
                let _ = self.write(session);
            } else {
                self.place.look_again();
            }
            std::thread::sleep(AGAIN);
        }
    }

    fn connect(&self) -> Result<Session> {
        let at = self.place.now().context("the container does not run")?;
        if !self.inside {
            return Session::open(SocketAddr::new(at.ip.context("no address")?, PORT), PATIENCE);
        }
        let namespace = File::open(format!("/proc/{}/ns/net", at.init))?;
        let network = Some(rustix::thread::LinkNameSpaceType::Network);
        rustix::thread::move_into_link_name_space(namespace.as_fd(), network)?;
        Session::open(SocketAddr::from((Ipv4Addr::LOCALHOST, PORT)), PATIENCE)
    }

    fn write(&self, mut session: Session) -> Result<()> {
        while !self.is_over() {
            if session.rows("select pg_is_in_recovery()")? == ["t"] {
                std::thread::sleep(AGAIN);
                continue;
            }
            while !self.is_over() {
                let id = self.ledger.next.fetch_add(1, Ordering::SeqCst);
                let wrote = self.dialect.kind(id);
                let sent = self.ledger.now();
                let answer = session.run(&self.dialect.statement(wrote, id))?;
                let acked = self.ledger.now();
                match acknowledgement(&answer) {
                    Told::Committed(timeline) => self.ledger.lock().push(Acknowledged {
                        id,
                        wrote,
                        address: self.address,
                        timeline,
                        sent,
                        acked,
                    }),
                    Told::Alone => drop(self.ledger.alone.fetch_add(1, Ordering::Relaxed)),
                    Told::ReadOnly => break,
                    Told::Failed => std::thread::sleep(AGAIN),
                }
                std::thread::sleep(PAUSE);
            }
        }
        Ok(())
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Told {
    Committed(u32),
    Alone,
    ReadOnly,
    Failed,
}

fn acknowledgement(answer: &Answer) -> Told {
    match &answer.error {
        Some((code, _)) if code == READ_ONLY => return Told::ReadOnly,
        Some(_) => return Told::Failed,
        None => {}
    }
    if answer.warnings.iter().any(|warning| warning.starts_with(ALONE)) {
        return Told::Alone;
    }
    let timeline = answer.rows.first().and_then(|row| u32::from_str_radix(row, 16).ok());
    timeline.map_or(Told::Failed, Told::Committed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rows: &[&str]) -> Answer {
        Answer {
            rows: rows.iter().map(ToString::to_string).collect(),
            ..Answer::default()
        }
    }

    #[test]
    fn only_what_is_said_to_be_committed_is_acknowledged() {
        assert_eq!(acknowledgement(&answer(&["0000000B"])), Told::Committed(11));
        assert_eq!(acknowledgement(&answer(&[])), Told::Failed);
        let refused = Answer {
            error: Some((
                READ_ONLY.into(),
                "cannot execute INSERT in a read-only transaction".into(),
            )),
            ..answer(&[])
        };
        assert_eq!(acknowledgement(&refused), Told::ReadOnly);
        let failed = Answer {
            error: Some(("57P01".into(), "terminating connection".into())),
            ..answer(&["00000001"])
        };
        assert_eq!(acknowledgement(&failed), Told::Failed);
    }

    #[test]
    fn a_commit_on_one_server_alone_is_not_counted_on() {
        let alone = Answer {
            warnings: vec!["canceling wait for synchronous replication due to user request".into()],
            ..answer(&["00000001"])
        };
        assert_eq!(acknowledgement(&alone), Told::Alone);
    }
}
