//! Whether somebody's tool is at work on a data directory: an administrator's pg_ctl, or what gprecoverseg, gpinitstandby
//! and gpstart run here over ssh.

use super::pidfile::is_server;
use crate::sys::process;
use crate::sys::process::ProcessInfo;
use std::io;
use std::path::Path;

/// The first such process: it names the directory in its arguments, and is a database tool or a shell that sources
/// Greenplum's environment. Servers and this agent do not count.
pub(crate) fn at_work(dir: &Path) -> io::Result<Option<ProcessInfo>> {
    let me = std::process::id().cast_signed();
    let name = dir.display().to_string();
    let found = process::processes()?
        .into_iter()
        .filter(|p| p.pid != me && p.state != 'Z' && !is_server(p))
        .find(|p| works_on(&p.args, &name) && process::sees_the_same(p.pid, dir));
    Ok(found)
}

fn works_on(args: &[String], dir: &str) -> bool {
    let Some((program, rest)) = args.split_first() else {
        return false;
    };
    names(rest, dir) && (is_tool(program) || rest.iter().any(|a| is_tool(a) || sources_greenplum(a)))
}

/// The directory itself, not one whose name only begins like it (`gpseg1` and `gpseg10`).
fn names(args: &[String], dir: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '.' || c == '_');
    args.iter()
        .any(|arg| arg.match_indices(dir).any(|(at, _)| ends(&arg[at + dir.len()..])))
}

/// By its name; a word with more in it is an argument of something else, such as `gp_role=dispatch`.
fn is_tool(word: &str) -> bool {
    let name = word.rsplit('/').next().unwrap_or(word);
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
    name.chars().all(plain)
        && name != "gp-agent"
        && (name.starts_with("pg_") || name.starts_with("gp") || name == "initdb")
        && !is_data_directory(name)
}

fn is_data_directory(name: &str) -> bool {
    let content = name.strip_prefix("gpseg").unwrap_or("");
    content.starts_with(|c: char| c.is_ascii_digit() || c == '-')
}

fn sources_greenplum(word: &str) -> bool {
    word.contains("greenplum_path.sh") || word.contains("cloudberry-env.sh")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn works(line: &[&str]) -> bool {
        let args: Vec<String> = line.iter().map(ToString::to_string).collect();
        works_on(&args, "/greenplum/gpseg1")
    }

    #[test]
    fn tools_are_told_from_bystanders() {
        assert!(works(&["/usr/bin/pg_ctl", "-D", "/greenplum/gpseg1", "start"]));
        assert!(works(&["pg_rewind", "--target-pgdata=/greenplum/gpseg1"]));
        assert!(works(&[
            "/usr/bin/python3",
            "/opt/gp/sbin/gpsegstart.py",
            "-D",
            "2|0|p|/greenplum/gpseg1"
        ]));
        let remote = ". /opt/gp/greenplum_path.sh; $GPHOME/bin/something /greenplum/gpseg1";
        assert!(works(&["bash", "-c", remote]));
        assert!(!works(&["pg_ctl", "-D", "/greenplum/gpseg10", "start"]));
        assert!(!works(&["less", "/greenplum/gpseg1/log/x.csv"]));
        assert!(!works(&["ls", "/greenplum/gpseg1"]));
        assert!(!works(&["gp-agent", "set-aside", "/greenplum/gpseg1"]));
        assert!(!works(&[
            "postgres",
            "-D",
            "/greenplum/gpseg1",
            "-c",
            "gp_role=execute"
        ]));
        assert!(!works(&[]));
    }

    #[test]
    fn a_tool_that_runs_is_found() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(at_work(dir.path()).unwrap(), None);
        let mut tool = std::process::Command::new("bash")
            .args(["-c", "read -r line", "greenplum_path.sh"])
            .arg(dir.path())
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let found = at_work(dir.path()).unwrap().map(|p| p.pid);
        assert_eq!(found, Some(tool.id().cast_signed()));
        drop(tool.stdin.take());
        tool.wait().unwrap();
    }
}
