//! A pod with a Secret, and psql as its client.

use super::secret::{Authority, Mounted};
use crate::machine::is_root;
use crate::place::Place;
use crate::pod::Pod;
use crate::pod_user::{as_user, user};
use gp_agent::internals::engine::Tools;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

/// The client's role, which one hostssl line admits.
const CLIENT: &str = "client";

/// With a Secret that holds something at the start. `None` where such a pod cannot be had; the reason was said.
pub(crate) fn begin(first: impl FnOnce(&mut Mounted)) -> Option<(Pod, Mounted)> {
    if !is_root() {
        return None;
    }
    let mut place = Place::new("");
    let path = place.base.path().join("secret");
    let mut secret = Mounted::at(&path, user().gid.as_raw());
    first(&mut secret);
    place.more = format!(
        "tls: {{ secret: {} }}\nhba: {{ extra: [ hostssl all {CLIENT} 127.0.0.1/32 trust ] }}",
        path.display()
    );
    place.prepare_with(&["--auth-local=trust", "--auth-host=reject"]);
    make_client(&place.dir());
    Some((Pod::on(&place.into()), secret))
}

/// The client's role, made before the server runs: no line admits whoever could make it later.
fn make_client(directory: &Path) {
    let postgres = fs::canonicalize(Tools::find(None).unwrap().path("postgres")).unwrap();
    let mut single = as_user(&postgres)
        .args(["--single", "postgres", "-D"])
        .arg(directory)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(single.stdin.take().unwrap(), "create role {CLIENT} login").unwrap();
    assert!(single.wait().unwrap().success());
}

/// What is found about the Secret.
pub(crate) fn findings(pod: &Pod) -> Vec<String> {
    let status = pod.status();
    let findings = status["findings"].as_array().into_iter().flatten();
    let secret = pod.place.base.path().join("secret").display().to_string();
    let about = findings.filter(|finding| finding["subject"] == secret.as_str());
    about
        .map(|finding| finding["what"].as_str().unwrap().to_string())
        .collect()
}

/// A client that verifies the server's certificate and name (sslmode=verify-full).
pub(crate) fn verifies(pod: &Pod, authority: &Authority) -> Result<(), String> {
    let root = pod.place.base.path().join("root.crt");
    fs::write(&root, authority.pem()).unwrap();
    let how = format!("sslmode=verify-full sslrootcert={}", root.display());
    let said = connect(pod, &how, "select ssl from pg_stat_ssl where pid = pg_backend_pid()")?;
    assert_eq!(said, "t");
    Ok(())
}

pub(crate) fn unencrypted(pod: &Pod) -> Result<String, String> {
    connect(pod, "sslmode=disable", "select 1")
}

fn connect(pod: &Pod, how: &str, sql: &str) -> Result<String, String> {
    pod.psql(&format!("host=localhost hostaddr=127.0.0.1 user={CLIENT} {how}"), sql)
}

/// What the server reads is nobody else's, wherever it came from.
pub(crate) fn key_is_private(pod: &Pod) {
    let key = fs::metadata(pod.place.base.path().join("run/tls/current/server.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
}
