use super::*;
use crate::storage::mountinfo;
use proptest::prelude::*;

const GIB: u64 = 1024 * MIB;

type Deriving = fn(&Limits, &BTreeMap<String, String>) -> Vec<Derived>;

fn limit(value: u64, file: &str) -> Limit {
    Limit {
        value,
        file: file.into(),
    }
}

fn limits(memory: Option<u64>, cpus: Option<u64>) -> Limits {
    let memory = memory.map(|bytes| limit(bytes, "memory.max"));
    let cpus = cpus.map(|milli| limit(milli, "cpu.max"));
    Limits {
        memory: Resource::new(u64::MAX, memory),
        cpus: Resource::new(u64::MAX, cpus),
    }
}

fn none() -> BTreeMap<String, String> {
    BTreeMap::new()
}

fn shown(derived: &[Derived]) -> String {
    derived
        .iter()
        .map(|d| format!("{} = {}  # {}\n", d.name, d.value, d.why))
        .collect()
}

fn values(derived: &[Derived]) -> String {
    let words: Vec<_> = derived.iter().map(|d| format!("{}={}", d.name, d.value)).collect();
    words.join(" ")
}

#[test]
fn without_a_limit_nothing_follows() {
    for derive in [postgres::derive as Deriving, greenplum::derive] {
        assert_eq!(derive(&limits(None, None), &none()), []);
    }
    let unlimited_v1 = limit(0x7fff_ffff_ffff_f000, "memory.limit_in_bytes");
    assert_eq!(Resource::new(64 * GIB, [unlimited_v1]).limit, None);
}

#[test]
fn the_least_of_all_limits_counts() {
    let all = [limit(4 * GIB, "a"), limit(2 * GIB, "b"), limit(3 * GIB, "c")];
    let resource = Resource::new(64 * GIB, all);
    assert_eq!(resource.limit, Some(limit(2 * GIB, "b")));
}

