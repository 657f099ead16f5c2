//! Asks each volume once in a while whether it answers. One that hangs is a finding, keeps the pod from being ready, and is
//! forgiven as soon as it answers.

use crate::lifecycle::status_board::StatusBoard;
use crate::sys::process::clock;
use crate::sys::storage::answer;
use gp_agent_core::cluster::probes;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::HungVolume;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::process::timeouts;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often the questions are looked after.
const EVERY: Duration = Duration::from_secs(1);

/// From an answer to the next question.
const ASK_EVERY: Duration = Duration::from_secs(2);

/// A question without an answer for so long: the volume hangs. A disk that is only busy answers within one or two seconds.
const HANGS_AFTER: Duration = timeouts::VOLUME_ANSWERS;

/// What the watch can be told.
#[derive(Clone, Debug)]
pub(crate) struct VolumeWatch {
    paths: watch::Sender<Vec<PathBuf>>,
}

impl VolumeWatch {
    /// A watch over nothing yet, and the task that keeps it, for the heart's runtime.
    pub(crate) fn new(board: Arc<StatusBoard>) -> (VolumeWatch, impl Future<Output = ()> + Send + 'static) {
        let (paths, watched) = watch::channel(Vec::new());
        (VolumeWatch { paths }, keep(board, watched))
    }

    /// Watches these volumes from now on.
    pub(crate) fn over(&self, paths: Vec<PathBuf>) {
        self.paths.send_replace(paths);
    }
}

/// Of one volume.
#[derive(Debug)]
enum Question {
    /// A thread asks and may be stuck with it: no second one is asked before.
    Asked {
        answer: JoinHandle<io::Result<u64>>,
        since: Instant,
        since_unix: u64,
    },
    /// It answered at that moment.
    Answered { at: Instant },
}

async fn keep(board: Arc<StatusBoard>, mut watched: watch::Receiver<Vec<PathBuf>>) {
    let mut questions = BTreeMap::new();
    loop {
        let paths = watched.borrow_and_update().clone();
        let mut hung = Vec::new();
        for path in paths {
            let question = questions.remove(&path).unwrap_or_else(|| ask(&path));
            let (question, free) = look_after(question, &path).await;
            if let Some(bytes) = free {
                note_free(&board, &path, bytes);
            }
            hung.extend(hangs(&question, &path));
            questions.insert(path, question);
        }
        report(&board, hung);
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = watched.changed() => if changed.is_err() { return },
        }
    }
}

fn ask(path: &Path) -> Question {
    let volume = path.to_path_buf();
    Question::Asked {
        answer: tokio::task::spawn_blocking(move || answer::ask(&volume)),
        since: Instant::now(),
        since_unix: clock::wall(),
    }
}

/// The question as it stands now, and the free bytes that the volume has just answered.
async fn look_after(question: Question, path: &Path) -> (Question, Option<u64>) {
    match question {
        Question::Asked { answer, .. } if answer.is_finished() => {
            // An error is an answer too: whoever works on the volume meets it and says so.
            let free = answer.await.ok().and_then(Result::ok);
            (Question::Answered { at: Instant::now() }, free)
        }
        Question::Answered { at } if at.elapsed() >= ASK_EVERY => (ask(path), None),
        waiting => (waiting, None),
    }
}

fn hangs(question: &Question, path: &Path) -> Option<HungVolume> {
    match question {
        Question::Asked { since, since_unix, .. } if since.elapsed() >= HANGS_AFTER => Some(HungVolume {
            path: path.display().to_string(),
            since: *since_unix,
        }),
        _ => None,
    }
}

fn note_free(board: &StatusBoard, path: &Path, bytes: u64) {
    let path = path.display().to_string();
    let known = board.read(|s| s.storage.iter().any(|s| s.path == path && s.free_bytes != bytes));
    if known {
        board.on(Event::VolumeFree { path, bytes });
    }
}

fn report(board: &StatusBoard, hung: Vec<HungVolume>) {
    if board.read(|s| s.hung_volumes == hung) {
        return;
    }
    let findings = hung.iter().map(finding).collect();
    board.on(Event::VolumesHang(hung));
    board.findings(FindingSource::HungVolume, findings);
}

fn finding(volume: &HungVolume) -> Finding {
    Finding::error(
        Area::Storage,
        &volume.path,
        probes::hung(volume),
        "look at the disk, the network to the storage and its driver on this node; nothing is killed for it, \
         and the pod goes on when the volume answers",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::cluster::state::PodState;
    use gp_agent_core::cluster::volume::{VolumeFacts, VolumePurpose};

    fn board() -> StatusBoard {
        let volume = |path: &str| VolumeFacts {
            path: path.into(),
            purpose: VolumePurpose::Data,
            file_system: "ext4".into(),
            direct_io: true,
            durable: true,
            fsync_p50_seconds: 0.0,
            fsync_p99_seconds: 0.0,
            free_bytes: 0,
        };
        let board = StatusBoard::new(PodState::new("x", 0, 0));
        board.on(Event::Volumes(vec![volume("/a"), volume("/b")]));
        board
    }

    #[test]
    fn a_volume_that_hangs_is_found_and_forgiven() {
        let board = board();
        let hung = HungVolume {
            path: "/a".into(),
            since: 1_709_251_199,
        };
        report(&board, vec![hung]);
        let status = board.snapshot();
        assert_eq!(status.findings.len(), 1);
        let what = "the volume at /a does not answer since 2024-02-29T23:59:59Z";
        assert_eq!(status.findings[0].what, what);
        assert_eq!(probes::ready(&status, 0).why, format!("preparing: {what}"));
        report(&board, Vec::new());
        let status = board.snapshot();
        assert!(status.findings.is_empty() && status.hung_volumes.is_empty());
    }

    #[test]
    fn the_free_bytes_are_those_of_the_volume_that_answered() {
        let board = board();
        note_free(&board, Path::new("/b"), 7);
        let free: Vec<u64> = board.snapshot().storage.iter().map(|s| s.free_bytes).collect();
        assert_eq!(free, [0, 7]);
    }

    #[tokio::test]
    async fn no_second_question_before_the_first_is_answered() {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let answer = tokio::task::spawn_blocking(move || {
            let _ = released.recv();
            Ok(5)
        });
        let long_ago = Instant::now().checked_sub(HANGS_AFTER).unwrap();
        let question = Question::Asked {
            answer,
            since: long_ago,
            since_unix: 3,
        };
        let path = Path::new("/a");
        let (question, free) = look_after(question, path).await;
        let hung = hangs(&question, path).unwrap();
        assert_eq!((free, hung.since), (None, 3));
        release.send(()).unwrap();
        let Question::Asked { answer, .. } = question else {
            panic!("asked again");
        };
        assert_eq!(answer.await.unwrap().unwrap(), 5);
    }
}
