use super::*;
use proptest::prelude::*;

fn line(raw: &str) -> Line {
    Line::parse(raw).unwrap()
}

/// What stdout and log file of a gpinitsystem of Greenplum 7 hold, shortened.
const GOOD: &str = "\
20261125:13:00:00:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Checking configuration parameters, please wait...
20261125:13:00:00:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:-Master hostname coordinator-0.gp.svc does not match hostname output
20261125:13:00:01:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Checking configuration parameters, Completed
20261125:13:00:01:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Checking Master host
20261125:13:00:01:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Checking new segment hosts, please wait...
....
20261125:13:00:02:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Checking new segment hosts, Completed
20261125:13:00:02:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Building the Master instance database, please wait...
The files belonging to this database system will be owned by user \"gpadmin\".
20261125:13:00:04:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Starting the Master in admin mode
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Commencing parallel build of primary segment instances
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Spawning parallel processes    batch [1], please wait...
..
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Waiting for parallel processes batch [1], please wait...
20261125:13:00:05:000440 gpcreateseg.sh:coordinator-0:gpadmin-[INFO][0]:-Start Main
20261125:13:00:09:000452 gpcreateseg.sh:coordinator-0:gpadmin-[INFO][1]:-End Main
20261125:13:00:10:000440 gpcreateseg.sh:coordinator-0:gpadmin-[INFO][0]:-End Function CREATE_QES_PRIMARY
20261125:13:00:10:000440 gpcreateseg.sh:coordinator-0:gpadmin-[INFO][0]:-End Main
20261125:13:00:10:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:------------------------------------------------
20261125:13:00:10:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Total processes marked as completed           = 2
20261125:13:00:10:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Restarting the Greenplum instance in production mode
20261125:13:00:11:000901 gpstop:coordinator-0:gpadmin-[INFO]:-Starting gpstop with args: -a -l /logs -m -d /greenplum/gpseg-1
20261125:13:00:13:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Completed restart of Greenplum instance in production mode
20261125:13:00:13:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Commencing parallel build of mirror segment instances
20261125:13:00:20:001354 gpcreateseg.sh:coordinator-0:gpadmin-[INFO][0]:-End Main
20261125:13:00:20:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Total processes marked as completed           = 2
20261125:13:00:21:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Starting initialization of standby master coordinator-1.gp.svc
20261125:13:00:21:001500 gpinitstandby:coordinator-0:gpadmin-[INFO]:-Validating environment and parameters for standby initialization...
20261125:13:00:25:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Successfully completed standby master initialization
20261125:13:00:25:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Scanning utility log file for any warning messages
20261125:13:00:25:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:-*******************************************************
20261125:13:00:25:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:-Scan of log file indicates that some warnings or errors
20261125:13:00:25:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:-were generated during the array creation
";

fn phases(text: &str, keep: impl Fn(&Line) -> bool) -> String {
    let mut progress = Progress::new(2, 2);
    let mut words = vec![progress.text()];
    for line in text.lines().filter_map(Line::parse).filter(keep) {
        words.extend(progress.feed(&line));
    }
    words.join("\n")
}

fn reasons(text: &str) -> Option<String> {
    let mut reasons = Reasons::default();
    for line in text.lines().filter_map(Line::parse) {
        reasons.feed(&line);
    }
    reasons.summary()
}

