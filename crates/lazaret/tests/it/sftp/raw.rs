//! A client that sends exactly the packets it is told to, over OpenSSH's transport.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use lazaret_formats::sftp::{Attrs, Extended, Incoming, Init, OpenFlags, Pairs, Request, Times};

use crate::gate::{TestGate, command};

/// Status codes of version 3.
pub const OK: u32 = 0;
pub const EOF: u32 = 1;
pub const NO_SUCH_FILE: u32 = 2;
pub const PERMISSION_DENIED: u32 = 3;
pub const FAILURE: u32 = 4;
pub const BAD_MESSAGE: u32 = 5;
pub const OP_UNSUPPORTED: u32 = 8;

pub const READ: OpenFlags = OpenFlags::READ;
pub const CREATE: OpenFlags = OpenFlags::WRITE.with(OpenFlags::CREATE);
pub const TRUNCATE: OpenFlags = CREATE.with(OpenFlags::TRUNCATE);
pub const APPEND: OpenFlags = CREATE.with(OpenFlags::APPEND);
pub const EXCLUSIVE: OpenFlags = CREATE.with(OpenFlags::EXCLUSIVE);

/// A session of the subsystem.
pub struct Raw {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    next_id: u32,
}

/// One packet of the server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    Version(u32, Vec<String>),
    Status(u32, String),
    Handle(Vec<u8>),
    Data(Vec<u8>),
    Names(Vec<(String, String)>),
    Attrs { size: u64, mode: u32, mtime: u32 },
    Extended(Vec<u64>),
}

impl Reply {
    pub fn status(&self) -> u32 {
        match self {
            Reply::Status(code, _) => *code,
            other => panic!("no status: {other:?}"),
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Reply::Status(_, text) => text,
            other => panic!("no status: {other:?}"),
        }
    }
}

impl Raw {
    /// Signs in and greets.
    pub fn connect(gate: &TestGate, name: &str) -> Raw {
        let mut raw = Raw::connect_silently(gate, name);
        raw.send(&Incoming::Init(Init { version: 3, extensions: Pairs::default() }));
        let version = raw.receive().1;
        assert!(matches!(version, Reply::Version(3, _)), "{version:?}");
        raw
    }

