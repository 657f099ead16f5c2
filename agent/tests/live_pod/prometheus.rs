//! A real Prometheus with the alerts of the chart scrapes a pod, and one fires for its cause.

use crate::http_get::get;
use crate::machine::{free_ports, is_root};
use crate::place::Place;
use crate::pod::Pod;
use crate::promtool;
use crate::skipped::skipped;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Ends with the value.
struct Prometheus {
    process: Child,
    port: u16,
}

impl Prometheus {
    /// Scrapes the pod every second and evaluates the alerts as often. `None` where there is none; the reason was said.
    fn start(pod: &Pod) -> Option<Prometheus> {
        let there = promtool::is_there() && Command::new("prometheus").arg("--version").output().is_ok();
        if !there {
            skipped("there is no Prometheus");
            return None;
        }
        let folder = pod.place.base.path().join("prometheus");
        fs::create_dir(&folder).unwrap();
        let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../image/chart/monitoring/rules.yaml");
        let configuration = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{}]\nscrape_configs:\n\
             - job_name: pods\n  static_configs:\n  - targets: [\"127.0.0.1:{}\"]\n    \
             labels: {{ namespace: prod, gp_cluster: w, pod: coordinator-0 }}\n",
            rules.canonicalize().unwrap().display(),
            pod.place.port
        );
        let file = folder.join("prometheus.yml");
        fs::write(&file, configuration).unwrap();
        let port = free_ports();
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", file.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Some(Prometheus { process, port })
    }

    /// Whether its answer has all these words; not while it does not answer.
    fn says(&self, path: &str, words: &[&str]) -> bool {
        get(self.port, path).is_some_and(|(_, answer)| words.iter().all(|word| answer.contains(word)))
    }

    fn fires(&self, alert: &str) -> bool {
        let query = format!("/api/v1/query?query=ALERTS{{alertname=%22{alert}%22,alertstate=%22firing%22}}");
        self.says(&query, &["\"gp_cluster\":\"w\""])
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn prometheus_scrapes_a_pod_and_tells_that_no_coordinator_takes_writes() {
    if !is_root() {
        return;
    }
    let mut pod = Pod::start(Place::new(""));
    let Some(prometheus) = Prometheus::start(&pod) else {
        return;
    };
    let ready = "/api/v1/query?query=gp_agent_ready==1";
    pod.wait_until("the pod is scraped", |_| prometheus.says(ready, &["coordinator-0"]));
    let target = ["\"health\":\"up\"", "\"lastError\":\"\""];
    assert!(prometheus.says("/api/v1/targets", &target));
    let alert = "GreenplumNoWritableCoordinator";
    assert!(!prometheus.fires(alert));
    let (code, said) = pod.run(&["hold", "a test of the alerts"]);
    assert_eq!(code, Some(0), "{said}");
    pod.kill_server();
    pod.wait_until("the alert fires", |_| prometheus.fires(alert));
    let (code, said) = pod.run(&["resume"]);
    assert_eq!(code, Some(0), "{said}");
    pod.wait_until("the alert is over", |_| !prometheus.fires(alert));
}
