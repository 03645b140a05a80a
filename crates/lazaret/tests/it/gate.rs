//! Starting the real program, and talking to it.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use lazaret_core::event::Event;
use lazaret_store::StoreReader;
use serde_json::Value;

/// A condition is waited for this long, then the test fails.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The gate's directory in the scratch one, as the program itself calls it.
const GATE: &str = "lazaret-demo";
/// What the program prints goes here.
const FIRST_SCREEN: &str = "first-screen.txt";

/// A running gate, the demo's or an empty one. Dropping it kills the program and looks whether what is left is whole: every
/// test is also a test of that.
pub struct TestGate {
    /// The temporary directory that holds the gate's directory and whatever a test makes.
    pub scratch: tempfile::TempDir,
    /// What the ready file says.
    pub ready: Value,
    child: Child,
    flags: Vec<String>,
    /// A test harmed the directory, so that it need not be whole.
    harmed: bool,
}

#[expect(clippy::disallowed_methods, reason = "the test starts the program under test, and foreign clients")]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

impl TestGate {
    /// A demo gate in a new directory.
    pub fn start() -> TestGate {
        TestGate::start_with("", &[])
    }

    /// A demo gate with this configuration file and these flags.
    pub fn start_with(config: &str, flags: &[&str]) -> TestGate {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join(GATE)).unwrap();
        // The demo's past takes a moment, and only its own test needs it.
        let config =
            if config.contains("demo.transfers") { config.to_owned() } else { format!("demo.transfers = 0\n{config}") };
        let flags = ["--demo"].iter().chain(flags).map(|flag| (*flag).to_owned()).collect();
        TestGate::run(scratch, &config, flags)
    }

    /// A gate that knows nobody yet.
    pub fn empty() -> TestGate {
        let scratch = tempfile::tempdir().unwrap();
        std::fs::create_dir(scratch.path().join(GATE)).unwrap();
        TestGate::run(scratch, "", Vec::new())
    }

    fn run(scratch: tempfile::TempDir, config: &str, flags: Vec<String>) -> TestGate {
        std::fs::write(scratch.path().join(GATE).join("lazaret.toml"), config).unwrap();
        let child = spawn(&scratch.path().join(GATE), &flags);
        let mut gate = TestGate { scratch, ready: Value::Null, child, flags, harmed: false };
        gate.await_ready();
        gate
    }

    /// The gate's directory.
    pub fn dir(&self) -> PathBuf {
        self.scratch.path().join(GATE)
    }

    /// A path in the scratch directory, outside the gate's.
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Writes a file to send.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).unwrap();
        }
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Ends the program without warning, as a power cut would.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks the program to end, and waits until it has; its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        let killed = command("kill").args(["-TERM", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        self.child.wait().unwrap().code()
    }

    /// Waits until the program has ended by itself; its exit code.
    pub fn await_end(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// The test is about to do to the directory what no gate does.
    pub fn harm(&mut self) {
        self.harmed = true;
    }

    /// What was recorded about a transfer, in order.
    pub fn facts(&self, reference: &str) -> Vec<Event> {
        let store = StoreReader::open(&self.dir()).unwrap();
        let entries = store.read(|view, _| {
            let found = view.by_reference(reference.parse().unwrap())?.unwrap();
            view.entries_about(found.transfer.cast())
        });
        entries.unwrap().into_iter().map(|entry| entry.event).collect()
    }

    /// Harms the sealed bytes of the only object that the gate has.
    pub fn harm_blob(&mut self, at: u64) {
        self.harm();
        let shards = std::fs::read_dir(self.dir().join("blobs/sealed")).unwrap();
        let files = shards.flat_map(|shard| std::fs::read_dir(shard.unwrap().path()).unwrap());
        let [path] = &files.map(|file| file.unwrap().path()).collect::<Vec<_>>()[..] else { panic!("not one object") };
        let file = std::fs::File::options().read(true).write(true).open(path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }

    /// Compares the directory with its ledger.
    pub fn fsck(&self) -> Output {
        self.lazaret(&["fsck", "--dir", self.dir().to_str().unwrap()])
    }

    /// Starts the program again in the same directory.
    pub fn restart(&mut self) {
        // Left behind by a kill; it would say that the new process is ready before it is.
        drop(std::fs::remove_file(self.dir().join("ready.json")));
        self.child = spawn(&self.dir(), &self.flags);
        self.await_ready();
    }

    /// The published checkpoint, as it lies on disk.
    pub fn published_checkpoint(&self) -> String {
        std::fs::read_to_string(self.dir().join("log/checkpoint")).unwrap()
    }

    /// The first screen of the running program.
    pub fn first_screen(&self) -> String {
        // It is printed in one piece, after the ready file.
        let read = || std::fs::read_to_string(self.dir().join(FIRST_SCREEN)).unwrap();
        wait_for("the first screen", || Some(read()).filter(|screen| !screen.is_empty()))
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn await_ready(&mut self) {
        let path = self.dir().join("ready.json");
        let begun = Instant::now();
        while !path.exists() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!(
                    "the gate ended with {status}: {}",
                    std::fs::read_to_string(self.dir().join("log.txt")).unwrap()
                );
            }
            assert!(begun.elapsed() < PATIENCE, "the gate is not ready");
            std::thread::sleep(Duration::from_millis(5));
        }
        self.ready = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    }

    /// `https://localhost:PORT`
    pub fn https(&self) -> &str {
        self.ready["https"].as_str().unwrap()
    }

    fn account(&self, name: &str) -> &Value {
        let lists = [&self.ready["people"], &self.ready["parties"]];
        let mut all = lists.into_iter().flat_map(|list| list.as_array().unwrap());
        all.find(|account| account["name"] == name).unwrap_or_else(|| panic!("nobody is called {name}"))
    }

    /// The file with this account's SSH key.
    pub fn ssh_key(&self, name: &str) -> PathBuf {
        PathBuf::from(self.account(name)["ssh_key_file"].as_str().unwrap())
    }

    /// This account's bearer token.
    pub fn token(&self, name: &str) -> String {
        std::fs::read_to_string(self.account(name)["token_file"].as_str().unwrap()).unwrap()
    }

    /// One request as this account; path below the server's root.
    pub fn request(&self, name: &str, method: &str, path: &str) -> Request<'_> {
        let mut curl = command("curl");
        curl.args(["--silent", "--show-error", "--include", "--max-time", "120", "--path-as-is"])
            .args(["--cacert", self.ready["ca_file"].as_str().unwrap()])
            .args(["--request", method]);
        if !name.is_empty() {
            curl.args(["--header", &format!("Authorization: Bearer {}", self.token(name))]);
        }
        Request { gate: self, curl, path: path.to_owned() }
    }

    /// GET as this account, as JSON.
    pub fn get(&self, name: &str, path: &str) -> Value {
        let answer = self.request(name, "GET", path).send();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }

    /// Sends one object and waits for the decision.
    pub fn put(&self, name: &str, path: &str, bytes: &[u8]) -> Answer {
        let file = self.file("put", bytes);
        self.request(name, "PUT", &format!("/api/v1/in/{path}")).header("Prefer: wait=60").upload(&file).send()
    }

    /// The program as a client.
    pub fn lazaret(&self, args: &[&str]) -> Output {
        let mut client = command(env!("CARGO_BIN_EXE_lazaret"));
        client.args(args).env("LAZARET_GATE", self.dir().join("ready.json")).current_dir(self.scratch.path());
        client.stdin(Stdio::null()).output().unwrap()
    }
}

