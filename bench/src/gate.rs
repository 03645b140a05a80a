//! The program under test: built in release, started as a demo gate with a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::Result;
use crate::measure::wait_for;
use crate::plan::Plan;
use crate::process::{Server, Usage, command, run, usage};
use crate::work::Work;

/// The root of the project.
pub const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
/// The party that sends, and a person who sees everything.
pub const SENDER: &str = "acme";
pub const WATCHER: &str = "ana";
const QUIET_MAX: Duration = Duration::from_secs(600);

/// A running gate.
pub struct Gate {
    server: Server,
    /// What its ready file says.
    pub ready: Value,
}

impl Gate {
    /// Builds the program if it must be, and starts it in a new folder.
    pub fn start(plan: &Plan, work: &Work) -> Result<Gate> {
        if plan.program.is_none() {
            run(command("cargo")
                .args(["build", "--release", "--locked", "--quiet", "-p", "lazaret"])
                .current_dir(ROOT))?;
        }
        Gate::start_in(plan, &work.folder("gate")?)
    }

    /// Starts it in a folder that may hold a gate already.
    pub fn start_in(plan: &Plan, dir: &Path) -> Result<Gate> {
        let ready_file = dir.join("ready.json");
        if ready_file.exists() {
            fs::remove_file(&ready_file)?;
        }
        let mut up = command(plan.program.clone().unwrap_or_else(built));
        up.args(["up", "--demo", "--dir"]).arg(dir);
        up.args(["--https", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--sftp", "127.0.0.1:0"]);
        let mut server = Server::start("lazaret", &mut up, &dir.with_extension("log"))?;
        server.until(|| ready_file.exists().then_some(()))?;
        let ready = serde_json::from_slice(&fs::read(&ready_file)?)?;
        Ok(Gate { server, ready })
    }

    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Ends it and waits until it has.
    pub fn end(mut self) {
        self.server.end();
    }

    /// Processor time and memory of the gate and its workers.
    pub fn usage(&self) -> Result<Usage> {
        usage(self.pid())
    }

    /// A string of the ready file.
    pub fn says(&self, key: &str) -> Result<&str> {
        self.ready.get(key).and_then(Value::as_str).ok_or_else(|| format!("the ready file has no {key}").into())
    }

    /// The port of the HTTPS door.
    pub fn port(&self) -> Result<u16> {
        let url = self.says("https")?;
        Ok(url.rsplit(':').next().unwrap_or_default().parse()?)
    }

    /// What the ready file says of an account.
    pub fn account(&self, name: &str, key: &str) -> Result<String> {
        let lists = ["people", "parties"].map(|list| self.ready.get(list).and_then(Value::as_array));
        let mut all = lists.into_iter().flatten().flatten();
        let account = all.find(|account| account.get("name").and_then(Value::as_str) == Some(name));
        let value = account.and_then(|account| account.get(key)).and_then(Value::as_str);
        value.map(str::to_owned).ok_or_else(|| format!("the ready file has no {key} of {name}").into())
    }

    /// An account's bearer token.
    pub fn token(&self, name: &str) -> Result<String> {
        Ok(fs::read_to_string(self.account(name, "token_file")?)?.trim().to_owned())
    }

    /// Waits until nothing is being looked at or decided any more: the next run must not pay for the last.
    pub fn settle(&self) -> Result<()> {
        wait_for("the gate comes to rest", QUIET_MAX, || {
            for state in ["quarantined", "inspected", "cleared"] {
                let page = self.get(&format!("/api/v1/transfers?state={state}&limit=1"))?;
                if page.get("items").and_then(Value::as_array).is_none_or(|items| !items.is_empty()) {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    /// GET as somebody who sees everything.
    fn get(&self, path: &str) -> Result<Value> {
        let mut curl = command("curl");
        curl.args(["--silent", "--show-error", "--fail", "--cacert", self.says("ca_file")?, "--header"]);
        curl.arg(format!("Authorization: Bearer {}", self.token(WATCHER)?));
        let output = run(curl.arg(format!("{}{path}", self.says("https")?)))?;
        Ok(serde_json::from_slice(&output.stdout)?)
    }
}

/// The program as this profile's neighbour: both come out of one target folder.
fn built() -> PathBuf {
    let here = std::env::current_exe().unwrap_or_default();
    let release = here.parent().and_then(Path::parent).map(|target| target.join("release/lazaret"));
    release.unwrap_or_else(|| PathBuf::from(ROOT).join("target/release/lazaret"))
}
