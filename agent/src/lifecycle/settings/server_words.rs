//! What the server itself says of its settings.

use super::start_record;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::status_board::now;
use crate::sys::postgres::session::{NoAnswer, Session};
use crate::sys::resources::{cgroup, overcommit};
use crate::sys::storage::log_directory;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::finding::{Area, Finding, FindingSource};
use gp_agent_core::postgres::archiving::{self, ArchiveWatch, Archiving};
use gp_agent_core::postgres::lost_databases::{self, LostDatabases};
use gp_agent_core::postgres::settings::{Ground, is_about_a_library, is_asked_for, waits_for_restart};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What the server itself says of its files: lines it could not read, parameters that wait for a restart.
pub(super) async fn ask(pod: &Arc<Pod>, session: &mut Session) {
    // A session that is kept goes on where no new one gets in.
    session.close();
    let rows = match session.ask(pod.engine.settings_sql()).await {
        Ok(rows) => rows,
        Err(NoAnswer::Refused(words)) => return refuses_sessions(pod, words).await,
        Err(_) => return,
    };
    let cell = |row: &[Option<String>], i: usize| row.get(i).cloned().flatten().unwrap_or_default();
    let tagged = |tag: &'static str| rows.iter().filter(move |row| cell(row, 0) == tag);
    let pending: Vec<String> = tagged("pending").map(|row| cell(row, 1)).collect();
    let mut findings: Vec<Finding> = tagged("hba")
        .map(|row| {
            Finding::error(
                Area::Hba,
                format!("{}:{}", pod.dir().join("pg_hba.conf").display(), cell(row, 1)),
                format!(
                    "PostgreSQL cannot read the line ({}) and keeps using the file as it was before",
                    cell(row, 2)
                ),
                "mend the line; if it is one of hba.extra, mend cluster.yaml",
            )
        })
        .collect();
    findings.extend(tagged("file").map(|row| {
        Finding::error(
            Area::Postgres,
            format!("parameter {}", cell(row, 1)),
            cell(row, 2),
            "mend `parameters` in cluster.yaml",
        )
    }));
    let next = tagged("next").map(|row| (cell(row, 1), cell(row, 2))).collect();
    findings.extend(waits_for_restart(&pending, &next, &ground(pod, &next).await));
    pod.board.findings(FindingSource::Server, findings);
    pod.board.on(Event::PendingRestart(pending));
}

/// What the next start finds.
async fn ground(pod: &Pod, next: &BTreeMap<String, String>) -> Ground {
    let log = next.get("log_directory").map(|log| pod.dir().join(log));
    Ground {
        most_memory: overcommit::most_at_once(),
        limit: cgroup::limits()
            .memory
            .limit
            .filter(|_| !overcommit::may_have_huge_pages()),
        no_log: pod
            .volume
            .run(move || log.is_some_and(|log| log_directory::is_out_of_reach(&log)))
            .await,
    }
}

/// Which databases have lost their directories. What was found stays while the server cannot look.
pub(super) async fn ask_for_lost_databases(pod: &Pod, session: &mut Session, lost: &mut LostDatabases) {
    let Ok(rows) = session.ask(lost_databases::SQL).await else {
        return;
    };
    let named = rows.into_iter().filter_map(|row| {
        let mut cells = row.into_iter().flatten();
        Some((cells.next()?, cells.next()?))
    });
    pod.board
        .findings(FindingSource::LostDatabases, lost.look(named, now()));
}

/// Whether write-ahead log waits to be archived, and nothing is. What was found stays while the server cannot say.
pub(super) async fn ask_for_archiving(pod: &Pod, session: &mut Session, watch: &mut ArchiveWatch) {
    let Ok(rows) = session.ask(archiving::SQL).await else {
        return;
    };
    let found = rows.into_iter().next().map(Archiving::of);
    let findings = watch.look(found, now()).into_iter().collect();
    pod.board.findings(FindingSource::Archiving, findings);
}

/// With what is loaded into every session, all are shut out, and a statement can undo nothing. What the parameters have done is
/// taken back at once.
async fn refuses_sessions(pod: &Arc<Pod>, words: String) {
    let finding = Finding::error(
        Area::Postgres,
        "sessions",
        format!("the server refuses every new session: {words}"),
        format!(
            "mend session_preload_libraries or local_preload_libraries in `parameters`; what ALTER SYSTEM wrote is removed by hand from {} (then pg_ctl reload -D {})",
            pod.dir().join("postgresql.auto.conf").display(),
            pod.dir().display()
        ),
    );
    let about_a_library = is_about_a_library(&words);
    pod.board.findings(
        FindingSource::Server,
        about_a_library.then_some(finding).into_iter().collect(),
    );
    let wanted = pod.config.borrow().parameters.clone();
    // What somebody else had loaded is no fault of theirs.
    if about_a_library && is_asked_for(&words, &wanted) {
        let words = format!("it refused every session: {words}");
        if start_record::refuses_sessions(pod, wanted, words).await {
            pod.settings_changed.notify_one();
        }
    }
}
