//! A pod on such a volume, and all that it said meanwhile.

use crate::fuse_volume::Volume;
use crate::http_get::get;
use crate::machine::is_root;
use crate::place::Place;
use crate::pod::{PAUSE, Pod};
use crate::skipped::skipped;
use serde_json::Value;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// What the agent said at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    at: Duration,
    live: Option<u16>,
    pub ready: Option<u16>,
    pub why: String,
    status: Option<u16>,
}

/// Its fields are dropped in this order: the pod ends before its volume, and that before the directory it is in.
pub(crate) struct Watched {
    pub pod: Pod,
    begun: Instant,
    seen: Vec<Seen>,
    pub volume: Volume,
    _place: Rc<Place>,
}

impl Watched {
    /// A pod that is ready. `None` where such a pod cannot be had; the reason was said.
    pub(crate) fn start() -> Option<Watched> {
        if !is_root() {
            return None;
        }
        let mut place = Place::new("");
        place.watchdog = 5;
        let Some(volume) = Volume::mount(&place.base.path().join("folder"), &place.volume) else {
            skipped("there is no bindfs(1), or FUSE is missing");
            return None;
        };
        place.prepare();
        let place = Rc::new(place);
        let mut pod = Pod::on(&place);
        pod.wait_until_ready();
        Some(Watched {
            pod,
            begun: Instant::now(),
            seen: Vec::new(),
            volume,
            _place: place,
        })
    }

    /// Many rounds of questions: longer than init's watchdog waits.
    pub(crate) fn watch(&mut self, rounds: usize) {
        for _ in 0..rounds {
            std::thread::sleep(PAUSE);
            self.seen.push(sample(&self.pod, self.begun, self.seen.last()));
        }
    }

    pub(crate) fn wait_until(&mut self, what: &str, holds: impl Fn(&Seen) -> bool) {
        println!("until {what}:");
        let (begun, seen) = (self.begun, &mut self.seen);
        self.pod.wait_for(what, |pod| {
            seen.push(sample(pod, begun, seen.last()));
            seen.last().is_some_and(&holds).then_some(())
        });
    }

    /// The same by the status.
    pub(crate) fn wait_until_status(&mut self, what: &str, holds: impl Fn(&Value) -> bool) {
        let (begun, seen) = (self.begun, &mut self.seen);
        self.pod.wait_for(what, |pod| {
            seen.push(sample(pod, begun, seen.last()));
            Some(pod.status()).filter(|s| !s.is_null() && holds(s)).map(drop)
        });
    }

    pub(crate) fn forget_samples(&mut self) {
        self.seen.clear();
    }

    pub(crate) fn was_always_alive(&self) {
        let dead: Vec<&Seen> = self
            .seen
            .iter()
            .filter(|seen| (seen.live, seen.status) != (Some(200), Some(200)))
            .collect();
        assert!(dead.is_empty() && !self.seen.is_empty(), "{dead:?}");
    }

    /// It answers, whatever its volume does.
    pub(crate) fn status(&self) -> Value {
        let status = self.pod.status();
        assert!(!status.is_null(), "no status");
        status
    }

    /// Whether the volume hangs, as metrics say it.
    pub(crate) fn hangs(&self) -> Option<f64> {
        let path = self.pod.place.volume.display();
        self.pod.metric(&format!("gp_agent_storage_hung{{path=\"{path}\"}}"))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.volume.go_on();
    }
}

/// One round of questions.
fn sample(pod: &Pod, begun: Instant, last: Option<&Seen>) -> Seen {
    let code = |path: &str| get(pod.place.port, path).map(|(code, _)| code);
    let at = begun.elapsed();
    let (ready, why) = match get(pod.place.port, "/readyz") {
        Some((code, why)) => (Some(code), why.trim().to_string()),
        None => (None, String::new()),
    };
    let seen = Seen {
        at,
        live: code("/livez"),
        ready,
        why,
        status: code("/status"),
    };
    tell(&seen, last);
    seen
}

/// A line for each second, and for each change, for those who want to read it.
fn tell(seen: &Seen, last: Option<&Seen>) {
    let code = |code: Option<u16>| code.map_or("---".to_string(), |code| code.to_string());
    let what = |seen: &Seen| (seen.live, seen.ready, seen.at.as_secs());
    if last.is_none_or(|last| what(last) != what(seen)) {
        println!(
            "{:6.1} s  livez {}  status {}  readyz {} {}",
            seen.at.as_secs_f64(),
            code(seen.live),
            code(seen.status),
            code(seen.ready),
            seen.why
        );
    }
}
