//! Has the postmaster read its files again.

use crate::lifecycle::pod::Pod;
use crate::sys::postgres::session::Session;
use crate::sys::process::{catches, process};
use anyhow::Result;
use rustix::process::Signal;
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(10);
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Asks the postmaster to reload. False when there is none.
pub(crate) async fn tell_postmaster(pod: &Pod) -> Result<bool> {
    let Some(server) = pod.board.server() else {
        return Ok(false);
    };
    if !can_be_told(server.pid()).await {
        return Ok(false);
    }
    server.signal(Signal::HUP)?;
    Ok(true)
}

/// Waits until the postmaster has a handler for SIGHUP, which would end one that has just been started. False when it has gone.
pub(super) async fn can_be_told(pid: i32) -> bool {
    while !catches(pid, Signal::HUP) {
        if process(pid).is_none() {
            return false;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    true
}

/// The postmaster reloads on its own time: a fresh connection that knows a newer load is the sign.
pub(super) async fn wait_for_reload(session: &mut Session) {
    let loaded_lately = "select 1 where pg_conf_load_time() > now() - interval '2 seconds'";
    for _ in 0..10 {
        if session.ask(loaded_lately).await.is_ok_and(|rows| !rows.is_empty()) {
            return;
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}
