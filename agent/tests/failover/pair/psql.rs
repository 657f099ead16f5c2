//! Asks a server as its clients do.

use std::process::Command;

/// Where every server of the pods listens.
pub(crate) const PORT: u16 = 5432;

/// psql of this machine, whose patience is short.
pub(crate) fn psql(host: &str, sql: &str) -> Result<String, String> {
    let target = format!("port={PORT} {host} user=nobody dbname=postgres connect_timeout=2");
    let out = Command::new("timeout")
        .args([
            "-s",
            "KILL",
            "4",
            "psql",
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            &target,
            "-c",
            sql,
        ])
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_string();
    match out.status.success() {
        true => Ok(text(&out.stdout)),
        false => Err(text(&out.stderr)),
    }
}
