//! What looks at a directory without a server.

use super::*;
use gp_agent_core::postgres::data_directory::Remembered;
use rustix::fs::{CWD, Mode, mkfifoat};
use std::fs;

fn keepers(state_dir: PathBuf) -> Keepers {
    Keepers { state_dir, wal: None }
}

#[tokio::test]
async fn an_empty_pg_version_is_named_as_damage_with_what_helps() {
    let dir = tempfile::tempdir().unwrap();
    let tools = Tools::new("/nowhere".into(), Vec::new());
    let at = Whereabouts {
        dir: dir.path().into(),
        volume: dir.path().join("none"),
        keepers: keepers(dir.path().join("none")),
    };
    for content in ["", "\n", "\0\0", "x", "15.1.2"] {
        fs::write(dir.path().join("PG_VERSION"), content).unwrap();
        let words = examine(&tools, &at).await.unwrap_err().to_string();
        assert!(
            words.contains("PG_VERSION is damaged") && words.contains("backup"),
            "{words}"
        );
    }
    fs::write(dir.path().join("standby.signal"), "").unwrap();
    let words = examine(&tools, &at).await.unwrap_err().to_string();
    assert!(words.contains("copied again"), "{words}");
}

#[tokio::test]
async fn a_volume_that_does_not_answer_holds_up_nobody_who_has_other_things_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let version = dir.path().join("PG_VERSION");
    // Read by nobody but the look, which waits for a writer.
    mkfifoat(CWD, &version, Mode::RUSR | Mode::WUSR).unwrap();
    let tools = Tools::new("/nowhere".into(), Vec::new());
    let at = Whereabouts {
        dir: dir.path().into(),
        volume: dir.path().join("none"),
        keepers: keepers(dir.path().join("none")),
    };
    let asked = std::time::Duration::from_millis(50);
    assert!(tokio::time::timeout(asked, examine(&tools, &at)).await.is_err());
    // It goes on, or the runtime would wait for it.
    fs::OpenOptions::new().write(true).open(&version).unwrap();
}

#[test]
fn a_server_that_runs_tells_enough_without_a_program() {
    let base = tempfile::tempdir().unwrap();
    let at = Whereabouts {
        dir: base.path().join("gpseg0"),
        volume: base.path().into(),
        keepers: keepers(base.path().join(".gp-agent")),
    };
    fs::create_dir_all(at.dir.join("pg_wal")).unwrap();
    fs::create_dir(&at.keepers.state_dir).unwrap();
    fs::write(at.dir.join("PG_VERSION"), "").unwrap();
    assert_eq!(glance(&at, Major::of("15")).version, None, "damaged");
    fs::write(at.dir.join("PG_VERSION"), "15\n").unwrap();
    fs::write(at.dir.join("pg_wal/00000003.history"), "").unwrap();
    let had = Remembered {
        system_id: "7".into(),
        timeline: 1,
    };
    database_record::keep(&at.keepers, &had).unwrap();
    let facts = glance(&at, Major::of("15"));
    assert_eq!((facts.kind, facts.timeline), (Some(DirectoryKind::Primary), Some(3)));
    assert_eq!((facts.version, facts.system_id), (Some("15".into()), Some("7".into())));
    fs::write(at.dir.join("standby.signal"), "").unwrap();
    assert_eq!(glance(&at, Major::of("15")).kind, Some(DirectoryKind::Standby));
}

#[test]
fn each_version_has_its_own_mark_of_a_standby() {
    let dir = tempfile::tempdir().unwrap();
    let marked = || ["9.4", "11", "12", "17"].map(|v| has_standby_marker(dir.path(), Major::of(v)));
    assert_eq!(marked(), [false; 4]);
    fs::write(dir.path().join("recovery.conf"), "").unwrap();
    assert_eq!(marked(), [true, true, false, false]);
    fs::write(dir.path().join("standby.signal"), "").unwrap();
    assert_eq!(marked(), [true; 4]);
}

#[test]
fn the_version_on_a_volume_is_that_of_its_data_directory() {
    let volume = tempfile::tempdir().unwrap();
    let put = |dir: &str, version: &str| {
        fs::create_dir(volume.path().join(dir)).unwrap();
        fs::write(volume.path().join(dir).join("PG_VERSION"), version).unwrap();
    };
    assert_eq!(major_on(volume.path()), None);
    put("gpseg0.aside-1", "9.6\n");
    put("gpseg2", "../../../tmp/14\n");
    assert_eq!(major_on(volume.path()), None, "no path");
    put("gpseg0", "14\n");
    assert_eq!(major_on(volume.path()), Some("14".into()));
    put("gpseg1", "15\n");
    assert_eq!(major_on(volume.path()), None);
}

#[test]
fn a_copy_in_its_place_is_another_directory() {
    let dir = tempfile::tempdir().unwrap();
    let global = dir.path().join("global");
    fs::create_dir(&global).unwrap();
    let first = identity(dir.path()).unwrap();
    fs::write(global.join("pg_control"), "x").unwrap();
    assert_eq!(identity(dir.path()).unwrap(), first);
    fs::remove_dir_all(&global).unwrap();
    assert!(identity(dir.path()).is_err());
    fs::create_dir(&global).unwrap();
    assert_ne!(
        identity(dir.path()).unwrap(),
        first,
        "the number of what is gone is free again"
    );
}
