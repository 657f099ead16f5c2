//! A cluster on Kubernetes: how soon it serves, how soon it serves again, and what it costs while it does nothing.

use crate::inits::resident_kib;
use crate::samples::median;
use crate::table::Table;
use anyhow::{Context, Result, ensure};
use cluster_tests::kube::{self, Client, Release};
use cluster_tests::wait;
use serde_json::{Value, json};
use std::process::Command;
use std::time::{Duration, Instant};

/// Installs a release of six pods and measures it.
///
/// # Errors
/// When the cluster does not do what it should.
pub(crate) fn measure(table: &mut Table) -> Result<()> {
    kube::sweep();
    eprintln!("starting a cluster of six pods on Kubernetes");
    let begin = Instant::now();
    let release = Release::install(json!({}))?;
    let client = Client::of(&release)?;
    served(&client, begin)?;
    table.judge(
        "Kubernetes: helm install to SQL",
        begin.elapsed().as_secs_f64(),
        "s",
        60.0,
    );
    release.wait_all_ready()?;
    table.judge(
        "Kubernetes: helm install to all six ready",
        begin.elapsed().as_secs_f64(),
        "s",
        90.0,
    );
    let again = median(3, || deletion(&release, &client))?;
    table.judge("Kubernetes: pod deletion to SQL", again, "s", 5.0);
    release.wait_all_ready()?;
    resident(&release, table)?;
    idle(&release, table)
}

/// Waits for the first answer through the load balancer.
fn served(client: &Client, begin: Instant) -> Result<()> {
    const GIVE_UP: Duration = Duration::from_secs(180);
    while let Err(why) = client.sql("create temporary table written (n int)") {
        ensure!(begin.elapsed() < GIVE_UP, "clients are not served: {why:#}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn deletion(release: &Release, client: &Client) -> Result<f64> {
    let (coordinator, _) = release.wait_in_sync()?;
    let address = release.ip(coordinator)?.to_string();
    let begin = Instant::now();
    release.kubectl(&["delete", "pod", coordinator, "--wait=false"])?;
    wait::until("the other coordinator answers", || {
        let answer = client.sql("select host(inet_server_addr())")?;
        ensure!(answer != address, "{answer} still answers");
        Ok(())
    })?;
    Ok(begin.elapsed().as_secs_f64())
}

fn resident(release: &Release, table: &mut Table) -> Result<()> {
    let mut largest: f64 = 0.0;
    for pod in release.pods()? {
        let script = "cat /proc/$(pgrep -f '^[^ ]*gp-agent run')/status";
        largest = largest.max(resident_kib(&release.exec(&pod, &["bash", "-c", script])?)?);
    }
    table.judge(
        "Kubernetes: agent's resident memory, largest",
        largest / 1024.0,
        "MiB",
        24.0,
    );
    Ok(())
}

/// Requests per pod in a minute in which nothing happens.
fn idle(release: &Release, table: &mut Table) -> Result<()> {
    const MINUTES: f64 = 2.0;
    let pods = release.pods()?.len() as f64;
    let dns = DnsCounter::start()?;
    let before = api_requests(release)?;
    eprintln!("counting what an idle cluster asks, for {MINUTES} minutes");
    std::thread::sleep(Duration::from_secs_f64(60.0 * MINUTES));
    let asked = (api_requests(release)? - before) / MINUTES / pods;
    table.judge("Kubernetes: API requests of an idle pod", asked, "/min", 10.0);
    if let Some(dns) = dns {
        let asked = dns.count()? / MINUTES / pods;
        table.judge("Kubernetes: DNS requests of an idle pod", asked, "/min", 10.0);
    }
    Ok(())
}

/// Requests about pods themselves and Events, which beside the coordinators' Lease are the only ones that an agent may make; the
/// API server's own count, which does not tell that Lease from the nodes'.
fn api_requests(release: &Release) -> Result<f64> {
    let (code, metrics) = release.api.raw("/metrics")?;
    ensure!(code == 200, "/metrics: {code}");
    let agents = |line: &&str| {
        line.starts_with("apiserver_request_total{")
            && line.contains("subresource=\"\"")
            && (line.contains("resource=\"pods\"") || line.contains("resource=\"events\""))
            && ["GET", "PATCH", "POST"]
                .iter()
                .any(|verb| line.contains(&format!("verb=\"{verb}\"")))
    };
    let counts = metrics
        .lines()
        .filter(agents)
        .filter_map(|line| line.rsplit(' ').next());
    counts.map(|count| count.parse::<f64>().context("not a count")).sum()
}

/// A rule of this machine's packet filter that counts questions on their way to the cluster's DNS, where they pass here.
struct DnsCounter(Vec<String>);

impl DnsCounter {
    fn start() -> Result<Option<DnsCounter>> {
        if kube::Tool::find().is_err() {
            return Ok(None);
        }
        let endpoints = kube::kubectl(&["-n", "kube-system", "get", "endpoints", "kube-dns", "-o", "json"])?;
        let endpoints: Value = serde_json::from_str(&endpoints)?;
        let address = &endpoints["subsets"][0]["addresses"][0]["ip"];
        let address = address.as_str().context("no DNS server")?.to_string();
        let words = ["FORWARD", "-d", &address, "-p", "udp", "--dport", "53"];
        let counter = DnsCounter(words.map(String::from).to_vec());
        counter.iptables(&["-I"])?;
        Ok(Some(counter))
    }

    fn iptables(&self, verb: &[&str]) -> Result<()> {
        let done = Command::new("iptables").arg("-w").args(verb).args(&self.0).status()?;
        ensure!(done.success(), "iptables {verb:?} failed");
        Ok(())
    }

    fn count(&self) -> Result<f64> {
        let listed = Command::new("iptables")
            .args(["-w", "-L", "FORWARD", "-v", "-x", "-n"])
            .output()?;
        let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
        let rule = listed.lines().find(|line| line.contains("udp dpt:53"));
        let packets = rule.and_then(|line| line.split_whitespace().next());
        packets.context("the rule is gone")?.parse().context("not a count")
    }
}

impl Drop for DnsCounter {
    fn drop(&mut self) {
        let _ = self.iptables(&["-D"]);
    }
}
