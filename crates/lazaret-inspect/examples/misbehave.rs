//! Locks itself up as a worker does, says so, and then does what a worker in an attacker's hands would try. The tests
//! watch it die. Started without a task it stays alive until its input ends.

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use lazaret_inspect::sandbox::lock_down;

fn main() -> ExitCode {
    let task = std::env::args().nth(1).unwrap_or_default();
    let confinement = match lock_down() {
        Ok(confinement) => confinement,
        Err(refused) => {
            say(&format!("refused: {refused}"));
            return ExitCode::FAILURE;
        }
    };
    say(&format!("locked {confinement:?}"));
    match task.as_str() {
        "open" => drop(std::fs::File::open("/etc/hostname")),
        "create" => drop(std::fs::File::create("/tmp/lazaret-worker-was-here")),
        "list" => drop(std::fs::read_dir("/proc/self/fd")),
        "connect" => drop(std::net::TcpStream::connect(("127.0.0.1", 9))),
        "listen" => drop(std::net::TcpListener::bind(("127.0.0.1", 0))),
        "unix-socket" => drop(std::os::unix::net::UnixStream::connect("/run/systemd/notify")),
        "execute" => drop(execute()),
        "thread" => drop(std::thread::Builder::new().spawn(|| {})),
        "map-executable" => drop(region::alloc(4096, region::Protection::READ_WRITE_EXECUTE)),
        "signal" => drop(rustix_kill()),
        "close-out" => {}
        "memory" => return memory(),
        _ => {
            let _ = std::io::stdin().read_to_end(&mut Vec::new());
        }
    }
    say("alive");
    ExitCode::SUCCESS
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

#[expect(clippy::disallowed_methods, reason = "the attacker's step that must not work")]
fn execute() -> std::io::Result<std::process::Output> {
    std::process::Command::new("/bin/true").output()
}

fn rustix_kill() -> nix::Result<()> {
    nix::unistd::setpgid(nix::unistd::Pid::from_raw(0), nix::unistd::Pid::from_raw(0))
}

/// Takes memory until the limit ends it.
fn memory() -> ExitCode {
    let mut taken: Vec<Vec<u8>> = Vec::new();
    for _ in 0..1024 {
        taken.push(vec![1; 1024 * 1024]);
    }
    say("alive");
    ExitCode::SUCCESS
}
