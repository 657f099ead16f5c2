use super::*;
use crate::cluster::topology::Member;
use crate::cluster::topology::{Role, Topology};
use crate::config::load;
use crate::finding::Severity;
use proptest::prelude::*;

const RULES: Rules<'static> = Rules {
    locale: "en_US.UTF-8",
    min_free_mib: 512,
};

fn topology() -> Topology {
    let text =
        "cluster: w\nengine: greenplum\ncoordinator: { standby: true }\nsegments: { count: 1, mirrors: segment-b }\n";
    let config = load(text, "cluster.yaml", std::iter::empty()).unwrap();
    Topology::new(&config, "gp.svc")
}

fn good(member: &Member) -> HostFacts {
    HostFacts {
        host_name: member.pod.clone(),
        user: "gpadmin".into(),
        uid: 1000,
        unix_millis: 1_000_500,
        not_writable: None,
        version: Ok("postgres (Greenplum Database) 7.1.0 build dev".into()),
        python: Some(Ok("/usr/bin/python3".into())),
        missing: Vec::new(),
        not_pinged: Vec::new(),
        ping_group_range: Some("0 2147483647".into()),
        locales: Ok(vec!["en_US.utf8".into()]),
        nofile: 1_048_576,
        place: ParentDirectory {
            exists: false,
            others: Ok(vec![
                ".gp-agent".into(),
                "lost+found".into(),
                "mirror".into(),
                "gpseg0.aside-20261125T130000Z".into(),
            ]),
            not_writable: None,
            free_bytes: 10 << 30,
        },
        port_held: None,
        socket_lock: false,
    }
}

/// Judges a cluster in which every host is as it should be but for the change.
fn judged(topology: &Topology, change: impl Fn(&Member, &mut HostFacts)) -> Judgement {
    let answers: Vec<PreflightAnswer> = topology
        .members
        .iter()
        .map(|member| {
            let mut seen = good(member);
            change(member, &mut seen);
            PreflightAnswer {
                member,
                asked: 1_000_000,
                answered: 1_001_000,
                said: Ok(seen),
            }
        })
        .collect();
    judge(&answers, &RULES)
}

fn shown(judgement: &Judgement) -> String {
    judgement.findings.iter().map(|f| format!("{f}\n")).collect()
}

#[test]
fn a_cluster_that_may_be_made() {
    let judgement = judged(&topology(), |_, _| {});
    assert_eq!(shown(&judgement), "");
    assert!(judgement.passes());
    assert_eq!(judgement.locale.as_deref(), Some("en_US.utf8"));
}

