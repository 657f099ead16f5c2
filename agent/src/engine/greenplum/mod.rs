//! Greenplum 6 and 7, Cloudberry, and their forks: told apart by the PostgreSQL that they grew from, never by brand.

mod environment;
mod pgpass_check;
mod recovery;
mod walreceiver;

pub(crate) use environment::GreenplumError;
pub(super) use pgpass_check::judge as judge_password;
pub(super) use walreceiver::{receiver, streaming};

use crate::sys::postgres::programs::Tools;
use gp_agent_core::cluster::content::ContentId;
use gp_agent_core::greenplum::version::GpVersion;
use gp_agent_core::postgres::hba::Grammar;
use gp_agent_core::postgres::major::{Feature, Major};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// Greenplum gives a replica that is silent five minutes. So long no commit of the coordinator ends whose standby is on a node
/// that went off, FTS cannot record that a mirror took over, and the whole cluster stands still. PostgreSQL gives it one.
const GIVE_UP: (&str, &str) = ("wal_sender_timeout", "60s");

/// A standby that hears nothing keeps its connection for so long: one that ends by itself before the coordinator counts as lost looks
/// as if the coordinator had let it go, and nobody would take over. Longer than twice the longest lease with all that is added.
const HEAR: (&str, &str) = ("wal_receiver_timeout", "300s");

/// The programs of one Greenplum, and what they have to be told.
#[derive(Debug)]
pub struct Greenplum {
    tools: Tools,
    home: PathBuf,
    version: GpVersion,
}

impl Greenplum {
    /// Greenplum in `home`, or in $GPHOME, or in the places of its packages.
    pub async fn find(home: Option<&Path>) -> Result<Greenplum, GreenplumError> {
        let home = environment::home(home)?;
        let environment = environment::read(&home).await?;
        let tools = Tools::new(home.join("bin"), environment);
        let version = tools.version().await?;
        let gp_version = tools.run("postgres", ["--gp-version"], &[]).await;
        let version = GpVersion::parse(&version, &gp_version.unwrap_or_default())?;
        Ok(Greenplum { tools, home, version })
    }

    /// One that was found before.
    pub(super) fn known(home: PathBuf, environment: Vec<(OsString, OsString)>, version: GpVersion) -> Greenplum {
        let tools = Tools::new(home.join("bin"), environment);
        Greenplum { tools, home, version }
    }

    pub(super) fn tools(&self) -> &Tools {
        &self.tools
    }

    pub(super) fn major_version(&self) -> &str {
        &self.version.postgres
    }

    /// Where it is installed.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// What its programs say of themselves.
    pub fn version(&self) -> &GpVersion {
        &self.version
    }

    /// A program of its bin directory.
    pub fn program(&self, name: &str) -> PathBuf {
        self.tools.path(name)
    }

    /// What greenplum_path.sh sets.
    pub fn environment(&self) -> impl Iterator<Item = (&OsStr, &OsStr)> {
        self.tools.environment()
    }

    /// A coordinator without its role runs in utility mode, where FTS and the recovery of distributed transactions rest and
    /// `count(*)` is 0; a segment without its role lets clients in.
    pub(super) fn role_arguments(&self, content: ContentId) -> &'static [&'static str] {
        match content {
            ContentId::COORDINATOR => self.version.family.coordinator_arguments(),
            _ => self.version.family.segment_arguments(),
        }
    }

    pub(super) fn has(&self, feature: Feature) -> bool {
        Major::of(&self.version.postgres).has(feature)
    }

    /// A mirror of Greenplum 6 waits for 5 s.
    pub(super) fn own_parameters(&self) -> Vec<(&'static str, &'static str)> {
        let mut parameters = vec![GIVE_UP, HEAR];
        let scram = Grammar::of(&self.version.postgres).knows_scram();
        parameters.extend(scram.then_some(super::postgres::SCRAM));
        parameters.extend(self.has(Feature::RetryInterval).then_some(super::postgres::RETRY_SOON));
        parameters
    }

    /// `options` of a session that is of this server alone.
    pub(super) fn utility_options(&self) -> String {
        format!("-c {}", self.version.family.utility_setting())
    }

    pub(super) fn observe_sql(&self) -> &'static str {
        if self.has(Feature::WalNames) {
            "select 'self', pg_is_in_recovery()::text, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8), current_setting('gp_role'); \
             select 'room', count(*)::text, current_setting('max_connections'), current_setting('superuser_reserved_connections') \
                from pg_stat_activity where backend_type = 'client backend'; \
             select 'slot', slot_name, active::text, pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint::text \
                from pg_replication_slots where restart_lsn is not null order by 2; \
             select 'send', application_name, state, sync_state, pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint::text \
                from pg_stat_replication where application_name !~ '^pg_basebackup' order by 2"
        } else {
            "select 'self', pg_is_in_recovery()::text, substr(pg_xlogfile_name(pg_current_xlog_location()), 1, 8), current_setting('gp_session_role'); \
             select 'room', count(*)::text, current_setting('max_connections'), current_setting('superuser_reserved_connections') \
                from pg_stat_activity; \
             select 'slot', slot_name, active::text, pg_xlog_location_diff(pg_current_xlog_location(), restart_lsn)::bigint::text \
                from pg_replication_slots where restart_lsn is not null order by 2; \
             select 'send', application_name, state, sync_state, pg_xlog_location_diff(pg_current_xlog_location(), replay_location)::bigint::text \
                from pg_stat_replication where application_name !~ '^pg_basebackup' order by 2"
        }
    }

    pub(super) fn settings_sql(&self) -> &'static str {
        if self.has(Feature::SettingsViews) {
            super::postgres::SETTINGS
        } else {
            "select 'none' where false"
        }
    }
}
