//! Faults that nobody can ask a cluster of others for: nodes without power, cables cut, DNS gone wrong. Only the tool that
//! `GP_KUBE` names can make them: `node stop|start`, `partition`, `heal`, `dns`.

use anyhow::{Context, Result, bail};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The tool. Dropping it ends every fault but that of a stopped node.
#[derive(Debug)]
pub struct Tool(PathBuf);

impl Tool {
    /// The tool of the cluster in use; why not, when there is none.
    ///
    /// # Errors
    /// A reason in words.
    pub fn find() -> Result<Tool, String> {
        match std::env::var_os("GP_KUBE") {
            Some(path) => Ok(Tool(path.into())),
            None => Err("this cluster cannot be hurt: GP_KUBE names no tool that cuts cables and power".into()),
        }
    }

    /// Runs it.
    ///
    /// # Errors
    /// What it said.
    pub fn run(&self, args: &[&str]) -> Result<String> {
        let output = Command::new(&self.0)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", self.0.display()))?;
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            bail!("{} {}: {words}", self.0.display(), args.join(" "));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        let _ = self.run(&["heal"]);
        let _ = self.run(&["dns", "ok"]);
    }
}
