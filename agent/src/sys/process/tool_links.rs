//! The engine's programs under their own names, each a link to this program, which runs the real one with all that it
//! needs to know (see [`gp_agent_core::greenplum::tool_environment`]).

use gp_agent_core::greenplum::tool_environment::ToolEnvironment;
use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

/// What the kernel appends to the name of a running program whose file was replaced (proc(5), /proc/pid/exe).
const REPLACED: &str = " (deleted)";

/// Makes `links` hold one link to `agent` for each program of `bin`, and nothing else.
///
/// # Errors
/// Those of the two directories.
pub(crate) fn renew(links: &Path, agent: &Path, bin: &Path) -> io::Result<()> {
    fs::create_dir_all(links)?;
    let wanted = programs(bin)?;
    for entry in fs::read_dir(links)? {
        let entry = entry?;
        let known = entry.file_name().to_str().is_some_and(|name| wanted.contains(name));
        if !known || fs::read_link(entry.path()).ok().as_deref() != Some(agent) {
            fs::remove_file(entry.path())?;
        }
    }
    for name in wanted {
        match symlink(agent, links.join(name)) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    Ok(())
}

/// Where this program is, for links that outlive this process.
///
/// # Errors
/// /proc is not mounted.
pub(crate) fn own_path() -> io::Result<PathBuf> {
    let path = std::env::current_exe()?;
    Ok(match path.to_str().and_then(|text| text.strip_suffix(REPLACED)) {
        Some(text) => text.into(),
        None => path,
    })
}

fn programs(bin: &Path) -> io::Result<BTreeSet<String>> {
    let mut programs = BTreeSet::new();
    for entry in fs::read_dir(bin)? {
        let entry = entry?;
        // Through links, as a shell would; one that leads nowhere is no program.
        let Ok(meta) = fs::metadata(entry.path()) else { continue };
        let executable = meta.is_file() && meta.permissions().mode() & 0o111 != 0;
        match entry.file_name().into_string() {
            Ok(name) if executable && ToolEnvironment::is_linked(&name) => programs.insert(name),
            _ => continue,
        };
    }
    Ok(programs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn links_follow_the_programs() {
        let root = tempfile::tempdir().unwrap();
        let (bin, links) = (root.path().join("bin"), root.path().join("links"));
        fs::create_dir_all(bin.join("lib")).unwrap();
        for name in ["gpstate", "postgres", "psql"] {
            fs::write(bin.join(name), "").unwrap();
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::write(bin.join("gpload.bat"), "").unwrap();
        symlink("nowhere", bin.join("dangling")).unwrap();
        let old = Path::new("/old/gp-agent");
        renew(&links, old, &bin).unwrap();
        assert_eq!(names(&links), ["gpstate", "psql"]);
        assert_eq!(fs::read_link(links.join("psql")).unwrap(), old);
        fs::remove_file(bin.join("gpstate")).unwrap();
        let new = Path::new("/new/gp-agent");
        renew(&links, new, &bin).unwrap();
        assert_eq!(names(&links), ["psql"]);
        assert_eq!(fs::read_link(links.join("psql")).unwrap(), new);
        renew(&links, new, &bin).unwrap();
        assert_eq!(names(&links), ["psql"]);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        renew(&root.path().join("links"), Path::new("/x"), &root.path().join("none")).unwrap_err();
    }

    #[test]
    fn the_own_path_is_a_file() {
        assert!(own_path().unwrap().is_file());
    }
}
