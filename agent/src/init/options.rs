//! The few options of `gp-agent init`, read by hand: init shares no memory with a command-line library.

use gp_agent_core::process::timeouts;
use std::ffi::OsString;
use std::time::Duration;
use thiserror::Error;

/// The grace period when nobody names one: Kubernetes' default for terminationGracePeriodSeconds.
pub(crate) const DEFAULT_GRACE: Duration = Duration::from_secs(30);

/// How long beats may be missing when nobody says otherwise.
pub(crate) const DEFAULT_WATCHDOG: Duration = timeouts::WATCHDOG;

/// The shortest grace period that leaves every stage of the schedule its time.
pub(crate) const SHORTEST_GRACE: Duration = Duration::from_secs(1);

/// No duration here is longer than this: it is 30 days, and far from every overflow.
pub(crate) const LONGEST_GRACE: Duration = Duration::from_secs(30 * 86400);

/// What is said to `--help` and after a bad option.
pub(crate) const USAGE: &str = "usage: gp-agent init [--grace SECONDS] [--watchdog SECONDS] [-- PROGRAM ARGS...]
  --grace SECONDS     time from SIGTERM to the end (default 30, at least 1); also GP_AGENT_GRACE_SECONDS.
                      It is replaced by the one that the agent reads in its configuration.
  --watchdog SECONDS  kill the agent after that long without a beat (default 30, 0 = never); also
                      GP_AGENT_WATCHDOG_SECONDS. It begins with the agent's first beat.
  -- PROGRAM ARGS...  run this instead of `gp-agent run`";

/// What init is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InitOptions {
    /// The agent's command line; empty means `run` of this very binary.
    pub program: Vec<OsString>,
    /// Time from SIGTERM to the SIGKILL that comes from outside.
    pub grace: Duration,
    /// How long the agent's beats may be missing, once they have begun; `None` for ever.
    pub watchdog: Option<Duration>,
}

impl Default for InitOptions {
    fn default() -> Self {
        InitOptions {
            program: Vec::new(),
            grace: DEFAULT_GRACE,
            watchdog: Some(DEFAULT_WATCHDOG),
        }
    }
}

/// What the command line comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InitRequest {
    /// Be init.
    Run(InitOptions),
    /// Say [`USAGE`].
    Help,
}

/// What is wrong with the command line: names the option or variable and says what would be right.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(crate) enum OptionError {
    /// `--` is the last word.
    #[error("there is no program after `--`")]
    NoProgram,
    /// An option without its value.
    #[error("{0} wants a number of seconds")]
    NoValue(String),
    /// No such option.
    #[error("unknown option `{0}`")]
    Unknown(String),
    /// Not a number, or out of bounds.
    #[error("{name} is `{value}`, which is not a number of seconds from 0 to 2592000")]
    NotSeconds {
        /// The option or variable.
        name: String,
        /// What it was given.
        value: String,
    },
    /// A grace period in which nothing can stop.
    #[error("{name} is `{value}`; postmasters cannot stop in less than 1 second")]
    TooShort {
        /// The option or variable.
        name: String,
        /// What it was given.
        value: String,
    },
}

/// Reads the words after `init`; the environment (asked through `env`) is weaker than an option.
///
/// # Errors
/// One line that names the option or variable and says what would be right.
pub(crate) fn parse(
    args: impl Iterator<Item = OsString>,
    env: impl Fn(&str) -> Option<OsString>,
) -> Result<InitRequest, OptionError> {
    let mut options = InitOptions::default();
    for (variable, option) in [
        ("GP_AGENT_GRACE_SECONDS", "--grace"),
        ("GP_AGENT_WATCHDOG_SECONDS", "--watchdog"),
    ] {
        if let Some(value) = env(variable).filter(|value| !value.is_empty()) {
            options.set(option, variable, &value)?;
        }
    }
    let mut args = args;
    while let Some(arg) = args.next() {
        let word = arg.to_string_lossy();
        let (name, inline) = match word.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (&*word, None),
        };
        match name {
            "--" if inline.is_none() => {
                options.program = args.collect();
                if options.program.is_empty() {
                    return Err(OptionError::NoProgram);
                }
                break;
            }
            "--help" | "-h" => return Ok(InitRequest::Help),
            "--grace" | "--watchdog" => {
                let value = inline.or_else(|| args.next());
                let value = value.ok_or_else(|| OptionError::NoValue(name.to_string()))?;
                options.set(name, name, &value)?;
            }
            _ => return Err(OptionError::Unknown(word.into_owned())),
        }
    }
    Ok(InitRequest::Run(options))
}

