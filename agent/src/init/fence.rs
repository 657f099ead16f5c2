//! The fence: at the moment that the agent named last, every database process is killed, whether the agent lives or not.
//!
//! A coordinator may write as long as nobody else can become the coordinator. The agent learns until when that is, and
//! tells init before it acts on it; so an agent that hangs, is stopped or killed cannot leave a coordinator behind that
//! writes beside its successor. The moment is one of CLOCK_BOOTTIME, which also passes while the machine sleeps.
//!
//! Once fired, the fence stays closed: what is started afterwards is killed as well, until the agent says that there is a
//! new moment, or none. An agent that stood still between its last look and the start of a server would start it too late.

use super::log::{error, warning};
use super::process_tree::{Kind, Scope, classify, send_to};
use crate::sys::process::brief::processes;
use crate::sys::process::clock::boottime;
use rustix::process::Signal;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};
use std::collections::HashSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// A moment further away than this is a mistake of the agent: no lease is that long.
const LONGEST: Duration = Duration::from_secs(3600);

/// A server that is killed goes on starting processes until its postmaster's turn has come: so often at most without a pause.
const PASSES: u32 = 10;

/// After a shot, how often init looks at first: until this old, every that long.
const LOOKS: [(Duration, Duration); 2] = [
    (Duration::from_secs(1), Duration::from_millis(10)),
    (Duration::from_secs(60), Duration::from_millis(100)),
];

/// And after that.
const LATE_LOOKS: Duration = Duration::from_secs(1);

/// The timer and what it is set to.
#[derive(Debug)]
pub(crate) struct Fence {
    timer: OwnedFd,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Nothing is due.
    Open,
    /// Fires at this moment of CLOCK_BOOTTIME.
    Armed(Duration),
    Fired(Fired),
}

/// What goes on after a shot.
#[derive(Debug)]
struct Fired {
    since: Instant,
    looked: Instant,
    /// Who was sent SIGKILL: PID and start time.
    killed: HashSet<(i32, u64)>,
    postmasters: Vec<i32>,
    /// No database process was left at the last look.
    clear: bool,
    /// What the agent said before all were gone: it holds for what comes after them.
    next: Option<Duration>,
}

impl Fence {
    /// Not armed.
    ///
    /// # Errors
    /// Those of timerfd_create(2): then the agent has to be told that there is no fence.
    pub(crate) fn create() -> io::Result<Fence> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
        let state = State::Open;
        Ok(Fence { timer, state })
    }

    /// Fires at `until`, a moment of CLOCK_BOOTTIME, and at no other; never when that is zero.
    pub(crate) fn set(&mut self, until: Duration) {
        if until > boottime() + LONGEST {
            warning!("the agent wants its servers fenced at a moment that is too far away until={until:?}");
            return;
        }
        match &mut self.state {
            State::Fired(fired) if !fired.clear => fired.next = Some(until),
            _ => self.arm(until),
        }
    }

    fn arm(&mut self, until: Duration) {
        self.state = match until.is_zero() {
            true => State::Open,
            false => State::Armed(until),
        };
        if let Err(why) = self.set_timer(until) {
            // What cannot be awaited is taken for over.
            error!("cannot set the fence's timer: {why}");
            self.state = State::Armed(Duration::ZERO);
        }
    }

    /// Zero stops it (timerfd_settime(2)).
    fn set_timer(&self, until: Duration) -> io::Result<()> {
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let value = Itimerspec {
            it_interval: never,
            it_value: Timespec::try_from(until).unwrap_or(never),
        };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &value)?;
        Ok(())
    }

    /// Readable when it has to fire.
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'_>> {
        matches!(self.state, State::Armed(_)).then(|| self.timer.as_fd())
    }

    /// When init has to look again although nothing happened.
    pub(crate) fn looks_at(&self) -> Option<Instant> {
        let State::Fired(fired) = &self.state else {
            return None;
        };
        let age = fired.looked.saturating_duration_since(fired.since);
        let pause = LOOKS.iter().find(|(until, _)| age < *until);
        fired.looked.checked_add(pause.map_or(LATE_LOOKS, |(_, pause)| *pause))
    }

    /// Does what is due; answers how many database processes it killed.
    pub(crate) fn check(&mut self, scope: Scope, now: Instant) -> usize {
        if let State::Armed(until) = self.state
            && let Some(late) = boottime().checked_sub(until)
        {
            error!(
                "the agent's deadline for a server that takes writes has passed, and it has set no later one: \
                 every database process is killed late={late:?}"
            );
            let _ = self.set_timer(Duration::ZERO);
            self.state = State::Fired(Fired::new(now));
        } else if self.looks_at().is_none_or(|at| at > now) {
            return 0;
        }
        let State::Fired(fired) = &mut self.state else {
            return 0;
        };
        let killed = fired.look(scope, now);
        if let Some(next) = fired.next.filter(|_| fired.clear) {
            self.arm(next);
        }
        killed
    }
}

impl Fired {
    fn new(now: Instant) -> Fired {
        Fired {
            since: now,
            looked: now,
            killed: HashSet::new(),
            postmasters: Vec::new(),
            clear: false,
            next: None,
        }
    }

