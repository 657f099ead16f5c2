//! What the supervisor does to its pod: directory, processes, volume, status. Tests put a fake in its place and let time be
//! virtual, so that the same loop can be led through any sequence of events.

use super::strategy::EngineStrategy;
use crate::lifecycle::pod::leadership::Wish;
use crate::sys::postgres::pidfile::Occupant;
use anyhow::Result;
use gp_agent_core::cluster::status::Phase;
use gp_agent_core::postgres::exit_cause::Ending;
use gp_agent_core::postgres::start_decision::Directory;
use gp_agent_core::postgres::supervisor::ServerRefusal;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How a server is asked to stop (pg_ctl(1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopMode {
    /// Sessions are ended, a last checkpoint is written.
    Fast,
    /// At once; the next start recovers.
    Immediate,
}

/// A server process that is watched.
pub(crate) trait Server {
    /// Its process ID.
    fn pid(&self) -> i32;

    /// Returns when it is gone.
    async fn gone(&self);

    /// Asks it to stop.
    fn stop(&self, mode: StopMode);
}

/// Why a server is not started, or none made, although its directory alone would allow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Withheld {
    /// Not now; the text says what is waited for.
    Wait(String),
    /// Another pod took over: this directory has to follow that one.
    Rejoin,
}

/// Everything around the loop.
pub(crate) trait Platform {
    /// A server that was started or adopted.
    type Server: Server;
    /// What differs between engines.
    type Engine: EngineStrategy;

    /// The engine.
    fn engine(&self) -> &Self::Engine;

    /// Returns when the pod has to end.
    async fn ending(&self);

    /// The time the pod has to end.
    fn grace(&self) -> Duration;

    /// Why an administrator holds the postmaster, as the volume says.
    ///
    /// # Errors
    /// The volume does not say: then nothing may be started.
    fn held(&self) -> io::Result<Option<String>>;

    /// Writes or removes that, durably.
    ///
    /// # Errors
    /// It is as it was before.
    fn set_held(&self, reason: Option<&str>) -> io::Result<()>;

    /// How an administrator had stopped the server when an earlier agent of this container ended.
    fn stopped(&self) -> Option<Ending>;

    /// Remembers that, or forgets it.
    fn set_stopped(&self, ending: Option<Ending>);

    /// Who runs on the directory.
    ///
    /// # Errors
    /// That cannot be told: then nothing may be started.
    async fn occupant(&self) -> io::Result<Occupant>;

    /// Whether there is a directory.
    fn directory_exists(&self) -> bool;

    /// Takes hold of that postmaster; `None` when it has gone meanwhile.
    ///
    /// # Errors
    /// Who runs on the directory cannot be told.
    async fn adopt(&self, pid: i32) -> Result<Option<Arc<Self::Server>>>;

    /// Ends server processes whose postmaster is gone.
    async fn end_leftovers(&self, pids: &[i32]);

    /// What the directory is.
    ///
    /// # Errors
    /// It cannot be examined, or this image cannot start it.
    async fn examine(&self) -> Result<Directory>;

    /// What the directory of the running server is.
    fn running_directory(&self) -> Directory;

    /// Makes everything ready for a start: settings, port, lock files of servers that are gone. Can be dropped at any await.
    ///
    /// # Errors
    /// What stands in the way.
    async fn prepare_start(&self) -> Result<()>;

    /// Why what is to be done with the directory may not be done at this moment.
    fn withheld(&self, own: &Directory, wish: Wish) -> Option<Withheld>;

    /// Returns when the running server has to stop although nobody overtook it, with the reason.
    async fn must_stop(&self) -> String;

    /// Starts the server. Nothing is awaited, so nothing comes between the last look and the start.
    ///
    /// # Errors
    /// It cannot be started.
    fn spawn(&self) -> Result<Arc<Self::Server>>;

    /// Whether the running server has begun to end, as far as its directory says.
    fn is_ending(&self, server: &Self::Server) -> bool;

    /// The same, from a directory that may hang: false where it does not answer.
    async fn has_begun_to_end(&self, server: &Self::Server) -> bool;

    /// Waits for the end of a running server and says what kind of end it was, also in words.
    async fn ended(&self, server: &Self::Server) -> (Ending, String);

    /// Returns when the running server cannot do its work as it was started, and nobody holds it; why.
    async fn outgrown(&self) -> String;

    /// Takes back that this pod serves its role, before its server stops.
    async fn withdraw_role(&self, within: Duration);

    /// Returns when a peer has news: it says so, or its address changed.
    async fn news(&self);

    /// Returns when the parameters of the configuration change: what failed with the old ones may work now.
    async fn mended(&self);

    /// Shows a phase and why.
    fn show(&self, phase: Phase, reason: &str);

    /// Shows that a server runs.
    fn show_server(&self, server: &Self::Server, starts: u64);

    /// Shows that none runs.
    fn show_no_server(&self);

    /// Shows how the last one ended.
    fn show_last_end(&self, words: &str);

    /// Shows why the directory is not started, or that there is no such reason any more.
    fn show_refusal(&self, refusal: Option<&ServerRefusal>);
}
