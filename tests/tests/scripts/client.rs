//! A client of this machine, with the command line that `image/up` prints for it.

use anyhow::{Context, Result, ensure};
use cluster_tests::writers::check_among;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The command that `image/up` printed: psql with a connection string.
#[derive(Clone, Debug)]
pub(crate) struct Printed(String);

impl Printed {
    /// Finds it in what `image/up` said.
    pub(crate) fn find(said: &str, title: &str) -> Result<Printed> {
        let line = said.lines().find_map(|line| line.strip_prefix(title));
        let command = line.with_context(|| format!("no '{title}' in:\n{said}"))?.trim();
        Ok(Printed(command.to_string()))
    }

    /// As a shell calls it, with these words after it.
    fn shell(&self, words: &str) -> Command {
        let mut bash = Command::new("bash");
        // What another program left in the environment must not help.
        bash.args(["-c", &format!("{} {words}", self.0)])
            .env_remove("PGPASSWORD")
            .env("PGPASSFILE", "/nonexistent")
            // Nobody waits for an answer longer than that, and the test goes on.
            .env("PGCONNECT_TIMEOUT", "30")
            .stdin(Stdio::null());
        bash
    }

    /// One session that asks one thing.
    pub(crate) fn ask(&self, sql: &str) -> Result<String> {
        said(&self.shell(&format!("-w -XAtqc \"{sql}\"")).output()?)
    }

    /// The same without the file that has the password.
    pub(crate) fn without_password(&self) -> Result<Printed> {
        let rest = self
            .0
            .split_once(' ')
            .filter(|(file, _)| file.starts_with("PGPASSFILE="));
        let (_, psql) = rest.with_context(|| format!("no PGPASSFILE in {}", self.0))?;
        Ok(Printed(psql.to_string()))
    }
}

fn said(output: &Output) -> Result<String> {
    let (out, err) = (&output.stdout, &output.stderr);
    ensure!(
        output.status.success(),
        "{}: {}",
        output.status,
        String::from_utf8_lossy(err).trim()
    );
    Ok(String::from_utf8_lossy(out).trim().to_string())
}

/// A client that inserts one row after another and opens another session whenever the one that it has breaks.
pub(crate) struct Client {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    errors: Arc<Mutex<File>>,
    thread: JoinHandle<Result<Vec<i64>>>,
}

impl Client {
    /// Makes the table and starts.
    pub(crate) fn start(printed: &Printed) -> Result<Client> {
        printed.ask("create table ledger (id bigint)")?;
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let errors = Arc::new(Mutex::new(tempfile::tempfile()?));
        let mut writer = Writer {
            printed: printed.clone(),
            stop: stop.clone(),
            acknowledged: acknowledged.clone(),
            errors: errors.clone(),
            next: 0,
            rows: Vec::new(),
        };
        let thread = std::thread::spawn(move || {
            while !writer.stop.load(Ordering::Relaxed) {
                writer.session()?;
            }
            Ok(writer.rows)
        });
        Ok(Client {
            stop,
            acknowledged,
            errors,
            thread,
        })
    }

    /// How many rows have been acknowledged so far.
    pub(crate) fn acknowledged(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Ends the client and checks that every row which was acknowledged is there, and what the client was told: errors of
    /// connections that broke, never of a server that does not take writes.
    pub(crate) fn end(self, printed: &Printed) -> Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        let rows = self
            .thread
            .join()
            .map_err(|_| anyhow::anyhow!("the client panicked"))??;
        check_among(&printed.ask("select id from ledger")?, &rows)?;
        let mut errors = String::new();
        let mut file = self.errors.lock().map_err(|_| anyhow::anyhow!("poisoned"))?;
        std::io::Seek::rewind(&mut *file)?;
        std::io::Read::read_to_string(&mut *file, &mut errors)?;
        ensure!(!errors.contains("read-only"), "a standby was offered:\n{errors}");
        Ok(())
    }
}

struct Writer {
    printed: Printed,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    errors: Arc<Mutex<File>>,
    next: i64,
    rows: Vec<i64>,
}

impl Writer {
    /// One session, to its end.
    fn session(&mut self) -> Result<()> {
        let errors = self
            .errors
            .lock()
            .map_err(|_| anyhow::anyhow!("poisoned"))?
            .try_clone()?;
        let mut psql = self.printed.shell("-w -XAtq -v ON_ERROR_STOP=1");
        let mut psql = psql
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()?;
        let mut queries = psql.stdin.take().context("no stdin")?;
        let mut answers = BufReader::new(psql.stdout.take().context("no stdout")?);
        while !self.stop.load(Ordering::Relaxed) {
            self.next += 1;
            let query = format!("insert into ledger values ({0}); select {0};\n", self.next);
            let mut answer = String::new();
            if queries.write_all(query.as_bytes()).is_err() || !matches!(answers.read_line(&mut answer), Ok(n) if n > 0)
            {
                break;
            }
            ensure!(
                answer.trim() == self.next.to_string(),
                "asked for {}: {answer}",
                self.next
            );
            self.rows.push(self.next);
            self.acknowledged.fetch_add(1, Ordering::Relaxed);
        }
        drop(queries);
        psql.wait()?;
        Ok(())
    }
}
