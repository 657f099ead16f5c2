//! gpadmin's password, with `hba.auth: scram-sha-256`: from the Secret into ~/.pgpass and, where this pod is written to,
//! into the database. A changed Secret is followed.

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::session::NoAnswer;
use crate::sys::storage::fs::write_atomically;
use gp_agent_core::config::Auth;
use gp_agent_core::config::quote;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::postgres::hba::Grammar;
use gp_agent_core::postgres::pgpass;
use gp_agent_core::process::retry::Retry;
use gp_agent_core::process::timeouts;
use postgres_protocol::password::{md5, scram_sha_256};
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::time::sleep;
use tokio_postgres::NoTls;

const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two tries to set the password: each writes to every server's catalog.
const LONGEST_BETWEEN_TRIES: Duration = Duration::from_secs(60);

/// A segment may set its own verifier after the coordinator's was compared: its agent saw the Secret late, or its statement
/// waited for a mirror that was silent.
const COMPARE_EVERY: Duration = Duration::from_secs(30);

/// How far a password goes that is set in a coordinator's server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To its replicas, as everything does.
    Replicas,
    /// To every server of the cluster.
    Segments,
}

/// Follows the Secret as long as the pod lives.
pub(crate) async fn keep(pod: &Pod, reach: Reach) {
    let hba = pod.config.borrow().hba.clone();
    match hba.auth {
        Auth::Trust => offer(pod, &hba.password_file).await,
        Auth::ScramSha256 => follow(pod, &hba.password_file, reach).await,
    }
}