    fn look(&mut self, scope: Scope, now: Instant) -> usize {
        let before = self.killed.len();
        self.looked = now;
        let left = (0..PASSES).find_map(|_| {
            self.strike(scope).unwrap_or_else(|why| {
                error!("cannot list the database processes in /proc: {why}");
                Some(usize::MAX)
            })
        });
        let killed = self.killed.len() - before;
        let was_clear = std::mem::replace(&mut self.clear, left == Some(0));
        match (was_clear, self.clear) {
            (false, true) => warning!(
                "no database process is left killed={} postmasters={:?} within={:?}",
                self.killed.len(),
                self.postmasters,
                self.since.elapsed()
            ),
            (true, _) if killed > 0 => error!(
                "killed what was started although the time is up killed={killed} postmasters={:?}",
                self.postmasters
            ),
            _ => (),
        }
        killed
    }

    /// One pass; how many are left when it found none that had not been killed before.
    fn strike(&mut self, scope: Scope) -> io::Result<Option<usize>> {
        let mut found = classify(processes()?, scope);
        found.retain(|(_, kind)| matches!(kind, Kind::Postmaster | Kind::Backend));
        // A postmaster whose child is killed would start others.
        found.sort_by_key(|(_, kind)| *kind == Kind::Backend);
        let mut fresh = false;
        for (process, kind) in &found {
            let key = (process.pid, process.start_ticks);
            if self.killed.contains(&key) {
                continue;
            }
            match send_to(process, Signal::KILL) {
                Ok(false) => continue,
                Ok(true) => fresh = true,
                Err(why) => error!("cannot kill a database process pid={}: {why}", process.pid),
            }
            self.killed.insert(key);
            if *kind == Kind::Postmaster {
                self.postmasters.push(process.pid);
            }
        }
        Ok((!fresh).then_some(found.len()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No process is anybody's business.
    const NOBODY: Scope = Scope {
        init: i32::MAX,
        agent: None,
        namespace: false,
    };

    fn readable(fence: &Fence) -> bool {
        let Some(timer) = fence.fd() else { return false };
        let mut value = [0; 8];
        rustix::io::read(timer, &mut value).is_ok()
    }

    fn soon() -> Duration {
        boottime() + Duration::from_secs(60)
    }

    fn past() -> Duration {
        boottime().checked_sub(Duration::from_millis(1)).unwrap()
    }

    #[test]
    fn it_is_armed_moved_and_disarmed_without_firing() {
        let mut fence = Fence::create().unwrap();
        let now = Instant::now();
        assert!(fence.fd().is_none());
        for _ in 0..3 {
            fence.set(soon());
            assert!(fence.fd().is_some() && !readable(&fence));
            assert_eq!((fence.check(NOBODY, now), fence.looks_at()), (0, None));
        }
        fence.set(Duration::ZERO);
        fence.check(NOBODY, now);
        assert!(matches!(fence.state, State::Open) && fence.fd().is_none());
    }

    #[test]
    fn the_timer_wakes_whoever_polls_it() {
        let mut fence = Fence::create().unwrap();
        fence.set(boottime() + Duration::from_millis(20));
        let timer = fence.fd().unwrap();
        let mut fds = [rustix::event::PollFd::from_borrowed_fd(
            timer,
            rustix::event::PollFlags::IN,
        )];
        // A signal for another test may arrive here (signal(7): poll is never begun again by itself).
        let fired = rustix::io::retry_on_intr(|| rustix::event::poll(&mut fds, None));
        assert_eq!(fired.unwrap(), 1);
        fence.check(NOBODY, Instant::now());
        assert!(fence.fd().is_none(), "it does not wake again and again");
        assert!(matches!(&fence.state, State::Fired(fired) if fired.clear));
    }

    #[test]
    fn a_moment_that_is_too_far_away_is_no_moment() {
        let mut fence = Fence::create().unwrap();
        let until = soon();
        fence.set(until);
        // Nanoseconds by mistake.
        fence.set(until * 1000);
        assert!(matches!(fence.state, State::Armed(armed) if armed == until));
    }

    #[test]
    fn once_fired_it_stays_closed_until_the_agent_says_otherwise() {
        let mut fence = Fence::create().unwrap();
        let mut now = Instant::now();
        fence.set(past());
        fence.check(NOBODY, now);
        // It goes on looking, less and less often.
        for (later, pause) in [(0, 10), (1, 100), (60, 1000)] {
            now += Duration::from_secs(later);
            fence.check(NOBODY, now);
            assert_eq!(fence.looks_at(), now.checked_add(Duration::from_millis(pause)));
        }
        fence.set(soon());
        assert!(matches!(fence.state, State::Armed(_)));
        fence.set(past());
        fence.check(NOBODY, now);
        fence.set(Duration::ZERO);
        assert!(matches!(fence.state, State::Open) && fence.looks_at().is_none());
    }

    #[test]
    fn what_is_said_while_processes_are_left_waits_for_their_end() {
        let mut fence = Fence::create().unwrap();
        let now = Instant::now();
        fence.set(past());
        fence.check(NOBODY, now);
        let State::Fired(fired) = &mut fence.state else {
            panic!("not fired")
        };
        fired.clear = false;
        let until = soon();
        fence.set(Duration::ZERO);
        fence.set(until);
        assert!(matches!(fence.state, State::Fired(_)));
        fence.check(NOBODY, now + Duration::from_secs(1));
        assert!(matches!(fence.state, State::Armed(armed) if armed == until));
    }
}
