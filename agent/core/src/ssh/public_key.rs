//! Public keys as OpenSSH writes them, and their fingerprints.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest, Sha256};
use std::fmt;

/// The kinds of keys that sshd and ssh of every supported release take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// ssh-ed25519.
    Ed25519,
    /// ecdsa-sha2-nistp256, 384 or 521.
    Ecdsa,
    /// ssh-rsa.
    Rsa,
}

impl KeyKind {
    /// The word in OpenSSH's file names: `id_ed25519`, `ssh_host_rsa_key`.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyKind::Ed25519 => "ed25519",
            KeyKind::Ecdsa => "ecdsa",
            KeyKind::Rsa => "rsa",
        }
    }
}

/// Why a line is not a public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAPublicKey {
    /// There are not two words.
    #[error("not of the form `<algorithm> <base64> [comment]`")]
    Form,
    /// DSA, a hardware key or something newer than this program.
    #[error("algorithm {0:?} is not one of ssh-ed25519, ecdsa-sha2-nistp256/384/521, ssh-rsa")]
    Algorithm(String),
    /// The second word is cut or damaged.
    #[error("the second word is not the base64 of a whole {0} key")]
    Blob(String),
}

/// A public key without its comment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PublicKey {
    kind: KeyKind,
    algorithm: String,
    blob: Vec<u8>,
}

impl PublicKey {
    /// Reads `<algorithm> <base64> [comment]`, the form of `.pub` files and of the end of known_hosts lines.
    ///
    /// # Errors
    /// [`NotAPublicKey`]; also when the blob inside names another algorithm (RFC 4253, section 6.6).
    pub fn parse(line: &str) -> Result<PublicKey, NotAPublicKey> {
        let mut words = line.split_ascii_whitespace();
        let (Some(algorithm), Some(base64)) = (words.next(), words.next()) else {
            return Err(NotAPublicKey::Form);
        };
        let kind = match algorithm {
            "ssh-ed25519" => KeyKind::Ed25519,
            "ssh-rsa" => KeyKind::Rsa,
            "ecdsa-sha2-nistp256" | "ecdsa-sha2-nistp384" | "ecdsa-sha2-nistp521" => KeyKind::Ecdsa,
            other => return Err(NotAPublicKey::Algorithm(other.chars().take(40).collect())),
        };
        let damaged = || NotAPublicKey::Blob(algorithm.to_string());
        let blob = STANDARD.decode(base64).map_err(|_| damaged())?;
        let fields = fields(&blob).ok_or_else(damaged)?;
        let wanted = match kind {
            KeyKind::Ed25519 => 2,
            KeyKind::Ecdsa | KeyKind::Rsa => 3,
        };
        if fields.len() != wanted || fields[0] != algorithm.as_bytes() {
            return Err(damaged());
        }
        Ok(PublicKey {
            kind,
            algorithm: algorithm.to_string(),
            blob,
        })
    }

    /// Its kind.
    pub fn kind(&self) -> KeyKind {
        self.kind
    }

    /// The first word, such as `ssh-ed25519`.
    pub(crate) fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// `SHA256:...` as ssh-keygen -l prints it.
    pub fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }
}

/// `<algorithm> <base64>`.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.algorithm, STANDARD.encode(&self.blob))
    }
}

/// Splits the wire form, strings that follow their 32-bit length, when it is whole.
fn fields(mut blob: &[u8]) -> Option<Vec<&[u8]>> {
    let mut found = Vec::new();
    while !blob.is_empty() {
        let (length, rest) = blob.split_first_chunk::<4>()?;
        let (field, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        found.push(field);
        blob = rest;
    }
    Some(found)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fixtures::key;
    use proptest::prelude::*;

    const REAL: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";

    #[test]
    fn a_key_keeps_its_words_and_has_ssh_keygens_fingerprint() {
        let parsed = PublicKey::parse(&format!("{REAL} github.com\r\n")).unwrap();
        assert_eq!(parsed.to_string(), REAL);
        assert_eq!(parsed.kind(), KeyKind::Ed25519);
        // GitHub publishes this fingerprint for this key.
        assert_eq!(
            parsed.fingerprint(),
            "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
        );
    }

    #[test]
    fn what_is_not_a_key_is_refused_in_words() {
        assert_eq!(PublicKey::parse(""), Err(NotAPublicKey::Form));
        assert_eq!(PublicKey::parse("ssh-ed25519"), Err(NotAPublicKey::Form));
        assert_eq!(
            PublicKey::parse("ssh-dss AAAA"),
            Err(NotAPublicKey::Algorithm("ssh-dss".into()))
        );
        let cut = &REAL[..REAL.len() - 4];
        for damaged in [cut, &REAL.replace("ssh-ed25519", "ssh-rsa"), "ssh-rsa %"] {
            assert!(matches!(PublicKey::parse(damaged), Err(NotAPublicKey::Blob(_))));
        }
    }

    proptest! {
        #[test]
        fn anything_is_either_refused_or_comes_back_as_it_was(line in ".{0,80}") {
            if let Ok(key) = PublicKey::parse(&line) {
                prop_assert_eq!(PublicKey::parse(&key.to_string()), Ok(key));
            }
        }

        #[test]
        fn every_cut_is_noticed(byte in any::<u8>(), cut in 1usize..80) {
            let text = key(byte).to_string();
            prop_assert!(PublicKey::parse(&text[..text.len() - cut]).is_err());
        }
    }
}