/// Pods change from `scram-sha-256` to `trust` one after the other, and one that has changed still streams from one that has not.
/// So the password goes where it is looked for; that there is none is nobody's business.
async fn offer(pod: &Pod, file: &Path) {
    loop {
        if let Ok(password) = read(file)
            && pod.engine.judge_password(file, &password).is_empty()
            && let Err(finding) = write(pod, &password)
        {
            tracing::debug!("{finding}");
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn follow(pod: &Pod, file: &Path, reach: Reach) {
    let mut known = InDatabase::new(reach == Reach::Segments && pod.me.content.is_coordinator());
    loop {
        match install(pod, file) {
            Ok(password) => {
                pod.board
                    .findings(FindingSource::Password, pod.engine.judge_password(file, &password));
                if pod.board.read(|s| s.active_role.is_some_and(|r| r.is_writable())) {
                    known.follow(pod, password).await;
                }
            }
            Err(finding) => pod.board.findings(FindingSource::Password, vec![finding]),
        }
        sleep(LOOK_EVERY).await;
    }
}

/// What is known of the password in the database.
struct InDatabase {
    /// Whether what is set here is set on the segments too.
    dispatching: bool,
    password: Option<String>,
    /// When the verifiers of all servers were last compared, where there are several.
    compared: Option<Instant>,
    tried: Option<String>,
    retry: Retry,
    begin: Instant,
}

impl InDatabase {
    fn new(dispatching: bool) -> InDatabase {
        InDatabase {
            dispatching,
            password: None,
            compared: None,
            tried: None,
            retry: Retry::new(LOOK_EVERY, LONGEST_BETWEEN_TRIES),
            begin: Instant::now(),
        }
    }

    async fn follow(&mut self, pod: &Pod, password: String) {
        self.compare(pod).await;
        if self.tried.as_ref() != Some(&password) {
            self.retry.reset();
        }
        if self.password.as_ref() == Some(&password) || !self.retry.is_due(self.begin.elapsed()) {
            return;
        }
        match into_database(pod, &password, self.dispatching).await {
            true => {
                self.password = Some(password.clone());
                self.compared = self.dispatching.then(Instant::now);
            }
            false => self.retry.failed(self.begin.elapsed()),
        }
        self.tried = Some(password);
    }

    async fn compare(&mut self, pod: &Pod) {
        if self.compared.is_none_or(|at| at.elapsed() < COMPARE_EVERY) {
            return;
        }
        self.compared = Some(Instant::now());
        if verifiers(pod).await == Ok(false) {
            self.password = None;
            self.tried = None;
        }
    }
}

/// Reads the password and writes ~/.pgpass. Returns the password.
pub(crate) fn install(pod: &Pod, file: &Path) -> Result<String, Finding> {
    let password = read(file)?;
    write(pod, &password)?;
    Ok(password)
}

fn read(file: &Path) -> Result<String, Finding> {
    let subject = file.display().to_string();
    let remedy = "put gpadmin's password, one line, into the Secret that is mounted there";
    let text = std::fs::read_to_string(file)
        .map_err(|e| Finding::error(Area::Hba, &subject, format!("cannot read the password: {e}"), remedy))?;
    let password = text.trim_end_matches(['\n', '\r']);
    if password.is_empty() || password.contains(['\n', '\r', '\0']) {
        return Err(Finding::error(
            Area::Hba,
            &subject,
            "the password is empty or has more than one line",
            remedy,
        ));
    }
    Ok(password.to_string())
}

fn write(pod: &Pod, password: &str) -> Result<(), Finding> {
    let pgpass = pod.account.home.join(".pgpass");
    let line = pgpass::line(&pod.account.name, password);
    let written = write_atomically(&pgpass, line.as_bytes(), 0o600);
    written.map(drop).map_err(|e| {
        Finding::error(
            Area::Hba,
            pgpass.display().to_string(),
            format!("cannot be written: {e}"),
            "mount a writable home directory (tmpfs or emptyDir)",
        )
    })
}

/// SQLSTATEs of a password that does not open: invalid_password, and of a role that has none yet.
const PASSWORD_REFUSED: [&str; 2] = ["28P01", "28000"];

/// Every server's verifier of a role; gp_dist_random asks every primary.
const VERIFIERS: &str = "select count(distinct verifier) = 1 and count(verifier) = count(*) from ( \
     select rolpassword as verifier from pg_authid where rolname = ROLE \
     union all select rolpassword from gp_dist_random('pg_authid') where rolname = ROLE) all_servers";

/// Whether the database holds the password; sets it when not, so that the next look finds it there.
///
/// The server gets a verifier, never the password: a statement stands in pg_stat_statements and in logs. A coordinator of
/// Greenplum sends the very statement to its segments, so that one verifier is the same everywhere, as gpcheckcat wants it;
/// each server would salt a password in clear in its own way.
async fn into_database(pod: &Pod, password: &str, dispatching: bool) -> bool {
    let Some(open) = opens(pod, password).await else {
        return false;
    };
    if open && (!dispatching || same_everywhere(pod).await) {
        return true;
    }
    if dispatching && !dispatches(pod).await {
        return false;
    }
    let verifier = match Grammar::of(pod.engine.major_version()).knows_scram() {
        true => scram_sha_256(password.as_bytes()),
        false => md5(password.as_bytes(), &pod.account.name),
    };
    match set(pod, &verifier).await {
        Ok(()) => tracing::info!("the password of {} was set from the Secret", pod.account.name),
        Err(error) => tracing::error!("cannot set the password of {}: {error}", pod.account.name),
    }
    false
}

/// With statements that come together log_statement would log all of them before the first is in force.
const UNSEEN: &str =
    "set log_statement = none; set log_min_duration_statement = -1; set log_min_error_statement = panic";

async fn set(pod: &Pod, verifier: &str) -> Result<(), NoAnswer> {
    let role = quote::sql_identifier(&pod.account.name);
    let mut session = pod.session(timeouts::STATEMENT_ENDS);
    session.ask(UNSEEN).await?;
    let sql = format!("alter role {role} password {}", quote::sql_literal(verifier));
    session.ask(&sql).await.map(drop)
}

/// A coordinator in utility mode, as Greenplum's tools start it at times, would change itself alone.
async fn dispatches(pod: &Pod) -> bool {
    is_true(pod, "select current_setting('gp_role') = 'dispatch'").await == Ok(true)
}

/// Whether they are one and the same.
async fn verifiers(pod: &Pod) -> Result<bool, NoAnswer> {
    let role = quote::sql_literal(&pod.account.name);
    is_true(pod, &VERIFIERS.replace("ROLE", &role)).await
}

async fn same_everywhere(pod: &Pod) -> bool {
    match verifiers(pod).await {
        Ok(same) => same,
        // It does not know the question; nothing can be told then.
        Err(NoAnswer::Refused(words)) => {
            tracing::debug!("cannot compare the verifiers of the servers: {words}");
            true
        }
        Err(_) => false,
    }
}

async fn is_true(pod: &Pod, sql: &str) -> Result<bool, NoAnswer> {
    let rows = pod.session(timeouts::STATEMENT_ENDS).ask(sql).await?;
    let cell = rows.first().and_then(|row| row.first()).cloned().flatten();
    Ok(cell.as_deref() == Some("t"))
}

/// Whether the password opens the server. One that is full, closed or away does not say.
async fn opens(pod: &Pod, password: &str) -> Option<bool> {
    let attempt = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .hostaddr(std::net::IpAddr::from([127, 0, 0, 1]))
        .port(pod.me.port)
        .user(&pod.account.name)
        .password(password)
        .dbname("postgres")
        .connect_timeout(timeouts::SQL_ANSWERS)
        .connect(NoTls)
        .await;
    match attempt {
        Ok(_) => Some(true),
        Err(error) if error.code().is_some_and(|code| PASSWORD_REFUSED.contains(&code.code())) => Some(false),
        Err(_) => None,
    }
}
