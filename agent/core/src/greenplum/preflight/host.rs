//! What is wrong with one host.

use super::facts::{HostFacts, NOFILE, ParentDirectory, Rules};
use crate::cluster::content::ContentId;
use crate::cluster::topology::Member;
use crate::finding::{Area, Finding, Severity};

/// Milliseconds that a clock may be off before anybody hears of it.
const SKEW: u64 = 2_000;

/// Everything that keeps the tools from working there.
pub(super) fn judge(member: &Member, seen: &HostFacts, rules: &Rules<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(judge_account(member, seen));
    findings.extend(judge_installation(member, seen));
    findings.extend(judge_commands(member, seen));
    findings.extend(judge_pings(member, seen));
    findings.extend(judge_locale(member, seen, rules.locale));
    findings.extend(judge_place(member, &seen.place, rules.min_free_mib));
    findings.extend(judge_port(member, seen));
    findings
}

fn lacks(seen: &HostFacts, command: &str) -> bool {
    seen.missing.iter().any(|missing| missing == command)
}

fn judge_account(member: &Member, seen: &HostFacts) -> Vec<Finding> {
    let pod = &member.pod;
    let mut findings = Vec::new();
    if seen.uid == 0 {
        findings.push(Finding::error(
            Area::Postgres,
            pod,
            "its user is root, as which no Greenplum tool works",
            "run the container as gpadmin: securityContext.runAsUser, docker --user",
        ));
    }
    let short = seen.host_name.split('.').next().unwrap_or_default();
    if !short.eq_ignore_ascii_case(pod) {
        findings.push(Finding::warning(
            Area::Dns,
            pod,
            format!("the host that answers to its name calls itself {:?}", seen.host_name),
            "see where the name leads (gp-agent check dns), and give the container the pod's name as host name",
        ));
    }
    if let Some(why) = &seen.not_writable {
        findings.push(Finding::error(
            Area::Postgres,
            pod,
            format!("the tools cannot keep their logs and scratch files: {why}"),
            "mount an emptyDir at /tmp and at the user's home directory",
        ));
    }
    if seen.nofile < NOFILE {
        findings.push(Finding::warning(
            Area::Postgres,
            pod,
            format!(
                "a process may have {} open files; gpinitsystem asks for {NOFILE}",
                seen.nofile
            ),
            "raise the container runtime's limit: LimitNOFILE of containerd, docker --ulimit nofile=65535",
        ));
    }
    findings
}

fn judge_installation(member: &Member, seen: &HostFacts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Err(words) = &seen.version {
        findings.push(Finding::error(
            Area::Postgres,
            &member.pod,
            format!("Greenplum does not work there: {words}"),
            "every pod needs the same Greenplum at the same path: the same image, or the same mount",
        ));
    }
    if let Some(Err(words)) = &seen.python {
        findings.push(Finding::error(
            Area::Postgres,
            &member.pod,
            format!("the Python of the Greenplum tools does not work: {words}"),
            "install what is missing in the image (EXTRA_PACKAGES), for the Python that the tools name in their first line",
        ));
    }
    findings
}

fn judge_commands(member: &Member, seen: &HostFacts) -> Option<Finding> {
    let package = |command: &str| match command {
        "ping" => "iputils-ping",
        "ip" => "iproute2",
        "netstat" => "net-tools",
        "ssh" => "openssh-client",
        "locale" => "libc-bin",
        "ps" => "procps",
        "find" => "findutils",
        "awk" => "mawk",
        _ => "coreutils or the like",
    };
    let packages: Vec<String> = seen
        .missing
        .iter()
        .map(|command| format!("{} ({command})", package(command)))
        .collect();
    (!packages.is_empty()).then(|| {
        Finding::error(
            Area::Postgres,
            &member.pod,
            format!("commands are missing: {}", seen.missing.join(", ")),
            format!("install them in the image, on Debian: {}", packages.join(", ")),
        )
    })
}

/// The coordinator pings the hosts (`PING_HOST`), and so will the standby once it is activated; that a segment cannot is
/// only worth knowing.
fn judge_pings(member: &Member, seen: &HostFacts) -> Vec<Finding> {
    if lacks(seen, "ping") {
        return Vec::new();
    }
    let severity = match member.content {
        ContentId::COORDINATOR => Severity::Error,
        _ => Severity::Warning,
    };
    let finding = |area, what: String, remedy: &str| Finding::new(severity, area, &member.pod, what, remedy);
    let forbidden = |words: &str| {
        ["not permitted", "Permission denied", "SOCK_RAW", "cap_net_raw"]
            .iter()
            .any(|sign| words.contains(sign))
    };
    let mut findings = Vec::new();
    if let Some((_, words)) = seen.not_pinged.iter().find(|(_, words)| forbidden(words)) {
        let range = seen.ping_group_range.as_deref().unwrap_or("unknown");
        findings.push(finding(
            Area::Postgres,
            format!("ping may not open a socket ({words}); net.ipv4.ping_group_range is {range}"),
            "set the sysctl net.ipv4.ping_group_range to \"0 2147483647\" for the pod (docker --sysctl), or give the container CAP_NET_RAW",
        ));
        return findings;
    }
    findings.extend(seen.not_pinged.iter().map(|(host, words)| {
        finding(
            Area::Dns,
            format!("ping -c 1 {host} fails: {words}"),
            "let ICMP pass between the pods (NetworkPolicy), and see gp-agent check dns",
        )
    }));
    findings
}

