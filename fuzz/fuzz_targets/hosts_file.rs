//! /etc/hosts: read, and brought by the agent's writes to what it has to say.

#![no_main]

use gp_agent_core::discovery::hosts_file::{full_name, names};
use gp_agent_core::discovery::kept_hosts::{KeptHost, Whereabouts, plan, without_own};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    let blank = |c: char| c.is_whitespace() || c == '#';
    assert!(names(&text).all(|name| !name.is_empty() && !name.contains(blank)));
    let more = format!("{text}\n10.0.0.7 added # behind");
    assert_eq!(names(&more).count(), names(&text).count() + 1);
    if let Some(name) = full_name(&text, "segment-a-0") {
        assert!(name.to_ascii_lowercase().starts_with("segment-a-0."));
    }
    without_own(bytes);
    let places = [
        ("segment-a-0", Whereabouts::At(vec![[10, 0, 0, 7].into()])),
        ("segment-b-0", Whereabouts::Nowhere),
        ("coordinator-0", Whereabouts::Unknown),
    ];
    let places = places.map(|(alias, at)| KeptHost {
        name: format!("{alias}.agent.prod.svc"),
        alias: alias.into(),
        at,
    });
    let mut file = bytes.to_vec();
    for write in plan(bytes, &places) {
        assert!(write.at <= file.len(), "nothing is skipped");
        let end = (write.at + write.bytes.len()).min(file.len());
        file.splice(write.at..end, write.bytes);
    }
    assert!(file.len() >= bytes.len(), "nothing is cut off");
    assert!(plan(&file, &places).is_empty(), "once is enough");
});
