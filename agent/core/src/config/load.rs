//! From the file's text and the environment to a configuration, or to everything that is wrong with them.

use super::diagnostic::{ConfigFinding, Fault, SourceLocation};
use super::env;
use super::reader::Reader;
use super::schema::{Config, KEYS, draft};
use super::yaml;
use super::yaml::Position;
use std::path::PathBuf;

/// Reads a configuration: the text of the file called `file`, overridden by `env`.
///
/// # Errors
/// Everything that is wrong, in the order of the file; the environment's findings last. Only a
/// text that is no YAML hides what stands in it.
pub fn load(text: &str, file: &str, env: impl Iterator<Item = (String, String)>) -> Result<Config, Vec<ConfigFinding>> {
    let (values, mut findings) = env::read(env);
    let mut documents = match yaml::parse(text) {
        Ok(documents) => documents.into_iter(),
        Err(e) => {
            findings.insert(0, whole_file(file, e.at, e.message, "mend the YAML there"));
            return Err(findings);
        }
    };
    let mut reader = Reader::new(file, KEYS, documents.next(), values);
    for document in documents {
        let what = "a second YAML document begins here";
        let remedy = "keep one document in the file, without `---` between its keys";
        findings.push(whole_file(file, document.at, what.to_string(), remedy));
    }
    let draft = draft::Config::read(&mut reader);
    draft.check(&mut reader);
    findings.append(&mut reader.findings);
    findings.sort();
    match draft.finish() {
        Some(config) if findings.is_empty() => Ok(config),
        _ => Err(findings),
    }
}

fn whole_file(file: &str, at: Position, message: String, remedy: &str) -> ConfigFinding {
    let Fault { message, remedy } = Fault::new(message, remedy);
    ConfigFinding {
        place: SourceLocation::file(file, at),
        key: String::new(),
        message,
        remedy,
    }
}

/// Where a pod of a wrong file finds what it remembers, and whether that is its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bearings {
    /// `cluster`, where it can be read.
    pub cluster: Option<String>,
    /// `storage.path`, or what it is by default; nothing where it cannot be read.
    pub storage: Option<PathBuf>,
}

/// What a file says of that which may be wrong anywhere, and with it the environment.
pub fn bearings(text: &str, env: impl Iterator<Item = (String, String)>) -> Bearings {
    let (values, _) = env::read(env);
    let document = yaml::parse(text)
        .ok()
        .and_then(|documents| documents.into_iter().next());
    let draft = draft::Config::read(&mut Reader::new("", KEYS, document, values));
    Bearings {
        cluster: draft.cluster.map(|read| read.value),
        storage: draft.storage.path.map(|read| read.value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_file_still_tells_where_the_volume_is() {
        let none = std::iter::empty;
        let of = |cluster: Option<&str>, storage: &str| Bearings {
            cluster: cluster.map(str::to_string),
            storage: Some(storage.into()),
        };
        let wrong = "cluster: w\nengine: mysql\nstorage: { path: /data, colour: red }\n";
        assert!(load(wrong, "f", none()).is_err());
        assert_eq!(bearings(wrong, none()), of(Some("w"), "/data"));
        assert_eq!(
            bearings("cluster: w\nsegments: [", none()),
            of(None, "/greenplum"),
            "no YAML"
        );
        assert_eq!(bearings("", none()), of(None, "/greenplum"));
        assert_eq!(bearings("storage: { path: relative }", none()).storage, None);
        let env = || [("GP_AGENT_STORAGE_PATH".to_string(), "/v".to_string())].into_iter();
        assert_eq!(bearings("cluster: [", env()), of(None, "/v"));
    }
}
