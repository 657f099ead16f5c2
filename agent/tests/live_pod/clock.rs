//! The clock on the wall is set while a pod runs.

use crate::machine::is_root;
use crate::place::Place;
use crate::pod::Pod;
use crate::skipped::skipped;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Tells another time of day than the machine's, by as many seconds as a file says: the first eight bytes of it.
const OTHER_TIME: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
static long long ahead(void) {
    static volatile long long *seconds;
    if (!seconds) {
        int file = open(getenv("OTHER_TIME"), O_RDONLY | O_CLOEXEC);
        seconds = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
    }
    return *seconds;
}
int clock_gettime(clockid_t clock, struct timespec *now) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int result = real(clock, now);
    if (clock == CLOCK_REALTIME) now->tv_sec += ahead();
    return result;
}
int gettimeofday(struct timeval *now, void *zone) {
    static int (*real)(struct timeval *, void *);
    if (!real) real = dlsym(RTLD_NEXT, "gettimeofday");
    int result = real(now, zone);
    now->tv_sec += ahead();
    return result;
}
"#;

fn build(base: &Path) -> bool {
    fs::write(base.join("time.c"), OTHER_TIME).unwrap();
    let library = base.join("time.so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &base.join("time.c")])
        .arg("-ldl");
    cc.status().is_ok_and(|status| status.success())
}

/// In place: those who look have the file mapped.
fn set(base: &Path, ahead: i64) {
    use std::os::unix::fs::FileExt;
    let file = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(base.join("ahead"))
        .unwrap();
    file.write_all_at(&ahead.to_ne_bytes(), 0).unwrap();
}

#[test]
fn a_clock_that_is_set_drops_no_role() {
    if !is_root() {
        return;
    }
    let mut place = Place::new("");
    let base = place.base.path().to_path_buf();
    if !build(&base) {
        return skipped("there is no cc(1)");
    }
    set(&base, 0);
    place.environment = vec![
        ("LD_PRELOAD".into(), base.join("time.so").into()),
        ("OTHER_TIME".into(), base.join("ahead").into()),
    ];
    let mut pod = Pod::start(place);
    for ahead in [3_600, -86_400, 0, 30] {
        set(&base, ahead);
        let before = pod.status()["postmaster"]["answeredAt"].as_u64().unwrap();
        // Longer than an answer counts, by answers.
        pod.wait_until("it has been asked many times more", |pod| {
            let (code, why) = pod.readiness();
            assert_eq!(code, 200, "{ahead} s ahead: {why}");
            pod.status()["postmaster"]["answeredAt"].as_u64().unwrap() > before + 3
        });
    }
    // That the clock was set is seen by the server, which goes by the time of day.
    set(&base, 3_600);
    let servers = pod.ask("select extract(epoch from clock_timestamp())::bigint");
    let machines = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    assert!(
        servers.parse::<u64>().unwrap() > machines + 3_000,
        "{servers} {machines}"
    );
}
