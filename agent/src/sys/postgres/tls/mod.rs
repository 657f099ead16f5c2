//! The server's certificate: from the Secret, proven, into a private directory where the server reads it.

pub(crate) mod shown;
#[cfg(test)]
mod tests;

use crate::sys::storage::fs::write_atomically;
use gp_agent_core::postgres::tls::{CA, CERTIFICATE, Fault, KEY, PAIRS, Validity};
use rustls::InconsistentKeys;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};
use x509_parser::prelude::{FromDer, X509Certificate};

/// PostgreSQL refuses a key that others can read, unless root owns it (be-secure-common.c, check_ssl_key_file_permissions).
const MODE: u32 = 0o600;

/// A certificate and its key, which belong together.
pub(crate) struct Pair {
    /// When the certificate holds.
    pub validity: Validity,
    /// SHA-256 of the certificate itself.
    pub fingerprint: String,
    /// The same for the same files.
    digest: String,
    files: Vec<(&'static str, Vec<u8>)>,
}

/// What is mounted at `secret`, if it is a pair.
pub(crate) fn read(secret: &Path) -> Result<Pair, Fault> {
    let there = |name: &str| secret.join(name).exists();
    let (certificate_name, key_name) = *PAIRS
        .iter()
        .find(|(certificate, key)| there(certificate) || there(key))
        .ok_or(Fault::NoPair)?;
    let file = |name: &'static str| {
        std::fs::read(secret.join(name)).map_err(|error| Fault::Unreadable(name, error.to_string()))
    };
    let (certificate, key) = (file(certificate_name)?, file(key_name)?);
    // cert-manager leaves it empty where an issuer has none.
    let ca = if there(CA) { file(CA)? } else { Vec::new() };
    let chain = certificates(certificate_name, &certificate)?;
    if !ca.trim_ascii().is_empty() {
        certificates(CA, &ca)?;
    }
    let first = chain.first().ok_or_else(|| none_in(certificate_name))?;
    let (validity, fingerprint) = (validity(certificate_name, first)?, fingerprint(first));
    prove(certificate_name, chain, key_name, &key)?;
    let mut files = vec![(CERTIFICATE, certificate), (KEY, key)];
    if !ca.trim_ascii().is_empty() {
        files.push((CA, ca));
    }
    Ok(Pair {
        validity,
        fingerprint,
        digest: digest(&files),
        files,
    })
}

fn none_in(name: &'static str) -> Fault {
    Fault::NoCertificate(name, "there is none in it".into())
}

fn certificates(name: &'static str, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let all: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(text).collect();
    let all = all.map_err(|error| Fault::NoCertificate(name, error.to_string()))?;
    for one in &all {
        validity(name, one)?;
    }
    if all.is_empty() { Err(none_in(name)) } else { Ok(all) }
}

fn validity(name: &'static str, certificate: &[u8]) -> Result<Validity, Fault> {
    let (_, parsed) =
        X509Certificate::from_der(certificate).map_err(|error| Fault::NoCertificate(name, error.to_string()))?;
    let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
    Ok(Validity {
        from: seconds(parsed.validity().not_before.timestamp()),
        until: seconds(parsed.validity().not_after.timestamp()),
    })
}

/// Whether the key is the certificate's.
fn prove(
    certificate_name: &'static str,
    chain: Vec<CertificateDer<'static>>,
    key_name: &'static str,
    key: &[u8],
) -> Result<(), Fault> {
    // PKCS#8's own form, and that of OpenSSL before 1.0.
    let is_in = |words: &[u8]| key.windows(words.len()).any(|window| window == words);
    if is_in(b"BEGIN ENCRYPTED PRIVATE KEY") || is_in(b"Proc-Type: 4,ENCRYPTED") {
        return Err(Fault::Encrypted(key_name));
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|error| Fault::NoKey(key_name, error.to_string()))?;
    let key = any_supported_type(&key).map_err(|error| Fault::OtherKind(key_name, error.to_string()))?;
    match CertifiedKey::new(chain, key).keys_match() {
        Ok(()) => Ok(()),
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err(Fault::Mismatch(key_name, certificate_name))
        }
        Err(error) => Err(Fault::NoCertificate(certificate_name, error.to_string())),
    }
}

/// SHA-256 of a certificate, in hexadecimal digits.
fn fingerprint(certificate: &[u8]) -> String {
    hexadecimal(&Sha256::digest(certificate))
}

fn digest(files: &[(&str, Vec<u8>)]) -> String {
    let mut hash = Sha256::new();
    for (name, bytes) in files {
        hash.update(name.as_bytes());
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    }
    hexadecimal(&hash.finalize())
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The directory below `dir` that the server reads: a link, so that certificate and key change at once.
pub(crate) fn in_force(dir: &Path) -> PathBuf {
    dir.join("current")
}

/// Whether this pair is in force.
pub(crate) fn is_in_force(dir: &Path, pair: &Pair) -> bool {
    std::fs::read_link(in_force(dir)).is_ok_and(|target| target == Path::new(&pair.digest))
}

/// Puts the pair in force. False when it is already.
///
/// # Errors
/// Name the path; the pair of before stays in force.
pub(crate) fn install(dir: &Path, pair: &Pair) -> io::Result<bool> {
    if is_in_force(dir, pair) {
        return Ok(false);
    }
    let of_pair = dir.join(&pair.digest);
    DirBuilder::new().recursive(true).mode(0o700).create(&of_pair)?;
    for (name, bytes) in &pair.files {
        write_atomically(&of_pair.join(name), bytes, MODE)?;
    }
    let link = dir.join("next");
    match std::fs::remove_file(&link) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    symlink(&pair.digest, &link)?;
    std::fs::rename(&link, in_force(dir))?;
    forget_others(dir, &pair.digest)?;
    Ok(true)
}

/// Keys that are no longer in use lie about no longer.
fn forget_others(dir: &Path, kept: &str) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() && entry.file_name() != kept {
            std::fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
