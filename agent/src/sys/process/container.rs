//! Which container this is.

use super::brief;
use rustix::process::getppid;

/// A word that every agent of this container finds, and none of another one: the machine's boot, and when init, which every agent has
/// for its parent, was started. `None` where /proc does not say.
pub(crate) fn mark() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let init = brief::process(getppid()?.as_raw_nonzero().get())?;
    Some(format!("{}/{}", boot.trim(), init.start_ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_one_word_and_stays() {
        let mark = mark().unwrap();
        assert!(!mark.contains(char::is_whitespace) && Some(mark) == super::mark());
    }
}
