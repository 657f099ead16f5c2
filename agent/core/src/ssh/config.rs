//! The text of sshd_config and of ~/.ssh/config.

use crate::config::quote;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Everything in sshd_config that is not the same in every pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sshd<'a> {
    /// Ports, at least one.
    pub ports: &'a [u16],
    /// Private host keys, mode 0600.
    pub host_keys: &'a [PathBuf],
    /// Where sshd writes its PID once it listens.
    pub pid_file: &'a Path,
    /// The keys that open the door.
    pub authorized_keys: &'a Path,
    /// The only user that may come in: the one sshd runs as.
    pub user: &'a str,
    /// Whether sshd itself checks who else could write to authorized_keys. Not possible below an emptyDir or a volume with
    /// fsGroup: kubelet makes those writable for others or for the group.
    pub strict_modes: bool,
    /// Switch off PerSourcePenalties, which OpenSSH 9.8 brought (earlier ones refuse the word): a peer whose key rotates later
    /// than ours would be shut out for longer than its lateness.
    pub no_penalties: bool,
    /// Give each address a share of the connections that have not proven anything yet, which OpenSSH 8.5 brought.
    pub shares: bool,
    /// Environment of the sessions.
    pub set_env: &'a [(String, String)],
}

/// sshd_config(5) for one user, public keys and nothing else.
pub fn render_sshd(sshd: &Sshd<'_>) -> String {
    let mut text = String::from("# Written by gp-agent; changes are overwritten.\n");
    let mut line = |word: &str, value: &str| {
        let _ = writeln!(text, "{word} {value}");
    };
    for port in sshd.ports {
        line("Port", &port.to_string());
    }
    line("AddressFamily", "any");
    for key in sshd.host_keys {
        line("HostKey", &quote::ssh_path(key));
    }
    line("PidFile", &quote::ssh_path(sshd.pid_file));
    line(
        "AuthorizedKeysFile",
        &quote::ssh_path(sshd.authorized_keys).replace('%', "%%"),
    );
    line("AllowUsers", &quote::ssh_argument(sshd.user));
    line("StrictModes", yes_no(sshd.strict_modes));
    if sshd.no_penalties {
        line("PerSourcePenalties", "no");
    }
    if sshd.shares {
        line("PerSourceMaxStartups", SHARE);
    }
    if !sshd.set_env.is_empty() {
        // Only the first SetEnv of a file counts, so that all variables stand in one.
        let pair = |(name, value): &(String, String)| quote::ssh_argument(&format!("{name}={value}"));
        let pairs: Vec<String> = sshd.set_env.iter().map(pair).collect();
        line("SetEnv", &pairs.join(" "));
    }
    text + SSHD_CONSTANTS
}

/// Of the 200 connections of MaxStartups: one host that only connects keeps nobody else out. The tools' come from one
/// coordinator, and prove who they are at once.
const SHARE: &str = "50";

/// gpinitsystem and gpstart open an ssh session for every segment at the same time, hence 200 where OpenSSH says 10.
const SSHD_CONSTANTS: &str = "\
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
HostbasedAuthentication no
PermitEmptyPasswords no
PermitRootLogin no
UsePAM no
PermitUserEnvironment no
PermitUserRC no
DisableForwarding yes
AllowAgentForwarding no
AllowTcpForwarding no
AllowStreamLocalForwarding no
X11Forwarding no
PermitTunnel no
GatewayPorts no
MaxStartups 200
MaxSessions 200
LoginGraceTime 30
ClientAliveInterval 60
ClientAliveCountMax 5
UseDNS no
PrintMotd no
PrintLastLog no
LogLevel INFO
Subsystem sftp internal-sftp
";

/// Everything in ~/.ssh/config that is not the same in every pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client<'a> {
    /// Patterns that fit the names of the pods.
    pub hosts: &'a [String],
    /// What a pod's short name has to end with to be found from everywhere: on Kubernetes no search list leads to it.
    pub domain: &'a str,
    /// The peers' port.
    pub port: u16,
    /// The user, the same in every pod.
    pub user: &'a str,
    /// Private keys in the order in which they are offered: current ones before replaced ones.
    pub identities: &'a [PathBuf],
    /// The known_hosts file.
    pub known_hosts: &'a Path,
}

/// ssh_config(5) for the pods of the cluster; other hosts are left to ssh's defaults.
pub fn render_client(client: &Client<'_>) -> String {
    let mut text = String::from("# Written by gp-agent; changes are overwritten.\n");
    let _ = writeln!(text, "Host {}", client.hosts.join(" "));
    let _ = writeln!(text, "    Port {}", client.port);
    let _ = writeln!(text, "    User {}", quote::ssh_argument(client.user));
    for identity in client.identities {
        let path = quote::ssh_path(identity).replace('%', "%%");
        let _ = writeln!(text, "    IdentityFile {path}");
    }
    let known_hosts = quote::ssh_path(client.known_hosts).replace('%', "%%");
    let _ = writeln!(text, "    UserKnownHostsFile {known_hosts}");
    text.push_str(CLIENT_CONSTANTS);
    if !client.domain.is_empty() {
        let _ = writeln!(text, "Host {} !*.*", client.hosts.join(" "));
        let _ = writeln!(text, "    HostName %h.{}", client.domain);
    }
    text
}

