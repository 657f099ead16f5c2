//! Which Greenplum this is, and what that family calls things.
//!
//! Judged by the PostgreSQL that the server program is made of, never by a brand: Greengage and WarehousePG are families 6
//! and 7, and Cloudberry's successors keep its words.

use crate::postgres::major::Major;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The families whose tools and files differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// Greenplum 6 and its forks: PostgreSQL 9.4.
    G6,
    /// Greenplum 7 and its forks: PostgreSQL 12.
    G7,
    /// Cloudberry: PostgreSQL 14 and later.
    Cloudberry,
}

impl Family {
    /// The family of that major version of PostgreSQL (9 stands for 9.4).
    fn of_postgres(major: u32) -> Option<Family> {
        match major {
            9 => Some(Family::G6),
            12 => Some(Family::G7),
            13.. => Some(Family::Cloudberry),
            _ => None,
        }
    }

    /// The family that the product's own words and number tell; a vendor's words and number may stand before them.
    fn of_product(text: &str) -> Option<Family> {
        if text.to_ascii_lowercase().contains("cloudberry") {
            return Some(Family::Cloudberry);
        }
        let (_, number) = text.rsplit_once("(Greenplum Database) ").unwrap_or(("", text));
        match leading_number(number)? {
            6 => Some(Family::G6),
            7 => Some(Family::G7),
            _ => None,
        }
    }

    /// The PostgreSQL inside; of Cloudberry the oldest.
    pub fn postgres(self) -> Major {
        Major::of(match self {
            Family::G6 => "9.4",
            Family::G7 => "12",
            Family::Cloudberry => "14",
        })
    }

    /// The variables that tell the tools the coordinator's data directory. Greenplum 7 before its release knew the
    /// first alone, Cloudberry 2 prefers the second.
    pub fn data_directory_variables(self) -> &'static [&'static str] {
        match self {
            Family::G6 => &["MASTER_DATA_DIRECTORY"],
            Family::G7 | Family::Cloudberry => &["MASTER_DATA_DIRECTORY", "COORDINATOR_DATA_DIRECTORY"],
        }
    }

    /// What a coordinator's or standby's postmaster is started with, besides directory and port (gp.py, `MasterStart`).
    pub fn coordinator_arguments(self) -> &'static [&'static str] {
        match self {
            Family::G6 => &["-E"],
            Family::G7 | Family::Cloudberry => &["-c", "gp_role=dispatch"],
        }
    }

    /// What a primary's or mirror's postmaster is started with, besides directory and port (gp.py, `SegmentStart`).
    pub fn segment_arguments(self) -> &'static [&'static str] {
        match self {
            Family::G6 => &[],
            Family::G7 | Family::Cloudberry => &["-c", "gp_role=execute"],
        }
    }

    /// The setting with which a single server answers by itself (guc_gp.c).
    pub fn utility_setting(self) -> &'static str {
        match self {
            Family::G6 => "gp_session_role=utility",
            Family::G7 | Family::Cloudberry => "gp_role=utility",
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Family::G6 => "Greenplum 6",
            Family::G7 => "Greenplum 7",
            Family::Cloudberry => "Cloudberry",
        })
    }
}

/// What the server program says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GpVersion {
    /// Whose tools and files it has.
    pub family: Family,
    /// Major version of the PostgreSQL inside, as PG_VERSION holds it: `9.4`, `12`, `14`.
    pub postgres: String,
    /// The line of `postgres --gp-version`, the same on every host of one cluster (gpinitsystem compares it).
    pub build: String,
}

/// Why a server program is none of ours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Plain PostgreSQL, which does not know `--gp-version`.
    #[error("{0:?} is PostgreSQL, not Greenplum")]
    NotGreenplum(String),
    /// An older or an unknown Greenplum.
    #[error("{0:?} is not a supported Greenplum; supported are Greenplum 6 and 7, Cloudberry, and their forks")]
    Unsupported(String),
}

impl GpVersion {
    /// Reads the lines of `postgres --version` and `postgres --gp-version`.
    ///
    /// # Errors
    /// When it is plain PostgreSQL, or a Greenplum of another family.
    pub fn parse(version: &str, gp_version: &str) -> Result<GpVersion, VersionError> {
        let (version, build) = (version.trim(), gp_version.trim());
        let Some(product) = after_brand(build) else {
            return Err(VersionError::NotGreenplum(version.to_string()));
        };
        let number = after_brand(version).and_then(postgres_number);
        let major = number.as_deref().and_then(leading_number);
        let family = Family::of_product(build)
            .or_else(|| Family::of_product(product))
            .or_else(|| Family::of_postgres(major?));
        match family {
            Some(family) => Ok(GpVersion {
                family,
                postgres: number.unwrap_or_default(),
                build: build.to_string(),
            }),
            None => Err(VersionError::Unsupported(build.to_string())),
        }
    }
}

