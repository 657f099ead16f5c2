//! The files of the Secret.

/// A key's file name in the Secret, and the names under which its public half may lie beside it.
pub(super) struct Name {
    pub(super) private: &'static str,
    pub(super) public: &'static [&'static str],
}

/// The user's key: OpenSSH's names, and those of Kubernetes' type kubernetes.io/ssh-auth.
pub(super) const USER: [Name; 4] = [
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
pub(super) const HOST: [Name; 3] = [
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

pub(super) fn every_file() -> impl Iterator<Item = &'static str> {
    USER.iter()
        .chain(&HOST)
        .flat_map(|name| std::iter::once(name.private).chain(name.public.iter().copied()))
}
