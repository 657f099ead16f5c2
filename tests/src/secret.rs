//! The SSH Secret, mounted and rotated the way the kubelet does it.

use crate::docker;
use anyhow::Result;
use std::path::Path;

/// `id_ed25519 -> ..data/id_ed25519`, `..data -> ..v<n>`: a rotation makes the next directory and swaps one link.
const ROTATE: &str = r#"
    umask 077
    cd /secret
    next=..v$(date +%s%N)
    mkdir "$next"
    ssh-keygen -q -t ed25519 -N '' -C gpadmin -f "$next/id_ed25519"
    if [ -e ..data/ssh_host_ed25519_key ]; then
        cp ..data/ssh_host_ed25519_key ..data/ssh_host_ed25519_key.pub "$next"
    else
        ssh-keygen -q -t ed25519 -N '' -C '' -f "$next/ssh_host_ed25519_key"
    fi
    chown -R gpadmin: "$next"
    chmod 0755 . "$next"
    chmod 0400 "$next"/*
    old=$(readlink ..data || true)
    ln -s "$next" ..data_tmp
    mv -T ..data_tmp ..data
    for file in "$next"/*; do
        ln -sfn "..data/${file##*/}" "${file##*/}"
    done
    [ -z "$old" ] || rm -rf "$old"
"#;

/// Puts a new user key in the Secret; the host key is made once and stays.
///
/// # Errors
/// What docker or ssh-keygen said.
pub fn rotate(image: &str, dir: &Path) -> Result<()> {
    as_root(image, dir, ROTATE)
}

/// Empties the directory, whoever owns the files in it.
///
/// # Errors
/// What docker or rm said.
pub fn clear(image: &str, dir: &Path) -> Result<()> {
    as_root(image, dir, "rm -rf /secret/..data /secret/..v* /secret/*")
}

/// In a container, for its programs and because the files have to belong to its gpadmin.
fn as_root(image: &str, dir: &Path, script: &str) -> Result<()> {
    let mount = format!("{}:/secret", dir.display());
    let run = ["run", "--rm", "--network", "none", "--user", "0"];
    let rest = ["--entrypoint", "bash", "-v", &mount, image, "-euc", script];
    docker::docker(&[&run[..], &rest[..]].concat()).map(drop)
}
