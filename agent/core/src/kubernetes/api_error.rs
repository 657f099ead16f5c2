//! What a call of the Kubernetes API can come to.

/// Why the API server did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// This pod may not (401, 403), in the server's words.
    #[error("not allowed: {0}")]
    Denied(String),
    /// There is no such object (404), in the server's words.
    #[error("not found: {0}")]
    Missing(String),
    /// It, or an admission policy, finds fault with what was asked for (422), in the server's words.
    #[error("refused: {0}")]
    Invalid(String),
    /// Another pod of the same name has replaced this one (422 on the uid, or another uid in the answer).
    #[error("another pod has this pod's name now")]
    Replaced,
    /// It did not answer, or answered that it cannot now (409, 429, 5xx): whether a change was made is unknown.
    #[error("{0}")]
    Unavailable(String),
}

impl ApiError {
    /// Whether trying again soon is of no use: a person, or nobody, has to do something first.
    pub fn lasts(&self) -> bool {
        !matches!(self, ApiError::Unavailable(_))
    }
}