impl Drop for TestGate {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
        if self.harmed || std::thread::panicking() {
            return;
        }
        let found = self.fsck();
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stdout));
    }
}

fn spawn(dir: &Path, flags: &[String]) -> Child {
    let log = std::fs::OpenOptions::new().create(true).append(true).open(dir.join("log.txt")).unwrap();
    command(env!("CARGO_BIN_EXE_lazaret"))
        .args(["up", "--dir"])
        .arg(dir)
        .args(["--https", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--sftp", "127.0.0.1:0"])
        .args(flags)
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(dir.join(FIRST_SCREEN)).unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// A request that is being put together.
pub struct Request<'g> {
    gate: &'g TestGate,
    curl: Command,
    path: String,
}

impl Request<'_> {
    /// A header line.
    pub fn header(mut self, line: &str) -> Self {
        self.curl.args(["--header", line]);
        self
    }

    /// A file as the body.
    pub fn upload(mut self, file: &Path) -> Self {
        self.curl.arg("--upload-file").arg(file);
        self
    }

    /// Bytes as the body.
    pub fn body(mut self, text: &str) -> Self {
        self.curl.args(["--data-binary", text, "--header", "Content-Type: application/json"]);
        self
    }

    /// Any option of curl.
    pub fn option(mut self, args: &[&str]) -> Self {
        self.curl.args(args);
        self
    }

    /// Sends it.
    pub fn send(mut self) -> Answer {
        let url = if self.path.starts_with("http") { self.path } else { format!("{}{}", self.gate.https(), self.path) };
        let output = self.curl.arg(url).output().unwrap();
        Answer::parse(&output)
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The last status.
    pub status: u16,
    /// Its headers, lower-case names.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
    /// What curl said, and how it ended.
    pub curl: (String, Option<i32>),
}

impl Answer {
    fn parse(output: &Output) -> Answer {
        let mut rest = output.stdout.as_slice();
        let (mut status, mut headers) = (0, Vec::new());
        // Interim answers (100 Continue) come before the last one.
        while rest.starts_with(b"HTTP/") {
            let end = rest.windows(4).position(|window| window == b"\r\n\r\n").map_or(rest.len(), |at| at + 4);
            let head = String::from_utf8_lossy(&rest[..end]).into_owned();
            rest = &rest[end..];
            status = head.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
            let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
            headers = lines.map(|(name, value)| (name.to_lowercase(), value.trim().to_owned())).collect();
        }
        let curl = (String::from_utf8_lossy(&output.stderr).into_owned(), output.status.code());
        Answer { status, headers, body: rest.to_vec(), curl }
    }

    /// A header's first value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        format!("{} {} {:?}", self.status, String::from_utf8_lossy(&self.body), self.curl)
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

/// Waits until a condition gives something, and fails with `what` if it does not in time.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