/// Lines of every tool, and what they say: tool, level, process, text.
const LINES: &[(&str, &str, ToolLevel, Option<u32>, &str)] = &[
    (
        "20261125:13:00:00:000123 gpinitsystem:host:gpadmin-[INFO]:-text: of -[a] line",
        "gpinitsystem",
        ToolLevel::Info,
        None,
        "text: of -[a] line",
    ),
    (
        "..20261125:13:00:05:026452 gpcreateseg.sh:host:gp-admin-[FATAL][11]:-Failed to start",
        "gpcreateseg.sh",
        ToolLevel::Fatal,
        Some(11),
        "Failed to start",
    ),
    (
        "20180815:15:20:53:gpinitsystem:mdw:gpadmin-[FATAL]:-Failures detected Script Exiting!",
        "gpinitsystem",
        ToolLevel::Fatal,
        None,
        "Failures detected",
    ),
    (
        "20261125:13:00:00:000123 gpinitsystem:h:u-[FATAL]-Value xx is not valid Script Exiting!",
        "gpinitsystem",
        ToolLevel::Fatal,
        None,
        "Value xx is not valid",
    ),
    (
        "20261125:13:00:00:000123 gpinitsystem:h:u-[FATAL]: starting new instance failed; Script Exiting!",
        "gpinitsystem",
        ToolLevel::Fatal,
        None,
        "starting new instance failed;",
    ),
    (
        "20261125:13:41:14:024918 gpstart:h:u-[CRITICAL]:-gpstart failed. (Reason='x') exiting...",
        "gpstart",
        ToolLevel::Fatal,
        None,
        "gpstart failed. (Reason='x') exiting...",
    ),
    (
        "20261125:13:41:14:024918 gprecoverseg:h:u-[WARNING]:-slow\t\x1b[1m",
        "gprecoverseg",
        ToolLevel::Warn,
        None,
        "slow  [1m",
    ),
    (
        "20261125:13:41:14:024918 gpinitsystem:h:u-[INFO]:-Start Function CHK_DIR",
        "gpinitsystem",
        ToolLevel::Debug,
        None,
        "Start Function CHK_DIR",
    ),
    (
        "initdb: error: invalid locale name \"xx\"\r",
        "",
        ToolLevel::Info,
        None,
        "initdb: error: invalid locale name \"xx\"",
    ),
    (
        "20261125:13:41:14:024918 gpx:h:u-[LOUD]:-x",
        "",
        ToolLevel::Info,
        None,
        "20261125:13:41:14:024918 gpx:h:u-[LOUD]:-x",
    ),
];

#[test]
fn lines_of_every_tool_are_taken_apart() {
    for &(raw, tool, level, process, text) in LINES {
        let expected = Line {
            tool: tool.into(),
            level,
            process,
            text: text.into(),
        };
        assert_eq!(Line::parse(raw), Some(expected), "{raw}");
    }
    for nothing in [
        "",
        "  ",
        ".....",
        "20261125:13:00:10:000123 gpinitsystem:h:u-[INFO]:------",
        "20261125:13:00:10:000123 gpinitsystem:h:u-[WARN]:-*****",
        "20261125:13:00:10:000123 gpinitsystem:h:u-[WARN]:",
    ] {
        assert_eq!(Line::parse(nothing), None, "{nothing}");
    }
    let shown = line("20261125:13:00:00:000123 gpstop:h:u-[INFO]:-done").to_string();
    assert_eq!(shown, "gpstop: done");
}

