//! What a start of the server program would say to settings, told from a start that is made to fail in the end.
//!
//! The program is started on a scratch directory that has the settings and a copy of pg_control, but no write-ahead log, on a
//! socket of its own. It reads its settings, loads its libraries, keys and certificates, takes its shared memory and its
//! socket (PostmasterMain in postmaster.c), and only then finds nothing to recover. postmaster.opts is written between the
//! two, so its presence says that the settings would do, in any language and at any log level.

/// What the trial came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TrialVerdict {
    /// A server starts with them.
    Accepted,
    /// It does not; its words.
    Refused(String),
    /// It did not get its memory. Beside a running server, and with what a trial may take, that says little; its words.
    NoMemory(String),
    /// It does not, and not with others either: something else is wrong; the server's words.
    Others(String),
    /// The directory is damaged, which no set mends and whoever examines it names; the server's words.
    Damaged(String),
    /// The trial itself did not work; its words.
    Unknown(String),
}

/// Judges a trial: whether the program `came_through`, and what it `said` on standard error.
pub fn verdict(came_through: bool, said: &str) -> TrialVerdict {
    if came_through {
        return TrialVerdict::Accepted;
    }
    match complaint(said) {
        None => TrialVerdict::Unknown(last_line(said)),
        Some(words) if is_about_memory(&words) => TrialVerdict::NoMemory(words),
        Some(words) if is_about_the_directory(&words) => TrialVerdict::Damaged(words),
        Some(words) => TrialVerdict::Refused(words),
    }
}

/// What follows when a set is refused, from the same trial of a set with which servers ran.
pub fn beside_control(refused: String, control: TrialVerdict) -> TrialVerdict {
    match control {
        TrialVerdict::Accepted => TrialVerdict::Refused(refused),
        TrialVerdict::Refused(words) | TrialVerdict::Others(words) => TrialVerdict::Others(words),
        TrialVerdict::Damaged(words) => TrialVerdict::Damaged(words),
        TrialVerdict::NoMemory(words) | TrialVerdict::Unknown(words) => TrialVerdict::Unknown(words),
    }
}

/// pg_shmem.c, posix_sema.c, dsm_impl.c: what the kernel answers when memory is short.
pub(super) fn is_about_memory(words: &str) -> bool {
    let words = words.to_ascii_lowercase();
    [
        "could not map anonymous shared memory",
        "could not create shared memory segment",
        "could not resize shared memory segment",
        "could not create semaphores",
        "cannot allocate memory",
        "out of memory",
        "not enough shared memory",
        "out of shared memory",
        "no space left on device",
    ]
    .iter()
    .any(|known| words.contains(known))
}

/// miscinit.c and xlog.c: the copies of PG_VERSION and pg_control are damaged as their originals are, which is no matter of
/// settings, and named by whoever examines the directory.
fn is_about_the_directory(words: &str) -> bool {
    [
        "is not a valid data directory",
        "database files are incompatible with server",
        "incorrect checksum in control file",
    ]
    .iter()
    .any(|known| words.contains(known))
}

/// The words of the first error that ends the program, with what came before it about the same file, and its hint.
fn complaint(said: &str) -> Option<String> {
    let mut reasons = Vec::new();
    for line in said.lines() {
        if let Some((_, words)) = line.split_once("FATAL:  ").or_else(|| line.split_once("PANIC:  ")) {
            // Each mistake in the files has a line before this one, which says that there are some.
            let files = words.starts_with("configuration file \"") && !reasons.is_empty();
            let all = if files {
                reasons.join("; ")
            } else {
                words.trim().to_string()
            };
            return Some(all);
        }
        if let Some((_, words)) = line.split_once("LOG:  ") {
            reasons.push(words.trim());
        }
    }
    None
}

fn last_line(said: &str) -> String {
    let last = said.lines().rfind(|line| !line.trim().is_empty());
    last.map_or_else(|| "it said nothing".to_string(), |line| line.trim().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_say() {
        let said = "2026-11-28 22:27:12.038 UTC [1744] FATAL:  could not access file \"x\": No such file or directory\n\
                    2026-11-28 22:27:12.042 UTC [1744] LOG:  database system is shut down\n";
        let words = "could not access file \"x\": No such file or directory".to_string();
        assert_eq!(verdict(false, said), TrialVerdict::Refused(words));
        assert_eq!(verdict(true, said), TrialVerdict::Accepted);
        let said = "[1] LOG:  invalid value for parameter \"work_mem\": \"x\"\n\
                    [1] LOG:  unrecognized configuration parameter \"y\" in file \"/a\" line 3\n\
                    [1] FATAL:  configuration file \"/a\" contains errors\n";
        let words = "invalid value for parameter \"work_mem\": \"x\"; unrecognized configuration parameter \"y\" in file \"/a\" line 3";
        assert_eq!(verdict(false, said), TrialVerdict::Refused(words.into()));
        let said = "FATAL:  could not map anonymous shared memory: Cannot allocate memory\n";
        assert!(matches!(verdict(false, said), TrialVerdict::NoMemory(_)));
        assert_eq!(verdict(false, "sh: no\n\n"), TrialVerdict::Unknown("sh: no".into()));
        let damaged = "[1] FATAL:  \"/d\" is not a valid data directory\n[1] DETAIL:  File \"/d/PG_VERSION\" is odd\n";
        assert!(matches!(verdict(false, damaged), TrialVerdict::Damaged(_)));
    }

    #[test]
    fn a_set_is_at_fault_only_where_another_one_is_not() {
        let beside = |control| beside_control("w".into(), control);
        assert_eq!(beside(TrialVerdict::Accepted), TrialVerdict::Refused("w".into()));
        assert_eq!(
            beside(TrialVerdict::Refused("c".into())),
            TrialVerdict::Others("c".into())
        );
        assert_eq!(
            beside(TrialVerdict::Unknown("c".into())),
            TrialVerdict::Unknown("c".into())
        );
        assert_eq!(
            beside(TrialVerdict::NoMemory("c".into())),
            TrialVerdict::Unknown("c".into())
        );
    }
}
