//! The fence, with trees of processes that are called `postgres`.

use super::STAY;
use super::harness::*;
use crate::skipped::skipped;
use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Shell functions: `fence MILLISECONDS` arms the fence that long after now, `disarm` takes it back. /proc/uptime is
/// CLOCK_BOOTTIME, in hundredths of a second (proc_uptime(5)).
const FENCE: &str = "fence() { read up rest </proc/uptime; end=$((${up/./} * 10000 + $1 * 1000)); \
     echo until $end; printf X_FENCE_USEC=$end >&$GP_AGENT_INIT_FD; }; \
     disarm() { printf X_FENCE_USEC=0 >&$GP_AGENT_INIT_FD; };";

const FIRES: &str = "every database process is killed";
const CLEAR: &str = "no database process is left";

fn boottime() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Boottime)).unwrap()
}

/// `gp-agent init` with an agent that runs the script, and a fake server to start with `$start`.
fn run(fake: &FakePostgres, options: &[&str], script: &str) -> Init {
    let start = fake.start("");
    bash(options, &script.replace("$FENCE", FENCE).replace("$start", &start))
}

/// Waits until the fence has fired and all is dead; tells how it did so past the test runner.
fn await_shot(init: &mut Init) {
    let until: u64 = init.number_line("until");
    let fired = init.line(FIRES);
    let now = boottime();
    assert!(
        now >= Duration::from_micros(until),
        "{now:?} is before {until} us: {fired}"
    );
    let clear = init.line(CLEAR);
    assert!(databases(init.pid()).is_empty(), "{:?}", databases(init.pid()));
    let part = |line: &str, word: &str| line.split(word).nth(1).map(str::to_string).unwrap_or_default();
    eprintln!("late={} {}", part(&fired, "late="), part(&clear, "is left "));
}

/// The servers below it. What a server has just started as it was killed is none if it is another program by now.
fn databases(init: i32) -> Vec<i32> {
    let mut all = descendants(init);
    all.retain(|p| p.comm == "postgres" && p.state != 'Z');
    all.iter().map(|p| p.pid).collect()
}

#[test]
fn a_server_whose_agent_is_stopped_is_killed_in_time() {
    let fake = FakePostgres::new();
    let mut init = run(
        &fake,
        &["--watchdog", "0"],
        &format!("$FENCE trap 'exit 0' TERM; $start echo agent $$; fence 300; kill -STOP $$; {STAY}"),
    );
    let agent = init.pid_line("agent");
    init.line("postmaster");
    await_shot(&mut init);
    assert!(!init.has_seen("pm "), "nothing but SIGKILL is sent:\n{}", init.all());
    let own = children(init.pid());
    assert!(own.iter().any(|p| p.pid == agent), "the agent is left alone: {own:?}");
    send(agent, Signal::CONT);
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
}

#[test]
fn a_server_whose_agent_was_killed_is_killed_in_time() {
    let fake = FakePostgres::new();
    let script = format!(
        "$FENCE trap 'exit 0' TERM; [ $GP_AGENT_RESTARTS != 0 ] || {{ $start fence 500; echo agent $$; }}; {STAY}"
    );
    let mut init = run(&fake, &[], &script);
    let postmaster = init.pid_line("postmaster");
    let agent = init.pid_line("agent");
    send(agent, Signal::KILL);
    init.line("started again");
    await_shot(&mut init);
    assert!(init.has_seen(&format!("postmasters=[{postmaster}]")), "{}", init.all());
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
}

#[test]
fn the_fence_outlives_an_agent_that_is_never_started_again() {
    let fake = FakePostgres::new();
    // The second end in a row is followed by a second's pause, which begins anew with each.
    let script = "$FENCE [ $GP_AGENT_RESTARTS != 0 ] || { $start sleep 0.1; fence 300; }; exit 5";
    let mut init = run(&fake, &[], script);
    init.line("postmaster");
    await_shot(&mut init);
    init.signal(Signal::TERM);
    assert!(init.code().is_some());
}

#[test]
fn each_renewal_moves_it_and_none_is_needed_once_it_is_disarmed() {
    let fake = FakePostgres::new();
    let script = format!(
        "$FENCE trap 'exit 0' TERM; $start \
         for i in 1 2 3 4 5; do fence 3000; sleep 0.1; done; fence 300; fence 3600000; sleep 0.7; echo moved; \
         fence 300; disarm; sleep 0.7; echo disarmed; while [ ! -e {}/go ]; do sleep 0.02; done; fence 100; {STAY}",
        fake.directory().display()
    );
    let mut init = run(&fake, &[], &script);
    init.line("postmaster");
    for word in ["moved", "disarmed"] {
        init.line(word);
        assert!(!init.has_seen(FIRES), "{word}:\n{}", init.all());
        assert!(!databases(init.pid()).is_empty(), "{word}");
    }
    std::fs::write(fake.directory().join("go"), "").unwrap();
    init.line(FIRES);
    init.line(CLEAR);
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
}

