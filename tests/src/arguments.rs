//! What the command line of a suite asks for.

use libtest_mimic::Arguments;

/// The names, or parts of names, of the tests that are wanted; all are when there is none.
#[derive(Debug)]
pub struct Names(Vec<String>);

impl Names {
    /// Whether the test of this name is wanted.
    pub fn want(&self, test: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|name| test.contains(name))
    }
}

/// Whether `tests/run` comes back to the tests that need a cluster when all others are done.
pub fn come_later() -> bool {
    std::env::var("GP_TESTS_CLUSTERS").is_ok_and(|when| when == "later")
}

/// The options and the names that this process was given. Its tests share a cluster: they run one after the other.
pub fn of_this_process() -> (Arguments, Names) {
    let (options, names) = split(std::env::args());
    let mut arguments = Arguments::from_iter(options);
    arguments.test_threads = Some(1);
    (arguments, Names(names))
}

/// Options, and the names that are wanted: libtest-mimic takes one name, cargo's own harness any number.
fn split(arguments: impl Iterator<Item = String>) -> (Vec<String>, Vec<String>) {
    const WITH_VALUE: &[&str] = &["--skip", "--format", "--logfile", "--test-threads", "--color"];
    let (mut options, mut names): (Vec<String>, Vec<String>) = Default::default();
    for (i, argument) in arguments.enumerate() {
        let value = options.last().is_some_and(|o| WITH_VALUE.contains(&o.as_str()));
        match i == 0 || argument.starts_with('-') || value {
            true => options.push(argument),
            false => names.push(argument),
        }
    }
    (options, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_from_options() {
        let line = "program --list one --skip other two".split(' ').map(String::from);
        let (options, names) = split(line);
        assert_eq!(options, ["program", "--list", "--skip", "other"]);
        assert_eq!(names, ["one", "two"]);
    }

    #[test]
    fn any_of_the_names_is_enough() {
        let names = Names(vec!["drain".into(), "dns".into()]);
        assert!(names.want("dns_may_fail") && names.want("a_drained_node"));
        assert!(!names.want("comes_up"));
        assert!(Names(Vec::new()).want("comes_up"));
    }
}
