//! gpadmin's password, for the agent's own connections and tools.

use super::Pod;

/// It, where there is one. With `auth: trust` a pod that has not been restarted since that changed still asks for it. Read each time, since the Secret may rotate; what is wrong with it is told by whoever
/// follows the Secret.
pub(crate) async fn of(pod: &Pod) -> Option<String> {
    let hba = pod.config.borrow().hba.clone();
    let read = tokio::task::spawn_blocking(move || std::fs::read_to_string(&hba.password_file)).await;
    let text = read.ok()?.ok()?;
    let password = text.trim_end_matches(['\n', '\r']);
    // No environment takes a zero byte.
    (!password.is_empty() && !password.contains('\0')).then(|| password.to_string())
}
