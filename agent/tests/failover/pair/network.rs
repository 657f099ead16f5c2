//! A network of two pods: a network namespace for each, and one for the bridge between them, where no packet filter of this
//! machine is in the way.

use crate::pair::psql::PORT;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

/// The cluster's domain.
pub(crate) const DOMAIN: &str = "w.test";

/// Removed when dropped.
pub(crate) struct Network {
    name: String,
    subnet: [u8; 3],
    of_segment: bool,
}

impl Network {
    /// Of the two coordinators, or of a segment's pods. `None` where this machine makes none.
    pub(crate) fn new(of_segment: bool) -> Option<Network> {
        static USED: AtomicU8 = AtomicU8::new(0);
        let number = USED.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        let network = Network {
            name: format!("fo{pid}x{number}"),
            subnet: [10, 180 + number % 60, u8::try_from(pid % 250).unwrap()],
            of_segment,
        };
        let Network { name, .. } = &network;
        let switch = network.switch();
        let made = ip(&format!("netns add {switch}"))
            && ip(&format!("-n {switch} link add bridge type bridge"))
            && ip(&format!("-n {switch} link set bridge up"))
            && ip(&format!("link add {name} type veth peer name host netns {switch}"))
            && ip(&format!("-n {switch} link set host master bridge up"))
            && ip(&format!("addr add {}/24 dev {name}", network.address(254)))
            && ip(&format!("link set {name} up"));
        (made && (0..2).all(|pod| network.add(pod))).then_some(network)
    }

    fn add(&self, pod: usize) -> bool {
        let (space, switch) = (self.space(pod), self.switch());
        let address = self.address_of(pod);
        self.write_hosts(pod);
        ip(&format!("netns add {space}"))
            && ip(&format!(
                "-n {switch} link add pod{pod} type veth peer name eth0 netns {space}"
            ))
            && ip(&format!("-n {switch} link set pod{pod} master bridge up"))
            && ip(&format!("-n {space} link set lo up"))
            && ip(&format!("-n {space} addr add {address}/24 dev eth0"))
            && ip(&format!("-n {space} link set eth0 up"))
    }

    /// `ip netns exec` shows these files to the pod in the place of /etc's.
    fn write_hosts(&self, pod: usize) {
        let folder = self.folder(pod);
        fs::create_dir_all(&folder).unwrap();
        let mut hosts = "127.0.0.1 localhost\n".to_string();
        let groups = [["coordinator-0", "coordinator-1"], ["segment-a-0", "segment-b-0"]];
        let tens = if self.of_segment { [20, 10] } else { [10, 20] };
        for (name, last) in groups
            .iter()
            .zip(tens)
            .flat_map(|(group, first)| group.iter().zip(first..))
        {
            hosts.push_str(&format!("{} {name}.{DOMAIN} {name}\n", self.address(last)));
        }
        fs::write(folder.join("hosts"), hosts).unwrap();
        fs::write(folder.join("resolv.conf"), "nameserver 127.0.0.1\n").unwrap();
        fs::write(
            folder.join("nsswitch.conf"),
            "passwd: files\ngroup: files\nhosts: files\n",
        )
        .unwrap();
    }

    /// The network namespace of a pod.
    pub(crate) fn space(&self, pod: usize) -> String {
        format!("{}p{pod}", self.name)
    }

    fn folder(&self, pod: usize) -> PathBuf {
        Path::new("/etc/netns").join(self.space(pod))
    }

    fn switch(&self) -> String {
        format!("{}s", self.name)
    }

    fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c] = self.subnet;
        Ipv4Addr::new(a, b, c, last)
    }

    /// Where a pod is.
    pub(crate) fn address_of(&self, pod: usize) -> Ipv4Addr {
        self.address(10 + u8::try_from(pod).unwrap())
    }

    /// How the servers of these pods are connected to.
    pub(crate) fn target(&self, pods: &[usize]) -> String {
        let list = |of: &dyn Fn(usize) -> String| pods.iter().map(|pod| of(*pod)).collect::<Vec<_>>().join(",");
        let port = |pod: usize| match (self.of_segment, pod) {
            (false, _) => PORT,
            (true, 0) => 40000,
            (true, _) => 50000,
        };
        let hosts = list(&|pod| self.address_of(pod).to_string());
        format!("host={hosts} port={}", list(&|pod| port(pod).to_string()))
    }

    /// From now on a pod finds the other one where it is itself, as it does for a moment after their addresses were exchanged.
    pub(crate) fn mislead(&self, pod: usize) {
        let hosts = self.folder(pod).join("hosts");
        let [own, others] = [pod, 1 - pod].map(|pod| self.address_of(pod).to_string());
        let wrong = fs::read_to_string(&hosts)
            .unwrap()
            .replace(&format!("{others} "), &format!("{own} "));
        fs::write(hosts, wrong).unwrap();
    }

    /// And where it really is.
    pub(crate) fn lead_back(&self, pod: usize) {
        self.write_hosts(pod);
    }

    /// Cuts a pod off from everybody: nothing is refused, nothing answers.
    pub(crate) fn cut(&self, pod: usize) {
        assert!(ip(&format!("-n {} link set pod{pod} down", self.switch())));
    }

    /// Joins it again.
    pub(crate) fn join(&self, pod: usize) {
        assert!(ip(&format!("-n {} link set pod{pod} up", self.switch())));
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for pod in 0..2 {
            ip(&format!("netns del {}", self.space(pod)));
            let _ = fs::remove_dir_all(self.folder(pod));
        }
        ip(&format!("netns del {}", self.switch()));
    }
}

fn ip(words: &str) -> bool {
    let done = Command::new("ip").args(words.split(' ')).output();
    done.is_ok_and(|done| {
        let said = String::from_utf8_lossy(&done.stderr);
        if !done.status.success() {
            eprintln!("ip {words}: {}", said.trim());
        }
        done.status.success()
    })
}
