//! Whole clusters with Greenplum: the stand-in, or a real engine when `tests/run` is given one.

mod administration;
mod at_hand;
mod bring_up;
mod creation;
mod expansion;
mod failover;
mod failures;
mod growth;
mod left_behind;
mod passwords;
mod recovery;
mod remedies;
mod restarts;
mod support;
mod surroundings;
mod takeover;

use cluster_tests::cluster::Cluster;
use cluster_tests::greenplum::{self, Kind};
use cluster_tests::settings::Settings;
use cluster_tests::suite::{Suite, Test};
use std::process::ExitCode;

/// Run with either.
const TESTS: &[(&str, Test)] = &[
    ("comes_up_from_empty_volumes", bring_up::comes_up),
    ("sql_files_ran_once_in_order", bring_up::sql_files),
    ("primaries_answer_a_distributed_query", bring_up::distributed),
    ("pg_hba_conf_holds_names_and_nothing_wide", bring_up::hba),
    ("http_answers_for_the_role", bring_up::http_roles),
    // Before others have changed roles: a primary that has changed often is left to people.
    ("lost_primary_comes_back_by_itself", recovery::lost_primary),
    (
        "lost_volume_of_a_mirror_is_copied_by_itself",
        recovery::lost_volume_of_a_mirror,
    ),
    ("roles_are_put_back_when_asked_for", recovery::roles_put_back),
    ("tools_work_without_preparation", at_hand::tools),
    ("shells_know_the_database_and_keep_their_libraries", at_hand::shells),
    ("agent_killed_leaves_the_postmaster_alone", failures::agent_killed),
    (
        "killed_postmasters_are_back_before_fts_fails_over",
        failures::postmasters_killed,
    ),
    (
        "silent_standby_and_mirror_hold_nobody_up_for_long",
        failures::silent_replicas,
    ),
    (
        "mirror_that_does_not_know_its_primary_is_named",
        failures::lost_conninfo,
    ),
    ("stopped_pods_come_back_in_their_places", restarts::all_stopped),
    ("killed_pods_come_back_in_any_order", restarts::all_killed),
    ("segments_wait_for_the_coordinator", restarts::segments_first),
    ("late_primary_is_let_start_first", restarts::late_primary),
    ("lost_memory_of_the_catalog_is_made_good", restarts::snapshot_lost),
    (
        "stopped_and_started_by_the_tools_is_adopted",
        administration::stop_and_start,
    ),
    ("standby_made_by_hand_is_adopted", administration::standby_by_hand),
    ("lost_primary_is_failed_over_and_recovered_by_hand", failover::primary),
    (
        "what_a_killed_rebalance_left_stopped_comes_back",
        recovery::killed_rebalance,
    ),
    ("names_that_are_gone_harm_nobody", surroundings::dns_gone),
    (
        "activated_standby_fences_the_old_coordinator",
        failover::old_coordinator,
    ),
    (
        "lost_coordinator_is_not_created_over_its_segments",
        creation::lost_coordinator,
    ),
    (
        "creation_broken_off_is_understood_and_begun_again",
        creation::broken_off,
    ),
    (
        "creation_that_may_have_been_used_is_not_set_aside",
        creation::cannot_tell,
    ),
    (
        "stopped_in_the_moment_of_creation_comes_back_in_place",
        creation::stopped_at_once,
    ),
    (
        "every_host_that_is_not_ready_is_named_at_once",
        creation::hosts_not_ready,
    ),
    ("shell_characters_are_refused", creation::shell_characters),
    ("what_is_said_of_a_lost_standby_helps", remedies::standby),
    ("what_is_said_of_a_lost_mirror_helps", remedies::mirror),
    ("mirrors_that_come_later_are_made_by_themselves", growth::mirrors),
];

/// What the stand-in has not.
const REAL_ALONE: &[(&str, Test)] = &[
    ("segments_that_come_later_are_added_by_themselves", expansion::by_itself),
    ("tables_are_spread_when_somebody_asks", expansion::tables_when_asked),
    ("expansion_that_was_broken_off_is_gone_on_with", expansion::broken_off),
    ("expansion_is_taken_over_by_the_standby", expansion::taken_over),
    ("restless_content_comes_back_when_somebody_asks", recovery::restless),
    (
        "mirrors_that_were_broken_off_are_gone_on_with",
        growth::mirrors_broken_off,
    ),
    ("standby_that_comes_later_makes_itself", growth::standby),
    ("one_verifier_is_the_same_on_every_server", passwords::same_everywhere),
    ("killed_coordinator_is_taken_over_from_and_comes_back", takeover::killed),
    (
        "stopped_and_started_by_the_tools_keeps_its_role",
        takeover::stopped_by_tools,
    ),
    ("frozen_coordinator_leaves_no_lock", takeover::frozen),
    (
        "coordinator_lost_with_a_primary_is_soon_written_to",
        takeover::with_a_primary,
    ),
    ("silent_mirror_holds_nobody_up", takeover::silent_mirror),
    ("coordinators_are_swapped_to_and_fro", takeover::switched_over),
    ("coordinators_on_new_volumes_become_standbys", takeover::lost_volumes),
    (
        "standby_that_is_left_behind_is_copied_by_itself",
        left_behind::by_itself,
    ),
    (
        "what_is_said_of_a_standby_that_is_left_behind_helps",
        left_behind::by_hand,
    ),
    (
        "standby_activated_and_made_by_hand_is_adopted",
        takeover::activated_by_hand,
    ),
];

/// What a real engine cannot be told to do.
const STAND_IN_ALONE: &[(&str, Test)] = &[
    ("exhausted_attempts_are_refused_until_resumed", creation::exhausted),
    ("standby_and_mirrors_that_failed_are_finished", creation::finished),
    (
        "loaded_before_its_creation_is_finished_is_kept",
        creation::loaded_before_finished,
    ),
    ("greenplum_6_is_created", creation::greenplum_6),
    ("cloudberry_is_created", creation::cloudberry),
    ("skewed_clock_is_reported", surroundings::clock_skew),
    (
        "what_the_creation_left_is_finished_by_hand",
        remedies::left_by_the_creation,
    ),
];

fn settings() -> Settings {
    let mut settings = Settings::greenplum();
    support::probe_seldom(&mut settings);
    settings
}

fn prepare(cluster: &Cluster) -> anyhow::Result<()> {
    // FTS probes when it is asked, so that what happens soon is the agent's doing.
    cluster.switch_on("probe_interval", "3600")?;
    bring_up::add_sql_files(cluster)
}

fn main() -> ExitCode {
    let mut tests = TESTS.to_vec();
    match greenplum::kind() {
        Kind::StandIn => {
            tests.extend(STAND_IN_ALONE);
            eprintln!("SKIPPED: the Greenplum tests against a real engine: none is given (tests/run --gphome DIR)");
        }
        Kind::Real => {
            tests.extend(REAL_ALONE);
            for (name, _) in STAND_IN_ALONE {
                eprintln!("SKIPPED: {name}: a real engine cannot be told to fail");
            }
        }
    }
    let suite = Suite {
        image: greenplum::image(),
        settings,
        prepare,
        tests,
    };
    suite.main()
}
