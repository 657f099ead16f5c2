//! Which file systems keep what was written to them.

/// What a file system is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// A local disk's file system.
    Disk,
    /// A server or cluster keeps the data, and says so only after it is safe.
    Network,
    /// A network share whose locks and flushes a database should not trust.
    Share,
    /// Passes everything on to a file system that cannot be seen from here.
    PassThrough,
    /// Lives in memory: gone at reboot or unmount.
    Memory,
    /// The writable layer of a container: gone with the container.
    Layer,
    /// Not in the table.
    Unknown,
}

/// The table: magic number of statfs(2), the name that `/proc/self/mountinfo` uses, class.
///
/// The numbers are those of Linux' `include/uapi/linux/magic.h` and of statfs(2); ZFS, Lustre, GPFS, BeeGFS and GFS2 from
/// their own sources. ext2, ext3 and ext4 share one.
const TABLE: &[(u64, &str, Class)] = &[
    (0xEF53, "ext4", Class::Disk),
    (0x5846_5342, "xfs", Class::Disk),
    (0x9123_683E, "btrfs", Class::Disk),
    (0x2FC1_2FC1, "zfs", Class::Disk),
    (0xF2F5_2010, "f2fs", Class::Disk),
    (0xCA45_1A4E, "bcachefs", Class::Disk),
    (0x3153_464A, "jfs", Class::Disk),
    (0x5265_4973, "reiserfs", Class::Disk),
    (0x3434, "nilfs2", Class::Disk),
    (0x7461_636F, "ocfs2", Class::Disk),
    (0x0116_1970, "gfs2", Class::Disk),
    (0xA501_FCF5, "vxfs", Class::Disk),
    (0x6969, "nfs", Class::Network),
    (0x00C3_6400, "ceph", Class::Network),
    (0x0BD0_0BD0, "lustre", Class::Network),
    (0x4750_4653, "gpfs", Class::Network),
    (0x1983_0326, "beegfs", Class::Network),
    (0xFF53_4D42, "cifs", Class::Share),
    (0xFE53_4D42, "smb3", Class::Share),
    (0x517B, "smbfs", Class::Share),
    (0x5346_414F, "afs", Class::Share),
    (0x4D44, "vfat", Class::Share),
    (0x2011_BAB0, "exfat", Class::Share),
    (0x6573_5546, "fuse", Class::PassThrough),
    (0x0102_1997, "9p", Class::PassThrough),
    (0x786F_4256, "vboxsf", Class::PassThrough),
    (0x7C7C_6673, "prl_fs", Class::PassThrough),
    (0xF15F, "ecryptfs", Class::PassThrough),
    (0x0102_1994, "tmpfs", Class::Memory),
    (0x8584_58F6, "ramfs", Class::Memory),
    (0x9584_58F6, "hugetlbfs", Class::Memory),
    (0x794C_7630, "overlay", Class::Layer),
    (0x6175_6673, "aufs", Class::Layer),
];

/// The class of a file system.
///
/// The magic number decides; the mount table's name helps where one number stands for many (virtiofs and every FUSE
/// daemon) or where the number is not in the table. `device` is the kernel's name of the block device below, if there is
/// one: a disk's file system on a RAM disk is memory.
pub(crate) fn classify(magic: u64, kind: &str, device: Option<&str>) -> Class {
    // statfs' field is signed on some architectures and arrives sign-extended.
    let magic = magic & 0xFFFF_FFFF;
    let class = TABLE
        .iter()
        .find(|(m, _, _)| *m == magic)
        .or_else(|| TABLE.iter().find(|(_, name, _)| *name == kind))
        .map_or(Class::Unknown, |(_, _, class)| *class);
    match (class, kind) {
        (Class::PassThrough, "fuse.glusterfs" | "fuse.ceph" | "fuse.juicefs") => Class::Network,
        (Class::PassThrough, "fuse.overlayfs" | "fuse.fuse-overlayfs") => Class::Layer,
        (Class::Disk, _) if device.is_some_and(is_memory_device) => Class::Memory,
        _ => class,
    }
}

