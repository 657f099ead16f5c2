//! What becomes of a coordinator and its standby when their roles change: pg_ctl, pg_rewind and pg_basebackup as Greenplum has
//! them, and the files by which a directory is a standby's.

use super::greenplum::Greenplum;
use crate::sys::postgres::programs::ToolError;
use gp_agent_core::config::quote;
use gp_agent_core::greenplum::version::Family;
use gp_agent_core::postgres::major::Feature;
use gp_agent_core::postgres::standby::StandbySource;
use std::ffi::OsString;
use std::path::Path;

/// What a standby's walreceiver calls itself (walreceiver.c, GP_WALRECEIVER_APPNAME); the coordinator's commits wait for no other.
pub(crate) const APPLICATION_NAME: &str = "gp_walreceiver";

/// A file of a data directory, and its text.
pub(crate) type FileText = (&'static str, String);

impl Greenplum {
    /// pg_ctl promote, which does not wait: the server says itself when it takes writes. It corrects the catalog by itself.
    pub(crate) async fn promote(&self, dir: &Path) -> Result<(), ToolError> {
        let mut args: Vec<OsString> = vec!["promote".into(), "-D".into(), dir.into()];
        // The 6 does not wait, and does not know it.
        args.extend((self.version().family != Family::G6).then(|| "-W".into()));
        self.tools().run("pg_ctl", args, &[]).await.map(drop)
    }

    /// Whether the directory of an old coordinator can go back to where the new timeline began.
    pub(crate) fn can_rewind(&self) -> bool {
        // Measured on the 7.
        self.version().family == Family::G7
    }

    /// pg_rewind, from a running coordinator that has written a checkpoint on its timeline. Without utility mode its questions
    /// would be answered by a segment, whose files it then copies.
    pub(crate) async fn rewind(&self, dir: &Path, source: &StandbySource<'_>) -> Result<(), ToolError> {
        let server = format!(
            "{} dbname=postgres options='-c {}'",
            conninfo(source),
            self.version().family.utility_setting()
        );
        let args: [OsString; 4] = ["-D".into(), dir.into(), "--source-server".into(), server.into()];
        self.tools().run("pg_rewind", args, &[]).await.map(drop)
    }

    /// pg_basebackup of a coordinator, for the standby that the catalog has under that number.
    pub(crate) async fn copy(&self, dir: &Path, source: &StandbySource<'_>, dbid: u32) -> Result<(), ToolError> {
        let mut args: Vec<OsString> = vec!["-D".into(), dir.into()];
        args.extend(["-h", source.host, "-p"].map(OsString::from));
        args.push(source.port.to_string().into());
        args.extend(
            [
                "-U",
                source.user,
                "-X",
                "stream",
                "-c",
                "fast",
                "-w",
                "--target-gp-dbid",
            ]
            .map(OsString::from),
        );
        args.push(dbid.to_string().into());
        self.tools().run("pg_basebackup", args, &[]).await.map(drop)
    }

    /// The files by which a directory is the standby's of `source`, under that number in its catalog; `auto` is its
    /// postgresql.auto.conf as it is. With the number of before its next promotion fails (gp_activate_standby).
    pub(crate) fn standby_files(
        &self,
        source: &StandbySource<'_>,
        passfile: &Path,
        dbid: u32,
        auto: &str,
    ) -> Vec<FileText> {
        let mut conninfo = format!("{} application_name={APPLICATION_NAME}", conninfo(source));
        if self.has(Feature::Passfile) {
            let passfile = quote::conninfo(&passfile.display().to_string());
            conninfo.push_str(&format!(" passfile={passfile}"));
        }
        let conninfo = quote::postgres_setting(&conninfo);
        let number = ("internal.auto.conf", format!("gp_dbid={dbid}\n"));
        if self.version().family == Family::G6 {
            let recovery =
                format!("standby_mode = 'on'\nprimary_conninfo = {conninfo}\nrecovery_target_timeline = 'latest'\n");
            return vec![number, ("recovery.conf", recovery)];
        }
        let kept: String = auto
            .lines()
            .filter(|line| !sets_conninfo(line))
            .map(|line| format!("{line}\n"))
            .collect();
        vec![
            number,
            ("postgresql.auto.conf", format!("{kept}primary_conninfo = {conninfo}\n")),
            // Last: by it the directory is a standby's.
            ("standby.signal", String::new()),
        ]
    }
}

/// In the words of the oldest libpq.
fn conninfo(source: &StandbySource<'_>) -> String {
    let (host, user) = (quote::conninfo(source.host), quote::conninfo(source.user));
    format!("host={host} port={} user={user}", source.port)
}

fn sets_conninfo(line: &str) -> bool {
    let name = line.trim_start().split(|c: char| c == '=' || c.is_whitespace()).next();
    name.is_some_and(|name| name.eq_ignore_ascii_case("primary_conninfo"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_is_known_however_it_is_written() {
        for line in [
            "primary_conninfo = 'x'",
            "  PRIMARY_CONNINFO='x'",
            "primary_conninfo\t'x'",
        ] {
            assert!(sets_conninfo(line), "{line}");
        }
        for line in [
            "# primary_conninfo = 'x'",
            "primary_conninfo_x = 1",
            "log_statement = 'primary_conninfo'",
        ] {
            assert!(!sets_conninfo(line), "{line}");
        }
    }
}
