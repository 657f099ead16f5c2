//! Certificates, and a Secret as the kubelet mounts it: root's, readable by the group, replaced as a whole by a link.

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

/// Who issues certificates, and whom clients believe.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, "an authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Its certificate, for clients.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// A server's certificate until the end of 2099, with its key and ca.crt.
    pub(crate) fn pair(&self) -> Secret {
        self.until(2100)
    }

    /// One that has ended.
    pub(crate) fn ended(&self) -> Secret {
        self.until(2001)
    }

    fn until(&self, year: i32) -> Secret {
        let mut params = CertificateParams::new(vec!["localhost".to_string()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, "localhost");
        (params.not_before, params.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(year, 1, 1));
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let file = |name: &str, text: String| (name.to_string(), text);
        Secret(vec![
            file("tls.crt", certificate.pem()),
            file("tls.key", key.serialize_pem()),
            file("ca.crt", self.pem()),
        ])
    }
}

/// Files of a Secret.
#[derive(Clone)]
pub(crate) struct Secret(Vec<(String, String)>);

impl Secret {
    pub(crate) fn without(&self, name: &str) -> Secret {
        Secret(self.0.iter().filter(|(file, _)| file != name).cloned().collect())
    }

    pub(crate) fn with(&self, name: &str, text: &str) -> Secret {
        let mut files = self.without(name).0;
        files.push((name.into(), text.into()));
        Secret(files)
    }

    pub(crate) fn with_key_of(&self, other: &Secret) -> Secret {
        let key = other.0.iter().find(|(file, _)| file == "tls.key").unwrap();
        self.with("tls.key", &key.1)
    }
}

/// Where the Secret is mounted.
pub(crate) struct Mounted {
    path: PathBuf,
    group: u32,
    versions: u32,
}

impl Mounted {
    pub(crate) fn at(path: &Path, group: u32) -> Mounted {
        fs::create_dir(path).unwrap();
        let path = path.to_path_buf();
        let versions = 0;
        Mounted { path, group, versions }
    }

    /// What a change of the Secret does (kubelet, atomic_writer.go).
    pub(crate) fn hold(&mut self, secret: &Secret) {
        self.versions += 1;
        let version = format!("..version{}", self.versions);
        let folder = self.path.join(&version);
        fs::create_dir(&folder).unwrap();
        for (name, text) in &secret.0 {
            let file = folder.join(name);
            fs::write(&file, text).unwrap();
            chown(&file, Some(0), Some(self.group)).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o440)).unwrap();
            let link = self.path.join(name);
            if !link.is_symlink() {
                symlink(Path::new("..data").join(name), link).unwrap();
            }
        }
        symlink(&version, self.path.join("..data_tmp")).unwrap();
        fs::rename(self.path.join("..data_tmp"), self.path.join("..data")).unwrap();
    }
}
