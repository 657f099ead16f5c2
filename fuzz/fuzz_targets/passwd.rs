//! /etc/passwd: a user's entry is found whatever stands around it, and nobody else's is.

#![no_main]

use gp_agent_core::process::passwd::Account;
use std::path::Path;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (uid, gid) = (1000, 1001);
    let found = Account::in_text(text, uid);
    if let Some(account) = &found {
        assert_eq!(account.uid, uid);
        assert!(!account.name.is_empty() && !account.shell.as_os_str().is_empty());
    }
    // The first entry of a user counts.
    let entry = format!("gpadmin:x:{uid}:{gid}:A, B:/home/gpadmin:");
    let written = Account::in_text(&format!("{entry}\n{text}"), uid).expect("an entry");
    assert_eq!((written.name.as_str(), written.uid, written.gid), ("gpadmin", uid, gid));
    assert_eq!(
        (written.home.as_path(), written.shell.as_path()),
        (Path::new("/home/gpadmin"), Path::new("/bin/sh"))
    );
    let last = Account::in_text(&format!("{text}\n{entry}"), uid);
    assert_eq!(last, Some(found.unwrap_or(written)));
});
