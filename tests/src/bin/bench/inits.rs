//! `gp-agent init` beside other programs that are made to be PID 1, each PID 1 of a namespace of its own.

use crate::samples::median;
use crate::table::Table;
use anyhow::{Context, Result, bail, ensure};
use cluster_tests::wait;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::SIGUSR1;
use signal_hook::iterator::Signals;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The verb of this program that answers every SIGUSR1 with a byte.
pub(crate) const ECHO: &str = "echo-signals";

/// Dead orphans that are waiting when a reaper wakes up.
const ORPHANS: usize = 5000;
const ROUNDS: usize = 5;
const SIGNALS: usize = 500;

/// Runs as the child of the init that is measured.
///
/// # Errors
/// When its standard output is gone.
pub(crate) fn echo() -> Result<()> {
    let mut signals = Signals::new([SIGUSR1])?;
    let mut out = std::io::stdout();
    out.write_all(b".")?;
    out.flush()?;
    for _ in signals.forever() {
        out.write_all(b".")?;
        out.flush()?;
    }
    Ok(())
}

/// What one init needs: resident KiB, orphans reaped in a second, CPU microseconds for one, microseconds of a signal.
type Numbers = [f64; 4];

/// Adds the rows of init to the table.
///
/// # Errors
/// When a program is missing or a namespace cannot be made.
pub(crate) fn measure(gp_agent: &Path, table: &mut Table) -> Result<()> {
    let path = gp_agent.to_str().context("a path in UTF-8")?;
    eprintln!("init beside tini, dumb-init, catatonit");
    let inits = [
        &[path, "init", "--"][..],
        &["tini", "--"],
        &["dumb-init", "--"],
        &["catatonit", "--"],
    ];
    // In turns, so that what else the machine does hits all of them alike.
    let mut rounds = vec![Vec::new(); inits.len()];
    for _ in 0..ROUNDS {
        for (init, rounds) in inits.iter().zip(&mut rounds) {
            rounds.push(numbers(init).with_context(|| init[0].to_string())?);
        }
    }
    let middle = rounds.iter().map(|rounds| middle(rounds)).collect::<Result<Vec<_>>>()?;
    let rows = [
        ("resident memory, idle", "KiB", "at most 2048 KiB more"),
        ("orphans reaped", "/s", "at least the fastest"),
        ("CPU per orphan", "us", ""),
        ("signal to child", "us", "at most the fastest"),
    ];
    for (i, (what, unit, aim)) in rows.iter().enumerate() {
        for (init, theirs) in inits.iter().zip(&middle).skip(1) {
            table.compare(&format!("init: {what}"), middle[0][i], init[0], theirs[i], unit, aim);
        }
    }
    Ok(())
}

fn numbers(init: &[&str]) -> Result<Numbers> {
    let (per_second, cpu_us) = reap(init)?;
    let (resident_kib, latency_us) = signals(init)?;
    Ok([resident_kib, per_second, cpu_us, latency_us])
}

/// The median of each number.
fn middle(rounds: &[Numbers]) -> Result<Numbers> {
    let mut middle = [0.0; 4];
    for (i, number) in middle.iter_mut().enumerate() {
        let mut all = rounds.iter().map(|round| round[i]);
        *number = median(rounds.len(), || all.next().context("too few"))?;
    }
    Ok(middle)
}

/// An init that is PID 1 of a namespace.
struct Running {
    unshare: Child,
    pid: Pid,
}

