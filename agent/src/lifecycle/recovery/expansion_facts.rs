//! What gpexpand has left, and what the agents of all pods say, for the machine that adds segments.

use crate::lifecycle::pod::Pod;
use crate::sys::greenplum::expansion_files;
use crate::sys::postgres::session::{NoAnswer, Session};
use gp_agent_core::cluster::catalog::Catalog;
use gp_agent_core::cluster::peer_error::PeerFailure;
use gp_agent_core::cluster::report::PodReport;
use gp_agent_core::cluster::status::PodStatus;
use gp_agent_core::cluster::topology::Member;
use gp_agent_core::process::timeouts;
use gp_agent_core::recovery::expansion::facts::{Found, Schema, SetupFile};
use gp_agent_core::recovery::facts::server::{PodOfRow, Server};
use std::path::PathBuf;
use std::time::Duration;

/// While gpexpand's schema is there an expansion is not over.
pub(super) const EXPANSION: &str = "select 1 from pg_namespace where nspname = 'gpexpand'";

/// The first number of an object that is not of the system's own (transam.h, `FirstNormalObjectId`).
const TABLESPACE: &str = "select spcname from pg_tablespace where oid >= 16384 order by oid limit 1";

/// In utility mode: of this server alone.
const TEMPLATE: &str = "select sum(pg_database_size(datname))::bigint from pg_database";
const MEASURED_WITHIN: Duration = timeouts::SIZES_MEASURED;

/// The file of new segments that the agent writes for gpexpand.
pub(super) fn input(pod: &Pod) -> PathBuf {
    pod.state_dir().join("expand-segments")
}

/// How far the look goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Depth {
    /// Some segment is not in the catalog.
    pub new: bool,
    /// An expansion of the agent's own is not over.
    pub expands: bool,
    /// Whether all is ready is looked at.
    pub everybody: bool,
}

/// What gpexpand has left; nothing where it is not known, or where no expansion is to be seen.
pub(super) async fn look(pod: &Pod, session: &mut Session, catalog: &Catalog, depth: Depth) -> Option<Found> {
    let (dir, own) = (pod.dir().to_path_buf(), input(pod));
    let file = match pod.volume.run(move || expansion_files::status(&dir)).await {
        Ok(text) => text.map(|text| SetupFile::parse(&text, &own.to_string_lossy())),
        Err(error) => {
            tracing::warn!("cannot read the status file of gpexpand: {error}");
            return None;
        }
    };
    if file.is_none() && !depth.new && !depth.expands {
        return None;
    }
    let known = ask(pod, session, depth).await;
    let (schema, tablespace, template) = known
        .inspect_err(|error| tracing::debug!("what gpexpand has left is not known: {error}"))
        .ok()?;
    Some(Found {
        file,
        schema,
        tablespace,
        template,
        highest_dbid: catalog.segments.iter().map(|row| row.dbid).max()?,
    })
}

type Known = (Option<Schema>, Option<String>, Option<u64>);

async fn ask(pod: &Pod, session: &mut Session, depth: Depth) -> Result<Known, NoAnswer> {
    let there = !session.ask(EXPANSION).await?.is_empty();
    if let Some(detour) = session.detour() {
        // gpexpand's schema is in postgres alone.
        return Err(NoAnswer::NotNow(detour.why.clone()));
    }
    let schema = match there {
        true => match session.ask(Schema::SQL).await {
            Ok(rows) => Some(rows.first().map(|row| Schema::of_row(row)).unwrap_or_default()),
            // It is being made, or is not gpexpand's.
            Err(NoAnswer::Refused(_)) => Some(Schema::default()),
            Err(error) => return Err(error),
        },
        false => None,
    };
    if !depth.new || there || !depth.everybody {
        return Ok((schema, None, None));
    }
    let tablespaces = session.ask(TABLESPACE).await?;
    let mut alone = pod.utility_session(MEASURED_WITHIN);
    let size = alone.ask(TEMPLATE).await?;
    let size = size.into_iter().flatten().flatten().next();
    let tablespace = tablespaces.into_iter().flatten().flatten().next();
    Ok((schema, tablespace, size.and_then(|text| text.parse().ok())))
}

/// This pod first, then all others.
pub(super) fn places(pod: &Pod, reports: &[PodReport]) -> Vec<PodOfRow> {
    // The tool goes to every host.
    let everybody: Vec<&Member> = pod.topology.members.iter().collect();
    let server = |status: &PodStatus| Server::of(status, &pod.topology, &everybody);
    let own = PodOfRow {
        pod: Some(pod.me.pod.clone()),
        server: Some(server(&pod.board.snapshot())),
        unclear: false,
    };
    let others = reports.iter().map(|report| PodOfRow {
        pod: Some(report.pod.clone()),
        server: report.status.as_ref().map(|report| server(&report.status)),
        unclear: report.failure == Some(PeerFailure::NotUnderstood),
    });
    std::iter::once(own).chain(others).collect()
}
