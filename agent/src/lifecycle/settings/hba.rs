//! pg_hba.conf: the agent's lines always, and of `hba.extra` what the server takes.
//!
//! What is wrong with a line is found by its grammar, and it is left out. Some lines only the server can judge (LDAP, RADIUS,
//! certificates: [`Grammar::is_certain`]); a start that meets one that it refuses fails, a reload keeps the rules of before.
//! So these come in by a reload alone, and the block's mark tells whether the server has read the file. When it has not, the
//! lines are tried one after another, and what it refuses is left out and named.

use super::hba_verification;
use super::reload::tell_postmaster;
use crate::lifecycle::pod::Pod;
use crate::lifecycle::pod::paths::SERVER_FILE_MODE as MODE;
use crate::sys::postgres::auth_request::auth_request;
use crate::sys::storage::fs::write_atomically;
use anyhow::{Context, Result};
use gp_agent_core::config::Config;
use gp_agent_core::discovery::kept_names::keep_names;
use gp_agent_core::finding::{Area, Finding, FindingSource};
use gp_agent_core::postgres::auth_request::AuthRequest;
use gp_agent_core::postgres::hba;
use gp_agent_core::postgres::hba::{BlockRequest, Grammar, LoadMark, load_mark};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// A reload takes the postmaster some milliseconds.
const LOOKS: u32 = 20;

/// Which lines of `hba.extra` are written; never those that the grammar refuses.
#[derive(Clone, Debug)]
pub(super) enum ExtraLines {
    /// Those that cannot keep a server from starting.
    Certain,
    /// Those, and the others that the file has already.
    AsBefore,
    /// All but those that the server has refused.
    AllBut(BTreeSet<String>),
    /// These.
    These(Vec<String>),
}

/// What [`write`] did.
#[derive(Clone, Debug)]
pub(super) struct WrittenHba {
    /// The file is not what it was.
    pub changed: bool,
    /// Tells whether a server has read it.
    pub mark: LoadMark,
}

/// Writes the block.
pub(super) fn write(pod: &Pod, config: &Config, dir: &Path, lines: &ExtraLines) -> Result<WrittenHba> {
    let path = dir.join("pg_hba.conf");
    let existing = match std::fs::read(&path) {
        // Without the file no server starts, and none reloads; what somebody else wrote into it is gone anyway.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            tracing::warn!(path = %path.display(), "the file is gone: it is made anew, with the agent's lines and hba.extra alone");
            Vec::new()
        }
        existing => existing.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let mut peers = hba_verification::hba_peers(&pod.topology, &pod.me, &pod.peers.borrow());
    let text = String::from_utf8_lossy(&existing);
    keep_names(&text, &pod.topology, &pod.account.name, &mut peers);
    let grammar = Grammar::of(pod.engine.major_version());
    let block = hba::render_block(&BlockRequest {
        topology: &pod.topology,
        me: &pod.me,
        user: &pod.account.name,
        auth: config.hba.auth,
        peers: &peers,
        extra: &chosen(&config.hba.extra, grammar, lines, &text),
        grammar,
    });
    let (block, mark) = hba::with_load_mark(&block.text);
    let changed = write_atomically(&path, &hba::splice(&existing, &block), MODE)?;
    Ok(WrittenHba { changed, mark })
}

/// `existing`: the file as it is.
fn chosen(extra: &[String], grammar: Grammar, lines: &ExtraLines, existing: &str) -> Vec<String> {
    let is_certain = |line: &str| {
        let file = hba::parse_as(line, grammar);
        file.rules.iter().all(|rule| grammar.is_certain(rule))
    };
    let wanted = |line: &&String| match lines {
        ExtraLines::Certain => is_certain(line),
        ExtraLines::AsBefore => is_certain(line) || existing.lines().any(|known| known == line.trim_end()),
        ExtraLines::AllBut(refused) => !refused.contains(*line),
        ExtraLines::These(these) => these.contains(line),
    };
    extra.iter().filter(wanted).cloned().collect()
}

/// What the running server has refused of `hba.extra`, as long as that stays the same.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    of: Vec<String>,
    lines: BTreeSet<String>,
}

