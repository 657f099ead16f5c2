//! Every pod passes the restricted Pod Security Standard and can end in order.

use crate::objects::{list, of_kind, pods};
use crate::{OLDEST, can_render, cases};
use cluster_tests::helm;
use serde_json::{Value, json};

/// Kinds of volumes that the restricted standard allows, as far as they can occur here.
const VOLUMES: [&str; 6] = [
    "configMap",
    "csi",
    "emptyDir",
    "persistentVolumeClaim",
    "projected",
    "secret",
];

/// Safe sysctls (Kubernetes, "Using sysctls in a Kubernetes Cluster").
const SYSCTLS: [&str; 2] = ["net.ipv4.ping_group_range", "net.ipv4.ip_local_port_range"];

/// What the restricted Pod Security Standard says against a pod.
fn objections(spec: &Value) -> Vec<String> {
    let mut objections = Vec::new();
    let mut want = |right: bool, what: &str| {
        if !right {
            objections.push(what.to_string());
        }
    };
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        want(spec[field].is_null(), field);
    }
    let pod = &spec["securityContext"];
    want(pod["runAsNonRoot"] == true, "runAsNonRoot");
    want(pod["runAsUser"].as_u64().is_some_and(|uid| uid > 0), "runAsUser");
    want(pod["seccompProfile"]["type"] == "RuntimeDefault", "seccompProfile");
    let mut sysctls = list(&pod["sysctls"]);
    want(
        sysctls.all(|s| SYSCTLS.iter().any(|safe| s["name"] == *safe)),
        "sysctls",
    );
    for volume in list(&spec["volumes"]) {
        let kinds = volume.as_object().into_iter().flatten().map(|(key, _)| key.as_str());
        let mut kinds = kinds.filter(|key| *key != "name");
        want(kinds.all(|kind| VOLUMES.contains(&kind)), "volumes");
    }
    for container in list(&spec["containers"]).chain(list(&spec["initContainers"])) {
        let context = &container["securityContext"];
        want(context["allowPrivilegeEscalation"] == false, "allowPrivilegeEscalation");
        want(context["capabilities"] == json!({ "drop": ["ALL"] }), "capabilities");
        want(context["privileged"].is_null(), "privileged");
        want(
            list(&container["ports"]).all(|port| port["hostPort"].is_null()),
            "hostPort",
        );
    }
    objections
}

#[test]
fn pods_pass_the_restricted_standard_with_a_read_only_root() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        for (title, pod) in pods(objects) {
            let spec = &pod["spec"];
            assert_eq!(objections(spec), [""; 0], "{name}: {title}");
            for container in list(&spec["containers"]).chain(list(&spec["initContainers"])) {
                let read_only = &container["securityContext"]["readOnlyRootFilesystem"];
                assert_eq!(*read_only, true, "{name}: {title}");
            }
        }
    }
    assert_eq!(objections(&json!({ "containers": [{}], "hostPID": true })).len(), 6);
}

/// `fsGroupChangePolicy: Always` would open every file to the group, and PostgreSQL refuses such a data directory.
#[test]
fn volumes_belong_to_the_group_and_data_directories_stay_private() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        for set in of_kind(objects, "StatefulSet") {
            let context = &set["spec"]["template"]["spec"]["securityContext"];
            assert!(context["fsGroup"].is_u64(), "{name}");
            assert_eq!(context["fsGroupChangePolicy"], "OnRootMismatch", "{name}");
        }
    }
}

#[test]
fn private_files_are_in_memory_and_not_for_everybody() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        for set in of_kind(objects, "StatefulSet") {
            let spec = &set["spec"]["template"]["spec"];
            let volume = |wanted: &str| list(&spec["volumes"]).find(|v| v["name"] == wanted);
            for keys in ["run", "home", "shm"] {
                assert_eq!(volume(keys).unwrap()["emptyDir"]["medium"], "Memory", "{name}: {keys}");
            }
            for secret in ["ssh-key", "password", "tls"].into_iter().filter_map(volume) {
                // 0440
                assert_eq!(secret["secret"]["defaultMode"], 288, "{name}: {secret}");
            }
            let mounts = list(&spec["containers"][0]["volumeMounts"]);
            assert!(mounts.clone().any(|mount| mount["mountPath"] == "/dev/shm"), "{name}");
            // The kubelet does not renew what is mounted by subPath; the agent does that for /etc/hosts.
            let renewed = |mount: &Value| mount["subPath"].is_null() || mount["mountPath"] == "/etc/hosts";
            assert!(mounts.clone().all(renewed), "{name}");
        }
    }
}

/// Probes may restart a container only when the agent itself is dead; see docs/kubernetes/README.md.
#[test]
fn no_probe_asks_the_database_whether_the_container_may_live() {
    if !can_render() {
        return;
    }
    for (name, objects) in cases::rendered() {
        for set in of_kind(objects, "StatefulSet") {
            let container = &set["spec"]["template"]["spec"]["containers"][0];
            for probe in ["startupProbe", "livenessProbe"] {
                let command = &container[probe]["exec"]["command"];
                assert_eq!(*command, json!(["gp-agent", "probe", "live"]), "{name}: {probe}");
            }
            let seconds = |probe: &str| {
                let number = |field: &str| container[probe][field].as_u64().unwrap();
                number("periodSeconds") * number("failureThreshold")
            };
            // PID 1 restarts a hung agent after 30 s, which spares the database.
            assert!(seconds("livenessProbe") > 60, "{name}");
            assert!(seconds("startupProbe") > 60, "{name}");
        }
    }
}

/// kubelet leaves /etc/hosts alone where a volume is mounted there; the copy is the pods' user's, in memory.
#[test]
fn the_agent_may_write_the_file_of_hosts() {
    if !can_render() {
        return;
    }
    for set in of_kind(&cases::default().render(OLDEST), "StatefulSet") {
        let spec = &set["spec"]["template"]["spec"];
        let init = &spec["initContainers"][0];
        assert_eq!(init["command"], json!(["cp", "/etc/hosts", "/hosts/hosts"]));
        assert_eq!(
            init["volumeMounts"],
            json!([{ "name": "hosts", "mountPath": "/hosts" }])
        );
        assert_eq!(init["image"], spec["containers"][0]["image"]);
        // As much as the pod has anyway: it asks for nothing more.
        assert_eq!(init["resources"], spec["containers"][0]["resources"]);
        let mounted = list(&spec["containers"][0]["volumeMounts"]).find(|m| m["mountPath"] == "/etc/hosts");
        assert_eq!(
            *mounted.unwrap(),
            json!({ "name": "hosts", "mountPath": "/etc/hosts", "subPath": "hosts" })
        );
        let volume = list(&spec["volumes"]).find(|v| v["name"] == "hosts").unwrap();
        assert_eq!(volume["emptyDir"]["medium"], "Memory");
    }
    let off = json!({ "names": { "hosts": "off" } });
    for set in of_kind(&helm::render(&[], &off, OLDEST).unwrap(), "StatefulSet") {
        assert!(set["spec"]["template"]["spec"]["initContainers"].is_null());
    }
}
