use super::*;
use clap::CommandFactory;

fn parse(line: &str) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(line.split(' '))
}

#[test]
fn the_definitions_are_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_is_understood() {
    for line in [
        "gp-agent init",
        "gp-agent init -- sleep -x 5",
        "gp-agent run",
        "gp-agent run --config /x",
        "gp-agent probe startup",
        "gp-agent probe ready",
        "gp-agent probe live",
        "gp-agent status",
        "gp-agent status --json",
        "gp-agent status --watch --interval 5",
        "gp-agent check",
        "gp-agent check storage dns hba ssh config",
        "gp-agent render hba",
        "gp-agent render gpinitsystem",
        "gp-agent render known-hosts",
        "gp-agent render topology",
        "gp-agent hold",
        "gp-agent hold for a while",
        "gp-agent resume",
        "gp-agent switchover",
        "gp-agent switchover --when-idle",
        "gp-agent failover --accept-data-loss",
        "gp-agent failover pause",
        "gp-agent failover resume",
        "gp-agent recover --full segment-b-0",
        "gp-agent rebalance",
        "gp-agent expand",
        "gp-agent env",
        "gp-agent preflight --home /g --dir /d --port 5432 --locale C.UTF-8 --ping a --ping b",
    ] {
        assert!(parse(line).is_ok(), "{line}");
    }
    for line in [
        "gp-agent",
        "gp-agent dance",
        "gp-agent probe",
        "gp-agent check moon",
        "gp-agent failover",
        "gp-agent failover now",
        "gp-agent rebalance segment-b-0",
        "gp-agent failover --accept-data-loss pause",
        "gp-agent status --interval 5",
        "gp-agent status --watch --interval 0",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

#[test]
fn the_configuration_may_be_named_before_and_after_the_verb() {
    for line in ["gp-agent --config /x run", "gp-agent run --config /x"] {
        assert_eq!(parse(line).unwrap().config, PathBuf::from("/x"));
    }
}

#[test]
fn help_names_verbs_environment_and_exit_codes() {
    let help = Cli::command().render_help().to_string();
    insta::assert_snapshot!(help, @r"
    Container entrypoint and segment agent for Greenplum and PostgreSQL clusters

    Usage: gp-agent [OPTIONS] <COMMAND>

    Commands:
      init        Run as the container's first process: start the agent, reap orphans, stop in order
      run         Run the agent itself; `gp-agent init` does this
      probe       Answer a probe: exit code 0 or 1, and one line why
      status      Show this pod and the whole cluster as a table
      check       Look for what is wrong; every finding says what, where, and what to do
      render      Print what would be written, for review; nothing is changed
      hold        Take this pod's postmaster out of supervision: it is neither started nor stopped
      resume      Give this pod's postmaster back to the agent
      switchover  Hand the coordinator's role over to the standby, in order; called in the coordinator's pod
      failover    Take the coordinator's role over by force, or pause and resume failover
      recover     Bring segments back that FTS has marked down (Greenplum); called in the active coordinator's pod
      rebalance   Put roles of segments back after a failover (Greenplum); called like recover
      expand      Add new segments of cluster.yaml, and spread tables over them (Greenplum); called like recover
      env         Print what lets a shell's tools find this pod's database

    Options:
          --config <PATH>  Path of the configuration file [default: /etc/greenplum/cluster.yaml]
      -h, --help           Print help
      -V, --version        Print version

    Environment:
      GP_AGENT_CONFIG     path of the configuration file
      GP_AGENT_RUN_DIR    directory of the agent's socket, on a tmpfs [default: /run/gp-agent]
      GP_AGENT_HOST_NAME  host name to use in place of the pod's own
      GP_AGENT_LOG        what is logged: error, warn, info, debug or trace [default: info]
      GP_AGENT_LOG_FORMAT text, json or auto: JSON in Kubernetes [default: auto]
      GP_AGENT_<KEY>      overrides one key of the configuration file: GP_AGENT_SEGMENTS_COUNT=4
                          stands for `segments: { count: 4 }`

    Exit codes:
      0   done, or everything is well
      1   refused, not well or failed; standard error says what, where and what to do
      64  wrong command line

    Examples:
      gp-agent init                          entrypoint of the container
      gp-agent status --watch                the whole cluster, refreshed
      gp-agent check                         what is wrong, and what to do about it
      gp-agent render hba                    pg_hba.conf as it would be written
      gp-agent hold 'moving the volume'      leave the postmaster alone until `resume`
      gp-agent switchover                    hand the coordinator's role over to the standby
    ");
    let mut command = Cli::command();
    for verb in command.get_subcommands_mut() {
        let help = verb.render_long_help().to_string();
        assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
    }
}
