//! The one address for clients of the local cluster, which follows the coordinator.

use crate::client::{Client, Printed};
use anyhow::{Context, Result, ensure};
use cluster_tests::docker::docker;
use cluster_tests::helm::root;
use cluster_tests::wait;
use std::net::Ipv4Addr;
use std::process::Command;

/// Clients notice nothing of who is the coordinator but broken connections: through `docker kill`, the lost one's return as
/// the standby, and a switchover back. `said` is what `image/up` said; `both` whether it prints a string of both hosts too.
pub(crate) fn follows_the_coordinator(said: &str, both: bool) -> Result<()> {
    let (printed, strings) = printed(said, both)?;
    has_no_address_of_a_pod()?;
    let client = Client::start(&printed)?;
    serves(&client, &strings, "at first")?;
    docker(&["kill", "coordinator-0"])?;
    gives_up(&printed, "coordinator-0")?;
    serves(&client, &strings, "after docker kill coordinator-0")?;
    docker(&["start", "coordinator-0"])?;
    ready("coordinator-0")?;
    serves(&client, &strings, "with coordinator-0 as the standby")?;
    moves("coordinator-0")?;
    wait::until("the switchover back", || {
        docker(&["exec", "coordinator-1", "gp-agent", "switchover"])
    })?;
    ready("coordinator-1")?;
    serves(&client, &strings, "after the switchover back")?;
    client.end(&printed)
}

/// Containers have other addresses when they start again in another order.
fn moves(pod: &str) -> Result<()> {
    let network = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    let address: Ipv4Addr = docker(&["inspect", "--format", network, pod])?.trim().parse()?;
    // Far from those that are given out, and in the range of the pods.
    let elsewhere = Ipv4Addr::from_bits(address.to_bits() + 100).to_string();
    docker(&["network", "disconnect", "gp.local", pod])?;
    docker(&[
        "network", "connect", "--ip", &elsewhere, "--alias", pod, "gp.local", pod,
    ])?;
    ready(pod)
}

/// Once the other coordinator has the role, no new session is closed, not even when the balancer gives the lost one up, which is
/// seconds later.
fn gives_up(printed: &Printed, lost: &str) -> Result<()> {
    let began = docker(&["exec", "balancer", "date", "+%s"])?;
    wait::until("a session with the new coordinator", || printed.ask("select 1"))?;
    let mut closed = Ok(());
    wait::until("the balancer gives the lost one up", || {
        let log = docker(&["logs", "--since", began.trim(), "balancer"])?;
        // Those of the very moment count too.
        closed = (0..20).try_for_each(|_| printed.ask("select 1").map(drop));
        let given_up = log.contains(&format!("coordinator/{lost} is DOWN"));
        ensure!(given_up || closed.is_err(), "it has not:\n{log}");
        Ok(())
    })?;
    closed.with_context(|| format!("{lost} was lost, and the other one had the role"))
}

/// A client writes through what `image/up` printed, new ones are let in, and nobody without the password.
pub(crate) fn leads_to_the_coordinator(said: &str, both: bool) -> Result<()> {
    let (printed, strings) = printed(said, both)?;
    has_no_address_of_a_pod()?;
    let client = Client::start(&printed)?;
    serves(&client, &strings, "at first")?;
    client.end(&printed)
}

/// The string of the balancer, and all of them.
fn printed(said: &str, both: bool) -> Result<(Printed, Vec<Printed>)> {
    let printed = Printed::find(said, "psql on this machine:")?;
    let mut strings = vec![printed.clone()];
    if both {
        strings.push(Printed::find(said, "without the balancer:")?);
    }
    Ok((printed, strings))
}

fn ready(pod: &str) -> Result<()> {
    wait::until("the standby is ready", || {
        docker(&["exec", pod, "gp-agent", "probe", "ready"])
    })
    .map(drop)
}

/// The client goes on, new ones are served by whoever takes writes, and nobody is let in without the password.
fn serves(client: &Client, strings: &[Printed], when: &str) -> Result<()> {
    let before = client.acknowledged();
    wait::until(&format!("the client writes {when}"), || {
        let rows = client.acknowledged() - before;
        ensure!(rows >= 20, "{rows} rows");
        Ok(())
    })?;
    for string in strings {
        // A session that begins while a coordinator goes may be closed, and its client tries again; none is ever led astray.
        let mut led = Vec::new();
        wait::until(&format!("new sessions {when}"), || {
            (0..10).try_for_each(|_| {
                led.push(string.ask("select pg_is_in_recovery()")?);
                Ok(())
            })
        })?;
        ensure!(
            led.iter().all(|recovers| recovers == "f"),
            "{when}: {string:?} led to the standby"
        );
        let stranger = string.without_password()?.ask("select 1");
        let refused = stranger.err().map(|why| why.to_string()).unwrap_or_default();
        ensure!(
            refused.contains("no password supplied"),
            "{when}: without the password: {refused:?}"
        );
    }
    Ok(())
}

/// Pods trust each other by address, and clients come from the balancer's.
fn has_no_address_of_a_pod() -> Result<()> {
    let range = docker(&[
        "network",
        "inspect",
        "--format",
        "{{range .IPAM.Config}}{{.IPRange}}{{end}}",
        "gp.local",
    ])?;
    let addresses = docker(&[
        "network",
        "inspect",
        "--format",
        "{{range .Containers}}{{.Name}} {{.IPv4Address}}\n{{end}}",
        "gp.local",
    ])?;
    let of = |text: &str| -> Result<(u32, u32)> {
        let (address, bits) = text.split_once('/').context("no prefix")?;
        Ok((address.parse::<Ipv4Addr>()?.to_bits(), bits.parse()?))
    };
    let (first, bits) = of(&range)?;
    let mut balancers = 0;
    for line in addresses.lines().filter(|line| !line.is_empty()) {
        let (name, address) = line.split_once(' ').context("no address")?;
        let is_a_pods = of(address)?.0 >> (32 - bits) == first >> (32 - bits);
        ensure!(
            is_a_pods == (name != "balancer"),
            "{name} has {address}; pods have {range}"
        );
        balancers += u32::from(name == "balancer");
    }
    ensure!(balancers == 1, "{addresses}");
    Ok(())
}

#[test]
fn the_balancer_has_the_last_address_and_pods_the_first_half() {
    for (subnet, divided) in [
        ("172.18.0.0/16", "172.18.0.0/17 172.18.255.254"),
        ("192.168.16.0/20", "192.168.16.0/21 192.168.31.254"),
        ("10.1.2.48/28", "10.1.2.48/29 10.1.2.62"),
    ] {
        let script =
            "set -eu; source image/balancer.sh; GP_SUBNET=$1; divide_subnet; echo $GP_POD_RANGE $GP_BALANCER_ADDRESS";
        let mut bash = Command::new("bash");
        let output = bash
            .current_dir(root())
            .args(["-c", script, "bash", subnet])
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), divided, "{output:?}");
    }
}
