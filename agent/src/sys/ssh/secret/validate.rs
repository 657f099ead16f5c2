//! Judging the files of a Secret: which keys can be used, and what is wrong with the others.

use super::file_names::{HOST, Name, USER};
use super::watch::{FileError, RawFile, RawSecret};
use crate::sys::ssh::programs::{PublicHalfError, public_half};
use gp_agent_core::finding::{Area, Finding, Severity};
use gp_agent_core::ssh::key_rotation::{Purpose, Purposed};
use gp_agent_core::ssh::private_key;
use gp_agent_core::ssh::public_key::PublicKey;
use std::fmt;
use std::path::Path;

/// A private key's text, as OpenSSH reads it. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct PrivateKey(Vec<u8>);

impl PrivateKey {
    /// Takes a text for a private key; whether it is one, ssh-keygen knows.
    pub fn new(text: Vec<u8>) -> PrivateKey {
        PrivateKey(text)
    }

    /// The text, to be written to a file that nobody else may read.
    pub fn text(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

/// Both halves of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyPair {
    /// The secret half.
    pub private: PrivateKey,
    /// The other one.
    pub public: PublicKey,
}

/// The keys of a Secret that can be used, in the order of preference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SecretKeys {
    /// The user's.
    pub user: Vec<KeyPair>,
    /// The host's; empty when every pod shall have its own.
    pub host: Vec<KeyPair>,
}

impl SecretKeys {
    /// The public halves with their purposes.
    pub fn public(&self) -> Vec<Purposed> {
        let with = |purpose| {
            move |pair: &KeyPair| Purposed {
                purpose,
                key: pair.public.clone(),
            }
        };
        let users = self.user.iter().map(with(Purpose::User));
        users.chain(self.host.iter().map(with(Purpose::Host))).collect()
    }
}

/// What a Secret holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The good keys.
    pub keys: SecretKeys,
    /// What is wrong with the others.
    pub findings: Vec<Finding>,
}

impl Reading {
    /// Whether everything that the Secret holds is good, and a user key is among it.
    pub fn is_whole(&self) -> bool {
        !self.keys.user.is_empty() && self.findings.iter().all(|f| f.severity != Severity::Error)
    }
}

/// Judges what was read. `run_dir` holds private copies for ssh-keygen meanwhile.
pub async fn examine(raw: &RawSecret, run_dir: &Path) -> Reading {
    let mut reading = Reading::default();
    if let Some(why) = &raw.missing {
        reading.findings.push(no_directory(&raw.directory, why));
        return reading;
    }
    for name in &USER {
        if let Some(pair) = pair(raw, name, run_dir, &mut reading.findings).await
            && reading.keys.user.iter().all(|k| k.public != pair.public)
        {
            reading.keys.user.push(pair);
        }
    }
    for name in &HOST {
        if let Some(pair) = pair(raw, name, run_dir, &mut reading.findings).await
            && reading.keys.host.iter().all(|k| k.public != pair.public)
        {
            reading.keys.host.push(pair);
        }
    }
    let any_user_file = USER.iter().any(|n| raw.files.contains_key(n.private));
    if !any_user_file {
        reading.findings.push(no_key(&raw.directory));
    }
    reading
}

fn no_directory(directory: &Path, why: &str) -> Finding {
    Finding::error(
        Area::Ssh,
        directory.display().to_string(),
        format!("the SSH Secret {why}"),
        "mount a Secret with the cluster's SSH key there (`kubectl create secret generic ssh-key --from-file=id_ed25519`), \
         or set ssh.secret to where it is mounted",
    )
}

fn no_key(directory: &Path) -> Finding {
    let names: Vec<&str> = USER.iter().map(|name| name.private).collect();
    Finding::error(
        Area::Ssh,
        directory.display().to_string(),
        "no private SSH key in it",
        format!(
            "put one there under one of the names {} (without passphrase)",
            names.join(", ")
        ),
    )
}

