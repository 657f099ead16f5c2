//! How long one waits for another, in one table. What has to be shorter or longer than what is read from it by the test.
//!
//! What says how often something is done stands where it is done, under a name that says so; the times of the lease in
//! `failover`, the grace period and its stages in [`shutdown_schedule`](super::shutdown_schedule).

mod bound;

pub use bound::Bound;

use bound::bounds;
use std::time::Duration;

bounds! {
    MESSAGE_GOES_ON = Duration::from_millis(50),
        "the log, for a server's message that ends with a whole line and may go on",
        "shorter than `SERVER_LAST_WORDS`: the server writes all of it at once";
    EVIDENCE_AFTER_CRASH = Duration::from_millis(100),
        "a server that has just crashed, for its peers' word before it starts again",
        "shorter than `PEER_ANSWERS`: FTS fails over what is not back soon (Greenplum)";
    LAST_WORDS = Duration::from_millis(200),
        "the agent, for the last lines of a tool that has ended, and for its own before it begins anew",
        "shorter than `LOG_FINISHES`";
    SHUTDOWN_PEER_ANSWERS = Duration::from_millis(500),
        "a pod that ends, for another pod that ends",
        "shorter than `SHUTDOWN_SIGNALS_ARRIVE`, within which it may be asked again";
    SERVER_LAST_WORDS = Duration::from_millis(500),
        "the agent, for the last lines of a server that has ended",
        "longer than `MESSAGE_GOES_ON`: a reader that has stopped keeps no server down";
    BACKENDS_END = Duration::from_millis(500),
        "the agent, for processes that a postmaster left behind to end by themselves",
        "shorter than `BACKENDS_QUIT`: FTS fails over what is not back soon (Greenplum)";
    COORDINATOR_LOOKED_AT = Duration::from_millis(500),
        "a standby's agent, for a coordinator, before it looks at segments in its place",
        "shorter than `PEER_LOOKED_AT`, which follows it";
    STARTING_PEER_ANSWERS = Duration::from_millis(500),
        "a server that starts, for one peer",
        "shorter than `STARTING_PEERS_ANSWER`";
    PROMISE_GIVEN = Duration::from_millis(700),
        "the HTTP server of a coordinator's pod, for its promise to the other one",
        "shorter than `PROMISE_ANSWERS`: what nobody waits for any more is not promised";
    STANDBY_STREAM_ANSWERS = Duration::from_millis(800),
        "a standby's agent, for the coordinator's server",
        "shorter than `PROMISE_ANSWERS`: the deadlines of failover count on less than a second";
    PROMISE_ANSWERS = Duration::from_millis(900),
        "a coordinator's agent, for the other one's word or promise",
        "less than a second: the deadlines of failover count on that";
    SHUTDOWN_SIGNALS_ARRIVE = Duration::from_secs(1),
        "a pod that ends, for the signals of the same deletion to reach the others",
        "with `LABEL_WITHDRAWN` within the quarter of the grace period that a server may wait for others";
    INIT_LOG_FINISHES = Duration::from_secs(1),
        "init, for its last lines to be read",
        "shorter than `LOG_FINISHES`";
    STARTING_PEERS_ANSWER = Duration::from_secs(1),
        "a server that starts, for all peers",
        "longer than `STARTING_PEER_ANSWERS`; shorter than `PRIMARIES_START`, within which they are asked again";
    PEER_LOOKED_AT = Duration::from_secs(1),
        "an observer, for the agent and the server of a pod that may be lost",
        "shorter than `OTHER_OBSERVER_LOOKS`, which asks for the same look";
    ONE_OF_MANY_ANSWERS = Duration::from_secs(1),
        "an agent that asks many peers, for one of them",
        "shorter than `MANY_ANSWER` and `COORDINATORS_ANSWER`";
    SENDER_ENDS = Duration::from_secs(1),
        "a primary's agent, for its server to end the sender of a mirror that is silent",
        "shorter than `SQL_ANSWERS`: it is asked again";
    HOSTS_READ = Duration::from_secs(1),
        "a look for lost segments, for /etc/hosts to be read",
        "shorter than `HOSTS_WRITTEN`";
    FAILOVER_SQL_ANSWERS = Duration::from_secs(1),
        "failover, for one question to its server",
        "shorter than `SQL_ANSWERS`: one that hangs is asked again";
    VOLUME_GLANCED_AT = Duration::from_secs(1),
        "what can do without it, for an answer of the volume",
        "shorter than `VOLUME_LOOKED_AT`";
    RECHECK_HEARD = Duration::from_secs(1),
        "a coordinator's agent, for the standby's to hear that a recovery begins",
        "shorter than `PEER_ANSWERS`: it is told by the next look as well";
    LINE_ENDS = Duration::from_secs(1),
        "the log, for the end of a line that a server has begun",
        "longer than `MESSAGE_GOES_ON`";
    OTHER_OBSERVER_LOOKS = Duration::from_millis(1500),
        "a coordinator's agent, for the look of a suspect's mirror",
        "longer than `PEER_LOOKED_AT`; shorter than `PEER_ANSWERS`";
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
    COORDINATORS_ANSWER = Duration::from_secs(2),
        "an agent, for all who may know the coordinator's timeline",
        "longer than `ONE_OF_MANY_ANSWERS`; shorter than `CATALOG_SERVER_ANSWERS`";
    LOG_PIPE_EMPTY = Duration::from_secs(2),
        "the log, for an empty pipe, before it writes a long line in parts",
        "shorter than `LOG_READER_STOPPED`";
    VOLUME_LOOKED_AT = Duration::from_secs(2),
        "whoever judges a server by its files, for an answer of the volume",
        "shorter than `VOLUME_ANSWERS`: nobody can say that it is down";
    VOLUME_MEASURED = Duration::from_secs(2),
        "a check of the volume, for its writes, all together",
        "shorter than `VOLUME_ANSWERS`";
    SQL_ANSWERS = Duration::from_secs(3),
        "the monitor, for the server",
        "with a second between two questions, twice within `SQL_FRESH`";
    KUBERNETES_ANSWERS = Duration::from_secs(3),
        "the agent, for the API server",
        "shorter than a probe";
    PROBE_ANSWERS = Duration::from_secs(4),
        "`gp-agent probe`, for the agent",
        "longer than any answer from memory; shorter than what kubelet and Docker give the program, 5 s, with its start";
    RECORD_DRAINED = Duration::from_secs(4),
        "a pod that ends, for the failover record, once its server has stopped",
        "longer than `KUBERNETES_ANSWERS`";
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
    STATEMENT_ENDS = Duration::from_secs(5),
        "the agent, for a server to carry out a small statement",
        "longer than `SQL_ANSWERS`, which is for a question";
    BACKENDS_QUIT = Duration::from_secs(5),
        "the agent, for processes that a postmaster left behind to quit",
        "longer than `BACKENDS_END`; a postmaster gives them as long";
    BACKENDS_KILLED = Duration::from_secs(5),
        "the agent, for processes that it killed",
        "shorter than `BACKENDS_FOUND`; one may wait for its disk";
    LOG_READER_STOPPED = Duration::from_secs(5),
        "the log, for its reader to take a byte, until it counts as stopped",
        "longer than `LOG_FINISHES`";
    WALRECEIVER_RECEIVES = Duration::from_secs(5),
        "a standby's agent, for its walreceiver, while its partner serves",
        "longer than `SQL_ANSWERS`: a connection that is answered takes less";
    MANY_ANSWER = Duration::from_secs(5),
        "an agent that asks many peers, for all of them",
        "longer than `ONE_OF_MANY_ANSWERS`";
    NAMES_VERIFIED = Duration::from_secs(5),
        "a server that starts, for the verdicts on its peers' names",
        "longer than `NAME_SERVER_ANSWERS`; shorter than `LIBC_ANSWERS`: one that is wrong stays so";
    SSH_HOST_SCANNED = Duration::from_secs(5),
        "ssh-keyscan, for one host",
        "shorter than `SSH_PROGRAM_ENDS`, which is added to it";
    LIBC_ANSWERS = Duration::from_secs(6),
        "the agent, for one `getent`",
        "longer than `NAME_SERVER_ANSWERS`; shorter than `LIBC_ANSWERS_ALL`";
    RECOVERY_PEERS_ANSWER = Duration::from_secs(6),
        "a recovery, for the agents of all pods that it concerns",
        "longer than `PEER_ANSWERS`";
    PRIMARIES_KNOWN = Duration::from_secs(7),
        "a standby's agent, before its server is promoted, for a verdict on each primary that is silent",
        "longer than `OTHER_OBSERVER_LOOKS`, twice: what lies between the looks is what a pod has to be silent for";
    BROKEN_OFF_ANSWERS = Duration::from_secs(8),
        "the agent, for a cluster whose creation was broken off",
        "shorter than `SEGMENTS_ANSWER`: one that was whole answers soon";
    LOOP_STANDS_STILL = Duration::from_secs(10),
        "the heart, for the loop to turn",
        "shorter than `LOOP_FRESH`";
    SQL_FRESH = Duration::from_secs(10),
        "readiness, for the database's next answer",
        "longer than two questions of the monitor";
    HOLD_ANSWERS = Duration::from_secs(10),
        "`gp-agent hold` and `resume`, for the agent",
        "longer than `VOLUME_ANSWERS`: a hold is written first";
    USE_TOLD = Duration::from_secs(10),
        "the agent, for a coordinator to say whether somebody used it",
        "shorter than `CRASHED_COMES_UP`, within which it is asked again";
    BACKENDS_FOUND = Duration::from_secs(10),
        "the agent, for the processes of a server that has ended to be found",
        "longer than `VOLUME_ANSWERS`, which they may wait for";
    COMMITS_WAIT_KNOWN = Duration::from_secs(10),
        "failover, for a new session to know whether commits wait",
        "longer than `SQL_ANSWERS`, several times";
    CONTROL_FILE_READ = Duration::from_secs(10),
        "failover, for pg_control of a server that has ended",
        "longer than `VOLUME_ANSWERS`: much depends on the answer";
    SSHD_STARTS = Duration::from_secs(10),
        "the agent, for sshd to listen; a quarter of it, for sshd to end",
        "shorter than `SSH_PROGRAM_ENDS`";
    SSH_LOGIN_ENDS = Duration::from_secs(10),
        "`gp-agent check`, for one login",
        "shorter than `SSH_PROGRAM_ENDS`";
    CLUSTER_ANSWERS = Duration::from_secs(15),
        "`/cluster`, for all peers",
        "several times `PEER_ANSWERS`; shorter than `STATUS_ANSWERS`";
    LOOP_FRESH = Duration::from_secs(15),
        "liveness, for the loop to turn",
        "longer than `LOOP_STANDS_STILL`; shorter than `WATCHDOG`";
    PREFLIGHT_LOOKS = Duration::from_secs(15),
        "the check of a host before a creation, for a program or the disk",
        "shorter than `REMOTE_COMMAND_ENDS`, within which it runs";
    STATUS_ANSWERS = Duration::from_secs(20),
        "`gp-agent status`, for the agent",
        "longer than `CLUSTER_ANSWERS`; shorter than `HTTP_CONNECTION_ENDS`";
    SETTINGS_TRIED = Duration::from_secs(20),
        "the agent, for a trial start with new settings",
        "shorter than `LIBC_ANSWERS_ALL`; a server that runs waits for nobody meanwhile";
    PRIMARIES_START = Duration::from_secs(20),
        "a coordinator that starts, for primaries that are on their way (Greenplum)",
        "many times `CATALOG_ANSWERS`, which such a primary waits itself before it starts";
    SSH_PROGRAM_ENDS = Duration::from_secs(20),
        "the agent, for one of OpenSSH's programs",
        "shorter than `REMOTE_COMMAND_ENDS`";
    TOOL_HELP_SHOWN = Duration::from_secs(20),
        "the agent, for the --help of gprecoverseg",
        "shorter than `SEGMENTS_ANSWER`";
    SERVER_ENDS = Duration::from_secs(20),
        "a creation, for a server that it stops",
        "shorter than `REMOTE_COMMAND_ENDS`, within which it is stopped";
    CREATION_ANSWERS = Duration::from_secs(20),
        "a creation, for one statement",
        "shorter than `SEGMENTS_ANSWER`";
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
    SEGMENTS_ANSWER = Duration::from_secs(30),
        "a creation, for a coordinator that was just started, which recovers first",
        "longer than `CREATION_ANSWERS`; shorter than `MIRRORS_CATCH_UP`";
    REPLICA_MAKER_STARTS = Duration::from_secs(30),
        "the agent, for whoever made a directory a replica's to start it",
        "several times `SQL_ANSWERS`";
    RECOVERY_SESSION_BEGINS = Duration::from_secs(30),
        "a recovery, for a session, which a coordinator that looks names up slowly begins late",
        "several times `SQL_ANSWERS`";
    CHECKPOINT_BEFORE_HAND_OVER = Duration::from_secs(30),
        "a hand-over, for the checkpoint that makes the one of the shutdown short",
        "shorter than `CHECKPOINT_WHEN_BUSY`: it is worth no longer a wait";
    STREAM_SILENT = Duration::from_secs(30),
        "a replica, for its stream, until it may count as left behind",
        "several times `WALRECEIVER_RECEIVES`";
    OLDER_STEPS_DOWN = Duration::from_secs(60),
        "the newest server, for an older one that still runs to step down",
        "several times `PARTNER_SILENT`: the older one's agent has to look at its peers and to stop its server";
    FTS_SESSION_BEGINS = Duration::from_secs(60),
        "a look for lost segments, for a session, which a coordinator that looks names up slowly begins late",
        "shorter than `FTS_SCANS`";
    CHECKPOINT_FOR_REWIND = Duration::from_secs(60),
        "a server that rejoins, for its source's checkpoint, without which pg_rewind finds nothing to do",
        "shorter than `CHECKPOINT_WHEN_BUSY`: it is tried again";
    CRASHED_COMES_UP = Duration::from_secs(60),
        "the agent, for a coordinator that was killed to recover",
        "longer than `USE_TOLD`, several times";
    REMOTE_COMMAND_ENDS = Duration::from_secs(60),
        "a creation, for a command on another host",
        "longer than `PREFLIGHT_LOOKS` and `SERVER_ENDS`, twice";
    DATABASE_MADE = Duration::from_secs(60),
        "a creation, for `create database`",
        "longer than `CREATION_ANSWERS`";
    SIZES_MEASURED = Duration::from_secs(60),
        "the agent, for the sizes of databases, whose files are looked at one by one",
        "many times `SQL_ANSWERS`";
    MIRRORS_CATCH_UP = Duration::from_secs(90),
        "a creation, for its mirrors to be in sync",
        "longer than `SEGMENTS_ANSWER`";
    CHECKPOINT_WHEN_BUSY = Duration::from_secs(120),
        "failover, for the checkpoint of a busy server",
        "longer than `CHECKPOINT_FOR_REWIND`";
    GPINITSYSTEM_SPEAKS = Duration::from_secs(120),
        "a creation, for the next line of gpinitsystem",
        "longer than `REMOTE_COMMAND_ENDS`";
    FTS_SCANS = Duration::from_secs(180),
        "a look for lost segments, for a scan of FTS",
        "longer than `FTS_SESSION_BEGINS`; FTS itself tries a segment five times for 20 s each";
    WATCH_ENDS = Duration::from_secs(300),
        "the agent, for the API server to end a watch",
        "many times `KUBERNETES_ANSWERS`";
    PROMOTED_FTS_ASKED = Duration::from_secs(300),
        "a coordinator that was promoted, for FTS, until its transactions are recovered",
        "longer than `FTS_SESSION_BEGINS`, several times";
    PROMOTED = Duration::from_secs(600),
        "failover, for a server that was promoted to take writes",
        "longer than `CHECKPOINT_WHEN_BUSY`: it replays to the end of what it has";
    CHECKPOINT_FOR_EXPANSION = Duration::from_secs(600),
        "an expansion, for the checkpoint of a busy server",
        "longer than `CHECKPOINT_WHEN_BUSY`";
    SPREAD_TOLD = Duration::from_secs(600),
        "an expansion, for which tables are on all segments",
        "longer than `SIZES_MEASURED`";
    HAND_OVER_IDLE = Duration::from_secs(600),
        "a hand-over, for a moment without a transaction",
        "longer than `FAILOVER_ANSWERS`: whoever asked has long gone";
    COPY_SPEAKS = Duration::from_secs(3600),
        "the agent, for the next line of a tool that copies a directory",
        "longer than `GPINITSYSTEM_SPEAKS`; pg_basebackup takes as long as there are data";
    EXPANSION_COPY_SPEAKS = Duration::from_secs(6 * 3600),
        "an expansion, for the next line of gpexpand while it copies",
        "longer than `COPY_SPEAKS`";
    EXPANSION_SPREADS = Duration::from_secs(30 * 24 * 3600),
        "an expansion, for the next line of gpexpand while it spreads tables",
        "longer than `EXPANSION_COPY_SPEAKS`: one large table is spread in silence";
}

#[cfg(test)]
mod tests;
