//! Which Greenplum the tests have: the stand-in of `tests/standin`, or a real one in the base image or mounted.

use crate::docker;
use std::path::PathBuf;

/// Its two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL underneath; can be told to fail.
    StandIn,
    /// The engine itself.
    Real,
}

/// What `tests/run` says of it in `GP_TESTS_GREENPLUM` (`real` or not).
pub fn kind() -> Kind {
    match std::env::var("GP_TESTS_GREENPLUM").as_deref() {
        Ok("real") => Kind::Real,
        _ => Kind::StandIn,
    }
}

/// The image: `GP_TESTS_GREENPLUM_IMAGE`, or the one that `tests/run` builds for the stand-in.
pub fn image() -> String {
    let named = std::env::var("GP_TESTS_GREENPLUM_IMAGE");
    named.unwrap_or_else(|_| format!("{}-standin", docker::image()))
}

/// The directory of this machine that is mounted as GPHOME: `GP_TESTS_GPHOME`, or where `tests/run` puts the stand-in
/// together. None when the image has a real one.
pub fn home() -> Option<PathBuf> {
    if let Some(home) = std::env::var_os("GP_TESTS_GPHOME") {
        return Some(home.into());
    }
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../image/.build/standin");
    (kind() == Kind::StandIn).then(|| built.canonicalize().unwrap_or(built))
}

/// Arguments of `docker run` that bring it.
pub fn arguments() -> Vec<String> {
    let ping = "--sysctl=net.ipv4.ping_group_range=0 2147483647".to_string();
    let Some(home) = home() else {
        return vec![ping];
    };
    let home = home.display();
    vec![
        ping,
        format!("--volume={home}:{home}:ro"),
        format!("--env=GPHOME={home}"),
    ]
}
