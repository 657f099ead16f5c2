use super::*;
use crate::cluster::volume::Space;
use proptest::prelude::*;

/// A good disk, to be spoilt.
fn disk() -> Observation {
    Observation {
        path: "/greenplum".into(),
        purpose: crate::cluster::volume::VolumePurpose::Data,
        file_system: FileSystem {
            magic: 0xEF53,
            kind: "ext4".into(),
            source: "/dev/sdb".into(),
            mount_point: "/greenplum".into(),
            device: Some("sdb".into()),
            device_number: 2064,
        },
        owner: Owner {
            uid: 1000,
            gid: 1000,
            mode: 0o700,
        },
        space: Space {
            total_bytes: 100 << 30,
            free_bytes: 50 << 30,
            free_inodes: Some(6_000_000),
        },
        alignment: Alignment::Bytes {
            memory: 512,
            offset: 512,
        },
        direct_io: DirectIo::Works,
        takes_single_bytes: Some(false),
        fsync: Latency {
            p50: Duration::from_micros(300),
            p99: Duration::from_millis(2),
            samples: 64,
        },
    }
}

fn on(magic: u64, kind: &str) -> Observation {
    let mut seen = disk();
    seen.file_system.magic = magic;
    seen.file_system.kind = kind.into();
    seen.file_system.source = kind.into();
    seen.file_system.device = None;
    seen
}

fn refused() -> DirectIo {
    DirectIo::Failed {
        step: "open",
        error: "Invalid argument (os error 22)".into(),
    }
}

fn findings(seen: &Observation, require: Require) -> Vec<(Severity, String)> {
    let (_, findings) = judge(seen, require, 512);
    findings.into_iter().map(|f| (f.severity, f.to_string())).collect()
}

#[test]
fn a_disk_passes() {
    let (status, found) = judge(&disk(), Require::Durable, 512);
    assert_eq!(found, []);
    assert!(status.durable && status.direct_io);
    assert_eq!(status.file_system, "ext4");
    assert!((status.fsync_p99_seconds - 0.002).abs() < 1e-9);
}

#[test]
fn memory_is_never_durable_although_o_direct_works() {
    let tmpfs = on(0x0102_1994, "tmpfs");
    let (status, _) = judge(&tmpfs, Require::Any, 512);
    assert!(status.direct_io && !status.durable);
    let found = findings(&tmpfs, Require::Durable);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, Severity::Error);
    for word in [
        "/greenplum (data)",
        "a tmpfs",
        "lost at a reboot",
        "FTS",
        "StorageClass",
        "named volume",
        "storage.require",
    ] {
        assert!(found[0].1.contains(word), "{word} is not in: {}", found[0].1);
    }
    for lenient in [Require::DirectIo, Require::Any] {
        assert_eq!(findings(&tmpfs, lenient)[0].0, Severity::Warning);
    }
}

#[test]
fn ext4_on_a_ram_disk_is_memory() {
    let mut seen = disk();
    seen.file_system.device = Some("ram0".into());
    let found = findings(&seen, Require::Durable);
    assert_eq!(found[0].0, Severity::Error);
    assert!(found[0].1.contains("an ext4 (/dev/sdb, mounted"), "{}", found[0].1);
}

#[test]
fn the_containers_own_layer_is_not_durable() {
    let mut seen = on(0x794C_7630, "overlay");
    seen.file_system.mount_point = "/".into();
    let found = findings(&seen, Require::Durable);
    assert_eq!(found.len(), 1);
    assert!(found[0].1.contains("lost with the container"));
    assert!(!judge(&seen, Require::Any, 0).0.durable);
}

#[test]
fn a_directory_of_the_root_file_system_is_reported() {
    let mut seen = disk();
    seen.file_system.mount_point = "/".into();
    let found = findings(&seen, Require::Durable);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].0, Severity::Warning);
    assert!(found[0].1.contains("no volume is mounted"));
}

#[test]
fn missing_direct_io_is_an_error_unless_anything_goes() {
    let mut seen = disk();
    seen.direct_io = refused();
    for (require, expected) in [
        (Require::Durable, Severity::Error),
        (Require::DirectIo, Severity::Error),
        (Require::Any, Severity::Warning),
    ] {
        let found = findings(&seen, require);
        assert_eq!(found[0].0, expected);
        assert!(found[0].1.contains("open: Invalid argument"), "{}", found[0].1);
    }
    assert!(!judge(&seen, Require::Any, 0).0.durable);
}

#[test]
fn a_disk_that_only_pretends_direct_io_is_reported() {
    let mut seen = disk();
    seen.alignment = Alignment::Unsupported;
    let found = findings(&seen, Require::Durable);
    assert_eq!(found.len(), 1);
    assert!(found[0].1.contains("page cache"));
    seen.alignment = Alignment::Unknown;
    assert_eq!(findings(&seen, Require::Durable), []);
}

