//! How much memory the kernel gives away at once, and whether all of it counts against a cgroup's limit.

use std::path::Path;

/// proc(5): "obvious overcommits of address space are refused".
const HEURISTIC: &str = "0";

/// Bytes beyond which it refuses a mapping, whatever is free; nothing where it was told to judge otherwise
/// (`vm.overcommit_memory`, the same for every container of a machine).
pub(crate) fn most_at_once() -> Option<u64> {
    let mode = std::fs::read_to_string("/proc/sys/vm/overcommit_memory").ok()?;
    let info = rustix::system::sysinfo();
    let units = info.totalram.saturating_add(info.totalswap);
    (mode.trim() == HEURISTIC).then(|| units.saturating_mul(info.mem_unit.into()))
}

/// Whether there may be huge pages, which no limit of memory counts (hugetlb has one of its own).
pub(crate) fn may_have_huge_pages() -> bool {
    let Ok(sizes) = std::fs::read_dir("/sys/kernel/mm/hugepages") else {
        return Path::new("/sys/kernel/mm/hugepages").exists();
    };
    let none = |file: &Path| std::fs::read_to_string(file).is_ok_and(|count| count.trim() == "0");
    let mut sizes = sizes.flatten().map(|size| size.path());
    sizes.any(|size| {
        ["nr_hugepages", "nr_overcommit_hugepages"]
            .iter()
            .any(|count| !none(&size.join(count)))
    })
}
