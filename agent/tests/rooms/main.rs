//! The house as a test: floors are used only downwards, no circle between rooms or files, the same rooms on every floor, and
//! a core that cannot reach a clock, a file or a socket.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a source that cannot be read fails the test"
)]

mod imports;
mod keys;
mod openness;
mod timeouts;

use imports::{Graph, Module};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Rooms that more than one floor has, or may have.
const ROOMS: [&str; 14] = [
    "cluster",
    "config",
    "discovery",
    "failover",
    "greenplum",
    "http",
    "kubernetes",
    "log",
    "postgres",
    "process",
    "recovery",
    "resources",
    "ssh",
    "storage",
];

/// Rooms of the lifecycle alone: what a pod goes through, whom its agent speaks to.
const LIFECYCLE: [&str; 7] = ["api", "heart", "peers", "pod", "postmaster", "settings", "startup"];

/// Most entries at the top of a floor, besides its own file: a dozen rooms, with failover and recovery two more.
const MOST_ROOMS: usize = 14;

/// Which floor may use which, within the crate of the agent.
const FLOORS: [(&str, &[&str]); 5] = [
    ("sys", &[]),
    ("engine", &["sys"]),
    ("init", &["sys"]),
    ("lifecycle", &["engine", "sys"]),
    ("cli", &["engine", "init", "lifecycle", "sys"]),
];

fn source(crate_: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(crate_)
}

fn agent() -> Graph {
    let mut graph = Graph::read(&source("src"));
    // The door of the tests looks into every room.
    graph.forget("internals");
    graph
}

fn core() -> Graph {
    Graph::read(&source("core/src"))
}

/// The first `depth` words of a module's path.
fn room(module: &Module, depth: usize) -> String {
    module.split("::").take(depth).collect::<Vec<_>>().join("::")
}

#[test]
fn floors_are_used_only_downwards() {
    let allowed: BTreeMap<&str, &[&str]> = FLOORS.into();
    for (user, used) in agent().edges() {
        let (above, below) = (room(user, 1), room(used, 1));
        if above.is_empty() || above == below {
            continue;
        }
        let may = allowed
            .get(above.as_str())
            .unwrap_or_else(|| panic!("{above} is no floor"));
        assert!(
            may.contains(&below.as_str()),
            "{user} uses {used}: {above} may not use {below}"
        );
    }
}

#[test]
fn no_circle_between_rooms() {
    for (graph, depth) in [(core(), 1), (agent(), 1), (agent(), 2)] {
        let rooms = graph.grouped(|module| room(module, depth));
        assert_eq!(rooms.circles(), [[""; 0]; 0], "rooms {depth} deep");
    }
}

#[test]
fn no_circle_between_files() {
    assert_eq!(agent().circles(), [[""; 0]; 0]);
    assert_eq!(core().circles(), [[""; 0]; 0]);
}

#[test]
fn the_engine_is_chosen_once() {
    let choosing = imports::sources(&source("src")).into_iter().filter(|(module, text)| {
        room(module, 1) != "engine"
            && ["making()", "Engine::Postgres", "Engine::Greenplum"]
                .iter()
                .any(|word| text.contains(word))
    });
    // The plot alone; what depends on the engine is handed to the rooms from there.
    let choosing: Vec<(Module, usize)> = choosing
        .map(|(module, text)| (module, text.matches("making()").count()))
        .collect();
    assert_eq!(choosing, [("lifecycle".to_string(), 1)]);
}

fn entries(dir: &Path) -> BTreeSet<String> {
    std::fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !["lib.rs", "main.rs", "mod.rs"].contains(&name.as_str()))
        .collect()
}

#[test]
fn every_floor_has_the_same_rooms_and_at_most_a_dozen_entries() {
    let floors = [
        ("core/src", &[][..]),
        ("src/sys", &[]),
        ("src/lifecycle", &LIFECYCLE[..]),
    ];
    for (floor, own) in floors {
        let dir = source(floor);
        let entries = entries(&dir);
        // Values for tests are compiled for tests alone.
        let counted = entries.iter().filter(|name| *name != "fixtures.rs").count();
        assert!(counted <= MOST_ROOMS, "{floor} has {counted} entries: {entries:?}");
        for name in entries.iter().filter(|name| dir.join(name).is_dir()) {
            let known = ROOMS.contains(&name.as_str()) || own.contains(&name.as_str());
            assert!(known, "{floor}/{name}: no room of this name");
        }
    }
}

/// What the core may link: it computes, and nothing more.
const CORE_LINKS: [&str; 8] = [
    "base64",
    "jiff",
    "serde",
    "serde-saphyr",
    "serde_json",
    "sha2",
    "strsim",
    "thiserror",
];

#[test]
fn the_core_links_nothing_that_has_effects() {
    let manifest = std::fs::read_to_string(source("core/Cargo.toml")).unwrap();
    let (_, dependencies) = manifest.split_once("\n[dependencies]\n").unwrap();
    let dependencies = dependencies.split("\n[").next().unwrap();
    for line in dependencies
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let name = line.split(['.', ' ', '=']).next().unwrap();
        assert!(CORE_LINKS.contains(&name), "the core links {name}");
    }
}

/// What the standard library has of the world outside.
const OUTSIDE: [&str; 9] = [
    "std::env",
    "std::fs",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
];

#[test]
fn the_core_has_no_clock_no_files_and_no_network() {
    for (module, path) in core().foreign() {
        let outside = OUTSIDE.iter().find(|outside| path.starts_with(*outside));
        // Bytes of a path are no effect.
        let harmless = path.starts_with("std::os::unix::ffi");
        assert!(outside.is_none() || harmless, "{module} uses {path}");
    }
}
