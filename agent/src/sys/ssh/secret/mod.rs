//! SSH keys from a mounted Secret: reading, watching and judging them.

mod validate;
mod watch;

pub use validate::examine;
pub(crate) use validate::{KeyPair, PrivateKey, Reading, SecretKeys};
pub use watch::RawSecret;
pub(crate) use watch::SecretWatch;

/// A key's file name in the Secret, and the names under which its public half may lie beside it.
struct Name {
    private: &'static str,
    public: &'static [&'static str],
}

/// The user's key: OpenSSH's names, and those of Kubernetes' type kubernetes.io/ssh-auth.
const USER: [Name; 4] = [
    Name {
        private: "id_ed25519",
        public: &["id_ed25519.pub"],
    },
    Name {
        private: "id_rsa",
        public: &["id_rsa.pub"],
    },
    Name {
        private: "id_ecdsa",
        public: &["id_ecdsa.pub"],
    },
    Name {
        private: "ssh-privatekey",
        public: &["ssh-privatekey.pub", "ssh-publickey"],
    },
];

/// The host's key, when all pods shall have the same.
const HOST: [Name; 3] = [
    Name {
        private: "ssh_host_ed25519_key",
        public: &["ssh_host_ed25519_key.pub"],
    },
    Name {
        private: "ssh_host_rsa_key",
        public: &["ssh_host_rsa_key.pub"],
    },
    Name {
        private: "ssh_host_ecdsa_key",
        public: &["ssh_host_ecdsa_key.pub"],
    },
];

fn every_file() -> impl Iterator<Item = &'static str> {
    USER.iter()
        .chain(&HOST)
        .flat_map(|name| std::iter::once(name.private).chain(name.public.iter().copied()))
}
