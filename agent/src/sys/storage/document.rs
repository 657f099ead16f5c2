//! What an agent remembers on its volume: one JSON document a file.

use super::fs::write_atomically;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::Path;

/// What the file says; `None` where there is none.
///
/// # Errors
/// It is there, and cannot be read or understood: then nobody knows what was remembered. The file is named.
pub(crate) fn read<T: DeserializeOwned>(file: &Path) -> io::Result<Option<T>> {
    let named = |kind, error: String| io::Error::new(kind, format!("{}: {error}", file.display()));
    match std::fs::read(file) {
        Ok(text) => serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| named(io::ErrorKind::InvalidData, error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(named(error.kind(), error.to_string())),
    }
}

/// Writes it down, durably, for the agent alone.
///
/// # Errors
/// The volume does not take it.
pub(crate) fn keep<T: Serialize>(file: &Path, document: &T) -> io::Result<()> {
    write_atomically(file, &serde_json::to_vec(document)?, 0o600).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_and_what_is_damaged_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("memory");
        assert_eq!(read::<Vec<u32>>(&file).unwrap(), None);
        keep(&file, &vec![1u32, 2]).unwrap();
        assert_eq!(read::<Vec<u32>>(&file).unwrap(), Some(vec![1, 2]));
        std::fs::write(&file, "[1,").unwrap();
        let error = read::<Vec<u32>>(&file).unwrap_err();
        assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    }
}
