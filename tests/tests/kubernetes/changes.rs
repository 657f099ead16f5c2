//! What administrators change while the cluster runs.

use crate::shared::{PAIRS, Shared, all_well};
use anyhow::{Context, Result, ensure};
use cluster_tests::helm::ValuesFile;
use cluster_tests::kube::{Client, Clients, Release, Tool, kubectl};
use cluster_tests::{wait, writers};
use serde_json::{Value, json};
use std::collections::BTreeSet;

pub(crate) fn rotation(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let (before, old_password) = (release.uids()?, release.password()?);
        let (from, to) = ("coordinator-0", "segment-a-0");
        let keys = [from, to].map(|pod| release.status(pod).map(|s| s["ssh"]["key"].clone()));
        let make = "rm -f /tmp/new && ssh-keygen -q -t ed25519 -N '' -f /tmp/new && cat /tmp/new";
        let key = release.exec(from, &["bash", "-c", make])? + "\n";
        // The old kind of key goes, the new one comes.
        let new = json!({ "stringData": { "id_ed25519": key }, "data": { "id_ecdsa": null } });
        release.patch("secret", "greenplum-ssh-key", &new)?;
        release.patch(
            "secret",
            "greenplum-password",
            &json!({ "stringData": { "password": "another one" } }),
        )?;
        for (pod, old) in [from, to].into_iter().zip(keys) {
            let old = old?;
            release.wait_status(pod, "the new key", |s| s["ssh"]["key"] != old)?;
        }
        wait::until("the new key opens the door", || {
            release.exec(from, &["ssh", "-o", "BatchMode=yes", to, "true"])
        })?;
        let login = |password: &str| {
            let psql = format!("PGPASSWORD='{password}' psql -XAtwh 127.0.0.1 -c 'select 1' postgres");
            release.exec(from, &["bash", "-c", &psql])
        };
        wait::until("the new password opens", || login("another one"))?;
        ensure!(login(&old_password).is_err(), "the old password still opens");
        // An upgrade brings new settings, and leaves the Secrets as they are.
        release.upgrade(&json!({ "parameters": { "log_statement": "ddl" } }))?;
        for pod in release.pods()? {
            wait::until(&format!("{pod} has the new setting"), || {
                let value = release.sql(&pod, "show log_statement")?;
                ensure!(value == "ddl", "log_statement is {value}");
                Ok(())
            })?;
        }
        ensure!(release.password()? == "another one", "the upgrade made a new password");
        ensure!(release.uids()? == before, "a pod was replaced");
        release.upgrade(&json!({}))
    })
}

pub(crate) fn rolling_update(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let next = std::env::var("GP_IMAGE_NEXT")?;
        let (repository, tag) = next.rsplit_once(':').context("GP_IMAGE_NEXT has no tag")?;
        let client = Client::served_by(release)?;
        client.sql("create table written (id bigint)")?;
        // The last pod is replaced first: as the standby it changes nothing, and then the coordinator hands over.
        if let ("coordinator-1", _) = release.coordinators()? {
            release.exec("coordinator-1", &["gp-agent", "switchover"])?;
            all_well(release)?;
        }
        let epoch = release.epoch()?;
        let clients = Clients::start(&client, "written", 2);
        clients.wait_for_more("clients write before the update")?;
        clients.watch_gaps();
        let image = json!({ "image": { "repository": repository, "tag": tag } });
        let updated = release.upgrade(&image).and_then(|()| wait_for_update(release, &next));
        let served = clients.wait_for_more("clients write after the update");
        let gap = clients.longest_gap();
        let rows = clients.stop()?;
        updated?;
        served?;
        all_well(release)?;
        ensure!(
            release.coordinators()?.0 == "coordinator-1",
            "coordinator-0 did not hand over"
        );
        ensure!(
            release.epoch()? == epoch + 1,
            "the role moved {} times",
            release.epoch()? - epoch
        );
        let how = release.came_by("coordinator-1")?;
        ensure!(how == "switchover", "not handed over: {how}");
        eprintln!("update of the image: {:.1} s from client to client", gap.as_secs_f64());
        let written = client.sql_when_served("select id from written")?;
        writers::check_among(&written, &rows)?;
        client.sql_when_served("drop table if exists written").map(drop)
    })
}

fn wait_for_update(release: &Release, image: &str) -> Result<()> {
    for set in ["coordinator", "segment-a", "segment-b"] {
        wait::until(&format!("{set} is updated"), || {
            let status = release.set(set)?["status"].clone();
            let done =
                status["currentRevision"] == status["updateRevision"] && status["readyReplicas"] == status["replicas"];
            ensure!(done, "{status}");
            Ok(())
        })?;
    }
    for pod in release.pods()? {
        let used = release.pod(&pod)?["spec"]["containers"][0]["image"].clone();
        ensure!(used == image, "{pod} runs {used}");
    }
    Ok(())
}

/// Asks for the eviction of a pod, as a drain does.
fn evict(release: &Release, pod: &str) -> Result<()> {
    let namespace = &release.namespace;
    let newest = kubectl(&["get", "--raw", "/apis/policy/v1"]).is_ok();
    let version = if newest { "policy/v1" } else { "policy/v1beta1" };
    let eviction = json!({
        "apiVersion": version, "kind": "Eviction", "metadata": { "name": pod, "namespace": namespace },
    });
    let file = ValuesFile::new(&eviction)?;
    let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/eviction");
    kubectl(&["create", "--raw", &path, "--filename", &file.path()]).map(drop)
}

