use super::*;
use crate::cluster::topology::Member;
use crate::cluster::topology::{Role, Topology};
use crate::config::load;
use crate::greenplum::version::Family;
use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;

fn topology(rest: &str) -> Topology {
    let text = format!("cluster: warehouse\nengine: greenplum\n{rest}\n");
    let config = load(&text, "cluster.yaml", std::iter::empty()).unwrap();
    Topology::new(&config, "agent.prod.svc")
}

fn mirrored() -> Topology {
    topology("coordinator: { standby: true }\nsegments: { count: 2, mirrors: segment-b }")
}

fn request<'a>(topology: &'a Topology, parameters: &'a BTreeMap<String, String>) -> CreationRequest<'a> {
    CreationRequest {
        topology,
        family: Family::G7,
        locale: "en_US.utf8",
        hba_host_names: true,
        parameters,
        folder: Path::new("/greenplum/.gp-agent"),
        logs: Path::new("/greenplum/.gp-agent/logs"),
    }
}

fn refused(topology: &Topology) -> String {
    let parameters = BTreeMap::new();
    let findings = render(&request(topology, &parameters)).unwrap_err();
    findings.iter().map(|f| format!("{f}\n")).collect()
}

#[test]
fn a_mirrored_cluster() {
    let parameters = [
        ("log_statement", "ddl"),
        ("log_line_prefix", "%m [%p] "),
        ("work_mem", "64MB"),
    ];
    let parameters = parameters.map(|(k, v)| (k.to_string(), v.to_string()));
    let topology = mirrored();
    let parameters = BTreeMap::from(parameters);
    let plan = render(&request(&topology, &parameters)).unwrap();
    insta::assert_snapshot!(plan.input, @r"
    # Written by gp-agent for gpinitsystem -I.
    ARRAY_NAME='warehouse'
    TRUSTED_SHELL='ssh'
    ENCODING='UTF-8'
    HEAP_CHECKSUM='on'
    HBA_HOSTNAMES='1'
    QD_PRIMARY_ARRAY='coordinator-0.agent.prod.svc~coordinator-0.agent.prod.svc~5432~/greenplum/gpseg-1~1~-1'
    declare -a PRIMARY_ARRAY=(
    'segment-a-0.agent.prod.svc~segment-a-0.agent.prod.svc~40000~/greenplum/gpseg0~2~0'
    'segment-a-1.agent.prod.svc~segment-a-1.agent.prod.svc~40000~/greenplum/gpseg1~3~1'
    )
    declare -a MIRROR_ARRAY=(
    'segment-b-0.agent.prod.svc~segment-b-0.agent.prod.svc~50000~/greenplum/mirror/gpseg0~4~0'
    'segment-b-1.agent.prod.svc~segment-b-1.agent.prod.svc~50000~/greenplum/mirror/gpseg1~5~1'
    )
    ");
    insta::assert_snapshot!(plan.parameters, @r"
    log_statement='ddl'
    work_mem=64MB
    ");
    assert_eq!(plan.deferred, ["log_line_prefix"]);
    insta::assert_snapshot!(plan.arguments.join(" "), @"-a -I /greenplum/.gp-agent/gpinitsystem.conf -l /greenplum/.gp-agent/logs -n en_US.utf8 -B 2 -p /greenplum/.gp-agent/gpinitsystem-parameters.conf -s coordinator-1.agent.prod.svc -P 5432 -S /greenplum/gpseg-1");
}

#[test]
fn a_small_cluster_of_greenplum_6() {
    let topology = topology("segments: { count: 1 }");
    let parameters = BTreeMap::new();
    let plan = render(&CreationRequest {
        family: Family::G6,
        hba_host_names: false,
        ..request(&topology, &parameters)
    });
    let plan = plan.unwrap();
    insta::assert_snapshot!(plan.input, @r"
    # Written by gp-agent for gpinitsystem -I.
    ARRAY_NAME='warehouse'
    TRUSTED_SHELL='ssh'
    ENCODING='UTF-8'
    HEAP_CHECKSUM='on'
    HBA_HOSTNAMES='0'
    CHECK_POINT_SEGMENTS='8'
    QD_PRIMARY_ARRAY='coordinator-0.agent.prod.svc~coordinator-0.agent.prod.svc~5432~/greenplum/gpseg-1~1~-1'
    declare -a PRIMARY_ARRAY=(
    'segment-a-0.agent.prod.svc~segment-a-0.agent.prod.svc~40000~/greenplum/gpseg0~2~0'
    )
    ");
    assert_eq!(plan.parameters, "");
    insta::assert_snapshot!(plan.arguments.join(" "), @"-a -I /greenplum/.gp-agent/gpinitsystem.conf -l /greenplum/.gp-agent/logs -n en_US.utf8 -B 1");
}

#[test]
fn steps_that_failed_alone_are_made_alone() {
    let topology = mirrored();
    let parameters = BTreeMap::new();
    let request = request(&topology, &parameters);
    let standby = gpinitstandby_arguments(&request).unwrap().unwrap();
    insta::assert_snapshot!(standby.join(" "), @"-a -s coordinator-1.agent.prod.svc -P 5432 -S /greenplum/gpseg-1 -l /greenplum/.gp-agent/logs --hba-hostnames");
    insta::assert_snapshot!(gpaddmirrors_file(&request).unwrap(), @r"
    0|segment-b-0.agent.prod.svc|50000|/greenplum/mirror/gpseg0
    1|segment-b-1.agent.prod.svc|50000|/greenplum/mirror/gpseg1
    ");
    insta::assert_snapshot!(gpaddmirrors_arguments(&request).join(" "), @"-a -i /greenplum/.gp-agent/gpaddmirrors.conf -l /greenplum/.gp-agent/logs --hba-hostnames");
    let bare = self::topology("segments: { count: 1 }");
    let bare = self::request(&bare, &parameters);
    assert_eq!(gpinitstandby_arguments(&bare), Ok(None));
}

#[test]
fn what_gpinitsystem_would_refuse_is_refused_before_it_runs() {
    let change = |change: &dyn Fn(&mut Member)| {
        let mut topology = mirrored();
        topology.members.iter_mut().for_each(change);
        refused(&topology)
    };
    let shown = [
        change(&|m| {
            if m.role == Role::Coordinator {
                m.data_dir = PathBuf::from("/greenplum/coordinator");
            }
        }),
        change(&|m| {
            m.data_dir = PathBuf::from(format!("/greenplum/gpseg{}", m.content));
        }),
        change(&|m| {
            m.port = match m.role {
                Role::Primary => 40000 + u16::try_from(m.content.number()).unwrap(),
                Role::Mirror => 40001,
                _ => 5432,
            }
        }),
        refused(&Topology {
            members: Vec::new(),
            ..mirrored()
        }),
    ];
    insta::assert_snapshot!(shown.join("--\n"), @r"
    error config coordinator-0: the data directory /greenplum/coordinator of the coordinator does not end in -1; let its name be gpseg-1
    --
    error config warehouse: primaries and mirrors both have their data directories in /greenplum, which gpinitsystem refuses; put the mirrors' into another folder
    --
    error config warehouse: the ports 40001 to 40001 of the role mirror overlap with 40000 to 40001 of the role primary; give every role a port of its own
    --
    error config warehouse: 0 coordinators, 0 primaries and 0 mirrors make no cluster; one coordinator, at least one primary, and as many mirrors or none
    ");
}

#[test]
fn what_a_shell_would_run_is_refused_and_named() {
    let mut topology = mirrored();
    topology.cluster = "ware house".into();
    topology.members[2].fqdn = "segment-a-0.$(id).svc".into();
    topology.members[3].data_dir = PathBuf::from("/greenplum/~/gpseg1");
    topology.members[4].fqdn = "-oProxyCommand=id".into();
    topology.members[5].data_dir = PathBuf::from("greenplum/gpseg1");
    let parameters = BTreeMap::new();
    let findings = render(&CreationRequest {
        locale: "C; id",
        folder: Path::new("/tmp/a b"),
        logs: Path::new("/tmp/*"),
        ..request(&topology, &parameters)
    });
    let shown: String = findings.unwrap_err().iter().map(|f| format!("{f}\n")).collect();
    insta::assert_snapshot!(shown, @r#"
    error config segment-a-0: "segment-a-0.$(id).svc" contains '$', which gpinitsystem cannot be told; begin with a letter or digit, and use only ASCII letters, digits and `.` `_` `-`
    error config segment-a-1: "/greenplum/~/gpseg1" contains '~', which gpinitsystem cannot be told; begin with `/`, and use only ASCII letters, digits and `.` `_` `/` `-`
    error config segment-b-0: "-oProxyCommand=id" contains '=', which gpinitsystem cannot be told; begin with a letter or digit, and use only ASCII letters, digits and `.` `_` `-`
    error config segment-b-1: "greenplum/gpseg1" is not an absolute path; begin with `/`, and use only ASCII letters, digits and `.` `_` `/` `-`
    error config cluster: "ware house" contains ' ', which gpinitsystem cannot be told; begin with a letter or digit, and use only ASCII letters, digits and `.` `_` `-`
    error config greenplum.locale: "C; id" contains ';', which gpinitsystem cannot be told; begin with a letter or digit, and use only ASCII letters, digits and `.` `_` `@` `-`
    error config folder of the input file: "/tmp/a b" contains ' ', which gpinitsystem cannot be told; begin with `/`, and use only ASCII letters, digits and `.` `_` `/` `-`
    error config folder of the logs: "/tmp/*" contains '*', which gpinitsystem cannot be told; begin with `/`, and use only ASCII letters, digits and `.` `_` `/` `-`
    "#);
}

#[test]
fn what_would_lead_gpinitsystem_astray_is_not_inherited() {
    for name in [
        "MASTER_DATA_DIRECTORY",
        "COORDINATOR_PORT",
        "COORDINATOR_SERVICE_HOST",
        "STANDBY_HOSTNAME",
        "PGOPTIONS",
        "ENCODING",
    ] {
        assert!(must_not_inherit(name), "{name}");
    }
    for name in [
        "PATH",
        "GPHOME",
        "LANG",
        "LC_ALL",
        "HOME",
        "PYTHONPATH",
        "LD_LIBRARY_PATH",
    ] {
        assert!(!must_not_inherit(name), "{name}");
    }
}
