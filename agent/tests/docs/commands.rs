//! Commands in the documents can be called: gp-agent's verbs with their arguments, scripts with their options.

use super::markdown::{Document, Kind, code_spans};
use super::{documents, expect_none, files, root};
use clap::error::ErrorKind;
use gp_agent::internals::reference::command;
use std::collections::HashMap;
use std::process::Command;

/// Every piece of code that may be a command line, with its place.
fn code(document: &Document) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in &document.lines {
        if line.kind != Kind::Code {
            found.extend(open.take());
            let spans = code_spans(&line.text).into_iter();
            found.extend(spans.map(|span| (document.at(line), span.to_string())));
            continue;
        }
        let (place, before) = open.take().unwrap_or((document.at(line), String::new()));
        let text = format!("{before} {}", line.text.trim());
        match text.strip_suffix('\\') {
            Some(text) => open = Some((place, text.to_string())),
            None => found.push((place, text)),
        }
    }
    found.extend(open);
    found
}

/// The simple commands of a line, as the shell would call them: without comments, variables, and what brings them into a pod.
pub(crate) fn commands(line: &str) -> Vec<Vec<String>> {
    let mut commands = vec![Vec::new()];
    for word in words(line) {
        match word.as_str() {
            "&&" | "||" | "|" | ";" => commands.push(Vec::new()),
            _ => commands.last_mut().unwrap().push(word),
        }
    }
    commands.into_iter().map(|words| in_the_pod(&words).to_vec()).collect()
}

/// Words as a shell splits them; operators are words of their own.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut quote = None;
    for c in line.chars().chain([' ']) {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.push(c),
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') if word.is_empty() => break,
            (None, ' ' | '|' | ';') => {
                words.extend(Some(std::mem::take(&mut word)).filter(|word| !word.is_empty()));
                words.extend(Some(c.to_string()).filter(|c| c != " "));
            }
            (None, c) => word.push(c),
        }
    }
    words.extend(Some(word).filter(|word| !word.is_empty()));
    words
}

/// What `docker exec POD` or `kubectl exec POD --` calls; everything else as it is, without variables before it.
fn in_the_pod(words: &[String]) -> &[String] {
    let is_variable = |word: &String| {
        word.split_once('=')
            .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
    };
    let begin = words.iter().position(|word| !is_variable(word)).unwrap_or(words.len());
    let words = &words[begin..];
    let is = |i: usize, word: &str| words.get(i).is_some_and(|w| w == word);
    if is(0, "docker") && is(1, "exec") {
        let pod = words.iter().skip(2).position(|word| !word.starts_with('-'));
        return pod.map_or(&[], |pod| &words[(pod + 3).min(words.len())..]);
    }
    if is(0, "kubectl") && words.iter().any(|word| word == "exec") {
        let dashes = words.iter().position(|word| word == "--");
        return dashes.map_or(&[], |dashes| &words[dashes + 1..]);
    }
    words
}

/// Why gp-agent would not take these words; the first is its name.
pub(crate) fn agent_refuses(words: &[String]) -> Option<String> {
    let error = command().try_get_matches_from(words).err()?;
    let incomplete = matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
            | ErrorKind::MissingRequiredArgument
    );
    (!incomplete).then(|| error.to_string().lines().next().unwrap_or_default().to_string())
}

/// The help of scripts, asked once each.
#[derive(Default)]
struct Scripts(HashMap<Vec<String>, String>);

impl Scripts {
    /// Why the script would not take these words; the first is its path.
    fn refuse(&mut self, words: &[String]) -> Option<String> {
        let script = root().join(&words[0]);
        if !script.exists() {
            return Some(format!("{} is not there", words[0]));
        }
        let options: Vec<&str> = words
            .iter()
            .skip(1)
            .filter(|word| word.starts_with("--"))
            .map(String::as_str)
            .collect();
        if script.is_dir() || options.is_empty() {
            return None;
        }
        let help = self.help(words);
        let name = |option: &'_ str| option.split('=').next().unwrap_or_default().to_string();
        let known = |option: &str| {
            help.split(|c: char| c.is_whitespace() || "[]|,;".contains(c))
                .any(|word| word == option)
        };
        let strange: Vec<String> = options
            .into_iter()
            .map(name)
            .filter(|option| option != "--help" && !known(option))
            .collect();
        (!strange.is_empty()).then(|| format!("{} does not know {}", words[0], strange.join(", ")))
    }

