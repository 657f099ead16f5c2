//! Beside a segment's server: remembers how many pages it found whose checksum was wrong, in `.gp-agent/damaged-pages`. The server
//! itself forgets when it crashes; see [`gp_agent_core::recovery::facts::damage`].

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::data_directory;
use crate::sys::postgres::session::NoAnswer;
use crate::sys::storage::document;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::topology::Role;
use gp_agent_core::process::timeouts;
use gp_agent_core::recovery::facts::damage::{self, Kept, Pages};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::sleep;

const EVERY: Duration = Duration::from_secs(10);
const ANSWER_WITHIN: Duration = timeouts::STATEMENT_ENDS;

/// Runs as long as the pod.
pub(super) async fn keep(pod: &Pod) {
    if !pod.me.content.is_segment() {
        return std::future::pending().await;
    }
    // Told before the server can be asked: what is known must not look like nothing meanwhile.
    match recall(pod).await {
        Ok((_, pages)) if !pages.is_empty() => {
            pod.board.on(Event::PagesCounted(pages));
        }
        Ok(_) => {}
        Err(error) => tracing::error!("what was found of damaged pages cannot be read: {error}"),
    }
    loop {
        // A mirror that refuses SQL counts nothing.
        pod.board.until(|s| s.active_role == Some(Role::Primary)).await;
        // No session is kept: a smart shutdown, which is gpstop's, waits for every one.
        let counted = pod.session(ANSWER_WITHIN).ask(damage::SQL).await;
        match counted {
            Ok(rows) => {
                if let Err(error) = take(pod, &rows).await {
                    tracing::error!("what this server found of damaged pages is not remembered: {error}");
                }
            }
            Err(NoAnswer::Refused(words)) if damage::is_not_counted(&words) => return std::future::pending().await,
            Err(error) => tracing::debug!("damaged pages are not counted now: {error}"),
        }
        sleep(EVERY).await;
    }
}

/// What cannot be remembered is told all the same. A memory that cannot be read is left as it is.
async fn take(pod: &Pod, rows: &[Vec<Option<String>>]) -> io::Result<()> {
    let recalled = recall(pod).await;
    let known = || pod.board.read(|s| s.damaged_pages.clone());
    let kept = match &recalled {
        Ok((_, kept)) => kept.clone(),
        Err(_) => known().unwrap_or_default(),
    };
    let highest = damage::highest(&kept, rows);
    if known().as_ref() != Some(&highest) {
        pod.board.on(Event::PagesCounted(highest.clone()));
    }
    let (directory, kept) = recalled?;
    if kept != highest {
        let file = file(pod);
        let pages = highest;
        let kept = Kept { directory, pages };
        pod.volume.run(move || document::keep(&file, &kept)).await?;
    }
    Ok(())
}

/// Which directory this is, and what was counted in it.
async fn recall(pod: &Pod) -> io::Result<(String, Pages)> {
    let (file, dir) = (file(pod), pod.dir().to_path_buf());
    let read = pod.volume.run(move || {
        let kept: Option<Kept> = document::read(&file)?;
        io::Result::Ok((data_directory::identity(&dir)?, kept.unwrap_or_default()))
    });
    let (directory, kept) = read.await?;
    let pages = kept.of(&directory);
    Ok((directory, pages))
}

fn file(pod: &Pod) -> PathBuf {
    pod.state_dir().join("damaged-pages")
}
