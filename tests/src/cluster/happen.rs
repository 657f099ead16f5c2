//! What happens to pods.

use super::{Cluster, label};
use crate::docker;
use anyhow::{Context, Result};
use rand::seq::SliceRandom;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Stdio;

impl Cluster {
    /// `docker` with all pods at once, in random order: it happens to all of them at the same time.
    ///
    /// # Errors
    /// What docker said.
    pub fn all_do(&self, verb: &[&str]) -> Result<()> {
        let mut containers: Vec<String> = self.pods.iter().map(|p| self.container(p)).collect();
        containers.shuffle(&mut rand::rng());
        let containers: Vec<&str> = containers.iter().map(String::as_str).collect();
        docker::docker(&[verb, &containers].concat()).map(drop)
    }

    /// Removes a pod's container. Its volume stays.
    ///
    /// # Errors
    /// What docker said.
    pub fn remove(&self, pod: &str) -> Result<()> {
        docker::docker(&["rm", "--force", &self.container(pod)]).map(drop)
    }

    /// Removes a pod's container and gives it an empty volume.
    ///
    /// # Errors
    /// What docker said.
    pub fn lose_volume(&self, pod: &str) -> Result<()> {
        let volume = self.volume(pod);
        self.remove(pod)?;
        docker::docker(&["volume", "rm", &volume])?;
        docker::docker(&["volume", "create", "--label", &label(), &volume]).map(drop)
    }

    /// Takes DNS from a pod, or gives it back: nothing can be sent to Docker's name server any more.
    ///
    /// # Errors
    /// What docker or ip said.
    pub fn set_dns(&self, pod: &str, there: bool) -> Result<()> {
        let network = format!("container:{}", self.container(pod));
        let verb = if there { "del" } else { "add" };
        let image = self.image();
        let run = ["run", "--rm", "--network", &network, "--cap-add", "NET_ADMIN"];
        let command = ["--user", "0", "--entrypoint", "ip", &image, "route", verb];
        let route = ["unreachable", "127.0.0.11", "table", "local"];
        docker::docker(&[&run[..], &command, &route].concat()).map(drop)
    }

    /// The mount of a pod's own /etc/hosts, where the settings ask for it: a file that its user may write, as a new pod finds
    /// it.
    pub(super) fn hosts_argument(&self, pod: &str) -> Result<Option<String>> {
        if !self.settings.hosts {
            return Ok(None);
        }
        let dir = self.dir.path().join("hosts");
        fs::create_dir_all(&dir)?;
        let file = dir.join(pod);
        fs::write(&file, "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n")?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666))?;
        Ok(Some(format!("--volume={}:/etc/hosts", file.display())))
    }

    /// Starts a program in a pod and leaves it running there.
    ///
    /// # Errors
    /// When docker cannot be started.
    pub fn spawn(&self, pod: &str, command: &[&str]) -> Result<()> {
        let exec = ["exec", "--detach", &self.container(pod)];
        let mut docker = docker::command(&[&exec[..], command].concat());
        docker.stdout(Stdio::null()).status()?;
        Ok(())
    }

    /// Copies a file of the image to a directory that lasts as long as the cluster.
    ///
    /// # Errors
    /// What docker said.
    pub fn copy_from_image(&self, path: &str) -> Result<PathBuf> {
        let name = path.rsplit('/').next().context("no file name")?;
        let dir = self.dir.path().join("copied");
        fs::create_dir_all(&dir)?;
        let copy = dir.join(name);
        let id = docker::docker(&["create", "--label", &label(), &self.image()])?;
        let copied = docker::docker(&["cp", &format!("{id}:{path}"), &copy.display().to_string()]);
        docker::docker(&["rm", &id])?;
        copied.map(|_| copy)
    }

    /// Replaces cluster.yaml by what `change` makes of it, as somebody who edits it does.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn edit_configuration(&self, change: impl FnOnce(String) -> String) -> Result<()> {
        let file = self.config_dir().join("cluster.yaml");
        let text = change(fs::read_to_string(&file)?);
        Ok(fs::write(file, text)?)
    }
}