    /// Another program answers for `--kubernetes`.
    fn help(&mut self, words: &[String]) -> String {
        let mut call = vec![words[0].clone()];
        call.extend(words.iter().find(|word| *word == "--kubernetes").cloned());
        let ask = |call: &Vec<String>| {
            let output = Command::new("bash")
                .current_dir(root())
                .args(call)
                .arg("--help")
                .output()
                .unwrap();
            assert!(output.status.success(), "{call:?} --help failed: {output:?}");
            String::from_utf8(output.stdout).unwrap()
        };
        self.0.entry(call).or_insert_with_key(ask).clone()
    }
}

#[test]
fn every_command_can_be_called() {
    let mut scripts = Scripts::default();
    let mut wrong = Vec::new();
    let mut called = 0;
    for document in documents() {
        for (place, line) in code(&document) {
            for words in commands(&line).iter().filter(|words| !words.is_empty()) {
                let is_script = ["image/", "tests/", ".ci/"]
                    .iter()
                    .any(|folder| words[0].starts_with(folder));
                let refused = match words[0].as_str() {
                    "gp-agent" => agent_refuses(words),
                    _ if is_script && words.len() > 1 => scripts.refuse(words),
                    _ => continue,
                };
                called += 1;
                wrong.extend(refused.map(|why| format!("{place}: `{}`: {why}", words.join(" "))));
            }
        }
    }
    expect_none("commands that cannot be called", &wrong);
    assert!(
        called > 80,
        "only {called} commands were found: are they still written as code?"
    );
}

/// The pages on Kubernetes name tests for what a kind of cluster cannot show.
#[test]
fn tests_that_documents_name_are_there() {
    let mut sources = Vec::new();
    files(&root().join("tests"), "rs", &mut sources);
    let sources: String = sources
        .iter()
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    let is_test =
        |word: &&str| word.matches('_').count() >= 3 && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let mut wrong = Vec::new();
    let mut named = 0;
    for page in ["minikube", "kind", "gke"] {
        let document = Document::read(&root(), &root().join(format!("docs/kubernetes/{page}.md")));
        for line in document.section("## What it cannot show") {
            for test in code_spans(&line.text).into_iter().filter(is_test) {
                named += 1;
                let there = sources.contains(&format!("\"{test}\"")) || sources.contains(&format!("fn {test}("));
                if !there {
                    wrong.push(format!("{}: there is no test {test}", document.at(line)));
                }
            }
        }
    }
    expect_none("tests that are not there", &wrong);
    assert!(named > 5, "only {named} tests are named");
}

#[test]
fn commands_are_found_in_their_surroundings() {
    let first = |line: &str| commands(line).concat().join(" ");
    assert_eq!(
        first("docker exec -it coordinator-0 gp-agent check dns  # two"),
        "gp-agent check dns"
    );
    assert_eq!(
        first("kubectl -n NS exec coordinator-0 -- gp-agent status"),
        "gp-agent status"
    );
    assert_eq!(
        first("BASE_IMAGE=x image/up --engine greenplum"),
        "image/up --engine greenplum"
    );
    assert_eq!(commands("a 'b c' && image/up | d").len(), 3);
    let said = |line: &str| agent_refuses(&words(line)).is_some();
    assert!(said("gp-agent frobnicate") && said("gp-agent check everything") && said("gp-agent status --wach"));
    assert!(!said("gp-agent hold 'moving the volume'") && !said("gp-agent --help") && !said("gp-agent"));
    let mut scripts = Scripts::default();
    let mut refused = |line: &str| scripts.refuse(&words(line));
    assert_eq!(
        refused("image/up --frobnicate").unwrap(),
        "image/up does not know --frobnicate"
    );
    assert_eq!(refused("image/upp").unwrap(), "image/upp is not there");
    assert_eq!(refused("image/up --kubernetes --registry R"), None);
}

/// A pod has no $PGDATA: without a directory pg_ctl does nothing there.
#[test]
fn pg_ctl_is_given_a_directory_wherever_a_person_is_told_to_call_it() {
    let mut paths = Vec::new();
    files(&root().join("agent/core/src"), "rs", &mut paths);
    files(&root().join("image/chart/monitoring"), "yaml", &mut paths);
    let mut seen = 0;
    let mut lacking = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            let calls = line
                .split("pg_ctl ")
                .skip(1)
                .map(|call| call.split([';', ',', ')', '`', '"']).next());
            for call in calls.flatten() {
                let acts = ["stop", "start", "restart", "promote"]
                    .iter()
                    .any(|verb| call.starts_with(verb));
                seen += usize::from(acts);
                if acts && !call.contains("-D ") {
                    lacking.push(format!("{}: pg_ctl {call}", path.display()));
                }
            }
        }
    }
    assert!(seen > 10, "{seen}");
    assert!(lacking.is_empty(), "{}", lacking.join("\n"));
}
