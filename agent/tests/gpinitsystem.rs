//! What real bash, sed and friends make of the rendered files.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use gp_agent_core::cluster::topology::{Role, Topology};
use gp_agent_core::config::load;
use gp_agent_core::config::quote;
use gp_agent_core::greenplum::gpinitsystem::{CreationPlan, CreationRequest, render};
use gp_agent_core::greenplum::version::Family;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

fn mirrored() -> Topology {
    let text = "cluster: warehouse\nengine: greenplum\ncoordinator: { standby: true }\n\
                segments: { count: 2, mirrors: segment-b }\n";
    Topology::new(
        &load(text, "cluster.yaml", std::iter::empty()).unwrap(),
        "agent.prod.svc",
    )
}

fn plan(topology: &Topology, parameters: &BTreeMap<String, String>) -> Result<CreationPlan, Vec<String>> {
    let request = CreationRequest {
        topology,
        family: Family::G7,
        locale: "en_US.utf8",
        hba_host_names: true,
        parameters,
        folder: Path::new("/greenplum/.gp-agent"),
        logs: Path::new("/greenplum/.gp-agent/logs"),
    };
    render(&request).map_err(|findings| findings.iter().map(ToString::to_string).collect())
}

/// Runs a script with the given arguments in an empty folder and gives what it printed; the folder has to stay as it was.
fn bash(script: &str, arguments: &[&Path]) -> String {
    let empty = tempfile::tempdir().unwrap();
    let output = Command::new("bash")
        .args(["--noprofile", "--norc", "-c", script, "bash"])
        .args(arguments)
        .current_dir(empty.path())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    assert_eq!(std::fs::read_dir(empty.path()).unwrap().count(), 0);
    String::from_utf8(output.stdout).unwrap()
}

fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, text).unwrap();
    (dir, path)
}

/// Sourced without any command at hand; then every entry taken apart as the tool does, unquoted and with cut.
const READ: &str = r#"
set -eu
saved=$PATH; PATH=
. "$1"
PATH=$saved
declare -p ARRAY_NAME TRUSTED_SHELL ENCODING HEAP_CHECKSUM HBA_HOSTNAMES
for entry in $QD_PRIMARY_ARRAY ${PRIMARY_ARRAY[@]} ${MIRROR_ARRAY[@]}; do
    for field in 1 2 3 4 5 6; do
        bash -c "echo $(echo $entry | cut -d~ -f$field)"
    done
done
"#;

/// What `READ` has to print.
fn expected(topology: &Topology) -> String {
    let mut text = format!(
        "declare -- ARRAY_NAME=\"{}\"\ndeclare -- TRUSTED_SHELL=\"ssh\"\ndeclare -- ENCODING=\"UTF-8\"\n\
         declare -- HEAP_CHECKSUM=\"on\"\ndeclare -- HBA_HOSTNAMES=\"1\"\n",
        topology.cluster
    );
    let rows = [Role::Coordinator, Role::Primary, Role::Mirror]
        .into_iter()
        .flat_map(|role| topology.members.iter().filter(move |m| m.role == role));
    for (m, dbid) in rows.zip(1..) {
        let (name, dir) = (&m.fqdn, m.data_dir.display());
        writeln!(text, "{name}\n{name}\n{}\n{dir}\n{dbid}\n{}", m.port, m.content).unwrap();
    }
    text
}

fn harmless(text: &str, others: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || others.contains(c))
}

/// Mostly harmless, sometimes what a shell would run, split, or take for the end of something.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        30 => "[a-z][a-zA-Z0-9._-]{0,12}",
        1 => "[ -~]{0,12}",
        1 => "\\PC{0,6}",
        1 => proptest::sample::select(vec![
            "$(touch x)", "`touch x`", "a;touch x", "a|b", "a~b", "a'b", "a\"b", "a\nb", "a b", "*", "~", "", "-x", "a\\",
        ]).prop_map(String::from),
    ]
}