#[test]
fn everything_that_is_missing_anywhere_is_told_at_once() {
    let topology = topology();
    let judgement = judged(&topology, |member, seen| match member.role {
        Role::Coordinator => {
            seen.not_pinged = vec![(
                "segment-a-0.gp.svc".into(),
                "ping: socktype: SOCK_RAW; ping: socket: Operation not permitted".into(),
            )];
            seen.ping_group_range = Some("1\t0".into());
            seen.socket_lock = true;
            seen.nofile = 1024;
        }
        Role::Standby => {
            seen.uid = 0;
            seen.user = "root".into();
            seen.host_name = "db-7".into();
            seen.version = Err(LookError::new("/usr/local/greenplum-db/bin/postgres is not there"));
            seen.python = Some(Err(LookError::new("ModuleNotFoundError: No module named 'psutil'")));
            seen.not_writable = Some("/home/gpadmin: Read-only file system".into());
            seen.unix_millis = 997_449;
        }
        Role::Primary => {
            seen.missing = vec!["ip".into(), "ping".into()];
            seen.not_pinged = vec![("coordinator-0.gp.svc".into(), "ping is not there".into())];
            seen.locales = Ok(Vec::new());
            seen.place.exists = true;
            seen.place.others = Ok(vec!["gpseg0".into(), "old-data".into()]);
            seen.place.free_bytes = 100 << 20;
            seen.version = Ok("postgres (Greenplum Database) 7.0.0 build dev".into());
            seen.unix_millis = 1_003_001;
        }
        Role::Mirror => {
            seen.place.others = Err(LookError::new("No such file or directory"));
            seen.port_held = Some("TCP port 50000 is in use on IPv4; stop what holds it".into());
            seen.not_pinged = vec![("coordinator-0.gp.svc".into(), "100% packet loss".into())];
            seen.socket_lock = true;
        }
    });
    insta::assert_snapshot!(shown(&judgement), @r#"
    warning postgres coordinator-0: a process may have 1024 open files; gpinitsystem asks for 65535; raise the container runtime's limit: LimitNOFILE of containerd, docker --ulimit nofile=65535
    error postgres coordinator-0: ping may not open a socket (ping: socktype: SOCK_RAW; ping: socket: Operation not permitted); net.ipv4.ping_group_range is 1	0; set the sysctl net.ipv4.ping_group_range to "0 2147483647" for the pod (docker --sysctl), or give the container CAP_NET_RAW
    error postgres coordinator-0: /tmp/.s.PGSQL.5432.lock is left of a server that is gone, and gpinitsystem takes it for one that runs; remove it: rm /tmp/.s.PGSQL.5432.lock
    error postgres coordinator-1: its user is root, as which no Greenplum tool works; run the container as gpadmin: securityContext.runAsUser, docker --user
    warning dns coordinator-1: the host that answers to its name calls itself "db-7"; see where the name leads (gp-agent check dns), and give the container the pod's name as host name
    error postgres coordinator-1: the tools cannot keep their logs and scratch files: /home/gpadmin: Read-only file system; mount an emptyDir at /tmp and at the user's home directory
    error postgres coordinator-1: Greenplum does not work there: /usr/local/greenplum-db/bin/postgres is not there; every pod needs the same Greenplum at the same path: the same image, or the same mount
    error postgres coordinator-1: the Python of the Greenplum tools does not work: ModuleNotFoundError: No module named 'psutil'; install what is missing in the image (EXTRA_PACKAGES), for the Python that the tools name in their first line
    warning postgres coordinator-1: its clock is at least 2.5 s behind the coordinator's; let the nodes keep time (chrony, systemd-timesyncd): Greenplum logs and time-outs of different hosts are compared
    error postgres segment-a-0: commands are missing: ip, ping; install them in the image, on Debian: iproute2 (ip), iputils-ping (ping)
    error postgres segment-a-0: the locale en_US.UTF-8 is not there; generate it in the image (Debian: localedef -i en_US -f UTF-8 en_US.UTF-8), or set greenplum.locale to one that `locale -a` lists, such as C.UTF-8
    error storage segment-a-0: /greenplum/gpseg0 is there already; if it holds no data you need, move it away: mv /greenplum/gpseg0 /greenplum/gpseg0.aside
    warning storage segment-a-0: /greenplum also holds old-data; give the database a volume of its own
    error storage segment-a-0: 100 MiB are free in /greenplum, 512 are needed; make room, mount a larger volume, or lower storage.minFreeMib
    warning postgres segment-a-0: its clock is at least 2.0 s ahead of the coordinator's; let the nodes keep time (chrony, systemd-timesyncd): Greenplum logs and time-outs of different hosts are compared
    warning dns segment-b-0: ping -c 1 coordinator-0.gp.svc fails: 100% packet loss; let ICMP pass between the pods (NetworkPolicy), and see gp-agent check dns
    error storage segment-b-0: /greenplum/mirror cannot be read: No such file or directory; mount the volume there, readable and writable for the agent's user (fsGroup)
    error postgres segment-b-0: TCP port 50000 is in use on IPv4; free it (ss -ltnp shows who holds it), or configure another port: taken on one family alone it makes gpinitsystem wait for ten minutes
    error postgres segment-a-0: Greenplum differs between the pods: "postgres (Greenplum Database) 7.1.0 build dev" on coordinator-0, segment-b-0, "postgres (Greenplum Database) 7.0.0 build dev" on segment-a-0; run the same image in every pod
    error postgres coordinator-1: the user differs between the pods: "gpadmin" on coordinator-0, segment-a-0, segment-b-0, "root" on coordinator-1; run the same image in every pod
    "#);
    assert!(!judgement.passes());
    let words = judgement.summary();
    assert!(words.ends_with("; and 6 more, which gp-agent status lists"), "{words}");
    assert_eq!(words.lines().count(), 1);
}

#[test]
fn hosts_that_do_not_answer_are_told_too_and_together() {
    let topology = topology();
    let answers: Vec<PreflightAnswer> = topology
        .members
        .iter()
        .map(|member| PreflightAnswer {
            member,
            asked: 0,
            answered: 0,
            said: Err(match member.role {
                Role::Primary => LookError::new("ssh: Permission denied"),
                _ => LookError::new("ssh: connect to host: Connection refused"),
            }),
        })
        .collect();
    let judgement = judge(&answers, &RULES);
    insta::assert_snapshot!(shown(&judgement), @r"
    error ssh coordinator-0, coordinator-1, segment-b-0: cannot be looked at: ssh: connect to host: Connection refused; see gp-agent check ssh in the coordinator's pod, and whether the agent runs there
    error ssh segment-a-0: cannot be looked at: ssh: Permission denied; see gp-agent check ssh in the coordinator's pod, and whether the agent runs there
    ");
    assert!(!judgement.passes());
}

#[test]
fn what_many_hosts_have_in_common_is_told_once() {
    let text = "cluster: w\nengine: greenplum\nsegments: { count: 9, mirrors: segment-b }\n";
    let config = load(text, "cluster.yaml", std::iter::empty()).unwrap();
    let judgement = judged(&Topology::new(&config, "gp.svc"), |_, seen| {
        seen.nofile = 20_000;
        seen.locales = Ok(Vec::new());
    });
    insta::assert_snapshot!(shown(&judgement), @r"
    warning postgres coordinator-0, segment-a-0, segment-a-1 and 16 more: a process may have 20000 open files; gpinitsystem asks for 65535; raise the container runtime's limit: LimitNOFILE of containerd, docker --ulimit nofile=65535
    error postgres coordinator-0, segment-a-0, segment-a-1 and 16 more: the locale en_US.UTF-8 is not there; generate it in the image (Debian: localedef -i en_US -f UTF-8 en_US.UTF-8), or set greenplum.locale to one that `locale -a` lists, such as C.UTF-8
    ");
}

#[test]
fn a_commands_absence_is_told_once() {
    let judgement = judged(&topology(), |member, seen| {
        if member.role == Role::Coordinator {
            seen.missing = vec!["locale".into()];
            seen.locales = Err(LookError::new("locale is not there"));
        }
    });
    assert_eq!(judgement.findings.len(), 1);
    assert_eq!(judgement.locale, None);
    assert!(!judgement.passes());
}

#[test]
fn the_question_and_the_answer_survive_the_way() {
    let wanted = HostQuestion {
        home: "/usr/local/greenplum-db".into(),
        dir: "/greenplum/gpseg0".into(),
        port: 40000,
        locale: "en_US.utf8".into(),
        ping: vec!["a.gp.svc".into(), "b.gp.svc".into()],
    };
    insta::assert_snapshot!(arguments(&wanted).join(" "), @"preflight --home /usr/local/greenplum-db --dir /greenplum/gpseg0 --port 40000 --locale en_US.utf8 --ping a.gp.svc --ping b.gp.svc");
    let seen = good(&topology().members[0]);
    let printed = serde_json::to_string(&seen).unwrap();
    assert_eq!(read_answer(&printed), Ok(seen.clone()));
    assert_eq!(read_answer(&format!("Welcome!\n{printed}\nbye\n")), Ok(seen));
    let error = read_answer("bash: gp-agent: command not found\n").unwrap_err();
    assert!(error.to_string().contains("command not found"), "{error}");
}

#[test]
fn locales_are_the_same_in_any_spelling_of_the_code_set() {
    for (one, other) in [
        ("en_US.utf8", "en_US.UTF-8"),
        ("C.UTF-8", "C.utf8"),
        ("de_DE.ISO8859-1@euro", "de_DE.iso88591@euro"),
    ] {
        assert!(same_locale(one, other), "{one} {other}");
    }
    for (one, other) in [
        ("en_US.utf8", "en_GB.utf8"),
        ("en_US.utf8", "en_US"),
        ("C", "C.utf8"),
        ("de_DE@euro", "de_DE"),
    ] {
        assert!(!same_locale(one, other), "{one} {other}");
    }
}

#[test]
fn the_first_line_of_a_tool_names_its_python() {
    for (script, python) in [
        ("#!/usr/bin/env python3\n#\n", Some("python3")),
        ("#!/usr/bin/env -S python3 -u\n", Some("python3")),
        ("#! /usr/bin/python2.7 -E\nimport x", Some("/usr/bin/python2.7")),
        ("#!/usr/bin/env bash\necho python3\n", None),
        ("#!/bin/sh", None),
        ("\x7fELF python", None),
        ("#!", None),
        ("", None),
    ] {
        assert_eq!(python_of(script), python, "{script:?}");
    }
}

proptest! {
    /// A slow way there and back is no skew; a clock that is off by more than the limit beyond it is.
    #[test]
    fn a_clock_is_only_called_wrong_when_it_is(asked in 0u64..1 << 40, takes in 0u64..60_000, off in -100_000i64..100_000) {
        let at = asked + takes / 2;
        let there = at.saturating_add_signed(off);
        let topology = topology();
        let finding = host::judge_clock(&topology.members[0], asked, asked + takes, there);
        let beyond = off.unsigned_abs().saturating_sub(takes.div_ceil(2));
        prop_assert!(finding.is_none() || off.unsigned_abs() > 2_000);
        prop_assert!(finding.is_some() || beyond <= 2_001 || there == 0);
    }

    #[test]
    fn no_answer_is_too_strange(printed in "\\PC{0,80}|[{}a-z\":,]{0,40}") {
        let _ = read_answer(&printed);
    }

    #[test]
    fn a_finding_names_its_pod_whatever_a_host_says(words in "\\PC{0,40}", n in 0u64..70_000) {
        let topology = topology();
        let judgement = judged(&topology, |_, seen| {
            seen.nofile = n;
            seen.not_pinged = vec![(words.clone(), words.clone())];
            seen.place.others = Ok(vec![words.clone()]);
        });
        for finding in &judgement.findings {
            let named = |pod| topology.member(pod).is_some();
            let subject = finding.subject.split(" and ").next().unwrap_or_default();
            prop_assert!(subject.split(", ").all(named), "{}", finding);
            prop_assert!(finding.severity >= Severity::Warning);
        }
    }
}
