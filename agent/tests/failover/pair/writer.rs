//! A client that writes without a pause to whichever pod takes writes, and keeps a ledger of what was acknowledged.

use crate::pair::network::Network;
use crate::pair::pod::Pod;
use crate::pair::pods::{Pair, Plan};
use crate::pair::psql::psql;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What was acknowledged, and when.
type Ledger = Arc<Mutex<Vec<(u64, Instant)>>>;

/// One client, with both pods in its connection string.
pub(crate) struct Writer {
    ledger: Ledger,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Makes the table and begins.
    pub(crate) fn start(pair: &Pair) -> Writer {
        Writer::again(pair, 0)
    }

    /// The same with rows from there on.
    pub(crate) fn again(pair: &Pair, from: u64) -> Writer {
        let hosts = hosts(&pair.network);
        psql(&hosts, "create table if not exists ledger (n bigint primary key)").unwrap();
        let (ledger, stop) = (Ledger::default(), Arc::new(AtomicBool::new(false)));
        let (into, stopped) = (ledger.clone(), stop.clone());
        let thread = std::thread::spawn(move || {
            let mut n = from;
            while !stopped.load(Ordering::Relaxed) {
                n += 1;
                if psql(&hosts, &format!("insert into ledger values ({n})")).is_ok() {
                    into.lock().unwrap().push((n, Instant::now()));
                }
            }
        });
        Writer {
            ledger,
            stop,
            thread: Some(thread),
        }
    }

    /// Writes that were acknowledged so far.
    pub(crate) fn count(&self) -> usize {
        self.ledger.lock().unwrap().len()
    }

    /// Ends, and says how long nothing was acknowledged at most.
    pub(crate) fn finish(&mut self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
        let ledger = self.ledger.lock().unwrap();
        let gaps = ledger.windows(2).map(|pair| pair[1].1 - pair[0].1);
        gaps.max().unwrap_or_default()
    }

    /// Nothing that was acknowledged is missing there.
    pub(crate) fn nothing_is_lost(&self, pod: &Pod) {
        let there = pod.ask("select n from ledger").unwrap();
        let there: BTreeSet<u64> = there.lines().map(|line| line.parse().unwrap()).collect();
        let ledger = self.ledger.lock().unwrap();
        let lost: Vec<u64> = ledger.iter().map(|(n, _)| *n).filter(|n| !there.contains(n)).collect();
        assert!(lost.is_empty(), "{} acknowledged writes are lost: {lost:?}", lost.len());
        println!("{} acknowledged, {} there, none lost", ledger.len(), there.len());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn hosts(network: &Network) -> String {
    let target = network.target(&[0, 1]);
    format!("{target} target_session_attrs=read-write tcp_user_timeout=2000")
}

/// Enough to have something to lose.
pub(crate) const SOME: usize = 20;

/// Both pods, and a client that has written something.
pub(crate) fn begin(plan: &Plan) -> Option<(Pair, Writer)> {
    let mut pair = Pair::start(plan)?;
    let writer = Writer::start(&pair);
    pair.wait_until("something is written", |_| writer.count() >= SOME);
    Some((pair, writer))
}

/// The client goes on, and nothing that it was told is missing in that pod. Returns how long nothing was acknowledged.
pub(crate) fn end(pair: &mut Pair, writer: &mut Writer, pod: usize) -> Duration {
    let before = writer.count();
    pair.wait_until("the writer goes on", |_| writer.count() >= before + SOME);
    let gap = writer.finish();
    println!("{gap:?} without an acknowledged write");
    writer.nothing_is_lost(pair.pod(pod));
    gap
}