/// Why a file system is no place for what the processes of one machine share, and nobody else: `None` where it is one.
pub fn unfit_for_one_machine(magic: u64) -> Option<&'static str> {
    /// Of a disk that several machines write to.
    const CLUSTERS: [&str; 3] = ["ocfs2", "gfs2", "vxfs"];
    match classify(magic, "", None) {
        Class::Disk if CLUSTERS.contains(&name(magic).as_str()) => Some("is one that other machines can have too"),
        Class::Disk | Class::Memory => None,
        Class::Network | Class::Share => Some("is one that other machines can have too"),
        Class::PassThrough => Some("hides where its files are kept, and other machines may have them too"),
        Class::Layer => Some("is this container's own layer, which no other container sees"),
        Class::Unknown => Some("is not known to be this machine's alone"),
    }
}

/// The name of a file system whose mount could not be found, by its magic number.
pub fn name(magic: u64) -> String {
    TABLE
        .iter()
        .find(|(m, _, _)| *m == magic & 0xFFFF_FFFF)
        .map_or_else(|| format!("0x{magic:x}"), |(_, name, _)| name.to_string())
}

/// `ram0`, `zram1`: block devices of the drivers brd and zram.
fn is_memory_device(device: &str) -> bool {
    ["zram", "ram"].iter().any(|driver| {
        device
            .strip_prefix(driver)
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn file_systems_are_told_apart() {
        for (magic, kind, device, class) in [
            (0xEF53, "ext4", Some("sda1"), Class::Disk),
            (0xEF53, "ext3", Some("loop0"), Class::Disk),
            (0xEF53, "ext4", Some("ram0"), Class::Memory),
            (0x5846_5342, "xfs", Some("zram12"), Class::Memory),
            (0x5846_5342, "xfs", Some("ramses"), Class::Disk),
            (0x0102_1994, "tmpfs", None, Class::Memory),
            (0x0102_1994, "rootfs", None, Class::Memory),
            (0x8584_58F6, "ramfs", None, Class::Memory),
            (0x794C_7630, "overlay", None, Class::Layer),
            (0x6573_5546, "virtiofs", None, Class::PassThrough),
            (0x6573_5546, "fuse.glusterfs", None, Class::Network),
            (0x6573_5546, "fuse.fuse-overlayfs", None, Class::Layer),
            (0x6969, "nfs4", None, Class::Network),
            (0xFFFF_FFFF_FF53_4D42, "cifs", None, Class::Share),
            (0x1234_5678, "newfs", None, Class::Unknown),
            (0x1234_5678, "zfs", None, Class::Disk),
        ] {
            assert_eq!(classify(magic, kind, device), class, "{kind} on {device:?}");
        }
        assert_eq!(name(0xEF53), "ext4");
        assert_eq!(name(0x1234), "0x1234");
    }

    #[test]
    fn only_disks_and_memory_are_one_machines_alone() {
        for magic in [0xEF53, 0x5846_5342, 0x9123_683E, 0x0102_1994, 0x8584_58F6] {
            assert_eq!(unfit_for_one_machine(magic), None, "{}", name(magic));
        }
        for (magic, why) in [
            (0x6969, "other machines"),
            (0xFFFF_FFFF_FF53_4D42, "other machines"),
            (0x00C3_6400, "other machines"),
            (0x7461_636F, "other machines"),
            (0x6573_5546, "hides"),
            (0x794C_7630, "own layer"),
            (0x1234_5678, "not known"),
        ] {
            let said = unfit_for_one_machine(magic).unwrap();
            assert!(said.contains(why), "{}: {said}", name(magic));
        }
    }

    #[test]
    fn numbers_and_names_are_unique() {
        for (i, (magic, name, _)) in TABLE.iter().enumerate() {
            for (other_magic, other_name, _) in &TABLE[i + 1..] {
                assert!(magic != other_magic && name != other_name, "{name}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_name_makes_memory_durable(kind in "[a-z.0-9]{0,12}", device in proptest::option::of("[a-z0-9]{1,6}")) {
            for magic in [0x0102_1994, 0x8584_58F6, 0x9584_58F6] {
                prop_assert_eq!(classify(magic, &kind, device.as_deref()), Class::Memory);
            }
        }
    }
}
