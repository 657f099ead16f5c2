//! postgresql.conf and postgresql.auto.conf: what they set, whether it is other than what the agent sets, and how the agent's own
//! lines are put in and others taken out. The libraries of a server and of its sessions.

#![no_main]

use gp_agent_core::config::quote::postgres_setting;
use gp_agent_core::postgres::conf::with_include;
use gp_agent_core::postgres::settings::{Overriding, assignments, overridden, preloaded, value_of, without};
use gp_agent_core::postgres::standby::names_another;
use std::collections::BTreeMap;

/// What is read is what is written, whatever it is.
fn values(file: &[u8]) {
    let found = assignments(file);
    let written: String = found
        .iter()
        .map(|(name, value)| format!("{name} = {}\n", postgres_setting(value)))
        .collect();
    assert_eq!(assignments(written.as_bytes()), found);
    for (name, _) in &found {
        assert_eq!(
            value_of(file, name),
            found
                .iter()
                .rfind(|(other, _)| other == name)
                .map(|(_, value)| value.clone())
        );
        assert_eq!(value_of(&without(file, &[name]), name), None);
    }
}

/// What is found is there, is gone with its line, and is told on one line each.
fn overrides(file: &[u8]) {
    let own = [("port", "5432"), ("wal_level", "replica"), ("work_mem", "4MB")];
    let own: BTreeMap<String, String> = own.map(|(name, value)| (name.into(), value.into())).into();
    let main = [&with_include(b"work_mem = 1MB"), file].concat();
    let look = |auto_conf: &[u8], main: &[u8]| {
        overridden(&Overriding {
            dir: "/d",
            auto_conf,
            main,
            own: &own,
        })
    };
    let found = [look(file, b""), look(b"", &main)];
    for finding in found.iter().flatten() {
        assert!(!finding.to_string().contains(char::is_control), "{finding}");
        let name = finding.subject.strip_prefix("parameter ").expect("a parameter");
        assert!(value_of(file, name).is_some());
        let rest = look(&without(file, &[name]), &without(&main, &[name]));
        assert!(rest.iter().all(|other| other.subject != finding.subject), "{finding}");
    }
    assert!(found[1].len() <= found[0].len());
}

fn libraries(list: &str) {
    let Some(all) = preloaded("", list, "") else { return };
    assert_eq!(preloaded("", &all, "").as_ref(), Some(&all));
    assert_eq!(preloaded(&all, "", " "), None);
    assert_eq!(preloaded(list, "x", ""), Some(format!("{all},\"x\"")));
    assert!(preloaded("", "", list).is_some());
}

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let once = with_include(text);
    assert!(once.starts_with(text));
    assert_eq!(with_include(&once), once);
    let name = "primary_conninfo";
    if let Some(conninfo) = value_of(text, name) {
        names_another(&conninfo, &["segment-a-0"], 40000);
    }
    let rest = without(text, &[name]);
    assert_eq!(value_of(&rest, name), None);
    assert!(rest.len() <= text.len());
    values(text);
    overrides(text);
    libraries(&String::from_utf8_lossy(text));
});
