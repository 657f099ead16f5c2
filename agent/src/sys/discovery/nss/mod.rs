//! What the container's own libc makes of names and addresses, asked with `getent`.
//!
//! This binary is linked statically and PostgreSQL is not: only a program of the image goes the way that PostgreSQL's
//! lookups go (nsswitch.conf, /etc/hosts, the search list, nscd).
//!
//! One `getent` is given many keys. glibc's prints nothing for a key it cannot find and goes on (exit code 2 in the
//! end); the one of Alpine's musl-utils stops at the first such key. Neither flushes its output between keys, so a call
//! that is ended for its time-out has told nothing and its keys are asked again in smaller portions.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use gp_agent_core::discovery::getent_output::{Parsed, parse_ahosts, parse_hosts};
use gp_agent_core::discovery::name_check::{Forward, Reverse};
use gp_agent_core::process::timeouts;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::OsString;
use std::io;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::time::{Instant, timeout_at};

/// Bounds of the lookups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupLimits {
    /// Keys given to one `getent`.
    pub batch: usize,
    /// Processes at once.
    pub at_once: usize,
    /// Time for one of them. glibc gives up on a silent name server after 10 s a key.
    pub call: Duration,
    /// Time for all of them; what is left then counts as timed out.
    pub total: Duration,
}

impl Default for LookupLimits {
    fn default() -> Self {
        LookupLimits {
            batch: 100,
            at_once: 4,
            call: timeouts::LIBC_ANSWERS,
            total: timeouts::LIBC_ANSWERS_ALL,
        }
    }
}

/// Asks libc.
pub struct NssResolver {
    command: Vec<OsString>,
    limits: LookupLimits,
    goes_on: OnceCell<bool>,
}

/// What became of one key.
enum Reply<T> {
    Found(T),
    Missing,
    TimedOut,
    Failed(String),
}

/// What became of one call.
enum Call {
    Printed(String),
    TimedOut,
    Failed(String),
}

impl NssResolver {
    /// Asks with the `getent` of the PATH.
    pub fn system() -> NssResolver {
        Self::with_command(vec!["getent".into()])
    }

    /// Asks with this command, to which the database and the keys are appended.
    pub fn with_command(command: Vec<OsString>) -> NssResolver {
        NssResolver {
            command,
            limits: LookupLimits::default(),
            goes_on: OnceCell::new(),
        }
    }

    /// The same with other bounds.
    #[cfg(feature = "internals")]
    #[must_use]
    pub fn with_limits(mut self, limits: LookupLimits) -> NssResolver {
        self.limits = limits;
        self
    }

    /// The names of addresses: gethostbyaddr, which asks the same as PostgreSQL's getnameinfo.
    pub async fn reverse(&self, addresses: &[IpAddr]) -> BTreeMap<IpAddr, Reverse> {
        let keys = addresses.iter().map(IpAddr::to_string).collect();
        let replies = self.ask("hosts", keys, parse_hosts).await;
        let reverse = |reply| match reply {
            Reply::Found(names) => Reverse::Names(names),
            Reply::Missing => Reverse::Missing,
            Reply::TimedOut => Reverse::TimedOut,
            Reply::Failed(why) => Reverse::Failed(why),
        };
        replies
            .into_iter()
            .filter_map(|(key, reply)| Some((key.parse().ok()?, reverse(reply))))
            .collect()
    }

    /// The addresses of names: getaddrinfo.
    pub async fn forward(&self, names: &[String]) -> BTreeMap<String, Forward> {
        let replies = self.ask("ahosts", names.to_vec(), parse_ahosts).await;
        let forward = |reply| match reply {
            Reply::Found(addresses) => Forward::Addresses(addresses),
            Reply::Missing => Forward::Missing,
            Reply::TimedOut => Forward::TimedOut,
            Reply::Failed(why) => Forward::Failed(why),
        };
        replies.into_iter().map(|(key, reply)| (key, forward(reply))).collect()
    }