    /// Signs in and says nothing.
    pub fn connect_silently(gate: &TestGate, name: &str) -> Raw {
        let mut ssh = command("ssh");
        ssh.args(gate.ssh_options(name)).args(["-p", &gate.sftp_port().to_string(), "-s"]);
        ssh.args([&format!("{name}@localhost"), "sftp"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = ssh.spawn().unwrap();
        let (input, output) = (child.stdin.take(), child.stdout.take().unwrap());
        Raw { child, input, output, next_id: 100 }
    }

    pub fn send(&mut self, packet: &Incoming<'_>) {
        let mut bytes = Vec::new();
        packet.encode(&mut bytes);
        self.send_bytes(&bytes);
    }

    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.input.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The next packet with its id, if the server sends one before it hangs up.
    pub fn try_receive(&mut self) -> Option<(u32, Reply)> {
        let mut head = [0; 4];
        self.output.read_exact(&mut head).ok()?;
        let mut packet = vec![0; u32::from_be_bytes(head) as usize];
        self.output.read_exact(&mut packet).ok()?;
        Some(parse(&packet))
    }

    pub fn receive(&mut self) -> (u32, Reply) {
        self.try_receive().expect("the server hung up")
    }

    /// Sends a request without waiting for its answer; its id.
    pub fn ask(&mut self, request: Request<'_>) -> u32 {
        self.next_id += 1;
        let id = self.next_id;
        self.send(&Incoming::Request { id, request });
        id
    }

    /// Sends a request and gives its answer.
    pub fn call(&mut self, request: Request<'_>) -> Reply {
        let id = self.ask(request);
        let (answered, reply) = self.receive();
        assert_eq!(answered, id, "answers come in the order of the requests");
        reply
    }

    /// The same, where the server may hang up instead.
    pub fn call_or_end(&mut self, request: Request<'_>) -> Option<Reply> {
        self.next_id += 1;
        let mut bytes = Vec::new();
        Incoming::Request { id: self.next_id, request }.encode(&mut bytes);
        self.input.as_mut().unwrap().write_all(&bytes).ok()?;
        self.try_receive().map(|(_, reply)| reply)
    }

    /// Sends a request whose answer nobody reads; whether it could be sent.
    pub fn try_ask(&mut self, request: Request<'_>) -> bool {
        self.next_id += 1;
        let mut bytes = Vec::new();
        Incoming::Request { id: self.next_id, request }.encode(&mut bytes);
        self.input.as_mut().unwrap().write_all(&bytes).is_ok()
    }

    /// Whether `ssh` has ended.
    pub fn is_over(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    pub fn try_open(&mut self, path: &str, flags: OpenFlags) -> Result<Vec<u8>, (u32, String)> {
        match self.call(Request::Open { path: path.as_bytes(), flags, attrs: Attrs::default() }) {
            Reply::Handle(handle) => Ok(handle),
            Reply::Status(code, text) => Err((code, text)),
            other => panic!("{other:?}"),
        }
    }

    pub fn open(&mut self, path: &str, flags: OpenFlags) -> Vec<u8> {
        self.try_open(path, flags).unwrap_or_else(|refused| panic!("{path}: {refused:?}"))
    }

    pub fn write(&mut self, handle: &[u8], offset: u64, data: &[u8]) -> u32 {
        self.call(Request::Write { handle, offset, data }).status()
    }

    pub fn close(&mut self, handle: &[u8]) -> u32 {
        self.call(Request::Close { handle }).status()
    }

    /// Opens, writes all and closes.
    pub fn put(&mut self, path: &str, bytes: &[u8]) {
        let handle = self.open(path, TRUNCATE);
        for (piece, data) in bytes.chunks(32_768).enumerate() {
            assert_eq!(self.write(&handle, piece as u64 * 32_768, data), OK);
        }
        assert_eq!(self.close(&handle), OK, "{path}");
    }

    pub fn get(&mut self, path: &str) -> Vec<u8> {
        let handle = self.open(path, READ);
        let mut bytes = Vec::new();
        loop {
            match self.call(Request::Read { handle: &handle, offset: bytes.len() as u64, bytes: 32_768 }) {
                Reply::Data(data) => bytes.extend(data),
                Reply::Status(EOF, _) => break,
                other => panic!("{path}: {other:?}"),
            }
        }
        assert_eq!(self.close(&handle), OK);
        bytes
    }

    pub fn stat(&mut self, path: &str) -> Reply {
        self.call(Request::Stat { path: path.as_bytes() })
    }

    /// The size that STAT says; none if nothing is there.
    pub fn size(&mut self, path: &str) -> Option<u64> {
        match self.stat(path) {
            Reply::Attrs { size, .. } => Some(size),
            Reply::Status(NO_SUCH_FILE, _) => None,
            other => panic!("{path}: {other:?}"),
        }
    }

    pub fn rename(&mut self, from: &str, to: &str) -> Reply {
        self.call(Request::Rename { from: from.as_bytes(), to: to.as_bytes() })
    }

    pub fn posix_rename(&mut self, from: &str, to: &str) -> Reply {
        self.call(Request::Extended(Extended::PosixRename { from: from.as_bytes(), to: to.as_bytes() }))
    }

    pub fn remove(&mut self, path: &str) -> Reply {
        self.call(Request::Remove { path: path.as_bytes() })
    }

    pub fn mkdir(&mut self, path: &str) -> Reply {
        self.call(Request::Mkdir { path: path.as_bytes(), attrs: Attrs::default() })
    }

    pub fn rmdir(&mut self, path: &str) -> Reply {
        self.call(Request::Rmdir { path: path.as_bytes() })
    }

    pub fn set_times(&mut self, path: &str, modified_s: u32) -> Reply {
        let attrs = Attrs { times: Some(Times { accessed_s: 1, modified_s }), ..Attrs::default() };
        self.call(Request::Setstat { path: path.as_bytes(), attrs })
    }

    pub fn set_size(&mut self, handle: &[u8], size: u64) -> u32 {
        self.call(Request::Fsetstat { handle, attrs: Attrs { size: Some(size), ..Attrs::default() } }).status()
    }

    /// Names and their lines.
    pub fn list(&mut self, path: &str) -> Vec<(String, String)> {
        let handle = match self.call(Request::Opendir { path: path.as_bytes() }) {
            Reply::Handle(handle) => handle,
            other => panic!("{path}: {other:?}"),
        };
        let mut names = Vec::new();
        while let Reply::Names(more) = self.call(Request::Readdir { handle: &handle }) {
            assert!(more.len() <= 100);
            names.extend(more);
        }
        assert_eq!(self.close(&handle), OK);
        names.retain(|(name, _)| name != "." && name != "..");
        names
    }

    pub fn names(&mut self, path: &str) -> Vec<String> {
        self.list(path).into_iter().map(|(name, _)| name).collect()
    }

    /// Hangs up without a word, as a lost connection does.
    pub fn hang_up(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Ends the session in order; the exit code of `ssh`.
    pub fn end(mut self) -> Option<i32> {
        self.input = None;
        self.child.wait().unwrap().code()
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    fn u32(&mut self) -> u32 {
        let (head, rest) = self.0.split_first_chunk::<4>().unwrap();
        self.0 = rest;
        u32::from_be_bytes(*head)
    }

    fn u64(&mut self) -> u64 {
        u64::from(self.u32()) << 32 | u64::from(self.u32())
    }

    fn bytes(&mut self) -> Vec<u8> {
        let count = self.u32() as usize;
        let (head, rest) = self.0.split_at(count);
        self.0 = rest;
        head.to_vec()
    }

    fn text(&mut self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    fn attrs(&mut self) -> Reply {
        assert_eq!(self.u32(), 0x0d, "size, permissions and times");
        let (size, mode) = (self.u64(), self.u32());
        let _accessed = self.u32();
        Reply::Attrs { size, mode, mtime: self.u32() }
    }
}

fn parse(packet: &[u8]) -> (u32, Reply) {
    let kind = packet[0];
    let mut rest = Cursor(&packet[1..]);
    let id = rest.u32();
    let reply = match kind {
        2 => {
            let mut extensions = Vec::new();
            while !rest.0.is_empty() {
                extensions.push(format!("{} {}", rest.text(), rest.text()));
            }
            Reply::Version(id, extensions)
        }
        101 => Reply::Status(rest.u32(), rest.text()),
        102 => Reply::Handle(rest.bytes()),
        103 => Reply::Data(rest.bytes()),
        104 => {
            let mut names = Vec::new();
            for _ in 0..rest.u32() {
                let (name, line) = (rest.text(), rest.text());
                // REALPATH answers without attributes.
                if rest.0.starts_with(&[0, 0, 0, 0]) {
                    rest.u32();
                } else {
                    rest.attrs();
                }
                names.push((name, line));
            }
            Reply::Names(names)
        }
        105 => rest.attrs(),
        201 => {
            let mut values = Vec::new();
            while !rest.0.is_empty() {
                values.push(rest.u64());
            }
            Reply::Extended(values)
        }
        other => panic!("packet type {other}"),
    };
    (id, reply)
}