#[test]
fn phases_follow_the_log_file() {
    insta::assert_snapshot!(phases(GOOD, |_| true), @r"
    checking the configuration
    checking the hosts
    creating the coordinator
    building primaries 0 of 2
    building primaries 1 of 2
    building primaries 2 of 2
    starting the cluster
    building mirrors 0 of 2
    building mirrors 1 of 2
    building mirrors 2 of 2
    creating the standby
    finishing
    ");
}

#[test]
fn phases_follow_the_output_alone() {
    insta::assert_snapshot!(phases(GOOD, |line| line.process.is_none()), @r"
    checking the configuration
    checking the hosts
    creating the coordinator
    building primaries 0 of 2
    building primaries 2 of 2
    starting the cluster
    building mirrors 0 of 2
    building mirrors 2 of 2
    creating the standby
    finishing
    ");
}

#[test]
fn later_versions_say_coordinator() {
    let text = GOOD.replace("Master", "Coordinator").replace("master", "coordinator");
    assert_eq!(phases(&text, |_| true), phases(GOOD, |_| true));
}

#[test]
fn a_success_has_no_reasons() {
    assert_eq!(reasons(GOOD), None);
}

#[test]
fn the_reason_is_what_went_wrong_and_not_that_something_did() {
    let parallel = "\
20261125:13:00:05:000440 gpcreateseg.sh:coordinator-0:gpadmin-[INFO][0]:-Processing segment segment-a-0.gp.svc
initdb: error: could not create directory \"/greenplum/gpseg0\": Permission denied
20261125:13:00:05:000440 gpcreateseg.sh:coordinator-0:gpadmin-[FATAL][0]:-Failed to start segment instance database segment-a-0.gp.svc /greenplum/gpseg0
20261125:13:00:06:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:-Total processes marked as failed              = 1 <<<<<
20261125:13:00:06:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]:-Errors generated from parallel processes
20261125:13:00:06:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]:-Failures detected, see log file /logs/gpinitsystem_20261125.log for more detail Script Exiting!
20261125:13:00:06:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:-Script has left Greenplum Database in an incomplete state
20261125:13:00:06:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:-Run command bash /logs/backout_gpinitsystem_gpadmin_20261125_130000 to remove these changes
";
    let locale = "\
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]:-Unable to locate locale value de_DE.utf8 on segment-a-1.gp.svc
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[INFO]:-Select another locale value via -n option to this utility
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]:-Unable to continue Script Exiting!
";
    let ping = "\
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]:-Unknown host segment-a-1.gp.svc: ping: socktype: SOCK_RAW
ping: socket: Operation not permitted
ping: => missing cap_net_raw+p capability or setuid? Script Exiting!
";
    let start = "\
20261125:13:00:05:000901 gpstart:coordinator-0:gpadmin-[CRITICAL]:-gpstart failed. (Reason='could not connect to server: Connection refused') exiting...
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:-Failed to start Greenplum instance; review gpstart output to
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:- determine why gpstart failed and reinitialize cluster after resolving
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]: starting new instance failed; Script Exiting!
";
    let standby = "\
20261125:13:00:05:001500 gpinitstandby:coordinator-0:gpadmin-[ERROR]:-Data directory already exists on host coordinator-1.gp.svc
20261125:13:00:05:001500 gpinitstandby:coordinator-0:gpadmin-[ERROR]:-Failed to create standby
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:-Failed to complete standby master initialization
";
    let empty = "\
20261125:13:00:06:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]:-Errors generated from parallel processes
";
    let warned = "\
20261125:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[WARN]:-Standby Master failed to initialize
";
    let shown = [parallel, locale, ping, start, standby, empty, warned];
    let shown = shown.map(|text| reasons(text).unwrap());
    insta::assert_snapshot!(shown.join("\n\n"), @r#"
    Failed to start segment instance database segment-a-0.gp.svc /greenplum/gpseg0; initdb: error: could not create directory "/greenplum/gpseg0": Permission denied

    Unable to locate locale value de_DE.utf8 on segment-a-1.gp.svc

    Unknown host segment-a-1.gp.svc: ping: socktype: SOCK_RAW; ping: socket: Operation not permitted

    gpstart failed. (Reason='could not connect to server: Connection refused') exiting...

    Data directory already exists on host coordinator-1.gp.svc

    Errors generated from parallel processes

    Standby Master failed to initialize
    "#);
}

#[test]
fn the_first_error_is_the_cause_whatever_the_tool_says_last() {
    // gpstop's words stand in the output alone, gpinitsystem's last one in its log file as well.
    let stopped = "\
20261128:13:00:05:000901 gpstop:coordinator-0:gpadmin-[CRITICAL]:-gpstop failed. (Reason='invalid literal for int() with base 0: \"'100'\"') exiting...
20261128:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]:-Error from Greenplum instance shutdown, check log files
";
    let traceback = "\
Traceback (most recent call last):
  File \"/opt/gp/lib/python/gppylib/pgconf.py\", line 215, in int
    return int(self.value, 0)
ValueError: invalid literal for int() with base 0: \"'100'\"
20261128:13:00:05:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]:-Error from Greenplum instance shutdown, check log files
20261128:13:00:06:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]:-Something that follows from it
";
    let order = "\
20261128:13:00:05:000901 gpstart:coordinator-0:gpadmin-[ERROR]:-the cause
20261128:13:00:06:000123 gpinitsystem:coordinator-0:gpadmin-[FATAL]:-what follows from it
";
    let shown = [stopped, traceback, order].map(|text| reasons(text).unwrap());
    insta::assert_snapshot!(shown.join("\n\n"), @r#"
    gpstop failed. (Reason='invalid literal for int() with base 0: "'100'"') exiting...

    ValueError: invalid literal for int() with base 0: "'100'"; Something that follows from it

    the cause; what follows from it
    "#);
}

proptest! {
    #[test]
    fn no_line_is_too_strange(raw in "\\PC{0,60}|2026[0-9:]{0,20}[ a-z:]{0,20}(-\\[[A-Z]{0,6}\\]|\\[[0-9]{0,12}\\]|:|-){0,4}.{0,20}") {
        if let Some(line) = Line::parse(&raw) {
            prop_assert!(!line.text.chars().any(char::is_control));
            let mut progress = Progress::new(1, 0);
            progress.feed(&line);
            Reasons::default().feed(&line);
        }
    }
}
