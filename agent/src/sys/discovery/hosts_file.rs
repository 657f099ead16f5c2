//! `/etc/hosts`, where the pod has one of its own that the agent may write. Nobody else in the agent writes it.

use gp_agent_core::discovery::hosts_file;
use gp_agent_core::discovery::kept_hosts::{KeptHost, plan, without_own};
use gp_agent_core::storage::mountinfo;
use rustix::fs::{Access, access};
use rustix::io::Errno;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Where libc looks first.
pub(super) const HOSTS: &str = "/etc/hosts";

/// Why the agent leaves the file alone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NotOurs {
    /// Kubernetes and Docker mount a container's own; without a mount it belongs to whoever runs the machine.
    #[error("{HOSTS} is not mounted by itself: it may be a machine's")]
    NotMounted,
    /// A container's own is often root's.
    #[error("{HOSTS} cannot be written by this user: {0}")]
    NotWritable(#[source] Errno),
}

/// A file of hosts.
#[derive(Clone, Debug)]
pub struct HostsFile {
    path: PathBuf,
}

impl HostsFile {
    /// `/etc/hosts`, where the agent may write it.
    ///
    /// # Errors
    /// Why it leaves the file alone.
    pub(crate) fn of_this_pod() -> Result<HostsFile, NotOurs> {
        let file = HostsFile::at(HOSTS.into());
        // Of this thread: it may be in a mount namespace of its own.
        let mounts = std::fs::read("/proc/thread-self/mountinfo").unwrap_or_default();
        if !mountinfo::parse(&mounts).iter().any(|m| m.point == file.path) {
            return Err(NotOurs::NotMounted);
        }
        access(&file.path, Access::READ_OK | Access::WRITE_OK).map_err(NotOurs::NotWritable)?;
        Ok(file)
    }

    /// This file, whoever it belongs to.
    pub fn at(path: PathBuf) -> HostsFile {
        HostsFile { path }
    }

    /// Which file it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Has it say what is known, with writes in place; returns how many there were. Blocks as long as the volume does.
    ///
    /// # Errors
    /// What the kernel said; what was written until then harms nobody, and the next call goes on.
    pub fn update(&self, places: &[KeptHost]) -> io::Result<usize> {
        let file = OpenOptions::new().read(true).write(true).open(&self.path)?;
        let writes = plan(&read(&file)?, places);
        for write in &writes {
            let at = u64::try_from(write.at).map_err(io::Error::other)?;
            file.write_all_at(&write.bytes, at)?;
        }
        Ok(writes.len())
    }
}

/// The names that libc finds in this pod's file; none where it cannot be read. Blocks as long as its volume does.
pub(crate) fn names() -> BTreeSet<String> {
    let text = std::fs::read(HOSTS).unwrap_or_default();
    hosts_file::names(&String::from_utf8_lossy(&text))
        .map(String::from)
        .collect()
}

fn read(mut file: &File) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

/// The lines that others wrote; a file that cannot be read has none, as for libc.
pub(super) fn lines_of_others(path: &Path) -> Vec<u8> {
    without_own(&std::fs::read(path).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::discovery::kept_hosts::Whereabouts;
    use std::os::unix::fs::MetadataExt;

    fn places(last: u8) -> Vec<KeptHost> {
        let place = |n: u8| KeptHost {
            name: format!("segment-a-{n}.gp.svc"),
            alias: format!("segment-a-{n}"),
            at: Whereabouts::At(vec![[10, 0, n, last].into()]),
        };
        (0..100).map(place).collect()
    }

    #[test]
    fn it_stays_the_same_file_and_others_keep_their_lines() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        std::fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        let inode = std::fs::metadata(&path).unwrap().ino();
        let file = HostsFile::at(path.clone());
        assert_eq!(file.update(&places(1)).unwrap(), 101);
        assert_eq!(file.update(&places(1)).unwrap(), 0);
        assert_eq!(file.update(&places(2)).unwrap(), 201);
        assert_eq!(std::fs::metadata(&path).unwrap().ino(), inode);
        let others = String::from_utf8(lines_of_others(&path)).unwrap();
        assert!(
            others.starts_with("127.0.0.1 localhost\n") && !others.contains("10.0."),
            "{others}"
        );
        assert!(file.update(&places(3)).is_ok());
        let missing = HostsFile::at(dir.path().join("none"));
        assert_eq!(missing.update(&places(1)).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    /// A reader in a thread of its own looks all the time, as libc does: with reads of 4096 bytes.
    #[test]
    fn a_reader_beside_the_writer_finds_every_name_that_does_not_change() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hosts");
        std::fs::write(&path, "127.0.0.1 localhost\n").unwrap();
        let file = HostsFile::at(path.clone());
        let mut first = places(1);
        file.update(&first).unwrap();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let reader = std::thread::spawn(move || {
            let mut looks = 0_u32;
            while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) || looks == 0 {
                let text = in_blocks(&path);
                for n in (1..100).step_by(2) {
                    let line = format!("10.0.{n}.1 ");
                    let here = text.lines().filter(|l| l.starts_with(&line)).count();
                    assert_eq!(here, 1, "segment-a-{n} in\n{text}");
                }
                looks += 1;
            }
        });
        for round in 0..200_u8 {
            for (_, place) in first.iter_mut().enumerate().filter(|(n, _)| n % 2 == 0) {
                place.at = Whereabouts::At(vec![[10, 1, round, 7].into()]);
            }
            file.update(&first).unwrap();
        }
        stop.send(()).unwrap();
        reader.join().unwrap();
    }

    fn in_blocks(path: &Path) -> String {
        let mut file = File::open(path).unwrap();
        let (mut text, mut block) = (Vec::new(), [0; 4096]);
        loop {
            match file.read(&mut block).unwrap() {
                0 => return String::from_utf8(text).unwrap(),
                n => text.extend(&block[..n]),
            }
        }
    }
}
