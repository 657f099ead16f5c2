//! When roles are changed back, as the configuration says.

use super::window::Window;

/// It is announced so long before it begins.
pub(super) const NOTICE_SECONDS: u64 = 60;

/// When roles are changed back without being asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum When {
    /// Never.
    #[default]
    Manual,
    /// In that time.
    Window(Window),
    /// While nothing runs.
    Idle,
}
