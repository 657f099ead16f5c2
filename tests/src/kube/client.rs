//! Clients of the load balancer: they write one row after the other, connect again when they lose their session, and remember
//! what was acknowledged.

use super::Release;
use crate::wait;
use anyhow::{Context, Result, ensure};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How libpq finds out that a server is gone without a word: after two seconds, as a client does that wants to reach the next one.
const NOTICES: &str =
    "dbname=postgres keepalives_idle=1 keepalives_interval=1 keepalives_count=2 tcp_user_timeout=2000";

/// psql on this machine, in a session through an address.
#[derive(Clone, Debug)]
pub struct Client {
    /// Host, or IP address.
    pub address: String,
    /// TCP port.
    pub port: u64,
    /// gpadmin's password.
    pub password: String,
}

impl Client {
    /// A client of the load balancer of a release.
    ///
    /// # Errors
    /// When the release has no address or no password.
    pub fn of(release: &Release) -> Result<Client> {
        Ok(Client {
            address: release.address("greenplum")?,
            port: 5432,
            password: release.password()?,
        })
    }

    /// As [`Client::of`], once it gets an answer.
    ///
    /// # Errors
    /// As [`Client::of`], or when there was no answer in time.
    pub fn served_by(release: &Release) -> Result<Client> {
        let client = Client::of(release)?;
        client.sql_when_served("select 1")?;
        Ok(client)
    }

    /// A client of one pod's own address, where pods can be reached from this machine.
    ///
    /// # Errors
    /// When the pod or the password is not there.
    pub fn of_pod(release: &Release, pod: &str) -> Result<Client> {
        Ok(Client {
            address: release.ip(pod)?.to_string(),
            port: release.port(pod)?,
            password: release.password()?,
        })
    }

    /// Why there can be none here, if so.
    pub fn missing() -> Option<String> {
        let psql = Command::new("psql").arg("--version").output();
        psql.is_err()
            .then(|| "there is no psql on this machine; tests/run installs it".into())
    }

    fn ask(&self, query: &str) -> Result<Output> {
        Command::new("psql")
            .args(["-XAtqw", "-v", "ON_ERROR_STOP=1", "-U", "gpadmin"])
            .args(["-h", &self.address, "-p", &self.port.to_string()])
            .args(["-d", NOTICES, "-c", query])
            .env("PGPASSWORD", &self.password)
            .env("PGCONNECT_TIMEOUT", "2")
            .stdin(Stdio::null())
            .output()
            .context("cannot run psql")
    }

    /// Rows of a query.
    ///
    /// # Errors
    /// What psql said.
    pub fn sql(&self, query: &str) -> Result<String> {
        let output = self.ask(query)?;
        let words = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{}: {words}", self.address);
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
    }

    /// As [`Client::sql`], once the balancer sends this client to somebody: Kubernetes takes a moment after a pod is ready, and
    /// may doubt its nodes for some seconds after its API server was away. The query may run more than once.
    ///
    /// # Errors
    /// The last one, when nobody answered in time.
    pub fn sql_when_served(&self, query: &str) -> Result<String> {
        wait::until("an answer through the balancer", || self.sql(query))
    }
}

/// Clients that write until they are stopped.
#[derive(Debug)]
pub struct Clients {
    threads: Vec<JoinHandle<Vec<i64>>>,
    seen: Arc<Seen>,
    stop: Arc<AtomicBool>,
}

/// What all of them were told.
#[derive(Debug)]
struct Seen {
    acknowledged: AtomicI64,
    times: Mutex<Times>,
}

#[derive(Clone, Copy, Debug)]
struct Times {
    /// When the first statement was sent that was acknowledged.
    first_sent: Option<Instant>,
    /// The last acknowledgement, or the begin.
    last: Instant,
    /// The longest time without one.
    longest: Duration,
}

impl Seen {
    fn new() -> Seen {
        Seen {
            acknowledged: AtomicI64::new(0),
            times: Mutex::new(Times {
                first_sent: None,
                last: Instant::now(),
                longest: Duration::ZERO,
            }),
        }
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, sent: Instant) {
        let mut times = self.times();
        let now = Instant::now();
        times.longest = times.longest.max(now - times.last);
        times.last = now;
        times.first_sent.get_or_insert(sent);
        drop(times);
        self.acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

impl Clients {
    /// Starts `count` of them; each inserts distinct numbers into `table (id bigint)`.
    pub fn start(client: &Client, table: &str, count: i64) -> Clients {
        let (all, stop) = (Arc::new(Seen::new()), Arc::new(AtomicBool::new(false)));
        let threads = (0..count).map(|writer| {
            let (client, table) = (client.clone(), table.to_string());
            let (seen, stop) = (all.clone(), stop.clone());
            std::thread::spawn(move || write(&client, &table, writer, &seen, &stop))
        });
        Clients {
            threads: threads.collect(),
            seen: all,
            stop,
        }
    }

    /// How many rows have been acknowledged so far.
    pub fn acknowledged(&self) -> i64 {
        self.seen.acknowledged.load(Ordering::Relaxed)
    }

    /// From now on the longest time without an acknowledgement counts.
    pub fn watch_gaps(&self) {
        let mut times = self.seen.times();
        (times.longest, times.last) = (Duration::ZERO, Instant::now());
    }

    /// The longest time without an acknowledgement, also one that lasts.
    pub fn longest_gap(&self) -> Duration {
        let times = self.seen.times();
        times.longest.max(times.last.elapsed())
    }

    /// When the first statement that was acknowledged was sent; and when the last acknowledgement came.
    ///
    /// # Errors
    /// When there was none.
    pub fn span(&self) -> Result<(Instant, Instant)> {
        let times = *self.seen.times();
        let first = times.first_sent.context("nothing was acknowledged")?;
        Ok((first, times.last))
    }

    /// Waits until ten more rows have been acknowledged.
    ///
    /// # Errors
    /// How many there are, when they do not come.
    pub fn wait_for_more(&self, what: &str) -> Result<()> {
        let before = self.acknowledged();
        wait::until(what, || {
            let now = self.acknowledged();
            ensure!(now > before + 10, "{before} rows, and now {now}");
            Ok(())
        })
    }

    /// Stops them; the rows that were acknowledged.
    ///
    /// # Errors
    /// When one of them panicked.
    pub fn stop(self) -> Result<Vec<i64>> {
        self.stop.store(true, Ordering::Relaxed);
        let mut rows = Vec::new();
        for thread in self.threads {
            let written = thread.join();
            rows.extend(written.map_err(|_| anyhow::anyhow!("a client panicked"))?);
        }
        Ok(rows)
    }
}

fn write(client: &Client, table: &str, writer: i64, seen: &Seen, stop: &AtomicBool) -> Vec<i64> {
    let mut rows = Vec::new();
    for row in (0..).map(|n| n * 1000 + writer) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let sent = Instant::now();
        let answer = client.sql(&format!("insert into {table} values ({row}) returning id"));
        match answer {
            Ok(id) if id == row.to_string() => {
                rows.push(row);
                seen.note(sent);
            }
            // Nobody answers for a while: no need to hammer.
            _ => std::thread::sleep(Duration::from_millis(100)),
        }
    }
    rows
}
