//! The chart and its pods on a real Kubernetes, under everything that happens to nodes, networks and administrators.
//!
//! The cluster is the one that KUBECONFIG points to; each test works in namespaces of its own. What cannot be done to that
//! cluster is skipped, in words.

mod balancer;
mod bring_up;
mod changes;
mod deletions;
mod failover;
mod faults;
mod greenplum;
mod names;
mod needs;
mod probes;
mod shared;
mod storage;

use cluster_tests::{arguments, kube};
use libtest_mimic::{Failed, Trial};
use needs::Need::{self, Balancer, Greenplum, MemoryVolumes, NextImage, Nodes, Tool};
use shared::Shared;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

type Test = fn(&Shared) -> anyhow::Result<()>;

/// Name, what it needs, test.
const TESTS: &[(&str, &[Need], Test)] = &[
    ("comes_up_with_pairs_on_different_nodes", &[Nodes], bring_up::comes_up),
    ("pods_carry_the_label_of_their_role", &[], bring_up::labels),
    ("tokens_reach_no_more_than_they_have_to", &[], bring_up::rights),
    ("helm_test_writes_through_the_service", &[], bring_up::helm_test),
    ("volumes_in_memory_are_refused", &[MemoryVolumes], storage::in_memory),
    ("samenet_hides_a_wrong_name_on_one_node_only", &[Nodes], names::samenet),
    ("a_second_service_does_not_stop_replication", &[], names::two_services),
    (
        "a_foreign_reverse_name_is_replaced_by_the_address",
        &[Tool],
        names::foreign_reverse_name,
    ),
    ("a_deleted_coordinator_hands_over", &[Balancer], failover::pod_deleted),
    ("a_lost_node_is_taken_over_from", &[Tool, Balancer], failover::node_off),
    (
        "a_coordinator_without_the_api_server_goes_on",
        &[Tool, Balancer],
        failover::cut_off_from_the_api,
    ),
    (
        "a_coordinator_without_anybody_stops_first",
        &[Tool, Balancer],
        failover::cut_off_from_all,
    ),
    (
        "failover_begins_with_new_pods",
        &[NextImage, Balancer],
        failover::switched_on,
    ),
    (
        "the_balancer_follows_a_new_coordinator_pod",
        &[Balancer],
        balancer::restart,
    ),
    ("the_balancer_follows_a_switchover", &[Balancer], balancer::switchover),
    ("the_balancer_follows_a_promotion", &[Balancer], balancer::promotion),
    (
        "the_balancer_follows_readiness_without_labels",
        &[Balancer],
        balancer::without_labels,
    ),
    ("each_pod_comes_back_with_its_rows", &[], deletions::each_pod),
    ("each_stateful_set_comes_back_with_its_rows", &[], deletions::each_set),
    ("all_pods_at_once_come_back_with_their_rows", &[], deletions::all_pods),
    ("a_pod_deleted_under_load_ends_in_order", &[], deletions::under_load),
    ("secrets_and_settings_are_followed", &[], changes::rotation),
    (
        "a_new_image_loses_no_row",
        &[NextImage, Balancer],
        changes::rolling_update,
    ),
    ("evictions_take_one_of_a_pair", &[], changes::evictions),
    ("a_drained_node_is_empty_in_the_end", &[Tool], changes::drain),
    ("wrong_values_change_nothing", &[], changes::wrong_values),
    ("probes_restart_no_pod_for_its_database", &[], probes::patience),
    ("a_node_may_lose_its_power", &[Tool], faults::node),
    ("two_nodes_may_lose_each_other", &[Tool], faults::partition),
    ("a_node_may_lose_the_api_server", &[Tool, Balancer], faults::lost_master),
    ("dns_may_fail", &[Tool], faults::dns),
    (
        "greenplum_comes_up_and_all_its_pods_come_back",
        &[Greenplum, Balancer],
        greenplum::whole,
    ),
    (
        "greenplum_is_updated_at_once",
        &[Greenplum, Balancer],
        greenplum::update,
    ),
    (
        "greenplum_heals_after_its_coordinators_node_was_off",
        &[Greenplum, Balancer, Tool],
        greenplum::heals,
    ),
    (
        "greenplum_survives_a_node_and_its_coordinator",
        &[Greenplum, Balancer, Tool],
        greenplum::failures,
    ),
    ("the_api_server_may_be_down", &[Tool, Balancer], faults::api_down),
];

fn main() -> ExitCode {
    if arguments::come_later() {
        return ExitCode::SUCCESS;
    }
    let (arguments, names) = arguments::of_this_process();
    let missing = kube::missing();
    if let Some(why) = &missing {
        say(&format!("the tests on Kubernetes: {why}"));
        if std::env::var_os("GP_TESTS_REQUIRE_KUBERNETES").is_some() {
            return ExitCode::FAILURE;
        }
    } else if !arguments.list {
        kube::sweep();
    }
    let shared = Arc::new(Shared::default());
    let mut trials = Vec::new();
    for (name, needs, test) in TESTS.iter().filter(|(name, ..)| names.want(name)) {
        let lacking = match missing {
            Some(_) => None,
            None => needs.iter().find_map(|need| need.lacking()),
        };
        if let Some(why) = &lacking {
            say(&format!("{name}: {why}"));
        }
        let shared = shared.clone();
        let run = move || test(&shared).map_err(|e| Failed::from(format!("{e:#}")));
        let ignored = missing.is_some() || lacking.is_some();
        trials.push(Trial::test(*name, run).with_ignored_flag(ignored));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    drop(shared);
    conclusion.exit_code()
}

fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {what}");
}
