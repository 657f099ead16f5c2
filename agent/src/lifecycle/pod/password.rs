//! gpadmin's password, for the agent's own connections and tools.

use super::Pod;
use gp_agent_core::config::Auth;

/// It, where one is needed and there is one. Read each time, since the Secret may rotate; what is wrong with it is told by whoever
/// follows the Secret.
pub(crate) async fn of(pod: &Pod) -> Option<String> {
    let hba = pod.config.borrow().hba.clone();
    if hba.auth == Auth::Trust {
        return None;
    }
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(&hba.password_file)).await;
    let text = read.ok()?.ok()?;
    let password = text.trim_end_matches(['\n', '\r']);
    // No environment takes a zero byte.
    (!password.is_empty() && !password.contains('\0')).then(|| password.to_string())
}
