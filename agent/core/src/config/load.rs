//! From the file's text and the environment to a configuration, or to everything that is wrong with them.

use super::diagnostic::{ConfigFinding, Fault, SourceLocation};
use super::env;
use super::reader::Reader;
use super::schema::{Config, KEYS, draft};
use super::yaml;
use super::yaml::Position;

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
