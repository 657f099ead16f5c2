//! The containers of a cluster under everything that happens to containers.

mod administration;
mod at_hand;
mod bare;
mod bring_up;
mod copies;
mod directories;
mod failures;
mod limits;
mod logs;
mod refusals;
mod restarts;
mod standby;

use cluster_tests::docker;
use cluster_tests::settings::Settings;
use cluster_tests::suite::{Suite, Test};
use std::process::ExitCode;

const TESTS: &[(&str, Test)] = &[
    ("comes_up_from_empty_volumes", bring_up::comes_up),
    ("mirrors_have_what_primaries_wrote", bring_up::mirrors),
    ("pods_reach_each_other_by_ssh", bring_up::ssh),
    ("tools_work_without_preparation", at_hand::tools),
    ("what_the_caller_of_a_tool_says_counts", at_hand::callers_word_counts),
    ("tools_follow_another_configuration", at_hand::other_configuration),
    ("pg_hba_conf_holds_names", bring_up::names_in_hba),
    ("http_answers_for_the_role", bring_up::http_roles),
    ("agent_killed_leaves_the_postmaster_alone", failures::agent_killed),
    ("postmaster_killed_comes_back", failures::postmaster_killed),
    ("mirror_killed_streams_again", failures::mirror_killed),
    ("sshd_killed_comes_back", failures::sshd_killed),
    ("hung_postmaster_is_reported_and_left_alone", failures::hung),
    ("passwords_are_followed", administration::scram),
    (
        "bad_lines_of_hba_extra_are_left_out_alone",
        administration::bad_hba_lines,
    ),
    ("ten_thousand_orphans_leave_no_zombie", failures::orphans),
    ("rotated_keys_overlap", administration::key_rotation),
    ("held_postmaster_is_left_alone", administration::hold_and_resume),
    (
        "lock_of_another_life_stops_no_start",
        administration::lock_of_another_life,
    ),
    ("stopped_by_pg_ctl_stays_stopped_and_is_adopted", administration::pg_ctl),
    ("stopped_in_smart_mode_waits_for_no_agent", administration::smart_stop),
    (
        "stopped_in_immediate_mode_stays_stopped",
        administration::immediate_stop,
    ),
    (
        "server_that_lost_its_lock_file_comes_back",
        administration::removed_lock_file,
    ),
    ("changed_settings_are_applied", administration::changed_settings),
    ("containers_killed_come_back_in_any_order", restarts::all_killed),
    ("names_in_pg_hba_conf_outlive_a_restart", restarts::names_are_kept),
    ("sigterm_under_load_loses_nothing", restarts::sigterm_under_load),
    (
        "stops_in_time_with_a_client_that_does_not_read",
        restarts::client_that_does_not_read,
    ),
    ("stops_in_time_with_a_stopped_backend", restarts::stopped_backend),
    (
        "wrong_reverse_names_are_replaced_by_addresses",
        refusals::wrong_reverse_names,
    ),
    (
        "promoted_mirror_fences_the_old_primary_which_rejoins",
        directories::promotion,
    ),
    (
        "damaged_promoted_mirror_keeps_the_old_primary_down",
        directories::damaged_promotion,
    ),
    (
        "lost_primary_is_not_initialised_over_its_mirror",
        directories::lost_primary,
    ),
    ("a_lost_file_is_no_empty_volume", directories::lost_file),
    (
        "pods_killed_while_they_are_made_come_up",
        directories::killed_while_made,
    ),
    ("second_agent_on_a_volume_is_refused", directories::foreign_volume),
    (
        "parameter_that_would_stop_the_server_is_refused",
        directories::bad_parameter,
    ),
    (
        "standby_starts_with_less_than_its_primary",
        standby::lowered_on_the_standby_first,
    ),
    (
        "primary_with_more_than_its_standby_is_followed",
        standby::raised_on_the_primary_first,
    ),
    ("paused_replay_is_named_and_not_ready", standby::paused),
    ("standby_follows_the_topology", standby::follows_the_topology),
    ("tablespaces_outlive_copies", copies::tablespaces),
    ("broken_copies_leave_nothing", copies::broken),
    ("modes_of_a_restore_are_mended_or_named", copies::modes),
    ("limits_become_parameters", limits::become_parameters),
    (
        "no_line_of_the_log_is_lost_with_the_agent",
        logs::none_lost_with_the_agent,
    ),
    ("volume_in_memory_is_refused", refusals::volume_in_memory),
    ("strange_host_name_is_refused", refusals::strange_host_name),
    ("needs_nothing_of_its_base_image", bare::needs_nothing),
];

fn main() -> ExitCode {
    let suite = Suite {
        image: docker::image(),
        settings: Settings::default,
        prepare: |_| Ok(()),
        tests: TESTS.to_vec(),
    };
    suite.main()
}
