//! Tools of Greenplum that work on the whole cluster, by whomever they were called: beside one of them no other is begun.

use crate::sys::process;
use crate::sys::process::ProcessInfo;
use std::io;
use std::path::Path;

/// Those that change the catalog, or start and stop servers.
const TOOLS: [&str; 11] = [
    "gpactivatestandby",
    "gpaddmirrors",
    "gpdeletesystem",
    "gpexpand",
    "gpinitstandby",
    "gpinitsystem",
    "gpmovemirrors",
    "gprecoverseg",
    "gpshrink",
    "gpstart",
    "gpstop",
];

/// The first that runs in this pod, and its PID. `own` is a file of this pod: other pods may share the PID namespace.
///
/// # Errors
/// Those of reading /proc.
pub(crate) fn running(own: &Path) -> io::Result<Option<(String, i32)>> {
    let all = process::processes()?;
    let of = |process: &ProcessInfo| Some((name(&process.args)?.to_string(), process.pid));
    let mut found = all
        .iter()
        .filter(|p| p.state != 'Z' && process::sees_the_same(p.pid, own));
    Ok(found.find_map(of))
}

/// They are scripts: their interpreter comes first.
fn name(args: &[String]) -> Option<&'static str> {
    let words = args.iter().take(2).map(|word| word.rsplit('/').next().unwrap_or(word));
    words
        .into_iter()
        .find_map(|word| TOOLS.into_iter().find(|tool| *tool == word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_is_known_with_and_without_its_interpreter() {
        let named = |line: &str| name(&line.split(' ').map(String::from).collect::<Vec<_>>());
        assert_eq!(named("python3 /usr/local/gp/bin/gprecoverseg -a"), Some("gprecoverseg"));
        assert_eq!(named("/usr/local/gp/bin/gpexpand -i f"), Some("gpexpand"));
        assert_eq!(named("bash -c gpstate gprecoverseg"), None);
        assert_eq!(named("gp-agent recover"), None);
        assert_eq!(name(&[]), None);
    }
}
