//! `/proc/self/mountinfo`, as proc_pid_mountinfo(5) describes it.
//!
//! Bytes, not text: the kernel escapes blanks and backslashes alone (fs/seq_file.c, mangle_path), and one foreign mount point
//! in another encoding must not hide all others. The crate procfs-core is no help here: it does not undo the escapes (its
//! issue 262), and refuses the whole table for one line or byte that it does not understand.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// One mounted file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// The mount's number, the same as statx(2)'s `stx_mnt_id`.
    pub id: u64,
    /// The directory of the file system that is mounted; not `/` for bind mounts.
    pub root: PathBuf,
    /// Where it is mounted.
    pub point: PathBuf,
    /// File system kind, such as `ext4`.
    pub kind: String,
    /// What is mounted: a device, `server:/export`, or any word.
    pub source: String,
    /// Options of the file system itself ("super options"), with commas between them.
    pub options: String,
}

/// All mounts, in the order of mounting; lines that are none are passed over.
pub fn parse(mountinfo: &[u8]) -> Vec<Mount> {
    mountinfo.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// The mount that `path` (absolute, without symbolic links) is on: number `id` where the kernel told it, otherwise the one
/// with the longest mount point, the last such, because that hides the earlier ones.
pub fn find<'a>(mounts: &'a [Mount], id: Option<u64>, path: &Path) -> Option<&'a Mount> {
    id.and_then(|id| mounts.iter().find(|m| m.id == id)).or_else(|| {
        mounts
            .iter()
            .filter(|m| path.starts_with(&m.point))
            .max_by_key(|m| m.point.as_os_str().len())
    })
}

fn parse_line(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    // Optional fields stand between the sixth and a lone hyphen.
    let hyphen = 6 + fields.get(6..)?.iter().position(|f| *f == b"-")?;
    Some(Mount {
        id: str::from_utf8(fields.first()?).ok()?.parse().ok()?,
        root: PathBuf::from(unescape(fields.get(3)?)),
        point: PathBuf::from(unescape(fields.get(4)?)),
        kind: text(fields.get(hyphen + 1)?),
        source: unescape(fields.get(hyphen + 2)?).to_string_lossy().into_owned(),
        options: text(fields.get(hyphen + 3).copied().unwrap_or_default()),
    })
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

/// Space, tab, newline and backslash are written as a backslash and three octal digits.
fn unescape(bytes: &[u8]) -> OsString {
    let mut out = Vec::with_capacity(bytes.len());
    let mut i = 0;
    while let Some(&byte) = bytes.get(i) {
        let code = bytes.get(i + 1..i + 4).and_then(octal);
        match code {
            Some(code) if byte == b'\\' => {
                out.push(code);
                i += 4;
            }
            _ => {
                out.push(byte);
                i += 1;
            }
        }
    }
    OsString::from_vec(out)
}

fn octal(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0u8, |n, d| match d {
        b'0'..=b'7' => n.checked_mul(8)?.checked_add(d - b'0'),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    const TEXT: &[u8] = b"\
27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
30 25 0:27 / /dev/shm rw,relatime shared:3 master:1 - tmpfs tmpfs rw,size=24684084k
bad line
40 27 8:1 /var/lib/pv\\040a /green\\134plum rw - xfs /dev/disk\\040one rw
41 27 0:40 / /greenplum rw - tmpfs none rw
42 27 8:1 / /greenplum rw - ext4 /dev/sdb rw
";

    #[test]
    fn fields_are_found() {
        let mounts = parse(TEXT);
        assert_eq!(mounts.len(), 5);
        let escaped = &mounts[2];
        assert_eq!(escaped.root, Path::new("/var/lib/pv a"));
        assert_eq!(escaped.point, Path::new("/green\\plum"));
        assert_eq!(escaped.source, "/dev/disk one");
        assert_eq!((mounts[1].kind.as_str(), mounts[1].id), ("tmpfs", 30));
    }

    #[test]
    fn a_name_in_another_encoding_hides_no_other_mount() {
        let mounts = parse(b"27 1 254:0 / /\xff rw - ext4 /dev/vda rw\n42 27 8:1 / /greenplum rw - xfs /dev/sdb rw\n");
        assert_eq!(mounts[0].point, Path::new(OsStr::from_bytes(b"/\xff")));
        assert_eq!(mounts[1].point, Path::new("/greenplum"));
    }

    #[test]
    fn the_number_decides_then_the_longest_and_last_point() {
        let mounts = parse(TEXT);
        let id = |id, path: &str| find(&mounts, id, Path::new(path)).map(|m| m.id);
        assert_eq!(id(Some(41), "/greenplum/x"), Some(41));
        assert_eq!(id(Some(999), "/greenplum/x"), Some(42));
        assert_eq!(id(None, "/greenplum"), Some(42));
        assert_eq!(id(None, "/greenplum2"), Some(27));
        assert_eq!(find(&[], None, Path::new("/")), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            parse(&text);
        }

        #[test]
        fn a_mount_point_is_read_back(name in "[ -~]{1,20}") {
            let escaped: String = name.chars().map(|c| match c {
                ' ' | '\\' => format!("\\{:03o}", c as u32),
                c => c.to_string(),
            }).collect();
            let mounts = parse(format!("1 0 8:1 / /{escaped} rw - ext4 /dev/sda rw").as_bytes());
            prop_assert_eq!(&mounts[0].point, &PathBuf::from(format!("/{name}")));
        }
    }
}
