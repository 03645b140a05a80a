//! Starting programs, and what the system knows of them: processor time and memory, over a whole family of processes.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::Result;

/// What the kernel counts in, on x86-64 and on aarch64 with 4 KiB pages (USER_HZ is 100 wherever Linux runs today).
const TICKS_PER_SECOND: f64 = 100.0;
const PAGE_BYTES: u64 = 4096;
/// A server is given this long to listen.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A command, by name or path.
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "a benchmark starts the program and its peers")]
    let mut command = Command::new(program);
    command.stdin(Stdio::null());
    command
}

/// Runs a program to its end.
///
/// # Errors
/// It cannot be started, or fails; with what it said.
pub fn run(command: &mut Command) -> Result<Output> {
    let shown = format!("{command:?}");
    let output = command.output().map_err(|error| format!("{shown}: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let words = [output.stdout, output.stderr].map(|words| String::from_utf8_lossy(&words).into_owned());
    Err(format!("{shown}: {}: {}", output.status, words.join(" ").trim()).into())
}

/// A server that ends when this is dropped.
pub struct Server {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Server {
    /// Starts it, with what it says in a file.
    pub fn start(name: &'static str, command: &mut Command, log: &Path) -> Result<Server> {
        let out = fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdout(out.try_clone()?).stderr(out);
        let child = command.spawn().map_err(|error| format!("{name}: {error}"))?;
        Ok(Server { child, name, log: log.to_owned() })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until a condition holds while the server lives.
    pub fn until<T>(&mut self, mut condition: impl FnMut() -> Option<T>) -> Result<T> {
        let begun = Instant::now();
        loop {
            if let Some(found) = condition() {
                return Ok(found);
            }
            if let Some(status) = self.child.try_wait()? {
                let said = fs::read_to_string(&self.log)?;
                let last = said.lines().last().unwrap_or("it said nothing");
                return Err(format!("{} ended with {status}: {last}", self.name).into());
            }
            if begun.elapsed() > PATIENCE {
                return Err(format!("{} is not ready after {} s", self.name, PATIENCE.as_secs()).into());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Waits until something listens on a port of this machine.
    pub fn until_listening(&mut self, port: u16) -> Result<()> {
        self.until(|| std::net::TcpStream::connect(("127.0.0.1", port)).ok().map(drop))
    }

    /// Asks it to end, and waits.
    pub fn end(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(rustix::process::Pid::from_raw);
        if let Some(pid) = pid {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// A port that nobody uses now.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

/// Whether this run has the rights of root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program by name, on the path or in one of these folders.
pub fn find(name: &str, folders: &[&str]) -> Option<String> {
    let path = std::env::vars().find(|(key, _)| key == "PATH").map(|(_, value)| value).unwrap_or_default();
    let folders = path.split(':').chain(folders.iter().copied());
    folders.map(|folder| format!("{folder}/{name}")).find(|file| Path::new(file).is_file())
}

/// What a process and all its descendants used, ended ones included where their parent waited for them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// Seconds of processor time.
    pub cpu_s: f64,
    /// How many of them the first process itself used.
    pub own_cpu_s: f64,
    /// Resident memory now, in bytes.
    pub resident_bytes: u64,
}

/// Looks at a family of processes.
pub fn usage(root: u32) -> Result<Usage> {
    let all = processes()?;
    let mut family = vec![root];
    let mut sum = Usage::default();
    while let Some(pid) = family.pop() {
        let Some(process) = all.get(&pid) else { continue };
        sum.cpu_s += process.usage.cpu_s;
        if pid == root {
            sum.own_cpu_s = process.usage.own_cpu_s;
        }
        sum.resident_bytes += process.usage.resident_bytes;
        family.extend(all.iter().filter(|(_, other)| other.parent == pid).map(|(pid, _)| *pid));
    }
    Ok(sum)
}

struct Process {
    parent: u32,
    usage: Usage,
}

fn processes() -> Result<BTreeMap<u32, Process>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end between the listing and the reading.
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { continue };
        all.extend(read_stat(&stat).map(|process| (pid, process)));
    }
    Ok(all)
}

/// The fields of proc_pid_stat(5) after the name, which stands in parentheses and may hold any character.
fn read_stat(stat: &str) -> Option<Process> {
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u64>().ok();
    // Fields 14 to 17: user and system time of itself, then of children that it waited for.
    let (own, waited_for) = (number(11)? + number(12)?, number(13)? + number(14)?);
    let usage = Usage {
        cpu_s: seconds(own + waited_for),
        own_cpu_s: seconds(own),
        resident_bytes: number(21)?.saturating_mul(PAGE_BYTES),
    };
    Some(Process { parent: u32::try_from(number(1)?).ok()?, usage })
}

#[expect(clippy::cast_precision_loss, reason = "ticks of a run are far below 2^52")]
fn seconds(ticks: u64) -> f64 {
    ticks as f64 / TICKS_PER_SECOND
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_move_the_fields() {
        let stat = "7 (a) b (c) S 3 7 7 0 -1 4194560 1 0 0 0 100 200 30 70 20 0 1 0 5 9 4 18446744073709551615 1 1";
        let process = read_stat(stat).unwrap();
        assert_eq!(process.parent, 3);
        assert!((process.usage.cpu_s - 4.0).abs() < 1e-6 && (process.usage.own_cpu_s - 3.0).abs() < 1e-6);
        assert_eq!(process.usage.resident_bytes, 4 * 4096);
    }

    #[test]
    fn this_process_uses_memory() {
        assert!(usage(std::process::id()).unwrap().resident_bytes > 0);
    }
}