impl Running {
    fn start(init: &[&str], command: &[&str]) -> Result<Running> {
        let mut unshare = Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child", "--mount-proc"])
            .args(init)
            .args(command)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot run unshare")?;
        let program = Path::new(init[0]).file_name().context("no program")?;
        let found = wait::until("the init", || {
            if let Some(status) = unshare.try_wait()? {
                bail!("it ended with {status}");
            }
            let pid = children(unshare.id())?.first().copied().context("no child yet")?;
            let exe = fs::read_link(format!("/proc/{pid}/exe"))?;
            ensure!(exe.file_name() == Some(program), "still {}", exe.display());
            Pid::from_raw(pid).context("PID 0")
        });
        match found {
            Ok(pid) => Ok(Running { unshare, pid }),
            Err(why) => {
                let _ = unshare.kill();
                let _ = unshare.wait();
                Err(why)
            }
        }
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill_process(self.pid, signal)?)
    }

    fn proc(&self, file: &str) -> Result<String> {
        Ok(fs::read_to_string(format!(
            "/proc/{}/{file}",
            self.pid.as_raw_nonzero()
        ))?)
    }

    /// Time on a CPU so far, in microseconds (Documentation/scheduler/sched-stats.rst: nanoseconds come first).
    fn cpu_us(&self) -> Result<f64> {
        let text = self.proc("schedstat")?;
        let spent: f64 = text.split(' ').next().context("empty")?.parse()?;
        Ok(spent / 1000.0)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = kill_process(self.pid, Signal::KILL);
        let _ = self.unshare.wait();
    }
}

fn children(pid: u32) -> Result<Vec<i32>> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?)
}

/// Stops the init, lets orphans die, wakes it: how many it reaps in a second, and what one costs.
fn reap(init: &[&str]) -> Result<(f64, f64)> {
    let dir = tempfile::tempdir()?;
    let go = dir.path().join("go");
    // Every hundred outlive the subshell that made them.
    let orphans = format!(
        "exec 9<> <(:); until [ -e {} ]; do sleep 0.05; done; \
         for i in {{1..{}}}; do (for j in {{1..100}}; do read -rt 2 -u 9 & done); done; exec sleep infinity",
        go.display(),
        ORPHANS / 100
    );
    let running = Running::start(init, &["bash", "-c", &orphans])?;
    let pid = running.pid.as_raw_nonzero().get().unsigned_abs();
    wait::until("the child", || {
        let started = children(pid)?.iter().any(|p| runs(*p, "bash"));
        ensure!(started, "the init has no child yet");
        Ok(())
    })?;
    running.signal(Signal::STOP)?;
    fs::write(go, "")?;
    let mut left = wait::until("all orphans dead", || {
        let all = children(pid)?;
        let dead: Vec<i32> = all.iter().copied().filter(|p| is_zombie(*p)).collect();
        // On a slow machine some end before their parent; the rest are the init's.
        let made = all.iter().any(|p| runs(*p, "sleep"));
        ensure!(
            made && dead.len() + 1 == all.len(),
            "{} of {} dead",
            dead.len(),
            all.len()
        );
        ensure!(dead.len() > ORPHANS / 2, "only {} orphans", dead.len());
        Ok(dead)
    })?;
    let (count, spent) = (left.len() as f64, running.cpu_us()?);
    let begin = Instant::now();
    running.signal(Signal::CONT)?;
    while let Some(last) = left.last() {
        if !Path::new(&format!("/proc/{last}")).exists() {
            left.pop();
        }
    }
    let seconds = begin.elapsed().as_secs_f64();
    Ok((count / seconds, (running.cpu_us()? - spent) / count))
}

fn is_zombie(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
}

fn runs(pid: i32, program: &str) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim() == program)
}

/// Resident memory in KiB, and microseconds from a signal to the init until its child has answered.
fn signals(init: &[&str]) -> Result<(f64, f64)> {
    let this = std::env::current_exe()?;
    let this = this.to_str().context("a path in UTF-8")?;
    let mut running = Running::start(init, &[this, ECHO])?;
    let mut answers = running.unshare.stdout.take().context("no pipe")?;
    let mut byte = [0];
    answers.read_exact(&mut byte).context("the child did not start")?;
    let latency = median(SIGNALS, || {
        let begin = Instant::now();
        running.signal(Signal::USR1)?;
        answers.read_exact(&mut byte)?;
        Ok(begin.elapsed().as_secs_f64() * 1e6)
    })?;
    // Idle again, which is what it is for the rest of its life.
    std::thread::sleep(Duration::from_secs(2));
    Ok((resident_kib(&running.proc("status")?)?, latency))
}

/// VmRSS of a `/proc/<pid>/status`.
///
/// # Errors
/// When there is no such line.
pub(crate) fn resident_kib(status: &str) -> Result<f64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.context("no VmRSS")?.parse()?)
}
