//! Secrets as people and cert-manager make them.

use super::*;
use gp_agent_core::postgres::tls::judge;
use proptest::prelude::*;
use rcgen::{CertificateParams, KeyPair};
use std::os::unix::fs::PermissionsExt;
use std::sync::LazyLock;

fn made() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(vec!["greenplum".into()])
        .unwrap()
        .self_signed(&key);
    (certificate.unwrap().pem(), key.serialize_pem())
}

fn secret(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    dir
}

fn fault(files: &[(&str, &str)]) -> Fault {
    match read(secret(files).path()) {
        Ok(_) => panic!("{files:?} is a pair"),
        Err(fault) => fault,
    }
}

#[test]
fn both_pairs_of_names_are_known() {
    let (certificate, key) = made();
    for (crt, pem) in PAIRS {
        let there = secret(&[(crt, &certificate), (pem, &key)]);
        let pair = read(there.path()).unwrap();
        assert!(pair.files.len() == 2 && pair.validity.until > pair.validity.from);
    }
    let with_ca = secret(&[("tls.crt", &certificate), ("tls.key", &key), ("ca.crt", &certificate)]);
    assert_eq!(read(with_ca.path()).unwrap().files[2].0, CA);
    // Issuers that have none.
    let without = secret(&[("tls.crt", &certificate), ("tls.key", &key), ("ca.crt", "\n")]);
    assert_eq!(read(without.path()).unwrap().files.len(), 2);
}

#[test]
fn what_is_wrong_is_named() {
    let ((certificate, key), (other, other_key)) = (made(), made());
    assert_eq!(fault(&[]), Fault::NoPair);
    assert!(matches!(
        fault(&[("tls.crt", &certificate)]),
        Fault::Unreadable("tls.key", _)
    ));
    let pair = |crt: &str, pem: &str| fault(&[("server.crt", crt), ("server.key", pem)]);
    assert_eq!(
        pair(&certificate, &other_key),
        Fault::Mismatch("server.key", "server.crt")
    );
    assert_eq!(pair(&other, &key), Fault::Mismatch("server.key", "server.crt"));
    assert!(matches!(pair("", &key), Fault::NoCertificate("server.crt", _)));
    assert!(matches!(pair(&key, &key), Fault::NoCertificate("server.crt", _)));
    let cut = &certificate[..certificate.len() / 2];
    assert!(matches!(pair(cut, &key), Fault::NoCertificate("server.crt", _)));
    let rubbish = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(matches!(pair(rubbish, &key), Fault::NoCertificate("server.crt", _)));
    assert!(matches!(
        pair(&certificate, "-----BEGIN"),
        Fault::NoKey("server.key", _)
    ));
    assert!(matches!(
        pair(&certificate, &certificate),
        Fault::NoKey("server.key", _)
    ));
    let locked = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    assert_eq!(pair(&certificate, locked), Fault::Encrypted("server.key"));
    let files = [("tls.crt", &*certificate), ("tls.key", &*key), ("ca.crt", "no")];
    assert!(matches!(fault(&files), Fault::NoCertificate("ca.crt", _)));
}

#[test]
fn a_pair_in_force_is_private_and_replaced_as_a_whole() {
    let run = tempfile::tempdir().unwrap();
    let dir = run.path().join("tls");
    let (certificate, key) = made();
    let first = read(secret(&[("tls.crt", &certificate), ("tls.key", &key)]).path()).unwrap();
    assert!(install(&dir, &first).unwrap());
    assert!(!install(&dir, &first).unwrap(), "it is in force already");
    let current = in_force(&dir);
    assert_eq!(std::fs::read_to_string(current.join(KEY)).unwrap(), key);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&current), mode(&current.join(KEY))), (0o700, 0o600));
    let (certificate, key) = made();
    let second = read(secret(&[("server.crt", &certificate), ("server.key", &key)]).path()).unwrap();
    assert!(install(&dir, &second).unwrap());
    assert!(is_in_force(&dir, &second) && !is_in_force(&dir, &first));
    // Read back, it is the same pair; the old key is gone.
    assert_eq!(read(&current).unwrap().fingerprint, second.fingerprint);
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 2);
}

proptest! {
    /// Bytes of a right pair are changed, cut or put in: that is told, or harms nothing; and what is put in force is what was given.
    #[test]
    fn whatever_a_secret_holds_is_refused_or_taken_as_it_is(
        edits in proptest::collection::vec((0..2usize, any::<prop::sample::Index>(), any::<Option<u8>>(), any::<bool>()), 1..4)
    ) {
        static PAIR: LazyLock<(String, String)> = LazyLock::new(made);
        let mut files = [PAIR.0.clone().into_bytes(), PAIR.1.clone().into_bytes()];
        for (file, at, byte, longer) in edits {
            let file = &mut files[file];
            let at = at.index(file.len());
            match byte {
                Some(byte) if longer => file.insert(at, byte),
                Some(byte) => file[at] = byte,
                None => file.truncate(at.max(1)),
            }
        }
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in ["tls.crt", "tls.key"].iter().zip(&files) {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        match read(dir.path()) {
            Ok(pair) => {
                let taken: Vec<&[u8]> = pair.files.iter().map(|(_, bytes)| bytes.as_slice()).collect();
                prop_assert_eq!(taken, files.iter().map(Vec::as_slice).collect::<Vec<_>>());
                prop_assert_eq!(pair.fingerprint.len(), 64);
            }
            Err(fault) => prop_assert!(!judge(dir.path(), None, &Err(fault), 0).is_empty()),
        }
    }
}