fn judge_locale(member: &Member, seen: &HostFacts, locale: &str) -> Option<Finding> {
    let what = match &seen.locales {
        Ok(spellings) if !spellings.is_empty() => return None,
        Ok(_) => format!("the locale {locale} is not there"),
        Err(_) if lacks(seen, "locale") => return None,
        Err(words) => format!("locale -a fails: {words}"),
    };
    Some(Finding::error(
        Area::Postgres,
        &member.pod,
        what,
        "generate it in the image (Debian: localedef -i en_US -f UTF-8 en_US.UTF-8), or set greenplum.locale to one that `locale -a` lists, such as C.UTF-8",
    ))
}

fn judge_place(member: &Member, place: &ParentDirectory, min_free_mib: u64) -> Vec<Finding> {
    let dir = member.data_dir.display();
    let parent = member.data_dir.parent().unwrap_or(&member.data_dir);
    let parent = parent.display();
    let mut findings = Vec::new();
    let mut error = |what: String, remedy: String| {
        findings.push(Finding::error(Area::Storage, &member.pod, what, remedy));
    };
    if place.exists {
        error(
            format!("{dir} is there already"),
            format!("if it holds no data you need, move it away: mv {dir} {dir}.aside"),
        );
    }
    match (&place.others, &place.not_writable) {
        (Err(words), _) => error(
            format!("{parent} cannot be read: {words}"),
            "mount the volume there, readable and writable for the agent's user (fsGroup)".into(),
        ),
        (_, Some(words)) => error(
            format!("{parent} cannot be written to: {words}"),
            "let the agent's user write there (fsGroup), and see gp-agent check storage".into(),
        ),
        (Ok(others), None) => {
            let strange: Vec<&str> = others.iter().map(String::as_str).filter(|n| is_strange(n)).collect();
            if !strange.is_empty() {
                findings.push(Finding::warning(
                    Area::Storage,
                    &member.pod,
                    format!("{parent} also holds {}", strange.join(", ")),
                    "give the database a volume of its own",
                ));
            }
        }
    }
    let free = place.free_bytes >> 20;
    if place.others.is_ok() && free < min_free_mib {
        findings.push(Finding::error(
            Area::Storage,
            &member.pod,
            format!("{free} MiB are free in {parent}, {min_free_mib} are needed"),
            "make room, mount a larger volume, or lower storage.minFreeMib",
        ));
    }
    findings
}

/// Neither the agent's, nor the file system's, nor what was set aside, nor the data directory itself (which is reported by
/// itself), nor the folder of mirrors.
fn is_strange(name: &str) -> bool {
    let known = name.starts_with(".gp-agent") || matches!(name, "lost+found" | "mirror");
    let directory = name
        .strip_prefix("gpseg")
        .is_some_and(|content| content.parse::<ContentId>().is_ok());
    !known && !name.contains(".aside") && !directory
}

fn judge_port(member: &Member, seen: &HostFacts) -> Vec<Finding> {
    let port = member.port;
    let mut findings = Vec::new();
    if let Some(words) = &seen.port_held {
        findings.push(Finding::error(
            Area::Postgres,
            &member.pod,
            // The rest is what to do, which is said below.
            words.split(';').next().unwrap_or(words),
            "free it (ss -ltnp shows who holds it), or configure another port: taken on one family alone it makes gpinitsystem wait for ten minutes",
        ));
    } else if seen.socket_lock && member.content.is_coordinator() {
        let file = format!("/tmp/.s.PGSQL.{port}.lock");
        findings.push(Finding::error(
            Area::Postgres,
            &member.pod,
            format!("{file} is left of a server that is gone, and gpinitsystem takes it for one that runs"),
            format!("remove it: rm {file}"),
        ));
    }
    findings
}

/// How far the host's clock was off at least: the answer was made between question and arrival.
pub(super) fn judge_clock(member: &Member, asked: u64, answered: u64, there: u64) -> Option<Finding> {
    let (off, word) = if there < asked {
        (asked - there, "behind")
    } else {
        (there.saturating_sub(answered), "ahead of")
    };
    (off > SKEW).then(|| {
        Finding::warning(
            Area::Postgres,
            &member.pod,
            format!(
                "its clock is at least {}.{} s {word} the coordinator's",
                off / 1000,
                off % 1000 / 100
            ),
            "let the nodes keep time (chrony, systemd-timesyncd): Greenplum logs and time-outs of different hosts are compared",
        )
    })
}
