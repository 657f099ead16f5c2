//! Other processes that write.

use super::*;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

/// The variable that turns the ignored test below into a program.
const CHILD: &str = "AUTHORITY_TEST_CHILD";

/// Not a test but the program that the others run: `<uid> <writes> <directory>` writes so many records over whatever is there,
/// and says `written <serial>` for each; 0 writes are as many as it can.
#[tokio::test]
#[ignore = "a program for the other tests"]
async fn writer() {
    let Ok(order) = std::env::var(CHILD) else { return };
    let mut order = order.splitn(3, ' ');
    let uid = order.next().unwrap();
    let writes: u64 = order.next().unwrap().parse().unwrap();
    let authority = open(Path::new(order.next().unwrap()), uid);
    println!("\nready");
    let mut written = 0;
    while writes == 0 || written < writes {
        let (before, version) = read(&authority).await;
        let mut next = before.clone();
        next.serial += 1;
        // Most writes are renewals; others have to be on disk.
        next.epoch += u64::from(next.serial % 10 == 0);
        match authority.write(next.clone(), Some(version), PATIENCE).await {
            Ok(_) => {
                written += 1;
                println!("\nwritten {}", next.serial);
            }
            Err(WriteError::Conflict) => {}
            Err(other) => panic!("{other}"),
        }
    }
}

/// A process that writes.
pub(crate) struct Writer {
    pub child: Child,
    lines: BufReader<ChildStdout>,
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Writer {
    pub(crate) fn start(directory: &Path, uid: &str, writes: u64) -> Writer {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::writer", "--ignored", "--nocapture"])
            .env(CHILD, format!("{uid} {writes} {}", directory.display()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap());
        let mut writer = Writer { child, lines };
        writer.line("ready").unwrap();
        writer
    }

    /// What follows that word in the next line that begins with it; nothing when the process has ended.
    fn line(&mut self, word: &str) -> Option<String> {
        let mut lines = self.lines.by_ref().lines().map_while(Result::ok);
        lines.find_map(|line| line.strip_prefix(word).map(str::to_string))
    }

    /// The next serial that it wrote.
    pub(crate) fn written(&mut self) -> Option<u64> {
        Some(self.line("written ")?.parse().unwrap())
    }
}
