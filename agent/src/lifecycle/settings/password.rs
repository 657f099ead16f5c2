//! gpadmin's password, with `hba.auth: scram-sha-256`: from the Secret into ~/.pgpass and, where this pod is written to,
//! into the database. A changed Secret is followed.

use crate::lifecycle::pod::Pod;
use crate::sys::storage::fs::write_atomically;
use gp_agent_core::config::Auth;
use gp_agent_core::config::quote;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::postgres::pgpass;
use std::path::Path;
use std::time::Duration;
use tokio::time::sleep;
use tokio_postgres::NoTls;

const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Follows the Secret as long as the pod lives; does nothing with `auth: trust`.
pub(crate) async fn keep(pod: &Pod) {
    if pod.config.borrow().hba.auth == Auth::Trust {
        return std::future::pending().await;
    }
    let file = pod.config.borrow().hba.password_file.clone();
    let mut in_database: Option<String> = None;
    loop {
        match install(pod, &file) {
            Ok(password) => {
                pod.board
                    .findings(FindingSource::Password, pod.engine.judge_password(&file, &password));
                let writable = pod.board.read(|s| s.active_role.is_some_and(|r| r.is_writable()));
                if writable && in_database.as_ref() != Some(&password) && into_database(pod, &password).await {
                    in_database = Some(password);
                }
            }
            Err(finding) => pod.board.findings(FindingSource::Password, vec![finding]),
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Reads the password and writes ~/.pgpass. Returns the password.
pub(crate) fn install(pod: &Pod, file: &Path) -> Result<String, Finding> {
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
    let pgpass = pod.account.home.join(".pgpass");
    let line = pgpass::line(&pod.account.name, password);
    write_atomically(&pgpass, line.as_bytes(), 0o600).map_err(|e| {
        Finding::error(
            Area::Hba,
            pgpass.display().to_string(),
            format!("cannot be written: {e}"),
            "mount a writable home directory (tmpfs or emptyDir)",
        )
    })?;
    Ok(password.to_string())
}

/// Sets the role's password unless it opens the door already. Returns whether the database holds it now.
async fn into_database(pod: &Pod, password: &str) -> bool {
    if opens(pod, password).await {
        return true;
    }
    let sql = format!(
        "set log_statement = none; set log_min_duration_statement = -1; \
         set log_min_error_statement = panic; set password_encryption = 'scram-sha-256'; \
         alter role {} password {}",
        quote::sql_identifier(&pod.account.name),
        quote::sql_literal(password)
    );
    match pod.session(Duration::from_secs(5)).ask(&sql).await {
        Ok(_) => {
            tracing::info!("the password of {} was set from the Secret", pod.account.name);
            true
        }
        Err(error) => {
            tracing::error!("cannot set the password of {}: {error}", pod.account.name);
            false
        }
    }
}

async fn opens(pod: &Pod, password: &str) -> bool {
    let attempt = tokio_postgres::Config::new()
        .host("127.0.0.1")
        .hostaddr(std::net::IpAddr::from([127, 0, 0, 1]))
        .port(pod.me.port)
        .user(&pod.account.name)
        .password(password)
        .dbname("postgres")
        .connect_timeout(Duration::from_secs(3))
        .connect(NoTls)
        .await;
    attempt.is_ok()
}