const CLIENT_CONSTANTS: &str = "    GlobalKnownHostsFile /dev/null
    StrictHostKeyChecking yes
    UpdateHostKeys no
    CheckHostIP no
    IdentitiesOnly yes
    IdentityAgent none
    PreferredAuthentications publickey
    BatchMode yes
    ConnectTimeout 10
    ForwardAgent no
    ForwardX11 no
    LogLevel ERROR
";

fn yes_no(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}

/// Whether a variable can stand in SetEnv: a usual name, and no control character that would end the line.
pub fn is_settable(name: &str, value: &str) -> bool {
    let mut characters = name.chars();
    characters.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && characters.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !value.chars().any(char::is_control)
}

/// The ports that an sshd_config listens on.
pub fn ports_of(sshd_config: &str) -> Vec<u16> {
    sshd_config
        .lines()
        .filter_map(|line| line.strip_prefix("Port ")?.trim().parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sshd<'a>(ports: &'a [u16], set_env: &'a [(String, String)]) -> Sshd<'a> {
        Sshd {
            ports,
            host_keys: &[],
            pid_file: Path::new("/run/gp-agent/sshd.pid"),
            authorized_keys: Path::new("/home/a b/100%/.ssh/authorized_keys"),
            user: "gpadmin",
            strict_modes: true,
            no_penalties: false,
            shares: false,
            set_env,
        }
    }

    #[test]
    fn paths_and_variables_are_quoted() {
        let env = [
            ("A".to_string(), "one \"two\"".to_string()),
            ("B".to_string(), "3".to_string()),
        ];
        let text = render_sshd(&sshd(&[2222], &env));
        assert!(text.contains("AuthorizedKeysFile \"/home/a b/100%%/.ssh/authorized_keys\"\n"));
        assert!(text.contains("SetEnv \"A=one \\\"two\\\"\" \"B=3\"\n"));
        assert!(!text.contains("PerSource"));
        let newest = Sshd {
            no_penalties: true,
            shares: true,
            ..sshd(&[2222], &env)
        };
        let text = render_sshd(&newest);
        assert!(text.contains("PerSourcePenalties no\n") && text.contains("PerSourceMaxStartups 50\n"));
    }

    #[test]
    fn the_clients_file_names_port_user_and_keys_in_order() {
        let text = render_client(&Client {
            hosts: &["a-?".into(), "*.gp.local".into()],
            domain: "gp.local",
            port: 2222,
            user: "gpadmin",
            identities: &["/h/.ssh/id_ed25519".into(), "/h/.ssh/previous_rsa".into()],
            known_hosts: Path::new("/h/.ssh/known_hosts"),
        });
        let head: Vec<&str> = text.lines().skip(1).take(6).map(str::trim).collect();
        assert_eq!(
            head,
            [
                "Host a-? *.gp.local",
                "Port 2222",
                "User \"gpadmin\"",
                "IdentityFile \"/h/.ssh/id_ed25519\"",
                "IdentityFile \"/h/.ssh/previous_rsa\"",
                "UserKnownHostsFile \"/h/.ssh/known_hosts\"",
            ]
        );
        assert!(text.ends_with("\nHost a-? *.gp.local !*.*\n    HostName %h.gp.local\n"));
    }

    #[test]
    fn variables_that_would_break_the_file_are_not_settable() {
        assert!(is_settable("GPHOME", "/usr/local/x y"));
        for (name, value) in [("", ""), ("1A", ""), ("A-B", ""), ("A", "x\ny")] {
            assert!(!is_settable(name, value), "{name}={value:?}");
        }
    }

    proptest! {
        #[test]
        fn the_ports_are_read_back(ports in proptest::collection::vec(1u16.., 0..4)) {
            prop_assert_eq!(ports_of(&render_sshd(&sshd(&ports, &[]))), ports);
        }

        #[test]
        fn a_variable_never_adds_a_line(name in "[A-Z_]{1,5}", value in "(?s).{0,30}") {
            if !is_settable(&name, &value) {
                return Ok(());
            }
            let env = [(name, value)];
            let with = render_sshd(&sshd(&[22], &env)).lines().count();
            prop_assert_eq!(with, render_sshd(&sshd(&[22], &[])).lines().count() + 1);
        }
    }
}