impl InitOptions {
    fn set(&mut self, option: &str, given_as: &str, value: &OsString) -> Result<(), OptionError> {
        let (name, value) = (given_as.to_string(), value.to_string_lossy().into_owned());
        let Some(seconds) = parse_seconds(&value) else {
            return Err(OptionError::NotSeconds { name, value });
        };
        if option == "--watchdog" {
            self.watchdog = (!seconds.is_zero()).then_some(seconds);
        } else if seconds < SHORTEST_GRACE {
            return Err(OptionError::TooShort { name, value });
        } else {
            self.grace = seconds;
        }
        Ok(())
    }
}

/// `30`, `2.5`: not negative, not infinite, at most 30 days.
pub(crate) fn parse_seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.trim().parse().ok()?;
    (0.0..=LONGEST_GRACE.as_secs_f64())
        .contains(&seconds)
        .then(|| Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str, env: &[(&str, &str)]) -> Result<InitRequest, OptionError> {
        parse(words.split_whitespace().map(OsString::from), |name: &str| {
            env.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v))
        })
    }

    fn options(words: &str, env: &[(&str, &str)]) -> InitOptions {
        match read(words, env) {
            Ok(InitRequest::Run(options)) => options,
            other => panic!("{words}: {other:?}"),
        }
    }

    #[test]
    fn nothing_given_is_the_default() {
        assert_eq!(options("", &[]), InitOptions::default());
    }

    #[test]
    fn options_are_stronger_than_the_environment() {
        let env = [("GP_AGENT_GRACE_SECONDS", "60"), ("GP_AGENT_WATCHDOG_SECONDS", "0")];
        let from_env = options("", &env);
        assert_eq!(from_env.grace, Duration::from_secs(60));
        assert_eq!(from_env.watchdog, None);
        let given = options("--grace=2.5 --watchdog 7 -- sh -c x=1 --grace", &env);
        assert_eq!(given.grace, Duration::from_millis(2500));
        assert_eq!(given.watchdog, Some(Duration::from_secs(7)));
        assert_eq!(given.program, ["sh", "-c", "x=1", "--grace"]);
    }

    #[test]
    fn bad_words_are_named() {
        for (words, part) in [
            ("--grace", "--grace wants a number"),
            ("--grace soon", "--grace is `soon`"),
            ("--grace=-1", "--grace is `-1`"),
            ("--grace inf", "--grace is `inf`"),
            ("--grace NaN", "--grace is `NaN`"),
            ("--grace 1e300", "--grace is `1e300`"),
            ("--grace 0.5", "cannot stop in less than 1 second"),
            ("--", "no program after `--`"),
            ("--=x", "unknown option `--=x`"),
            ("run", "unknown option `run`"),
            ("--watchdog=", "--watchdog is ``"),
        ] {
            let error = read(words, &[]).unwrap_err();
            assert!(error.to_string().contains(part), "{words}: {error}");
        }
        let error = read("", &[("GP_AGENT_GRACE_SECONDS", "x")]).unwrap_err();
        assert!(error.to_string().contains("GP_AGENT_GRACE_SECONDS is `x`"), "{error}");
        assert_eq!(read("--help", &[]), Ok(InitRequest::Help));
    }

    #[test]
    fn an_empty_variable_is_no_variable() {
        let env = [("GP_AGENT_GRACE_SECONDS", "")];
        assert_eq!(options("", &env), InitOptions::default());
    }
}
