//! What keeps Greenplum's own tools from logging in to segments with gpadmin's password.

use crate::sys::text::read_text;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::postgres::pgpass;
use std::path::Path;

/// Judges the password that stands in `file`, and the tools in `home`.
pub(crate) fn judge(home: &Path, file: &Path, password: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(what) = pgpass::awkward(password) {
        findings.push(Finding::warning(
            Area::Hba,
            file.display().to_string(),
            format!("the password has {what}, with which gprecoverseg and other tools of Greenplum cannot log in to segments"),
            "choose a password without it",
        ));
    }
    let dbconn = home.join("lib/python/gppylib/db/dbconn.py");
    if read_text(&dbconn).is_ok_and(|source| pgpass::is_refused_by(&source)) {
        findings.push(Finding::warning(
            Area::Hba,
            dbconn.display().to_string(),
            "takes every ~/.pgpass for one that others can read, so with scram-sha-256 gprecoverseg and other tools cannot log in to segments",
            "use a release with that mended, or `hba.auth: trust` between the pods; or let the tool find no such file: HOME=/tmp PGPASSWORD=... gprecoverseg -a",
        ));
    }
    findings
}
