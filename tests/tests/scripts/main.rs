//! What the scripts in `image/` leave behind on the machine of whoever calls them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod balancer;
mod client;
mod password_file;

use cluster_tests::helm::root;
use cluster_tests::{arguments, docker, greenplum};
use std::fs;
use std::io::Write;
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

/// A user without rights, whose own engine is silent while root's answers.
const ENGINES: &str = r#"
set -euo pipefail
PATH=$2:$PATH
source "$1/image/lib.sh"
find_engine
echo "asks: ${DOCKER[*]}"
"#;

#[test]
fn no_other_engine_is_asked_than_the_one_that_was_chosen() {
    let bin = tempfile::tempdir().unwrap();
    let programs = [
        ("docker", "case $1 in context) echo \"$CHOSEN\" ;; *) exit 1 ;; esac"),
        ("sudo", "exit 0"),
    ];
    for (name, does) in programs {
        let file = bin.path().join(name);
        fs::write(&file, format!("#!/bin/sh\n{does}\n")).unwrap();
        Command::new("chmod").arg("0755").arg(file).status().unwrap();
    }
    // Nobody may not read wherever this source tree is.
    let image = bin.path().join("image");
    fs::create_dir(&image).unwrap();
    for name in ["lib.sh", "engine.sh", "libraries.sh"] {
        fs::write(image.join(name), fs::read(root().join("image").join(name)).unwrap()).unwrap();
    }
    let ask = |host: Option<&str>, context: &str| {
        // As nobody: root needs no sudo.
        let mut bash = Command::new("setpriv");
        bash.args(["--reuid", "65534", "--clear-groups", "bash", "-c", ENGINES, "bash"])
            .args([bin.path(), bin.path()])
            .env("HOME", "/nonexistent")
            .env("CHOSEN", context)
            .env_remove("DOCKER_HOST")
            .env_remove("DOCKER_CONTEXT");
        bash.envs(host.map(|host| ("DOCKER_HOST", host)));
        let output = bash.output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    assert_eq!(ask(None, "default").trim(), "asks: sudo docker");
    let said = ask(Some("unix:///run/user/1/docker.sock"), "default");
    assert!(
        said.contains("answers at DOCKER_HOST=unix:///run/user/1/docker.sock"),
        "{said}"
    );
    let said = ask(None, "rootless");
    assert!(said.contains("answers in the context rootless"), "{said}");
}

/// Builds nothing: says with which packages an image would have been built.
const MOUNTED: &str = r#"
set -euo pipefail
source "$1/image/lib.sh"
need_docker
GP_HOME=$2
build_image() { say "built with: $EXTRA_PACKAGES"; }
build_image_for_mounted
"#;

/// A directory of Greenplum with one program, which needs libraries that the image does not have.
fn mounted(program: &[u8]) -> tempfile::TempDir {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    // Where pods may enter it.
    let home = tempfile::Builder::new()
        .prefix("gphome")
        .tempdir_in("/var/tmp")
        .unwrap();
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(home.path().join("greenplum_path.sh"), "").unwrap();
    for folder in ["bin", "lib"] {
        fs::create_dir(home.path().join(folder)).unwrap();
    }
    let mut options = fs::OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o755)
        .open(home.path().join("bin/postgres"))
        .unwrap();
    file.write_all(program).unwrap();
    home
}

#[test]
fn libraries_of_a_mounted_greenplum_are_installed_or_named() {
    let image = docker::image();
    if let Some(why) = docker::missing(&image) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: image/up --gphome with libraries: {why}");
        return;
    }
    let program = fs::read("/usr/sbin/mkfs.xfs").unwrap();
    let home = mounted(&program);
    let said = say_what_is_built(&image, home.path());
    assert!(said.contains("built with:  libinih1"), "{said}");

    let mut program = program;
    let known = b"libinih.so.1";
    let at = program.windows(known.len()).position(|bytes| bytes == known).unwrap();
    program[at..at + known.len()].copy_from_slice(b"libnone.so.1");
    let home = mounted(&program);
    let said = say_what_is_built(&image, home.path());
    assert!(said.contains("libnone.so.1"), "{said}");
    assert!(said.contains("name their packages in EXTRA_PACKAGES"), "{said}");
}