    async fn ask<T>(
        &self,
        database: &str,
        mut keys: Vec<String>,
        parse: fn(&str, &[String]) -> Parsed<T>,
    ) -> HashMap<String, Reply<T>> {
        let deadline = Instant::now() + self.limits.total;
        keys.sort_unstable();
        keys.dedup();
        let mut replies = HashMap::new();
        let batch = self.limits.batch.max(1);
        let mut waiting: VecDeque<Vec<String>> = keys.chunks(batch).map(<[_]>::to_vec).collect();
        let mut running = FuturesUnordered::new();
        loop {
            while running.len() < self.limits.at_once.max(1) {
                let Some(keys) = waiting.pop_front() else {
                    break;
                };
                running.push(async move {
                    let call = self.call(database, &keys, deadline).await;
                    (keys, call)
                });
            }
            let Some((keys, call)) = running.next().await else {
                return replies;
            };
            let again = match call {
                Call::Printed(text) => {
                    let parsed = parse(&text, &keys);
                    self.sort_out(keys, parsed, &mut replies).await
                }
                Call::TimedOut if keys.len() > 1 && Instant::now() < deadline => {
                    keys.chunks(keys.len().div_ceil(8)).map(<[_]>::to_vec).collect()
                }
                Call::TimedOut => {
                    replies.extend(keys.into_iter().map(|k| (k, Reply::TimedOut)));
                    Vec::new()
                }
                Call::Failed(why) => {
                    let failed = |k| (k, Reply::Failed(why.clone()));
                    replies.extend(keys.into_iter().map(failed));
                    Vec::new()
                }
            };
            waiting.extend(again);
        }
    }

    /// Records what a call told and returns the keys that it left open.
    async fn sort_out<T>(
        &self,
        keys: Vec<String>,
        mut parsed: Parsed<T>,
        replies: &mut HashMap<String, Reply<T>>,
    ) -> Vec<Vec<String>> {
        let alone = keys.len() == 1;
        let mut open = Vec::new();
        for key in keys {
            match parsed.found.remove(&key) {
                Some(found) => {
                    replies.insert(key, Reply::Found(found));
                }
                None => open.push(key),
            }
        }
        if open.is_empty() {
            return Vec::new();
        }
        if parsed.unclaimed && !alone {
            return open.into_iter().map(|key| vec![key]).collect();
        }
        let rest = if alone || self.goes_on().await {
            Vec::new()
        } else {
            open.split_off(1)
        };
        replies.extend(open.into_iter().map(|key| (key, Reply::Missing)));
        if rest.is_empty() { Vec::new() } else { vec![rest] }
    }

    /// Whether this `getent` goes on after a key that it cannot find: glibc's does, and is the one with a version.
    async fn goes_on(&self) -> bool {
        let ask = async || {
            let deadline = Instant::now() + self.limits.call;
            let version = self.run(&["--version".to_string()], deadline).await;
            matches!(version, Call::Printed(text) if text.contains("getent"))
        };
        *self.goes_on.get_or_init(ask).await
    }

    async fn call(&self, database: &str, keys: &[String], deadline: Instant) -> Call {
        let mut arguments = vec![database.to_string()];
        arguments.extend_from_slice(keys);
        let deadline = deadline.min(Instant::now() + self.limits.call);
        self.run(&arguments, deadline).await
    }

    async fn run(&self, arguments: &[String], deadline: Instant) -> Call {
        let Some((program, first)) = self.command.split_first() else {
            return Call::Failed("no getent command is set".into());
        };
        let mut command = Command::new(program);
        command
            .args(first)
            .args(arguments)
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let words = program.to_string_lossy();
        match timeout_at(deadline, command.output()).await {
            Err(_) => Call::TimedOut,
            Ok(Err(e)) if e.kind() == io::ErrorKind::NotFound => Call::Failed(format!(
                "{words} is not in this image; add it (Debian, Ubuntu: libc-bin; RHEL: glibc-common; Alpine: musl-utils)"
            )),
            Ok(Err(e)) => Call::Failed(format!("{words} cannot be started: {e}")),
            // 2: at least one key was not found.
            Ok(Ok(out)) if matches!(out.status.code(), Some(0 | 2)) => {
                Call::Printed(String::from_utf8_lossy(&out.stdout).into_owned())
            }
            Ok(Ok(out)) => {
                let told = String::from_utf8_lossy(&out.stderr);
                let line = told.lines().next().unwrap_or("no message");
                Call::Failed(format!("{words} ended with {}: {line}", out.status))
            }
        }
    }
}