/// The pipeline of `SED_PG_CONF`, in the words of this test: on this host, and through the shell of another.
const APPLY: &str = r#"
set -u
for word in $(cat "$1" | tr -s ' ' | tr -d ' ' | grep -v '^#'); do
    name=$(echo $word | cut -d= -f1)
    if [ "$(grep -c "$name[ ]*=" "$2")" -eq 1 ]; then
        sed -i -e "s/$name/$word #$name/" "$2"; sed -i -e "s/^#$name/$name/" "$2"
    else
        echo $word >> "$2"
    fi
    if [ "$(bash -c "grep -c \"$name\" $3")" -eq 1 ]; then
        bash -c "sed -i -f /dev/stdin $3" <<< "s/$name/$word #$name/"
        bash -c "sed -i -f /dev/stdin $3" <<< "s/^#$name/$name/"
    else
        bash -c "echo \"$word\" >> $3"
    fi
done
cat "$2" "$3"
"#;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_quoted_text_means_itself(text in "[^\\x00]{0,40}") {
        let (_dir, path) = file(&format!("X={}\n", quote::shell(&text)));
        prop_assert_eq!(bash("set -eu; PATH=; . \"$1\"; printf %s \"$X\"", &[&path]), text);
    }

    #[test]
    fn bash_gets_what_was_meant_or_nothing(
        cluster in name(),
        names in proptest::collection::vec(name(), 6),
        dirs in proptest::collection::vec(name(), 6),
    ) {
        let mut topology = mirrored();
        topology.cluster = cluster;
        for ((member, name), dir) in topology.members.iter_mut().zip(&names).zip(&dirs) {
            let parent = if member.role == Role::Mirror { "/m" } else { "/p" };
            member.fqdn = name.clone();
            member.data_dir = PathBuf::from(format!("{parent}/{dir}/gpseg{}", member.content));
        }
        let good = |text: &str| !text.is_empty() && !text.starts_with(['-', '.', '_']) && harmless(text, "._-");
        let all_good = good(&topology.cluster)
            && names.iter().all(|name| good(name))
            && dirs.iter().all(|dir| harmless(dir, "._-/"));
        let parameters = BTreeMap::new();
        match plan(&topology, &parameters) {
            Ok(plan) => {
                let (_dir, path) = file(&plan.input);
                prop_assert_eq!(bash(READ, &[&path]), expected(&topology));
            }
            Err(findings) => {
                prop_assert!(!all_good, "{:?}", findings);
                prop_assert!(findings.iter().all(|f| !f.contains('\n')));
            }
        }
    }

    #[test]
    fn a_parameter_arrives_as_it_is_or_is_left_to_the_agent(
        name in "[a-z][a-z_]{0,8}(\\.[a-z]{1,4})?",
        value in prop_oneof![
            "[a-zA-Z0-9_.,:+@%-]{0,12}",
            "[ -~]{0,12}",
            "[^\\x00-\\x1f]{0,8}",
            proptest::sample::select(vec!["$(touch x)", "a/b", "a&b", "a\\1", "a b", "*", "'", "''", "#x", "`id`", "!!"])
                .prop_map(String::from),
        ],
        known: bool,
    ) {
        let parameters = BTreeMap::from([(name.clone(), value.clone())]);
        let CreationPlan { parameters: text, deferred, .. } = plan(&mirrored(), &parameters).unwrap();
        prop_assert_eq!(text.is_empty(), deferred.contains(&name));
        prop_assert!(!text.is_empty() || !harmless(&value, "_."));
        if !text.is_empty() {
            let line = if known { format!("#{name} = 1\n") } else { String::new() };
            let (_a, given) = file(&text);
            let (_b, here) = file(&line);
            let (_c, there) = file(&line);
            let rest = if known { format!(" #{name} = 1") } else { String::new() };
            // Quotes or none: the value is the same to the server.
            let shown = text.split_once('=').map(|(_, shown)| shown.trim_end()).unwrap_or_default();
            prop_assert_eq!(shown.trim_matches('\'').replace([' ', '\t'], ""), value.replace([' ', '\t'], ""));
            let wanted = format!("{name}={shown}{rest}\n");
            prop_assert_eq!(bash(APPLY, &[&given, &here, &there]), format!("{wanted}{wanted}"));
        }
    }
}
