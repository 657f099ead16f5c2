//! The password that somebody wrote into `image/.build/pgpass`.

use cluster_tests::helm::root;
use std::fs;
use std::process::Command;

/// What `image/up` says of such a file, and of the engine that it looks for afterwards and does not find.
fn said_of(text: &str) -> String {
    let copy = tempfile::tempdir().unwrap();
    let image = copy.path().join("image");
    fs::create_dir_all(image.join(".build")).unwrap();
    let copied = Command::new("bash")
        .args(["-c", "cp -p image/up image/*.sh \"$0\""])
        .arg(&image)
        .current_dir(root())
        .status();
    assert!(copied.unwrap().success());
    fs::write(image.join(".build/pgpass"), text).unwrap();
    let up = Command::new(image.join("up"))
        .env("DOCKER_HOST", "tcp://127.0.0.1:9")
        .output();
    String::from_utf8(up.unwrap().stderr).unwrap()
}

/// A client has to find the same password in it as the server gets; an empty one would be taken for none.
#[test]
fn what_nobody_could_use_is_refused_before_anything_is_done() {
    for (text, why) in [
        ("\n", "one line"),
        ("# mine\n*:*:*:gpadmin:secret\n", "one line"),
        ("*:*:*:gpadmin:one\n*:*:*:gpadmin:two\n", "one line"),
        ("*:*:*:gpadmin:\n", "one line"),
        ("secret\n", "one line"),
        ("*:*:*:gpadmin:a:b\n", "a backslash before them"),
        ("*:*:*:gpadmin:a\\\n", "a backslash before them"),
        ("*:*:*:gpadmin: secret\n", "space"),
        ("*:*:*:gpadmin:a\tb\n", "control characters"),
    ] {
        let said = said_of(text);
        assert!(said.contains(".build/pgpass") && said.contains(why), "{text:?}: {said}");
    }
    // Where there is no client the script would install one.
    if Command::new("docker").arg("--version").output().is_err() {
        return;
    }
    for text in [
        "*:*:*:gpadmin:in between, it's \"$x\" `y` %s \u{fc}\n",
        "*:*:*:gpadmin:a\\:b\\\\c",
        "*:*:*:gpadmin:secret\r\n",
    ] {
        let said = said_of(text);
        assert!(said.contains("no Docker engine"), "{text:?}: {said}");
    }
}
