//! What differs between the major versions of PostgreSQL that the agent runs, Greenplum's included, in one table. The words of
//! pg_hba.conf have one of their own, [`super::hba::Grammar`].

/// The newest version that was looked at; what is no number counts as it.
const NEWEST: u32 = 17;

/// What not every version has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// `checkpoint_segments`.
    CheckpointSegments,
    /// `wal_retrieve_retry_interval`.
    RetryInterval,
    /// `pending_restart` of pg_settings, pg_file_settings and pg_hba_file_rules.
    SettingsViews,
    /// Functions and columns of the write-ahead log are called wal and lsn, and no longer xlog and location.
    WalNames,
    /// The last line of postmaster.pid says what the server is about to do.
    PidfileStatus,
    /// `passfile` of a connection string. Earlier libpq refuses the string, and reads ~/.pgpass by itself.
    Passfile,
    /// `flushed_lsn` of pg_stat_wal_receiver.
    FlushedLsn,
    /// `initdb --no-instructions`.
    NoInstructions,
    /// A group may read the data directory.
    GroupAccess,
    /// `recovery.conf` makes a standby of a directory and says how it recovers. Later servers refuse to start with it.
    RecoveryConf,
}

/// One row: there from `since` on, and before `until`. 9 stands for 9.4, which is Greenplum 6.
struct Difference {
    feature: Feature,
    since: u32,
    until: u32,
}

const STAYS: u32 = u32::MAX;

const fn row(feature: Feature, since: u32, until: u32) -> Difference {
    Difference { feature, since, until }
}

/// Source: the release notes of the version in each row (section "Migration" for what went). Nothing from 9.5 to 9.6 is told
/// apart from 10, since no engine has them.
const DIFFERENCES: &[Difference] = &[
    row(Feature::CheckpointSegments, 0, 10),
    row(Feature::RetryInterval, 10, STAYS),
    row(Feature::SettingsViews, 10, STAYS),
    row(Feature::WalNames, 10, STAYS),
    row(Feature::PidfileStatus, 10, STAYS),
    row(Feature::Passfile, 10, STAYS),
    row(Feature::FlushedLsn, 13, STAYS),
    row(Feature::NoInstructions, 14, STAYS),
    row(Feature::GroupAccess, 11, STAYS),
    row(Feature::RecoveryConf, 0, 12),
];

/// A major version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Major(u32);

impl Default for Major {
    /// The newest one.
    fn default() -> Major {
        Major(NEWEST)
    }
}

impl Major {
    /// That of a server whose PG_VERSION is `version` (`15`, `9.4`); the newest one when it is no number.
    pub fn of(version: &str) -> Major {
        let major = version.split('.').next().and_then(|major| major.parse().ok());
        major.map_or_else(Major::default, Major)
    }

    /// Whether it lies in this range: from `since` on, and before `until`.
    pub(crate) fn is_within(self, since: u32, until: u32) -> bool {
        (since..until).contains(&self.0)
    }

    /// Whether this version has it.
    pub fn has(self, feature: Feature) -> bool {
        let mut rows = DIFFERENCES.iter().filter(|row| row.feature == feature);
        rows.all(|row| self.is_within(row.since, row.until))
    }
}

/// Whether it is what a PG_VERSION has: `15`, `9.4`.
pub fn is_version(text: &str) -> bool {
    let mut parts = text.split('.');
    text.split('.').count() <= 2 && parts.all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
}

/// The major version in what `postgres --version` says, as PG_VERSION has it: `15`, before PostgreSQL 10 `9.4`.
pub fn printed(version_output: &str) -> Option<String> {
    let number = version_output
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    let first = parts.next()?;
    let version = match first.parse::<u32>() {
        Ok(n) if n < 10 => format!("{first}.{}", parts.next()?),
        _ => first.to_string(),
    };
    is_version(&version).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_what_it_has() {
        for (version, features) in [
            ("9.4", vec![Feature::CheckpointSegments, Feature::RecoveryConf]),
            (
                "12",
                vec![Feature::WalNames, Feature::PidfileStatus, Feature::GroupAccess],
            ),
            ("13", vec![Feature::FlushedLsn, Feature::SettingsViews]),
            ("14", vec![Feature::NoInstructions]),
            ("18", vec![Feature::NoInstructions, Feature::RetryInterval]),
        ] {
            for feature in features {
                assert!(Major::of(version).has(feature), "{version}: {feature:?}");
            }
        }
        assert!(!Major::of("9.4").has(Feature::WalNames));
        assert!(!Major::of("9.4").has(Feature::Passfile));
        assert!(!Major::of("9.4").has(Feature::GroupAccess));
        assert!(!Major::of("12").has(Feature::RecoveryConf));
        assert!(!Major::of("12").has(Feature::FlushedLsn));
        assert!(!Major::of("13").has(Feature::NoInstructions));
        assert!(!Major::of("15").has(Feature::CheckpointSegments));
    }

    #[test]
    fn what_is_no_number_is_the_newest() {
        assert_eq!(Major::of("devel"), Major::default());
        assert_eq!(Major::of(""), Major::of("17"));
    }

    #[test]
    fn every_feature_stands_in_the_table_once() {
        for (at, row) in DIFFERENCES.iter().enumerate() {
            assert!(row.since < row.until);
            assert!(
                DIFFERENCES[at + 1..].iter().all(|other| other.feature != row.feature),
                "{:?}",
                row.feature
            );
        }
    }

    #[test]
    fn the_major_version_is_found_in_what_the_program_prints() {
        assert_eq!(
            printed("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)").as_deref(),
            Some("15")
        );
        assert_eq!(printed("postgres (Greenplum Database) 9.4.26").as_deref(), Some("9.4"));
        assert_eq!(printed("postgres (PostgreSQL) 17beta1").as_deref(), Some("17"));
        for none in ["nothing", "postgres (PostgreSQL) 9", "postgres (PostgreSQL) 9."] {
            assert_eq!(printed(none), None, "{none}");
        }
    }
}
