use super::*;
use gp_agent_core::greenplum::preflight::LookError;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Command;

/// A host of its own: a folder of programs, an installation, a volume, a home directory and a /tmp.
struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Host {
        let host = Host {
            dir: tempfile::tempdir().unwrap(),
        };
        for folder in ["bin", "gp/bin", "volume", "home", "tmp"] {
            fs::create_dir_all(host.at(folder)).unwrap();
        }
        let real = Programs::new(&Surroundings::current().path);
        symlink(real.find("bash").unwrap(), host.at("bin/bash")).unwrap();
        for command in COMMANDS.iter().filter(|c| **c != "bash") {
            host.program(&format!("bin/{command}"), "exit 0");
        }
        host.program("bin/locale", "printf 'C\\nC.utf8\\nen_US.utf8\\n'");
        host.program("bin/python9", "echo /fake/python9");
        host.program(
            "gp/bin/postgres",
            "echo \"postgres ($BRAND) 7.1.0 build dev\"; [ \"$1\" = --gp-version ]",
        );
        fs::write(host.at("gp/bin/gpstart"), "#!/usr/bin/env python9\n").unwrap();
        fs::write(
            host.at("gp/greenplum_path.sh"),
            "echo noise; export BRAND='Greenplum Database'\n",
        )
        .unwrap();
        host
    }

    fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn program(&self, path: &str, line: &str) {
        let bash = Programs::new(&Surroundings::current().path).find("bash").unwrap();
        let path = self.at(path);
        let _ = fs::remove_file(&path);
        let text = format!("#!{}\n{line}\n", bash.display());
        // By another process: a child that another test starts while this one writes would keep the file open, and it "busy".
        let mut write = Command::new(&bash);
        write.args(["-c", "printf %s \"$1\" > \"$0\" && chmod 755 \"$0\""]);
        assert!(write.arg(&path).arg(text).status().unwrap().success());
    }

    fn wanted(&self) -> HostQuestion {
        HostQuestion {
            home: self.at("gp"),
            dir: self.at("volume/gpseg0"),
            port: free_port(),
            locale: "en_US.UTF-8".into(),
            ping: vec!["coordinator-0".into()],
        }
    }

    fn look(&self) -> HostFacts {
        self.look_for(&self.wanted())
    }

    fn look_for(&self, wanted: &HostQuestion) -> HostFacts {
        let around = Surroundings {
            path: vec![self.at("bin")],
            tmp: self.at("tmp"),
            home: self.at("home"),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap().block_on(look(wanted, &around))
    }
}

fn free_port() -> u16 {
    let held = TcpListener::bind("0.0.0.0:0").unwrap();
    held.local_addr().unwrap().port()
}

#[test]
fn a_host_as_it_should_be() {
    let host = Host::new();
    let before = unix_millis();
    let seen = host.look();
    assert_eq!(
        seen.version.as_deref(),
        Ok("postgres (Greenplum Database) 7.1.0 build dev")
    );
    assert_eq!(seen.python, Some(Ok("/fake/python9".to_string())));
    assert_eq!((&seen.missing, &seen.not_pinged), (&vec![], &vec![]));
    assert_eq!(seen.locales, Ok(vec!["en_US.utf8".to_string()]));
    assert_eq!((seen.port_held, seen.not_writable), (None, None));
    assert!(!seen.socket_lock && !seen.place.exists);
    assert_eq!(seen.place.others, Ok(vec![]));
    assert!(seen.place.free_bytes > 0 && seen.nofile > 0);
    assert_eq!(seen.uid, geteuid().as_raw());
    assert!(!seen.host_name.is_empty() && !seen.user.is_empty());
    assert!((before..=unix_millis()).contains(&seen.unix_millis));
    for folder in ["volume", "home", "tmp"] {
        assert_eq!(fs::read_dir(host.at(folder)).unwrap().count(), 0, "{folder}");
    }
}

