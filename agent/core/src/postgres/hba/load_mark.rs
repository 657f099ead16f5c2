//! A line of the agent's block that tells whether the server has read the block.
//!
//! A server that refuses one line of pg_hba.conf keeps all the rules that it has read before, and says so in its log alone:
//! `pg_hba_file_rules` shows the file as it is now, and not for every kind of error. So the block begins with a line for a
//! role that does not exist, whose name is made of the block. A server that asks this role for a password in clear text
//! has read the line, and with it the whole file; nobody can have that password.

use super::managed_block::BEGIN_MARKER;

/// What the role's name begins with.
const PREFIX: &str = "gp-agent-";

/// The role whose line tells that a block was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadMark {
    /// Its name; another one for every block.
    pub role: String,
}

/// The block with the mark's line behind its first line, and the mark. The same block gives the same mark.
pub fn with_load_mark(block: &str) -> (String, LoadMark) {
    let role = format!("{PREFIX}{:016x}", hash(block.as_bytes()));
    let line = format!("local all {role} password\n");
    let first = block.find('\n').map_or(0, |end| end + 1);
    debug_assert!(block.starts_with(BEGIN_MARKER));
    let (begin, rest) = block.split_at(first);
    (format!("{begin}{line}{rest}"), LoadMark { role })
}

/// The mark in a file that has one.
pub fn load_mark(file: &str) -> Option<LoadMark> {
    let role = file.lines().find_map(|line| {
        let role = line.strip_prefix("local all ")?.strip_suffix(" password")?;
        role.starts_with(PREFIX).then(|| role.to_string())
    });
    role.map(|role| LoadMark { role })
}

/// FNV-1a, 64 bits: the same in every version of the agent, so that a new one finds nothing to change.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::hba::managed_block::END_MARKER;
    use crate::postgres::hba::{Method, parse};

    #[test]
    fn every_block_has_a_mark_of_its_own_on_its_first_line() {
        let block = |line: &str| format!("{BEGIN_MARKER}\n{line}\n{END_MARKER}\n");
        let (one, mark) = with_load_mark(&block("local all all peer"));
        let file = parse(&one);
        assert_eq!((file.errors.len(), file.rules.len()), (0, 2), "{one}");
        assert_eq!(file.rules[0].users[0].text, mark.role);
        assert_eq!(file.rules[0].method, Method::Password);
        assert_eq!(load_mark(&one.replace('\n', "\r\n")), Some(mark.clone()));
        assert_eq!(load_mark(&block("local all all peer")), None);
        assert_eq!(with_load_mark(&block("local all all peer")), (one, mark.clone()));
        assert_ne!(with_load_mark(&block("local all all md5")).1, mark);
    }
}