fn say_what_is_built(image: &str, home: &Path) -> String {
    let mut bash = Command::new("bash");
    bash.args(["-c", MOUNTED, "bash"])
        .arg(root())
        .arg(home)
        .env("GP_IMAGE", image);
    let output = bash.output().unwrap();
    // Nothing was built, so they lack to the end.
    assert!(!output.status.success());
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Why `image/up` cannot be called here: its containers and volumes have fixed names, and may be somebody's.
fn hindrance(image: &str) -> Option<String> {
    docker::missing(image).or_else(|| {
        let containers = docker::docker(&["ps", "--all", "--format", "{{.Names}}"]).unwrap();
        let volumes = docker::docker(&["volume", "ls", "--quiet"]).unwrap();
        let is_ours = |name: &&str| {
            let pod = name.trim_start_matches("gp-").trim_start_matches("greenplum-");
            ["balancer", "coordinator-", "segment-a-", "segment-b-"]
                .iter()
                .any(|group| pod.starts_with(group))
        };
        let there = containers.lines().chain(volumes.lines()).find(is_ours)?;
        Some(format!(
            "a local cluster is there ({there}); image/down --volumes takes it away"
        ))
    })
}

/// Files in `image/.build` by which the scripts remember what they were called with. As they were, in the end.
struct Remembered(Vec<(std::path::PathBuf, Option<Vec<u8>>)>);

impl Remembered {
    fn take() -> Remembered {
        let build = root().join("image/.build");
        let files = ["engine", "port"].map(|name| build.join(name));
        Remembered(files.map(|file| (file.clone(), fs::read(file).ok())).into())
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        call("image/down", &["--volumes", "--yes"], &[]);
        for (file, text) in &self.0 {
            let _ = match text {
                Some(text) => fs::write(file, text),
                None => fs::remove_file(file),
            };
        }
    }
}

/// Calls a script of the repository as README does; whether it ended well, and all that it said.
fn call(script: &str, words: &[&str], environment: &[(&str, &str)]) -> (bool, String) {
    // A file, since Docker's engine, should the script start it, keeps a pipe open.
    let said = tempfile::NamedTempFile::new().unwrap();
    let file = said.reopen().unwrap();
    let status = Command::new(root().join(script))
        .args(words)
        .envs(environment.iter().copied())
        .stdin(std::process::Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .status()
        .unwrap();
    let said = fs::read(said.path()).unwrap();
    (status.success(), String::from_utf8_lossy(&said).into_owned())
}

/// The commands of README's "Two commands", and of docs/greenplum.md, with the files as they are.
fn brings_a_cluster_up(image: &str, words: &[&str], packages: Option<&str>) {
    let is_postgres = words.contains(&"postgres");
    if let Some(why) = hindrance(image) {
        let _ = writeln!(std::io::stderr(), "SKIPPED: image/up {}: {why}", words.join(" "));
        return;
    }
    let mut environment = vec![("GP_IMAGE", image)];
    environment.extend(packages.map(|packages| ("EXTRA_PACKAGES", packages)));
    let _remembered = Remembered::take();
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let port = port.to_string();
    let words = [words, &["--port", &port, "--timeout", "900"]].concat();
    let (well, said) = call("image/up", &words, &environment);
    assert!(well && said.contains("6 of 6 pods ready"), "{said}");
    for command in [
        &["gp-agent", "status"][..],
        &["gp-agent", "status", "--json"],
        &["gp-agent", "check", "config"],
        &["psql", "-c", "select 1"],
    ] {
        docker::docker(&[&["exec", "coordinator-0"], command].concat()).unwrap();
    }
    // The stand-in's coordinator cannot take its lost one for a standby again.
    if is_postgres || greenplum::kind() == greenplum::Kind::Real {
        balancer::follows_the_coordinator(&said, is_postgres).unwrap();
    } else {
        balancer::leads_to_the_coordinator(&said, is_postgres).unwrap();
    }
    // Later calls need no option.
    let mut environment = environment[..1].to_vec();
    if is_postgres {
        environment.push(("GP_AGENT_HBA_AUTH", "scram-sha-256"));
    }
    let (well, said) = call("image/up", &[], &environment);
    assert!(well && said.contains("6 of 6 pods ready"), "{said}");
    if is_postgres {
        pods_need_the_password();
    }
}

/// Each has it where a Secret would be, and the agents made it the role's.
fn pods_need_the_password() {
    let psql = |file: &[&str]| {
        let command = [
            "segment-b-0",
            "psql",
            "-w",
            "-h",
            "segment-a-0.gp.local",
            "-p",
            "40000",
            "-Atc",
            "select 1",
        ];
        docker::docker(&[&["exec"], file, &command].concat())
    };
    assert_eq!(psql(&[]).unwrap().trim(), "1");
    let refused = psql(&["--env", "PGPASSFILE=/nonexistent"]).unwrap_err();
    assert!(format!("{refused:#}").contains("no password supplied"), "{refused:#}");
}

#[test]
fn the_documented_commands_bring_clusters_up() {
    if arguments::come_later() {
        return;
    }
    brings_a_cluster_up(&docker::image(), &["--engine", "postgres"], None);
    let Some(home) = greenplum::home() else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED: image/up --gphome DIR: Greenplum is in the image"
        );
        return;
    };
    let home = home.display().to_string();
    let stand_in = (greenplum::kind() == greenplum::Kind::StandIn).then_some("postgresql-15");
    brings_a_cluster_up(
        &greenplum::image(),
        &["--engine", "greenplum", "--gphome", &home],
        stand_in,
    );
}