impl Refusals {
    /// The lines to be written now. A server that answers nobody, such as a mirror of Greenplum, cannot be asked what it
    /// has read, and gets no new one of which it may be refused.
    pub(super) async fn lines(&mut self, pod: &Arc<Pod>) -> ExtraLines {
        let extra = pod.config.borrow().hba.extra.clone();
        if self.of != extra {
            self.lines.clear();
            self.of = extra;
        }
        let path = pod.dir().join("pg_hba.conf");
        let existing = pod.volume.run(move || std::fs::read(path).unwrap_or_default()).await;
        match load_mark(&String::from_utf8_lossy(&existing)) {
            Some(mark) if asked(pod, &mark).await != AuthRequest::NotNow => ExtraLines::AllBut(self.lines.clone()),
            _ => ExtraLines::AsBefore,
        }
    }

    /// Looks whether the server has read the file behind `mark`, after it was told to; finds the line that kept it from
    /// doing so.
    pub(super) async fn settle(&mut self, pod: &Arc<Pod>, mark: &LoadMark) -> Result<()> {
        match read_by_server(pod, mark).await {
            AuthRequest::NotNow => return Ok(()),
            AuthRequest::ClearText => pod.board.findings(FindingSource::HbaReload, Vec::new()),
            AuthRequest::Other => self.find_culprits(pod).await?,
        }
        self.report(pod);
        Ok(())
    }

    async fn find_culprits(&mut self, pod: &Arc<Pod>) -> Result<()> {
        let grammar = Grammar::of(pod.engine.major_version());
        let config = pod.config.borrow().clone();
        let candidates = chosen(&config.hba.extra, grammar, &ExtraLines::AllBut(self.lines.clone()), "");
        let mut taken = Vec::new();
        if !takes(pod, &taken).await? {
            // None of these lines is to blame: they wait in the file until it is mended.
            written(pod, ExtraLines::AllBut(self.lines.clone())).await?;
            pod.board.findings(FindingSource::HbaReload, vec![not_reloaded(pod)]);
            return Ok(());
        }
        pod.board.findings(FindingSource::HbaReload, Vec::new());
        for line in candidates {
            taken.push(line);
            if !takes(pod, &taken).await?
                && let Some(refused) = taken.pop()
            {
                self.lines.insert(refused);
            }
        }
        takes(pod, &taken).await.map(drop)
    }

    /// Puts what is left out on the board.
    pub(super) fn report(&self, pod: &Pod) {
        let grammar = Grammar::of(pod.engine.major_version());
        let config = pod.config.borrow().clone();
        let mut findings = hba_verification::judge_hba(&config.hba, grammar);
        let extra = config.hba.extra.iter().enumerate();
        findings.extend(
            extra
                .filter(|(_, line)| self.lines.contains(*line))
                .map(refused_by_server),
        );
        pod.board.findings(FindingSource::HbaBlock, findings);
    }
}

fn refused_by_server((index, line): (usize, &String)) -> Finding {
    Finding::error(
        Area::Hba,
        format!("hba.extra[{index}]"),
        format!("\"{line}\": the server refuses to load a pg_hba.conf with it; the line is left out"),
        "the server's log says why (a name that does not resolve, a method it was built without, ssl that is off); mend or remove the line in cluster.yaml",
    )
}

fn not_reloaded(pod: &Pod) -> Finding {
    Finding::error(
        Area::Hba,
        pod.dir().join("pg_hba.conf").display().to_string(),
        "the server did not reload the file and keeps the rules that it has read before; a restart would fail",
        "the server's log names the line; mend it (it is none of hba.extra)",
    )
}

/// Writes the block when the volume lets us.
async fn written(pod: &Arc<Pod>, lines: ExtraLines) -> Result<WrittenHba> {
    let (config, writer) = (pod.config.borrow().clone(), pod.clone());
    let work = move || write(&writer, &config, writer.dir(), &lines);
    pod.volume.run(work).await
}

/// Whether the server reads a file with these lines.
async fn takes(pod: &Arc<Pod>, lines: &[String]) -> Result<bool> {
    let written = written(pod, ExtraLines::These(lines.to_vec())).await?;
    tell_postmaster(pod).await?;
    Ok(read_by_server(pod, &written.mark).await != AuthRequest::Other)
}

/// The answer once the server has read the file, or the last one when it does not.
async fn read_by_server(pod: &Pod, mark: &LoadMark) -> AuthRequest {
    let mut answer = AuthRequest::NotNow;
    for _ in 0..LOOKS {
        answer = asked(pod, mark).await;
        if answer != AuthRequest::Other {
            break;
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    answer
}

async fn asked(pod: &Pod, mark: &LoadMark) -> AuthRequest {
    let options = pod.engine.session_options(pod.me.content);
    auth_request(Path::new("/tmp"), pod.me.port, &mark.role, options.as_deref()).await
}
