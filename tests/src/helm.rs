//! Helm: the real one, or `image/helm-sdk` where that is missing.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The chart.
pub fn chart() -> PathBuf {
    root().join("image/chart")
}

/// How helm is called: `GP_HELM` (set by `tests/run`), `helm`, or the SDK that `tests/run` has installed before.
fn words() -> Option<Vec<String>> {
    if let Ok(words) = std::env::var("GP_HELM") {
        return Some(words.split_whitespace().map(String::from).collect());
    }
    let works = |program: &Path| Command::new(program).arg("version").output().is_ok();
    if works(Path::new("helm")) {
        return Some(vec!["helm".into()]);
    }
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))?;
    let python = cache.join("gp-agent/helm-sdk/bin/python");
    let script = root().join("image/helm-sdk");
    let text = |path: &Path| path.display().to_string();
    works(&python).then(|| vec![text(&python), text(&script)])
}

/// Why nothing can be rendered or installed here, if so.
pub fn missing() -> Option<String> {
    words()
        .is_none()
        .then(|| "there is no helm, and its SDK is not installed; tests/run installs it".into())
}

/// Runs helm; what it ended with.
///
/// # Errors
/// When there is no helm.
pub fn output(args: &[&str]) -> Result<Output> {
    let words = words().context("there is no helm")?;
    let (program, first) = words.split_first().context("GP_HELM is empty")?;
    Command::new(program)
        .args(first)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {program}"))
}

/// Runs helm; its standard output.
///
/// # Errors
/// What helm said.
pub fn helm(args: &[&str]) -> Result<String> {
    let output = output(args)?;
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    if !output.status.success() {
        bail!("helm {} failed:\n{out}{err}", args.join(" "));
    }
    Ok(out.into_owned())
}

/// Values on their way to helm.
#[derive(Debug)]
pub struct ValuesFile(tempfile::NamedTempFile);

impl ValuesFile {
    /// Writes them down; JSON is YAML.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(values: &Value) -> Result<ValuesFile> {
        ValuesFile::of_text(&values.to_string())
    }

    /// Writes down YAML as somebody typed it.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn of_text(text: &str) -> Result<ValuesFile> {
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile()?;
        file.write_all(text.as_bytes())?;
        Ok(ValuesFile(file))
    }

    /// Its path.
    pub fn path(&self) -> String {
        self.0.path().display().to_string()
    }
}

/// The chart's objects, as release `warehouse` in namespace `prod` of that version of Kubernetes.
///
/// # Errors
/// What helm said.
pub fn render(files: &[&str], values: &Value, kubernetes: &str) -> Result<Vec<Value>> {
    let (chart, values) = (chart().display().to_string(), ValuesFile::new(values)?);
    let path = values.path();
    let mut args = vec!["--kube-version", kubernetes];
    let files: Vec<String> = files.iter().map(|f| format!("{chart}/{f}")).collect();
    for file in files.iter().chain([&path]) {
        args.extend(["--values", file]);
    }
    // There is no cluster to look into.
    args.extend(["--set", "generateSecrets=always"]);
    template(Path::new(&chart), &args)
}

/// What `helm template` makes of a chart with these arguments, as release `warehouse` in namespace `prod`.
///
/// # Errors
/// What helm said.
pub fn template(chart: &Path, args: &[&str]) -> Result<Vec<Value>> {
    let chart = chart.display().to_string();
    let text = helm(&[&["template", "warehouse", &chart, "--namespace", "prod"], args].concat())?;
    parse(&text).with_context(|| format!("not YAML:\n{text}"))
}

fn parse(text: &str) -> Result<Vec<Value>> {
    // Kubernetes reads YAML 1.1, where 0440 is octal.
    let options = serde_saphyr::options! { legacy_octal_numbers: true };
    let documents = serde_saphyr::from_multiple_with_options::<Option<Value>>(text, options)?;
    Ok(documents.into_iter().flatten().collect())
}
