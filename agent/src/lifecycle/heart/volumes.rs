//! Asks each volume once in a while whether it answers. One that hangs is a finding, keeps the pod from being ready, and is
//! forgiven as soon as it answers.

use crate::lifecycle::status_board::StatusBoard;
use crate::sys::process::clock;
use crate::sys::storage::answer;
use gp_agent_core::cluster::probes;
use gp_agent_core::cluster::state::Event;
use gp_agent_core::cluster::status::HungVolume;
use gp_agent_core::cluster::volume::VolumeRoom;
use gp_agent_core::finding::FindingSource;
use gp_agent_core::finding::{Area, Finding};
use gp_agent_core::process::timeouts;
use gp_agent_core::storage::room::{self, RoomLevel};
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
        answer: JoinHandle<io::Result<VolumeRoom>>,
        since: Instant,
        since_unix: u64,
    },
    /// It answered at that moment.
    Answered { at: Instant },
}

async fn keep(board: Arc<StatusBoard>, mut watched: watch::Receiver<Vec<PathBuf>>) {
    let mut questions = BTreeMap::new();
    let mut levels = Levels::default();
    loop {
        let paths = watched.borrow_and_update().clone();
        let mut hung = Vec::new();
        for path in paths {
            let question = questions.remove(&path).unwrap_or_else(|| ask(&path));
            let (question, room) = look_after(question, &path).await;
            if let Some(room) = room {
                levels.note(&board, room);
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

/// The question as it stands now, and the room that the volume has just answered.
async fn look_after(question: Question, path: &Path) -> (Question, Option<VolumeRoom>) {
    match question {
        Question::Asked { answer, .. } if answer.is_finished() => {
            // An error is an answer too: whoever works on the volume meets it and says so.
            let room = answer.await.ok().and_then(Result::ok);
            (Question::Answered { at: Instant::now() }, room)
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

/// How much room each volume had left, and what was said of that.
#[derive(Debug, Default)]
struct Levels {
    known: BTreeMap<String, RoomLevel>,
    findings: BTreeMap<String, Finding>,
}

impl Levels {
    fn note(&mut self, board: &StatusBoard, room: VolumeRoom) {
        let before = self.known.get(&room.path).copied().unwrap_or_default();
        let level = room::level(&room, before);
        self.known.insert(room.path.clone(), level);
        let told = match room::finding(&room, level) {
            Some(finding) => self.findings.insert(room.path.clone(), finding.clone()) != Some(finding),
            None => self.findings.remove(&room.path).is_some(),
        };
        if board.read(|s| !s.rooms.contains(&room)) {
            board.on(Event::VolumeRoom(room));
        }
        if told {
            board.findings(FindingSource::Room, self.findings.values().cloned().collect());
        }
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
        "look at the disk, the network to the storage and its driver on this node; the pod goes on when the \
         volume answers. A coordinator whose standby is in sync leaves its role to that after ten seconds",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use gp_agent_core::cluster::state::PodState;
    use gp_agent_core::cluster::volume::{Space, VolumeFacts, VolumePurpose};

    fn board() -> StatusBoard {
        let volume = |path: &str| VolumeFacts {
            path: path.into(),
            purpose: VolumePurpose::Data,
            file_system: "ext4".into(),
            direct_io: true,
            durable: true,
            fsync_p50_seconds: 0.0,
            fsync_p99_seconds: 0.0,
            space: Space {
                total_bytes: 100 << 30,
                free_bytes: 50 << 30,
                free_inodes: None,
            },
            read_only: false,
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

    fn room(path: &str, gib: u64) -> VolumeRoom {
        VolumeRoom {
            path: path.into(),
            space: Space {
                total_bytes: 100 << 30,
                free_bytes: gib << 30,
                free_inodes: None,
            },
            read_only: false,
        }
    }

    #[test]
    fn the_room_is_that_of_the_volume_that_answered_and_told_while_it_is_low() {
        let board = board();
        let mut levels = Levels::default();
        levels.note(&board, room("/b", 7));
        let status = board.snapshot();
        let free: Vec<u64> = status.storage.iter().map(|s| s.free_bytes >> 30).collect();
        assert_eq!(free, [50, 7]);
        let found = |board: &StatusBoard| -> Vec<String> {
            let status = board.snapshot();
            status.findings.iter().map(|f| f.subject.clone()).collect()
        };
        assert_eq!(found(&board), ["/b"]);
        // One that has passed no proof is watched all the same.
        levels.note(&board, room("/c", 0));
        assert_eq!(found(&board), ["/c", "/b"]);
        levels.note(&board, room("/b", 50));
        levels.note(&board, room("/c", 50));
        assert!(found(&board).is_empty());
    }

    #[tokio::test]
    async fn no_second_question_before_the_first_is_answered() {
        let (release, released) = std::sync::mpsc::channel::<()>();
        let answer = tokio::task::spawn_blocking(move || {
            let _ = released.recv();
            Ok(room("/a", 5))
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
        assert_eq!(answer.await.unwrap().unwrap(), room("/a", 5));
    }
}
