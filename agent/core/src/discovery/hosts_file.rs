//! /etc/hosts, and what `getent hosts` prints: lines of `address name alias...`.

/// The names of all lines.
pub fn names(lines: &str) -> impl Iterator<Item = &str> {
    let lines = lines.lines().map(|line| line.split('#').next().unwrap_or_default());
    lines.flat_map(|line| line.split_whitespace().skip(1))
}

/// The first `<host>.<domain>` of any line, without a dot at its end; `host` counts in either case.
pub fn full_name(lines: &str, host: &str) -> Option<String> {
    names(lines)
        .map(|name| name.trim_end_matches('.'))
        .find(|name| {
            name.split_once('.')
                .is_some_and(|(first, rest)| first.eq_ignore_ascii_case(host) && !rest.is_empty())
        })
        .map(str::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_writes_the_name_into_etc_hosts() {
        let hosts = "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n\
                     ::1\tlocalhost ip6-localhost\n\
                     10.244.1.5\tsegment-a-0.agent.prod.svc.cluster.local\tsegment-a-0\n";
        let name = full_name(hosts, "segment-a-0");
        assert_eq!(name.as_deref(), Some("segment-a-0.agent.prod.svc.cluster.local"));
        assert_eq!(full_name(hosts, "segment-a"), None);
        assert_eq!(full_name(hosts, "localhost"), None);
    }

    #[test]
    fn remarks_and_addresses_are_no_names() {
        let lines = "127.0.0.1 localhost\n# 10.0.0.1 gone\n10.0.0.2\ta.gp.svc a # its pod\n\n";
        assert_eq!(names(lines).collect::<Vec<_>>(), ["localhost", "a.gp.svc", "a"]);
    }

    #[test]
    fn a_name_of_one_label_or_of_a_neighbour_is_none() {
        for lines in [
            "",
            "172.18.0.3 segment-a-0",
            "172.18.0.3 segment-a-0.",
            "172.18.0.3 # segment-a-0.x",
            "segment-a-0.x",
            "172.18.0.3 segment-a-01.x segment-b-0.x",
        ] {
            assert_eq!(full_name(lines, "segment-a-0"), None, "{lines}");
        }
        let last = "10.0.0.1 segment-a-0 Segment-A-0.x.";
        assert_eq!(full_name(last, "segment-a-0").as_deref(), Some("Segment-A-0.x"));
    }
}