/// One key of the Secret, or nothing and a finding why, or nothing because there is none of that name.
async fn pair(raw: &RawSecret, name: &Name, run_dir: &Path, findings: &mut Vec<Finding>) -> Option<KeyPair> {
    let public = name
        .public
        .iter()
        .find_map(|n| Some((raw.directory.join(n), raw.files.get(n)?)));
    let path = raw.directory.join(name.private);
    let Some(private) = raw.files.get(name.private) else {
        if let Some((public, _)) = public {
            findings.push(Finding::error(
                Area::Ssh,
                public.display().to_string(),
                format!("a public key without its private half {}", path.display()),
                format!("add the private half to the Secret as {}", name.private),
            ));
        }
        return None;
    };
    let checked = async {
        let given = private.as_ref().map(|file| file.bytes.clone()).unwrap_or_default();
        let private = private_text(&path, private)?;
        let derived = public_half(private.text(), run_dir)
            .await
            .map_err(|error| not_usable(&path, &given, &error))?;
        if let Some((public_path, public)) = public {
            matches(&public_path, public, &path, &derived)?;
        }
        Ok(KeyPair {
            private,
            public: derived,
        })
    };
    checked.await.map_err(|finding| findings.push(finding)).ok()
}

fn private_text(path: &Path, file: &Result<RawFile, FileError>) -> Result<PrivateKey, Finding> {
    let file = file.as_ref().map_err(|why| unreadable(path, why))?;
    if file.bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(empty(path));
    }
    if file.mode & 0o004 != 0 {
        return Err(Finding::error(
            Area::Ssh,
            path.display().to_string(),
            format!(
                "the private key is readable for everybody (mode {:04o})",
                file.mode & 0o7777
            ),
            "set `defaultMode: 0440` on the Secret's volume and securityContext.fsGroup to the pod's group \
             (outside Kubernetes: chmod 0440, or 0400 and owned by the pod's user)",
        ));
    }
    Ok(PrivateKey::new(private_key::tidy(&file.bytes)))
}

fn unreadable(path: &Path, why: &FileError) -> Finding {
    Finding::error(
        Area::Ssh,
        path.display().to_string(),
        format!("cannot be read: {why}"),
        "let the pod's user read it: securityContext.fsGroup and `defaultMode: 0440` on the Secret's volume",
    )
}

fn empty(path: &Path) -> Finding {
    Finding::error(
        Area::Ssh,
        path.display().to_string(),
        "the file is empty",
        "put the key into the Secret again; `kubectl get secret -o yaml` shows what is in it",
    )
}

/// `given`: the file as it is in the Secret.
fn not_usable(path: &Path, given: &[u8], error: &PublicHalfError) -> Finding {
    let (what, remedy) = match error {
        PublicHalfError::Encrypted => (
            "the private key is encrypted with a passphrase, which nobody can type here".to_string(),
            "remove it from a copy with `ssh-keygen -p -N '' -f <copy>` and put that into the Secret, or make a new key",
        ),
        PublicHalfError::Tool(error) => (
            format!("cannot be checked: {error}"),
            "OpenSSH's programs have to be in the image, and the run directory (/run/gp-agent) writable",
        ),
        PublicHalfError::Kind(error) => (
            format!("a key that cannot be used here: {error}"),
            "make a new key with `ssh-keygen -t ed25519 -N '' -f id_ed25519`",
        ),
        PublicHalfError::NotAKey(_) => match private_key::diagnose(given) {
            Some(damage) => (damage.what.to_string(), damage.remedy),
            None => (
                format!("not a private key, or a damaged one: {error}"),
                "put a whole private key there, such as `ssh-keygen -t ed25519 -N '' -f id_ed25519` makes",
            ),
        },
    };
    Finding::error(Area::Ssh, path.display().to_string(), what, remedy)
}

/// Compares the public half in the Secret with the one that the private half yields.
fn matches(
    path: &Path,
    file: &Result<RawFile, FileError>,
    private_path: &Path,
    derived: &PublicKey,
) -> Result<(), Finding> {
    let file = file.as_ref().map_err(|why| unreadable(path, why))?;
    if file.bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(empty(path));
    }
    let what = match PublicKey::parse(&String::from_utf8_lossy(&file.bytes)) {
        Ok(public) if public == *derived => return Ok(()),
        Ok(public) => format!(
            "does not belong to {}: this is {}, the private half is {}",
            private_path.display(),
            public.fingerprint(),
            derived.fingerprint()
        ),
        Err(error) => format!("not a public key: {error}"),
    };
    Err(Finding::error(
        Area::Ssh,
        path.display().to_string(),
        what,
        "leave it out of the Secret (it is derived), or make it with `ssh-keygen -y -f <private key>`",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_is_not_printed() {
        let key = PrivateKey::new(b"secret".to_vec());
        assert_eq!(format!("{key:?}"), "PrivateKey(..)");
    }
}
