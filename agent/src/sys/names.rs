//! Names as the container's own libc sees them, which is what PostgreSQL sees: asked through `getent`, since this program
//! is statically linked and has no name service switch of its own.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::IpAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// Keys of one call; a call takes as long as its keys one after another.
const BATCH: usize = 50;

/// The `getent` to ask.
#[derive(Clone, Debug)]
pub struct Getent {
    command: Vec<OsString>,
    limit: Duration,
}

impl Default for Getent {
    fn default() -> Self {
        Getent::new(vec!["getent".into()], Duration::from_secs(20))
    }
}

/// Why libc could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum GetentError {
    /// The program could not be started.
    #[error("cannot run getent: {0}; install it (Debian: libc-bin, Alpine: musl-utils)")]
    Start(std::io::Error),
    /// It did not end in time.
    #[error("getent did not answer within {0} s; the name server is slow or gone")]
    TimedOut(u64),
}

impl Getent {
    /// Asks through `command`; each call ends within `limit`.
    pub fn new(command: Vec<OsString>, limit: Duration) -> Getent {
        Getent { command, limit }
    }

    /// The first name that the reverse lookup gives for each address; addresses without one are missing.
    pub async fn reverse(
        &self,
        addresses: &[IpAddr],
    ) -> Result<BTreeMap<IpAddr, String>, GetentError> {
        let keys: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
        let mut names = BTreeMap::new();
        for batch in keys.chunks(BATCH) {
            names.extend(parse_reverse(&self.ask("hosts", batch).await?));
        }
        Ok(names)
    }

    /// The addresses of one name; empty when it has none.
    pub async fn forward(&self, name: &str) -> Result<Vec<IpAddr>, GetentError> {
        let text = self.ask("ahosts", &[name.to_string()]).await?;
        Ok(parse_forward(&text))
    }

    async fn ask(&self, database: &str, keys: &[String]) -> Result<String, GetentError> {
        let (program, rest) = self
            .command
            .split_first()
            .ok_or_else(|| GetentError::Start(std::io::Error::other("no command is configured")))?;
        let output = Command::new(program)
            .args(rest)
            .arg(database)
            .args(keys)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .output();
        // Exit code 2 says that some keys were not found; the others are printed all the same.
        match tokio::time::timeout(self.limit, output).await {
            Ok(Ok(output)) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
            Ok(Err(error)) => Err(GetentError::Start(error)),
            Err(_) => Err(GetentError::TimedOut(self.limit.as_secs())),
        }
    }
}

/// `10.1.2.3   name alias...` per address.
fn parse_reverse(text: &str) -> BTreeMap<IpAddr, String> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?.parse().ok()?, words.next()?.to_string()))
        })
        .collect()
}

/// `10.1.2.3   STREAM name` and the same for DGRAM and RAW.
fn parse_forward(text: &str) -> Vec<IpAddr> {
    let mut addresses: Vec<IpAddr> = text
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn getent_output() {
        let names = parse_reverse("10.0.0.1        a.x a\n::1  localhost\n");
        assert_eq!(names[&IpAddr::from([10, 0, 0, 1])], "a.x");
        let found = parse_forward("10.0.0.1        STREAM a.x\n10.0.0.1        DGRAM\n");
        assert_eq!(found, [IpAddr::from([10, 0, 0, 1])]);
        assert!(parse_forward("").is_empty());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn libc_knows_the_loopback_address() {
        let localhost = IpAddr::from([127, 0, 0, 1]);
        let getent = Getent::default();
        assert!(
            getent
                .reverse(&[localhost])
                .await
                .unwrap()
                .contains_key(&localhost)
        );
        assert!(
            getent
                .forward("localhost")
                .await
                .unwrap()
                .iter()
                .any(IpAddr::is_loopback)
        );
        assert!(
            getent
                .forward("no-such-name.invalid")
                .await
                .unwrap()
                .is_empty()
        );
    }
}