#[test]
fn postgres_tells_where_each_value_comes_from() {
    let derived = postgres::derive(&limits(Some(2 * GIB), Some(1500)), &none());
    insta::assert_snapshot!(shown(&derived), @r"
        shared_buffers = 512MB  # 25 % of the memory limit of 2048 MiB (memory.max), at most 16 GiB
        effective_cache_size = 1024MB  # half of the memory limit of 2048 MiB (memory.max)
        max_parallel_workers = 2  # rounded up from the CPU limit of 1.5 (cpu.max)
        max_parallel_workers_per_gather = 0  # half, rounded down, of the CPU limit of 1.5 (cpu.max)
        max_parallel_maintenance_workers = 0  # half, rounded down, of the CPU limit of 1.5 (cpu.max)
        ");
}

#[test]
fn postgres_in_small_and_large_containers() {
    let of = |mib: u64, cpus: u64| values(&postgres::derive(&limits(Some(mib * MIB), Some(cpus)), &none()));
    insta::assert_snapshot!([of(64, 100), of(256, 500), of(1023, 2000), of(1024, 4000), of(8192, 7500), of(524_288, 64_000)].join("\n"), @r"
        shared_buffers=9MB effective_cache_size=32MB maintenance_work_mem=4MB max_parallel_workers=1 max_parallel_workers_per_gather=0 max_parallel_maintenance_workers=0
        shared_buffers=38MB effective_cache_size=128MB maintenance_work_mem=16MB max_parallel_workers=1 max_parallel_workers_per_gather=0 max_parallel_maintenance_workers=0
        shared_buffers=153MB effective_cache_size=511MB maintenance_work_mem=63MB max_parallel_workers=2 max_parallel_workers_per_gather=1 max_parallel_maintenance_workers=1
        shared_buffers=256MB effective_cache_size=512MB max_parallel_workers=4
        shared_buffers=2048MB effective_cache_size=4096MB
        shared_buffers=16384MB effective_cache_size=262144MB
        ");
}

#[test]
fn greenplum_tells_where_each_value_comes_from() {
    let derived = greenplum::derive(&limits(Some(4 * GIB), Some(2500)), &none());
    insta::assert_snapshot!(shown(&derived), @r"
        gp_vmem_protect_limit = 1686  # MB: the memory limit of 4096 MiB (memory.max), less 5 % and 1024 MiB for all else, divided by 1.7
        statement_mem = 77690kB  # 90 % of gp_vmem_protect_limit (1686 MB), divided by 20 queries at once (pg_default); the coordinator's value counts
        gp_resqueue_priority_cpucores_per_segment = 2.5  # the CPU limit of 2.5 (cpu.max)
        ");
}

#[test]
fn greenplum_in_small_and_large_containers() {
    let of = |mib: u64| values(&greenplum::derive(&limits(Some(mib * MIB), None), &none()));
    insta::assert_snapshot!([of(64), of(256), of(1024), of(16_384), of(65_536), of(262_144)].join("\n"), @r"
        gp_vmem_protect_limit=26 shared_buffers=12000kB statement_mem=4096kB
        gp_vmem_protect_limit=105 shared_buffers=32768kB statement_mem=4838kB
        gp_vmem_protect_limit=421 statement_mem=19399kB
        gp_vmem_protect_limit=6746 statement_mem=310855kB
        gp_vmem_protect_limit=32105 max_statement_mem=3355443kB statement_mem=1479398kB
        gp_vmem_protect_limit=206287 max_statement_mem=13421772kB statement_mem=9505704kB
        ");
}

/// 64 GB, one primary, no swap: (64 - (7.5 + 3.2)) / 1.7 = 31.35 GB.
#[test]
fn greenplum_follows_the_guide_on_containers_of_a_hosts_size() {
    let derived = greenplum::derive(&limits(Some(64 * GIB), None), &none());
    assert_eq!(derived[0].value, ((6_400 - 1_070) * 1024 / 170).to_string());
}

#[test]
fn what_the_configuration_sets_is_left_alone() {
    let configured = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect()
    };
    let names = |derived: &[Derived]| derived.iter().map(|d| d.name).collect::<Vec<_>>().join(" ");
    let small = limits(Some(512 * MIB), Some(1000));
    let given = configured(&[("Shared_Buffers", "64MB"), ("max_parallel_workers", "8")]);
    assert_eq!(
        names(&postgres::derive(&small, &given)),
        "effective_cache_size maintenance_work_mem max_parallel_workers_per_gather max_parallel_maintenance_workers"
    );
    let given = configured(&[("max_statement_mem", "64MB")]);
    assert_eq!(
        names(&greenplum::derive(&small, &given)),
        "gp_vmem_protect_limit shared_buffers gp_resqueue_priority_cpucores_per_segment",
        "statement_mem has to stay below a cap that somebody chose"
    );
    let given = configured(&[("gp_vmem_protect_limit", "200")]);
    let derived = greenplum::derive(&small, &given);
    assert_eq!(
        values(&derived[1..2]),
        "statement_mem=9216kB",
        "from the value that is set"
    );
    for unlimited in ["0", "many"] {
        let given = configured(&[("gp_vmem_protect_limit", unlimited)]);
        assert!(!names(&greenplum::derive(&small, &given)).contains("statement_mem"));
    }
}

#[test]
fn a_limit_that_is_too_small_is_told() {
    let judged = judge(&limits(Some(255 * MIB), None), "PostgreSQL", postgres::LEAST).unwrap();
    insta::assert_snapshot!(judged.to_string(), @"warning limits memory.max: the memory limit is 255 MiB; below 256 MiB PostgreSQL is soon killed for memory; raise resources.limits.memory of the container, or set fewer connections and less memory in `parameters`");
    assert_eq!(
        judge(&limits(Some(256 * MIB), None), "PostgreSQL", postgres::LEAST),
        None
    );
    assert_eq!(judge(&limits(None, None), "Greenplum", greenplum::LEAST), None);
}

fn number(derived: &[Derived], name: &str) -> Option<u64> {
    let value = &derived.iter().find(|d| d.name == name)?.value;
    value.trim_end_matches(char::is_alphabetic).parse().ok()
}

proptest! {
    /// The replica may have another limit than its primary, so nothing of this kind may follow from limits.
    #[test]
    fn nothing_that_a_replica_must_have_as_large_as_its_primary(
        memory in proptest::option::of(1u64..(1 << 45)), cpus in proptest::option::of(1u64..1_000_000)
    ) {
        for derive in [postgres::derive as Deriving, greenplum::derive] {
            let derived = derive(&limits(memory, cpus), &none());
            prop_assert!(derived.iter().all(|d| !NEVER_DERIVED.contains(&d.name)));
            prop_assert!(derived.iter().all(|d| !d.why.contains('\n')));
        }
    }

    #[test]
    fn postgres_never_promises_more_than_there_is(bytes in (64 * MIB)..(1 << 45)) {
        let derived = postgres::derive(&limits(Some(bytes), None), &none());
        let buffers = number(&derived, "shared_buffers").unwrap() * MIB;
        let maintenance = number(&derived, "maintenance_work_mem").unwrap_or(64) * MIB;
        prop_assert!(buffers + 3 * maintenance <= bytes / 2);
        prop_assert!(buffers >= 128 * 1024, "PostgreSQL's least");
    }

    #[test]
    fn greenplum_never_promises_more_than_there_is(bytes in (64 * MIB)..(1 << 45), more in 0u64..(1 << 40)) {
        let of = |bytes| greenplum::derive(&limits(Some(bytes), None), &none());
        let derived = of(bytes);
        let vmem = number(&derived, "gp_vmem_protect_limit").unwrap();
        let statement = number(&derived, "statement_mem").unwrap();
        let most = number(&derived, "max_statement_mem").unwrap_or(2_048_000);
        let buffers = number(&derived, "shared_buffers").unwrap_or(128_000);
        prop_assert!(vmem * MIB + buffers * 1024 < bytes / 100 * 95);
        prop_assert!(statement < most && statement >= 1000 && most >= 32_768, "guc_gp.c");
        prop_assert!(buffers >= 16 * 750);
        prop_assert!(number(&of(bytes + more), "gp_vmem_protect_limit").unwrap() >= vmem);
    }
}

fn mounted(text: &str) -> Vec<mountinfo::Mount> {
    mountinfo::parse(text.as_bytes())
}

const V2: &str = "30 29 0:26 / /sys/fs/cgroup ro,nosuid shared:4 - cgroup2 cgroup rw,nsdelegate\n";
const V1: &str = "\
31 29 0:27 /kubepods/pod7/c1 /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory
32 29 0:28 /kubepods/pod7/c1 /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct
33 29 0:29 / /sys/fs/cgroup/unified ro - cgroup2 cgroup2 rw
";

#[test]
fn a_group_of_version_2_is_found_below_its_mount() {
    let found = hierarchies("memory", b"0::/\n", &mounted(V2));
    let root = Hierarchy {
        version: Version::V2,
        dir: "/sys/fs/cgroup".into(),
        top: "/sys/fs/cgroup".into(),
    };
    assert_eq!(found, [root]);
    let nested = hierarchies("cpu", b"0::/kubepods.slice/pod7/c1\n", &mounted(V2));
    assert_eq!(nested[0].dir, PathBuf::from("/sys/fs/cgroup/kubepods.slice/pod7/c1"));
    // Outside the namespace's root.
    let outside = hierarchies("cpu", b"0::/../c2\n", &mounted(V2));
    assert_eq!(outside[0].dir, PathBuf::from("/sys/fs/cgroup"));
}

#[test]
fn a_container_without_a_cgroup_namespace_sees_its_own_group_as_the_mounts_root() {
    let own = "5:cpu,cpuacct:/kubepods/pod7/c1\n4:memory:/kubepods/pod7/c1/sub\n0::/x\n";
    let memory = hierarchies("memory", own.as_bytes(), &mounted(V1));
    assert_eq!(memory[0].dir, PathBuf::from("/sys/fs/cgroup/memory/sub"));
    assert_eq!(memory[0].top, PathBuf::from("/sys/fs/cgroup/memory"));
    assert_eq!((memory[0].version, memory[1].version), (Version::V1, Version::V2));
    let cpu = hierarchies("cpu", own.as_bytes(), &mounted(V1));
    assert_eq!(cpu[0].dir, PathBuf::from("/sys/fs/cgroup/cpu,cpuacct"));
    let elsewhere = hierarchies("memory", b"4:memory:/other\n", &mounted(V1));
    assert_eq!(elsewhere[0].dir, PathBuf::from("/sys/fs/cgroup/memory"));
    assert_eq!(hierarchies("memory", b"1:name=systemd:/\n", &mounted(V1)), []);
}

#[test]
fn files_say_how_much() {
    assert_eq!(parse_bytes("max\n"), None);
    assert_eq!(parse_bytes("268435456\n"), Some(256 * MIB));
    assert_eq!(parse_cpu_max("max 100000\n"), None);
    assert_eq!(parse_cpu_max("150000 100000\n"), Some(1500));
    assert_eq!(parse_quota("-1\n", "100000\n"), None);
    assert_eq!(parse_quota("50000\n", "100000\n"), Some(500));
    assert_eq!(parse_quota("50000", "0"), None);
}