#[test]
fn what_is_missing_or_broken_is_told_in_its_own_words() {
    let host = Host::new();
    fs::remove_file(host.at("bin/ip")).unwrap();
    fs::set_permissions(host.at("bin/netstat"), fs::Permissions::from_mode(0o644)).unwrap();
    host.program(
        "bin/ping",
        "echo 'PING'; echo 'ping: socktype: SOCK_RAW' >&2; echo 'ping: socket: Operation not permitted' >&2; exit 2",
    );
    host.program("bin/locale", "exit 3");
    host.program(
        "bin/python9",
        "printf 'Traceback (most recent call last):\\n  File \"<string>\"\\nModuleNotFoundError: No module named psutil\\n' >&2; exit 1",
    );
    host.program(
        "gp/bin/postgres",
        "echo 'libxerces-c.so: cannot open shared object file' >&2; exit 127",
    );
    let seen = host.look();
    assert_eq!(seen.missing, ["ip", "netstat"]);
    let words = "ping: socktype: SOCK_RAW; ping: socket: Operation not permitted";
    assert_eq!(seen.not_pinged, [("coordinator-0".to_string(), words.to_string())]);
    assert_eq!(seen.locales, Err(LookError::new("no words, exit status: 3")));
    let python = "python9: ModuleNotFoundError: No module named psutil";
    assert_eq!(seen.python, Some(Err(LookError::new(python))));
    assert_eq!(
        seen.version,
        Err(LookError::new("libxerces-c.so: cannot open shared object file"))
    );
}

#[test]
fn an_installation_that_is_not_there_or_not_whole() {
    let host = Host::new();
    fs::remove_file(host.at("gp/greenplum_path.sh")).unwrap();
    let error = host.look().version.unwrap_err();
    assert!(error.to_string().contains("neither greenplum_path.sh nor"), "{error}");
    fs::remove_dir_all(host.at("gp")).unwrap();
    let seen = host.look();
    assert!(
        seen.version
            .unwrap_err()
            .to_string()
            .ends_with("bin/postgres is not there")
    );
    assert_eq!(seen.python, None);
}

#[test]
fn tools_of_another_making_want_no_python() {
    let host = Host::new();
    host.program("gp/bin/gpstart", "exit 0");
    assert_eq!(host.look().python, None);
    fs::remove_file(host.at("bin/bash")).unwrap();
    let seen = host.look();
    assert_eq!(seen.missing, ["bash"]);
    assert_eq!(seen.version, Err(LookError::new("bash is not there")));
}

#[test]
fn a_place_that_is_taken() {
    let host = Host::new();
    let held = TcpListener::bind("0.0.0.0:0").unwrap();
    let wanted = HostQuestion {
        port: held.local_addr().unwrap().port(),
        ..host.wanted()
    };
    fs::create_dir_all(host.at("volume/gpseg0/base")).unwrap();
    fs::create_dir_all(host.at("volume/lost+found")).unwrap();
    fs::write(host.at(&format!("tmp/.s.PGSQL.{}.lock", wanted.port)), "1\n").unwrap();
    let seen = host.look_for(&wanted);
    assert!(seen.port_held.unwrap().contains("is in use on IPv4"));
    assert!(seen.socket_lock && seen.place.exists);
    let names = ["gpseg0", "lost+found"].map(String::from);
    assert_eq!(seen.place.others, Ok(names.to_vec()));
}

#[test]
fn folders_that_are_not_there_or_no_folders() {
    let host = Host::new();
    fs::remove_dir(host.at("volume")).unwrap();
    fs::remove_dir(host.at("home")).unwrap();
    fs::write(host.at("home"), "").unwrap();
    let seen = host.look();
    assert!(seen.place.others.is_err() && !seen.place.exists);
    let why = seen.not_writable.unwrap();
    assert!(why.starts_with(&host.at("home").display().to_string()), "{why}");
}
