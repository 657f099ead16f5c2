//! How long one waits for another, in one table: what has to be shorter than what is tested below.
//!
//! Pauses between two looks, intervals and deadlines of single tools stand where they are used; the grace period and its
//! stages in [`shutdown_schedule`](super::shutdown_schedule).

use std::time::Duration;

/// One bound of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The constant's name.
    pub name: &'static str,
    /// How long.
    pub value: Duration,
    /// Who waits, and for whom.
    pub wait: &'static str,
    /// What it has to be shorter or longer than, and why.
    pub fits: &'static str,
}

macro_rules! bounds {
    ($($name:ident = $value:expr, $wait:literal, $fits:literal;)*) => {
        $(#[doc = concat!("How long to wait: ", $wait, ". It is ", $fits, ".")] pub const $name: Duration = $value;)*

        /// All of them, for docs/design/timeouts.md.
        pub const BOUNDS: &[Bound] = &[$(Bound { name: stringify!($name), value: $name, wait: $wait, fits: $fits }),*];
    };
}

bounds! {
    SHUTDOWN_PEER_ANSWERS = Duration::from_millis(500),
        "a pod that ends, for another pod that ends",
        "shorter than `SHUTDOWN_SIGNALS_ARRIVE`, within which it may be asked again";
    PROMISE_GIVEN = Duration::from_millis(700),
        "the HTTP server of a coordinator's pod, for its promise to the other one",
        "shorter than `PROMISE_ANSWERS`: what nobody waits for any more is not promised";
    PROMISE_ANSWERS = Duration::from_millis(900),
        "a coordinator's agent, for the other one's word or promise",
        "less than a second: the deadlines of failover count on that";
    SHUTDOWN_SIGNALS_ARRIVE = Duration::from_secs(1),
        "a pod that ends, for the signals of the same deletion to reach the others",
        "with `LABEL_WITHDRAWN` within the quarter of the grace period that a server may wait for others";
    INIT_LOG_FINISHES = Duration::from_secs(1),
        "init, for its last lines to be read",
        "shorter than `LOG_FINISHES`";
    LOG_FINISHES = Duration::from_secs(2),
        "the agent, for its last lines to be read",
        "shorter than what the grace period leaves after the servers' end";
    PEER_ANSWERS = Duration::from_secs(2),
        "an agent, for one peer, all its addresses together",
        "at most half of `PARTNER_SILENT`, so that a partner is asked twice";
    CATALOG_ANSWERS = Duration::from_secs(2),
        "a segment, for a coordinator's catalog",
        "shorter than `CATALOG_SERVER_ANSWERS`";
    NAME_SERVER_ANSWERS = Duration::from_secs(2),
        "the agent, for one answer of a name server",
        "shorter than `LIBC_ANSWERS`";
    HOSTS_WRITTEN = Duration::from_secs(2),
        "a check of names, for /etc/hosts to be written",
        "shorter than `LIBC_ANSWERS`: what libc is asked follows it";
    LABEL_WITHDRAWN = Duration::from_secs(2),
        "a database that ends, for its role label to go",
        "shorter than `KUBERNETES_ANSWERS`: an API server that does not answer delays no shutdown";
    SQL_ANSWERS = Duration::from_secs(3),
        "the monitor, for the server",
        "with a second between two questions, twice within `SQL_FRESH`";
    KUBERNETES_ANSWERS = Duration::from_secs(3),
        "the agent, for the API server",
        "shorter than a probe";
    PROBE_ANSWERS = Duration::from_secs(4),
        "`gp-agent probe`, for the agent",
        "longer than any answer from memory; shorter than what kubelet and Docker give the program, 5 s, with its start";
    PARTNER_SILENT = Duration::from_secs(5),
        "a primary that exists, for its partner's word before it starts alone",
        "longer than `PEER_ANSWERS`, twice";
    CATALOG_SERVER_ANSWERS = Duration::from_secs(5),
        "a coordinator, for its own server's catalog",
        "at least as long as `SQL_ANSWERS`";
    HTTP_HEADER_COMES = Duration::from_secs(5),
        "the HTTP server, for a request's header",
        "shorter than `HTTP_CONNECTION_ENDS`";
    VOLUME_ANSWERS = Duration::from_secs(5),
        "the heart, for the volume, until it counts as hanging",
        "shorter than `LOOP_STANDS_STILL`: what hangs is named before the loop is missed";
    LIBC_ANSWERS = Duration::from_secs(6),
        "the agent, for one `getent`",
        "longer than `NAME_SERVER_ANSWERS`; shorter than `LIBC_ANSWERS_ALL`";
    LOOP_STANDS_STILL = Duration::from_secs(10),
        "the heart, for the loop to turn",
        "shorter than `LOOP_FRESH`";
    SQL_FRESH = Duration::from_secs(10),
        "readiness, for the database's next answer",
        "longer than two questions of the monitor";
    HOLD_ANSWERS = Duration::from_secs(10),
        "`gp-agent hold` and `resume`, for the agent",
        "longer than `VOLUME_ANSWERS`: a hold is written first";
    CLUSTER_ANSWERS = Duration::from_secs(15),
        "`/cluster`, for all peers",
        "several times `PEER_ANSWERS`; shorter than `STATUS_ANSWERS`";
    LOOP_FRESH = Duration::from_secs(15),
        "liveness, for the loop to turn",
        "longer than `LOOP_STANDS_STILL`; shorter than `WATCHDOG`";
    STATUS_ANSWERS = Duration::from_secs(20),
        "`gp-agent status`, for the agent",
        "longer than `CLUSTER_ANSWERS`; shorter than `HTTP_CONNECTION_ENDS`";
    SETTINGS_TRIED = Duration::from_secs(20),
        "the agent, for a trial start with new settings",
        "shorter than `LIBC_ANSWERS_ALL`; a server that runs waits for nobody meanwhile";
    PRIMARIES_START = Duration::from_secs(20),
        "a coordinator that starts, for primaries that are on their way (Greenplum)",
        "many times `CATALOG_ANSWERS`, which such a primary waits itself before it starts";
    FAILOVER_DONE = Duration::from_secs(24),
        "the HTTP server, for what is asked of failover to be done",
        "shorter than `FAILOVER_ANSWERS`: what takes longer is followed by its status";
    FAILOVER_ANSWERS = Duration::from_secs(27),
        "`gp-agent switchover` and `failover`, for the agent",
        "longer than `FAILOVER_DONE`; shorter than `HTTP_CONNECTION_ENDS`";
    LIBC_ANSWERS_ALL = Duration::from_secs(30),
        "the agent, for all names at once",
        "several times `LIBC_ANSWERS`";
    HTTP_CONNECTION_ENDS = Duration::from_secs(30),
        "the HTTP server, for a connection's end",
        "longer than `STATUS_ANSWERS`";
    STANDBY_CONFIRMED = Duration::from_secs(30),
        "readiness, for a standby that streams to be in sync",
        "many times what that takes; a roll-out stands still meanwhile";
    WATCHDOG = Duration::from_secs(30),
        "init, for the agent's next beat",
        "longer than `LOOP_FRESH`: Kubernetes is told first";
    OLDER_STEPS_DOWN = Duration::from_secs(60),
        "the newest server, for an older one that still runs to step down",
        "several times `PARTNER_SILENT`: the older one's agent has to look at its peers and to stop its server";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::shutdown_schedule::ShutdownSchedule;

    /// Between two questions of the monitor.
    const PAUSE: Duration = Duration::from_secs(1);

    #[test]
    fn the_table_is_in_order() {
        assert!(BOUNDS.is_sorted_by_key(|bound| bound.value));
    }

    #[test]
    fn who_is_asked_gives_up_before_who_asks() {
        for chain in [
            &[SHUTDOWN_PEER_ANSWERS, SHUTDOWN_SIGNALS_ARRIVE][..],
            &[PROMISE_GIVEN, PROMISE_ANSWERS],
            &[INIT_LOG_FINISHES, LOG_FINISHES],
            &[PEER_ANSWERS, CLUSTER_ANSWERS, STATUS_ANSWERS, HTTP_CONNECTION_ENDS],
            &[HTTP_HEADER_COMES, HTTP_CONNECTION_ENDS],
            &[CATALOG_ANSWERS, CATALOG_SERVER_ANSWERS],
            &[NAME_SERVER_ANSWERS, LIBC_ANSWERS, LIBC_ANSWERS_ALL],
            &[LABEL_WITHDRAWN, KUBERNETES_ANSWERS, PROBE_ANSWERS, SQL_FRESH],
            &[SQL_ANSWERS, CATALOG_SERVER_ANSWERS],
            &[VOLUME_ANSWERS, LOOP_STANDS_STILL, LOOP_FRESH, WATCHDOG],
            &[VOLUME_ANSWERS, HOLD_ANSWERS],
            &[FAILOVER_DONE, FAILOVER_ANSWERS, HTTP_CONNECTION_ENDS],
        ] {
            assert!(chain.is_sorted_by(|shorter, longer| shorter < longer), "{chain:?}");
        }
    }

    #[test]
    fn there_is_time_to_ask_again() {
        assert!(2 * PEER_ANSWERS < PARTNER_SILENT);
        assert!(2 * (SQL_ANSWERS + PAUSE) < SQL_FRESH);
        assert!(3 * PEER_ANSWERS < CLUSTER_ANSWERS);
        assert!(5 * CATALOG_ANSWERS < PRIMARIES_START);
        assert!(3 * PARTNER_SILENT < OLDER_STEPS_DOWN);
        assert!(3 * LIBC_ANSWERS < LIBC_ANSWERS_ALL);
    }

    #[test]
    fn a_usual_grace_period_has_room_for_what_comes_before_the_end() {
        let schedule = ShutdownSchedule::new(Duration::from_secs(30));
        assert!(LABEL_WITHDRAWN + SHUTDOWN_SIGNALS_ARRIVE < schedule.wait_for_others());
        assert!(schedule.immediate() + LOG_FINISHES < Duration::from_secs(30));
    }
}
