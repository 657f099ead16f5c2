//! The environment: of a process, as bytes, and the variables that override keys of cluster.yaml.

#![no_main]

use gp_agent_core::config::load;
use gp_agent_core::log::record::LogFormat;
use gp_agent_core::process::environment::variables;

const FILE: &str = "cluster: w\nengine: greenplum\nsegments: { count: 2 }\n";

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let found: Vec<(&[u8], &[u8])> = variables(bytes).collect();
    assert!(found.iter().all(|(name, _)| !name.contains(&b'=')));
    let written: Vec<u8> = found
        .iter()
        .flat_map(|(name, value)| [name, &b"="[..], value, b"\0"].concat())
        .collect();
    assert_eq!(variables(&written).collect::<Vec<_>>(), found);

    for (_, value) in &found {
        let word = str::from_utf8(value).ok();
        let [pod, terminal] = [(true, false), (false, true)].map(|(pod, seen)| LogFormat::choose(word, pod, seen));
        // Where it runs counts only where nobody has said anything.
        assert!(pod == terminal || matches!(word, None | Some("" | "auto")));
    }

    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let env: Vec<(String, String)> = found.iter().map(|(name, value)| (words(name), words(value))).collect();
    let read = load(FILE, "cluster.yaml", env.iter().cloned());
    // What is not the agent's has no say, and the order has none where no name comes twice.
    let own = env.iter().filter(|(name, _)| name.starts_with("GP_AGENT_"));
    assert_eq!(read, load(FILE, "cluster.yaml", own.cloned()));
    match &read {
        Ok(config) => {
            let counts = env.iter().filter(|(name, _)| name == "GP_AGENT_SEGMENTS_COUNT");
            let count = counts.last().map_or(Some(2), |(_, value)| value.trim().parse().ok());
            assert!(count.is_none_or(|count| config.segments.count == count));
        }
        Err(findings) => assert!(!findings.is_empty()),
    }
});