#[test]
fn what_cannot_be_known_is_a_warning() {
    for seen in [
        on(0x6573_5546, "virtiofs"),
        on(0x0102_1997, "9p"),
        on(0x4242, "newfs"),
        on(0x6969, "nfs4"),
    ] {
        let found = findings(&seen, Require::Durable);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, Severity::Warning);
        assert!(judge(&seen, Require::Durable, 0).0.durable);
    }
    let share = findings(&on(0xFF53_4D42, "cifs"), Require::Durable);
    assert_eq!(share[0].0, Severity::Error);
}

#[test]
fn too_little_room_is_an_error_only_where_it_was_asked_for() {
    let mut seen = disk();
    seen.space.free_bytes = 100 << 20;
    assert_eq!(findings(&seen, Require::Any)[0].0, Severity::Error);
    assert_eq!(judge(&seen, Require::Durable, 0).1, []);
}

#[test]
fn slow_fsync_is_a_warning() {
    let mut seen = disk();
    seen.fsync.p99 = Duration::from_millis(100);
    assert_eq!(findings(&seen, Require::Durable), []);
    seen.fsync.p99 = Duration::from_millis(101);
    let found = findings(&seen, Require::Durable);
    assert_eq!(found[0].0, Severity::Warning);
    assert!(found[0].1.contains("101 ms at the 99th percentile of 64"));
}

#[test]
fn shared_memory_has_two_limits() {
    let at = |mib: u64| judge_shm(Some(mib << 20)).map(|f| f.severity);
    assert_eq!(at(15), Some(Severity::Error));
    assert_eq!(at(16), Some(Severity::Warning));
    assert_eq!(at(64), Some(Severity::Warning));
    assert_eq!(at(127), Some(Severity::Warning));
    assert_eq!(at(128), None);
    assert_eq!(judge_shm(None).unwrap().severity, Severity::Warning);
    let text = judge_shm(Some(64 << 20)).unwrap().to_string();
    assert!(text.contains("shm_size") && text.contains("medium: Memory"));
}

#[test]
fn percentiles_are_of_the_nearest_rank() {
    let ms = |n: u64| Duration::from_millis(n);
    let latency = Latency::of((1..=100).rev().map(ms).collect());
    assert_eq!((latency.p50, latency.p99, latency.samples), (ms(50), ms(99), 100));
    assert_eq!(Latency::of(vec![ms(7)]).p99, ms(7));
    assert_eq!(Latency::of(vec![]), Latency::default());
}

fn observation() -> impl Strategy<Value = Observation> {
    let magic = proptest::sample::select(vec![
        (0xEF53, "ext4"),
        (0x0102_1994, "tmpfs"),
        (0x794C_7630, "overlay"),
        (0x6969, "nfs4"),
        (0x6573_5546, "fuse"),
        (0xFF53_4D42, "cifs"),
        (0x77, "other"),
    ]);
    let alignment = proptest::sample::select(vec![Alignment::Unknown, Alignment::Unsupported]);
    (magic, alignment, any::<(bool, bool, u64, u64, u32)>()).prop_map(
        |((magic, kind), alignment, (direct, root, free, inodes, p99))| {
            let mut seen = on(magic, kind);
            seen.alignment = alignment;
            if !direct {
                seen.direct_io = refused();
            }
            if root {
                seen.file_system.mount_point = "/".into();
            }
            seen.space.free_bytes = free;
            seen.space.free_inodes = Some(inodes);
            seen.fsync.p99 = Duration::from_micros(p99.into());
            seen
        },
    )
}

fn errors(seen: &Observation, require: Require, min: u64) -> usize {
    let (_, found) = judge(seen, require, min);
    found.iter().filter(|f| f.severity == Severity::Error).count()
}

proptest! {
    #[test]
    fn what_is_durable_meets_every_requirement_and_nothing_else_does(seen in observation()) {
        let (status, _) = judge(&seen, Require::Durable, 0);
        prop_assert_eq!(status.durable, errors(&seen, Require::Durable, 0) == 0);
        prop_assert_eq!(status.direct_io, errors(&seen, Require::DirectIo, 0) == 0);
        prop_assert_eq!(errors(&seen, Require::Any, 0), 0);
    }

    #[test]
    fn the_requirement_changes_how_bad_a_finding_is_and_not_what_is_found(seen in observation(), min in 0u64..1000) {
        let texts = |require| -> Vec<String> {
            judge(&seen, require, min).1.into_iter().map(|f| f.what + &f.remedy).collect()
        };
        prop_assert_eq!(texts(Require::Durable), texts(Require::Any));
        prop_assert!(errors(&seen, Require::Durable, min) >= errors(&seen, Require::DirectIo, min));
        prop_assert!(errors(&seen, Require::DirectIo, min) >= errors(&seen, Require::Any, min));
    }

    #[test]
    fn percentiles_are_ordered_and_measured(micros in proptest::collection::vec(0u64..1_000_000, 1..200)) {
        let samples: Vec<_> = micros.into_iter().map(Duration::from_micros).collect();
        let latency = Latency::of(samples.clone());
        prop_assert!(latency.p50 <= latency.p99);
        prop_assert!(samples.contains(&latency.p50) && samples.contains(&latency.p99));
    }
}
