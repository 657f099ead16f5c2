//! Writing ~/.ssh: keys, authorized_keys, known_hosts and config, with the modes that ssh insists on.

use crate::sys::ssh::secret::{KeyPair, PrivateKey};
use crate::sys::storage::fs::write_atomically;
use crate::sys::text::read_text;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::ssh::config::{Client, render_client};
use gp_agent_core::ssh::public_key::{KeyKind, PublicKey};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What shall be in ~/.ssh.
pub(super) struct Contents {
    /// ~/.ssh.
    pub directory: PathBuf,
    /// The user's name.
    pub user: String,
    /// Keys that open this pod's door.
    pub authorized: Vec<PublicKey>,
    /// Keys that this pod offers.
    pub current: Vec<KeyPair>,
    /// Keys that it offers after those.
    pub previous: Vec<KeyPair>,
    /// The text of known_hosts.
    pub known_hosts: String,
    /// Patterns of the pods' names.
    pub hosts: Vec<String>,
    /// What their short names end with.
    pub domain: String,
    /// The peers' port.
    pub port: u16,
}

/// Makes it so; what is right already is not touched. authorized_keys comes first and removal last, so that at no moment less
/// is accepted or offered than before and after. Blocks.
pub(super) fn install(contents: &Contents) -> Result<(), Finding> {
    let directory = &contents.directory;
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |error: io::Error| not_writable(&path, &error)
    };
    make_private(directory).map_err(failed(directory))?;
    let put = |name: &str, text: &[u8]| {
        let path = directory.join(name);
        write_atomically(&path, text, 0o600).map_err(failed(&path))
    };
    let authorized: String = contents
        .authorized
        .iter()
        .map(|key| format!("{key} {}\n", contents.user))
        .collect();
    put("authorized_keys", authorized.as_bytes())?;
    put("known_hosts", contents.known_hosts.as_bytes())?;
    let mut files = named("id", &contents.current);
    files.extend(named("previous", &contents.previous));
    for (name, pair) in files.iter().rev() {
        put(&format!("{name}.pub"), format!("{}\n", pair.public).as_bytes())?;
        put(name, pair.private.text())?;
    }
    let identities: Vec<PathBuf> = files.iter().map(|(name, _)| directory.join(name)).collect();
    let known_hosts = directory.join("known_hosts");
    let config = render_client(&Client {
        hosts: &contents.hosts,
        domain: &contents.domain,
        port: contents.port,
        user: &contents.user,
        identities: &identities,
        known_hosts: &known_hosts,
    });
    put("config", config.as_bytes())?;
    remove_others(directory, &files).map_err(failed(directory))
}

fn make_private(directory: &Path) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    // Not only when it was made: a directory of an image or of a volume with fsGroup has its own mode.
    let mode = fs::metadata(directory)?.permissions().mode() & 0o7777;
    match mode == 0o700 {
        true => Ok(()),
        false => fs::set_permissions(directory, fs::Permissions::from_mode(0o700)),
    }
}

fn not_writable(path: &Path, error: &io::Error) -> Finding {
    Finding::error(
        Area::Ssh,
        path.display().to_string(),
        format!("cannot be written: {error}"),
        "mount something writable over the user's home directory (an emptyDir with medium Memory, or a tmpfs owned by the user)",
    )
}

/// `id_ed25519`, `id_rsa`, ... for each pair; a second one of a kind becomes `id_rsa_2`.
fn named<'a>(stem: &str, pairs: &'a [KeyPair]) -> Vec<(String, &'a KeyPair)> {
    let mut count: BTreeMap<KeyKind, u32> = BTreeMap::new();
    let mut name = |pair: &KeyPair| {
        let kind = pair.public.kind();
        let n = count.entry(kind).or_default();
        *n += 1;
        match n {
            1 => format!("{stem}_{}", kind.as_str()),
            n => format!("{stem}_{}_{n}", kind.as_str()),
        }
    };
    pairs.iter().map(|pair| (name(pair), pair)).collect()
}

