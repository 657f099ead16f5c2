//! Where a container is at the moment, of Docker or of a pod.

use super::pod_process;
use crate::docker;
use anyhow::Result;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// It is looked for no more often than this.
const EVERY: Duration = Duration::from_millis(250);

/// A container that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The PID of its first process on this machine.
    pub init: u32,
    /// Its address, unless its interface has been taken away.
    pub ip: Option<IpAddr>,
}

/// A container, and where it was when somebody looked last.
#[derive(Debug)]
pub struct Place {
    whose: Whose,
    seen: Mutex<Option<At>>,
    looked: Mutex<Option<Instant>>,
}

#[derive(Debug)]
enum Whose {
    /// Docker's, by its name.
    Container(String),
    /// A pod's, by its namespace and name.
    Pod(String, String),
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Place {
    /// Of a container that need not be there yet.
    pub(super) fn of_container(container: String) -> Place {
        Place::new(Whose::Container(container))
    }

    /// Of a pod that need not be there yet.
    pub(super) fn of_pod(namespace: &str, pod: &str) -> Place {
        Place::new(Whose::Pod(namespace.into(), pod.into()))
    }

    fn new(whose: Whose) -> Place {
        Place {
            whose,
            seen: Mutex::new(None),
            looked: Mutex::new(None),
        }
    }

    /// Where it was last; none when it did not run.
    pub fn now(&self) -> Option<At> {
        *lock(&self.seen)
    }

    /// Looks, unless somebody has just done that.
    pub fn look_again(&self) {
        let mut looked = lock(&self.looked);
        if looked.is_none_or(|at| at.elapsed() >= EVERY) {
            self.look();
            *looked = Some(Instant::now());
        }
    }

    /// Looks now.
    pub(super) fn look(&self) -> Option<At> {
        let at = self.inspect().ok().flatten();
        *lock(&self.seen) = at;
        at
    }

    fn inspect(&self) -> Result<Option<At>> {
        let container = match &self.whose {
            Whose::Container(name) => name,
            Whose::Pod(namespace, pod) => return pod_process::find(namespace, pod, self.now()),
        };
        let format = "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
        let said = docker::docker(&["inspect", "--format", format, container])?;
        Ok(read(&said))
    }
}

fn read(said: &str) -> Option<At> {
    let (init, ip) = said.split_once(' ')?;
    let init = init.parse().ok().filter(|pid| *pid > 0)?;
    Some(At {
        init,
        ip: ip.trim().parse().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_says_is_read() {
        let ip = "172.18.0.2".parse().ok();
        assert_eq!(read("812 172.18.0.2"), Some(At { init: 812, ip }));
        assert_eq!(read("812 "), Some(At { init: 812, ip: None }), "disconnected");
        assert_eq!(read("0 "), None, "it does not run");
    }
}
