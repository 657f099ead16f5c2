//! What the scripts in `image/` leave behind on the machine of whoever calls them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use cluster_tests::helm::root;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Installs nothing: says whether the policy is there, then fails as apt-get does or is interrupted.
const SCRIPT: &str = r#"
set -euo pipefail
source "$1/image/lib.sh"
POLICY=$2
as_root() { "$@"; }
install_packages() {
    grep -q 'exit 101' "$POLICY" && echo "no service starts"
    eval "$ENDS"
}
install_without_starting package service
"#;

/// How the script ended, and what it said.
fn run(policy: &Path, ends: &str) -> (bool, String) {
    // Whoever starts the tests in the background has SIGINT ignored, and a shell cannot trap what is ignored.
    let mut bash = Command::new("env");
    bash.args(["--default-signal=INT", "bash", "-c", SCRIPT, "bash"])
        .arg(root())
        .arg(policy)
        .env("ENDS", ends);
    let output = bash.output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    )
}

#[test]
fn no_policy_against_services_stays_behind() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("policy-rc.d");
    for (ends, well) in [
        ("true", true),
        ("die 'apt-get failed'", false),
        ("kill -TERM $BASHPID", false),
        ("kill -INT $BASHPID", false),
    ] {
        let (success, said) = run(&policy, ends);
        assert_eq!((success, said.trim()), (well, "no service starts"), "{ends}");
        assert!(!policy.exists(), "{ends}");
    }
}

#[test]
fn a_policy_of_somebody_else_stays() {
    let dir = tempfile::tempdir().unwrap();
    let policy = dir.path().join("policy-rc.d");
    fs::write(&policy, "#!/bin/sh\nexit 101\n").unwrap();
    for ends in ["true", "die 'apt-get failed'"] {
        run(&policy, ends);
        assert_eq!(fs::read_to_string(&policy).unwrap(), "#!/bin/sh\nexit 101\n");
    }
}