/// Whether a file of that name is a private key that this module writes.
fn is_ours(name: &str) -> bool {
    let Some(rest) = ["id_", "previous_"].iter().find_map(|stem| name.strip_prefix(stem)) else {
        return false;
    };
    let (kind, number) = rest.split_once('_').unwrap_or((rest, "2"));
    matches!(kind, "ed25519" | "ecdsa" | "rsa") && number.bytes().all(|b| b.is_ascii_digit())
}

fn remove_others(directory: &Path, files: &[(String, &KeyPair)]) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let file_name = entry?.file_name();
        let Some(name) = file_name.to_str() else {
            continue;
        };
        let private = name.strip_suffix(".pub").unwrap_or(name);
        if is_ours(private) && files.iter().all(|(wanted, _)| wanted != private) {
            fs::remove_file(directory.join(name))?;
        }
    }
    Ok(())
}

/// The pairs that an earlier agent of this container installed; of these the replaced ones are offered for a while longer.
pub(super) fn installed_pairs(directory: &Path) -> Vec<KeyPair> {
    let pair = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let public = read_text(directory.join(format!("{name}.pub"))).ok();
        let public = public.filter(|_| is_ours(&name))?;
        Some(KeyPair {
            private: PrivateKey::new(fs::read(entry.path()).ok()?),
            public: PublicKey::parse(&public).ok()?,
        })
    };
    let entries = fs::read_dir(directory).into_iter().flatten();
    entries.filter_map(|entry| pair(entry.ok()?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(byte: u8) -> KeyPair {
        KeyPair {
            private: PrivateKey::new(vec![byte]),
            public: gp_agent_core::fixtures::key(byte),
        }
    }

    fn contents(directory: &Path, current: Vec<KeyPair>, previous: Vec<KeyPair>) -> Contents {
        let authorized: Vec<PublicKey> = current.iter().chain(&previous).map(|p| p.public.clone()).collect();
        Contents {
            directory: directory.to_path_buf(),
            user: "gpadmin".into(),
            authorized,
            current,
            previous,
            known_hosts: "x\n".into(),
            hosts: vec!["a-?".into()],
            domain: "gp.test".into(),
            port: 2222,
        }
    }

    #[test]
    fn modes_are_right_stale_keys_go_and_strangers_stay() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join(".ssh");
        fs::create_dir(&ssh).unwrap();
        fs::set_permissions(&ssh, fs::Permissions::from_mode(0o775)).unwrap();
        fs::write(ssh.join("id_rsa"), "stale").unwrap();
        fs::write(ssh.join("id_rsa_work"), "somebody's").unwrap();
        install(&contents(&ssh, vec![pair(1), pair(2)], vec![pair(3)])).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&ssh), 0o700);
        let mut names: Vec<String> = fs::read_dir(&ssh)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|name| !name.ends_with(".pub"))
            .collect();
        names.sort();
        assert_eq!(
            names,
            [
                "authorized_keys",
                "config",
                "id_ed25519",
                "id_ed25519_2",
                "id_rsa_work",
                "known_hosts",
                "previous_ed25519"
            ]
        );
        for name in names.iter().filter(|n| *n != "id_rsa_work") {
            assert_eq!(mode(&ssh.join(name)), 0o600, "{name}");
        }
        let mut found = installed_pairs(&ssh);
        found.sort_by(|a, b| a.public.cmp(&b.public));
        assert_eq!(found, [pair(1), pair(2), pair(3)]);
    }

    #[test]
    fn a_home_that_cannot_be_written_is_named() {
        let home = tempfile::tempdir().unwrap();
        let ssh = home.path().join("file/.ssh");
        fs::write(home.path().join("file"), "").unwrap();
        let finding = install(&contents(&ssh, vec![pair(1)], vec![])).unwrap_err();
        assert_eq!(finding.subject, ssh.display().to_string());
    }
}