pub(crate) fn evictions(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        wait::until("the budgets allow an eviction", || {
            let path = "jsonpath={.items[*].status.disruptionsAllowed}";
            let allowed = release.kubectl(&["get", "poddisruptionbudgets", "-o", path])?;
            ensure!(allowed == "1 1", "{allowed}");
            Ok(())
        })?;
        let uid = release.uid("segment-a-0")?;
        evict(release, "segment-a-0")?;
        let refused = evict(release, "segment-b-0")
            .err()
            .context("both of a pair were evicted")?;
        ensure!(refused.to_string().contains("disruption budget"), "{refused:#}");
        // The coordinator has a budget of its own.
        let coordinator = release.uid("coordinator-1")?;
        evict(release, "coordinator-1")?;
        ensure!(
            evict(release, "coordinator-0").is_err(),
            "coordinator and standby were evicted"
        );
        release.wait_replaced("segment-a-0", &uid)?;
        release.wait_replaced("coordinator-1", &coordinator)
    })
}

/// A node with primaries or mirrors that can go elsewhere: before Kubernetes 1.31 no node takes both, so one that holds all of
/// a kind may be the only one for them.
fn drainable(release: &Release) -> Result<String> {
    let nodes = |pods: Vec<&str>| -> Result<BTreeSet<String>> { pods.iter().map(|pod| release.node(pod)).collect() };
    let (primaries, mirrors) = PAIRS[1..].iter().copied().unzip();
    let groups = [nodes(primaries)?, nodes(mirrors)?];
    let all = kubectl(&["get", "nodes", "-o", "jsonpath={.items[*].metadata.name}"])?;
    let can_go = |from: &str| {
        [(0, 1), (1, 0)].iter().all(|&(group, other)| {
            let mut others = all.split(' ').filter(|node| *node != from);
            !groups[group].contains(from) || others.any(|node| !groups[other].contains(node))
        })
    };
    let mut used = groups.iter().flatten();
    let node = used.find(|node| can_go(node));
    node.cloned().with_context(|| format!("none of {groups:?}"))
}

pub(crate) fn drain(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let _tool = Tool::find().map_err(anyhow::Error::msg)?;
        let node = drainable(release)?;
        let selector = "--pod-selector=greenplum.io/cluster,app.kubernetes.io/name=gp-agent";
        let how = ["--ignore-daemonsets", "--delete-emptydir-data", "--timeout=80s"];
        let drained = kubectl(&[&["drain", &node, selector], &how[..]].concat());
        let left = || -> Result<Vec<String>> {
            let pods = release.pods()?.into_iter();
            Ok(pods.filter(|pod| release.node(pod).is_ok_and(|n| n == node)).collect())
        };
        let left = left();
        kubectl(&["uncordon", &node])?;
        drained?;
        ensure!(left?.is_empty(), "pods are left on {node}");
        all_well(release)
    })
}

pub(crate) fn wrong_values(shared: &Shared) -> Result<()> {
    shared.with(|release| {
        let before = applied(release)?;
        let claims = |size: &str| json!({ "primaries": { "storage": { "size": size } } });
        for (wrong, named) in [
            (json!({ "segments": { "count": 0 } }), "/segments/count"),
            (
                json!({ "parameters": { "max_connections": 100 } }),
                "/parameters/max_connections",
            ),
            (json!({ "segment": {} }), "segment"),
            (json!({ "engine": "greenplum" }), "set engine to postgres"),
            (json!({ "cluster": "other" }), "cluster is other"),
            (json!({ "namePrefix": "x-" }), "namePrefix is \"x-\""),
            (json!({ "headless": { "name": "pods" } }), "headless.name is pods"),
            (json!({ "storage": { "wal": true } }), "storage.wal is true"),
            (claims("2Gi"), "primaries.storage.size is 2Gi"),
            (
                json!({ "mirrors": { "storage": { "storageClass": "other" } } }),
                "mirrors.storage.storageClass is \"other\"",
            ),
        ] {
            let refusal = release.upgrade(&wrong).err().context("not refused")?;
            ensure!(refusal.to_string().contains(named), "{refusal:#}");
        }
        let after = applied(release)?;
        ensure!(after == before, "a refused upgrade made {before} into {after}");
        Ok(())
    })
}

/// What an upgrade that goes half its way has changed: cluster.yaml, the Services, or the StatefulSets.
fn applied(release: &Release) -> Result<Value> {
    let path = format!("/apis/apps/v1/namespaces/{}/statefulsets", release.namespace);
    let (sets, services) = (release.api.get(&path)?, release.object("services")?);
    let of_each = |list: &Value, about: &dyn Fn(&Value) -> Value| -> Value {
        let items = list["items"].as_array().into_iter().flatten();
        let named = items.map(|object| (object["metadata"]["name"].to_string(), about(object)));
        named.collect::<serde_json::Map<String, Value>>().into()
    };
    Ok(json!({
        "config": release.object("configmaps/greenplum-cluster")?["data"],
        "services": of_each(&services, &|service| service["spec"].clone()),
        "sets": of_each(&sets, &|set| set["metadata"]["generation"].clone()),
    }))
}