/// `postgres (Greenplum Database) 7.1.0 build x` as `7.1.0 build x`.
fn after_brand(line: &str) -> Option<&str> {
    let (_, rest) = line.strip_prefix("postgres (")?.split_once(") ")?;
    rest.starts_with(|c: char| c.is_ascii_digit()).then_some(rest)
}

fn leading_number(text: &str) -> Option<u32> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// `12.12` as `12`, `9.4.26` as `9.4`: what PG_VERSION holds (version.c).
fn postgres_number(text: &str) -> Option<String> {
    let major = leading_number(text)?;
    if major >= 10 {
        return Some(major.to_string());
    }
    let minor = leading_number(text.split_once('.')?.1)?;
    Some(format!("{major}.{minor}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn family(version: &str, gp_version: &str) -> Result<(Family, String), VersionError> {
        GpVersion::parse(version, gp_version).map(|v| (v.family, v.postgres))
    }

    #[test]
    fn families_follow_from_the_postgresql_inside() {
        for (version, gp_version, expected) in [
            (
                "postgres (Greenplum Database) 9.4.26\n",
                "postgres (Greenplum Database) 6.24.3 build commit:25d3498a400ca5230e81abb94861f23389315213\n",
                (Family::G6, "9.4"),
            ),
            (
                "postgres (Greenplum Database) 9.4.26",
                "postgres (Greengage Database) 6.27.1 build dev",
                (Family::G6, "9.4"),
            ),
            (
                "postgres (Greenplum Database) 12.12",
                "postgres (Greenplum Database) 7.1.0 build commit:e7c2b1f14bb42a1018ac57d14f4436880e0a0515",
                (Family::G7, "12"),
            ),
            (
                "postgres (Greenplum Database) 12",
                "postgres (Vendor) 5.0.0-community (Greenplum Database) 7.0.0 build dev",
                (Family::G7, "12"),
            ),
            (
                "postgres (WarehousePG) 12.12",
                "postgres (WarehousePG) 7.2.0-WHPG build dev",
                (Family::G7, "12"),
            ),
            (
                "postgres (Cloudberry Database) 14.4",
                "postgres (Cloudberry Database) 1.6.0 build commit:a",
                (Family::Cloudberry, "14"),
            ),
            (
                "postgres (Apache Cloudberry) 14.4",
                "postgres (Apache Cloudberry) 2.0.0-incubating build dev",
                (Family::Cloudberry, "14"),
            ),
        ] {
            let found = family(version, gp_version);
            assert_eq!(found, Ok((expected.0, expected.1.to_string())), "{gp_version}");
        }
    }

    #[test]
    fn the_products_number_counts_where_postgresqls_is_hidden() {
        let build = |text: &str| family("", &format!("postgres ({text} build dev")).map(|f| f.0);
        assert_eq!(build("Greenplum Database) 6.0.0-beta.1"), Ok(Family::G6));
        assert_eq!(build("Greenplum Database) 7.0.0-alpha.0+dev.1"), Ok(Family::G7));
        assert_eq!(build("Apache Cloudberry) 2.0.0"), Ok(Family::Cloudberry));
        assert!(build("Greenplum Database) 5.27.0").is_err());
    }

    #[test]
    fn what_is_none_of_ours_is_refused_in_words() {
        let shown = [
            family(
                "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)",
                "postgres: unrecognized",
            ),
            family(
                "postgres (Greenplum Database) 8.3.23",
                "postgres (Greenplum Database) 5.29.1 build x",
            ),
            family("", ""),
        ]
        .map(|found| found.unwrap_err().to_string());
        insta::assert_snapshot!(shown.join("\n"), @r#"
        "postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)" is PostgreSQL, not Greenplum
        "postgres (Greenplum Database) 5.29.1 build x" is not a supported Greenplum; supported are Greenplum 6 and 7, Cloudberry, and their forks
        "" is PostgreSQL, not Greenplum
        "#);
    }

    #[test]
    fn every_family_has_its_own_words() {
        assert_eq!(Family::G6.coordinator_arguments(), ["-E"]);
        assert_eq!(Family::G7.segment_arguments().join(" "), "-c gp_role=execute");
        assert_eq!(Family::G6.utility_setting(), "gp_session_role=utility");
        assert_eq!(Family::G6.data_directory_variables(), ["MASTER_DATA_DIRECTORY"]);
    }
}
