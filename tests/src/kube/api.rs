//! Questions to the API server, through `kubectl proxy`, which knows every way of logging in.

use crate::http;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Stdio};

/// A running `kubectl proxy`.
#[derive(Debug)]
pub struct Api {
    proxy: Child,
    address: SocketAddr,
}

impl Api {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When kubectl cannot be started or says something unexpected.
    pub fn open() -> Result<Api> {
        let mut proxy = super::command(&["proxy", "--port=0"])
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot run kubectl proxy")?;
        let out = proxy.stdout.take().context("no stdout")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().rsplit(' ').next().and_then(|word| word.parse().ok());
        let Some(address) = address else {
            let _ = proxy.kill();
            let _ = proxy.wait();
            anyhow::bail!("kubectl proxy said {line:?} and not where it listens");
        };
        Ok(Api { proxy, address })
    }

    /// Status code and body of a GET.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn raw(&self, path: &str) -> Result<(u16, String)> {
        http::get(self.address, path)
    }

    /// An object, or a list of them.
    ///
    /// # Errors
    /// When the API server says anything but 200.
    pub fn get(&self, path: &str) -> Result<Value> {
        let (code, body) = self.raw(path)?;
        ensure!(code == 200, "{path}: {code}: {body}");
        serde_json::from_str(&body).with_context(|| format!("{path} is not JSON"))
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.proxy.kill();
        let _ = self.proxy.wait();
    }
}