#[test]
fn a_renewal_that_comes_too_late_brings_nothing_back_but_holds_for_the_next_server() {
    let fake = FakePostgres::new();
    let script = format!(
        "$FENCE trap 'exit 0' TERM; $start echo agent $$; fence 200; kill -STOP $$; \
         fence 3600000; sleep 0.3; echo renewed; $start sleep 0.5; echo stays; {STAY}"
    );
    let mut init = run(&fake, &["--watchdog", "0", "--grace", "4"], &script);
    let agent = init.pid_line("agent");
    init.line("postmaster");
    await_shot(&mut init);
    send(agent, Signal::CONT);
    init.line("renewed");
    let second = init.pid_line("postmaster");
    init.line("stays");
    let all = databases(init.pid());
    assert!(all.contains(&second) && all.len() <= 2, "{all:?}:\n{}", init.all());
}

#[test]
fn what_is_started_after_the_shot_without_a_word_is_killed_too() {
    let fake = FakePostgres::new();
    let script = format!("$FENCE trap 'exit 0' TERM; fence 100; sleep 0.5; $start {STAY}");
    let mut init = run(&fake, &[], &script);
    await_shot(&mut init);
    init.line("killed what was started although the time is up");
    init.signal(Signal::TERM);
    assert_eq!(init.code(), Some(0), "{}", init.all());
}

#[test]
fn a_moment_that_is_over_fires_at_once_and_a_word_lets_servers_start_again() {
    let fake = FakePostgres::new();
    let script = format!(
        "$FENCE trap 'exit 0' TERM; $start sleep 0.1; fence -1000; while [ ! -e {}/go ]; do sleep 0.02; done; \
         disarm; $start sleep 0.7; echo stays; {STAY}",
        fake.directory().display()
    );
    let mut init = run(&fake, &["--grace", "4"], &script);
    init.line("postmaster");
    await_shot(&mut init);
    std::fs::write(fake.directory().join("go"), "").unwrap();
    let second = init.pid_line("postmaster");
    init.line("stays");
    assert!(databases(init.pid()).contains(&second), "{}", init.all());
}

#[test]
fn a_busy_init_fires_all_the_same() {
    let fake = FakePostgres::new();
    // Orphans, signals and words that init does not know, as many as there can be.
    let script = "$FENCE trap 'exit 0' TERM; trap : USR1; $start fence 700; \
         (while :; do printf nonsense >&$GP_AGENT_INIT_FD; done) 2>/dev/null & \
         (while :; do (: &); done) & \
         while :; do kill -USR1 $PPID; done";
    let mut init = run(&fake, &["--grace", "4"], script);
    init.line("postmaster");
    await_shot(&mut init);
}

#[test]
fn a_shot_during_the_shutdown_is_told_by_the_exit_code() {
    let fake = FakePostgres::new();
    let script = format!("$FENCE trap 'fence 100; sleep 1; exit 0' TERM; $start echo up; {STAY}");
    let mut init = run(&fake, &["--grace", "60"], &script);
    init.line("postmaster");
    init.line("up");
    init.signal(Signal::TERM);
    await_shot(&mut init);
    assert_eq!(init.code(), Some(72), "{}", init.all());
}

#[test]
fn as_pid_1_it_kills_servers_that_were_started_from_outside_too() {
    let args = ["--pid", "--fork", "--mount-proc", "--kill-child"];
    let allowed = command("unshare", &args).arg("true").output();
    if !allowed.is_ok_and(|output| output.status.success()) || find("nsenter").is_none() {
        skipped("unshare(1) and nsenter(1) may not make and enter a PID namespace here");
        return;
    }
    let fake = FakePostgres::new();
    let script = format!(
        "$FENCE trap 'exit 0' TERM; $start echo up; while [ ! -e {}/go ]; do sleep 0.02; done; fence 200; kill -STOP $$; {STAY}",
        fake.directory().display()
    );
    let script = script.replace("$FENCE", FENCE).replace("$start", &fake.start(""));
    let mut init =
        Init::spawn(command("unshare", &args).args([GP_AGENT, "init", "--watchdog", "0", "--", "bash", "-c", &script]));
    init.line("init started pid=1 ");
    init.line("postmaster");
    init.line("up");
    let pid_1 = children(init.pid())[0].pid;
    // As `docker exec` and `kubectl exec` do.
    let target = pid_1.to_string();
    let foreign = format!("{} :; exec sleep 1000", fake.start(""));
    let mut outside = command(
        "nsenter",
        &["--target", &target, "--pid", "--mount", "bash", "-c", &foreign],
    );
    let mut outside = outside.stdout(std::process::Stdio::null()).spawn().unwrap();
    let started = || {
        descendants(outside.id().cast_signed())
            .iter()
            .any(|p| p.comm == "backend")
    };
    while !started() {
        std::thread::yield_now();
    }
    std::fs::write(fake.directory().join("go"), "").unwrap();
    init.line(FIRES);
    let clear = init.line(CLEAR);
    assert_eq!(clear.matches(", ").count(), 1, "two postmasters: {clear}");
    assert!(databases(init.pid()).is_empty());
    assert!(databases(outside.id().cast_signed()).is_empty());
    let shell = outside.try_wait().unwrap();
    assert!(shell.is_none(), "what is no database is left alone");
    send(pid_1, Signal::KILL);
    outside.wait().unwrap();
    assert!(init.code().is_some());
}
