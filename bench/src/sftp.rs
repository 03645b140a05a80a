//! SFTP by the OpenSSH client against OpenSSH's own sftp-server: large objects up and down, and many small ones, with the
//! cipher forced.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::Result;
use crate::gate::{Gate, SENDER};
use crate::https::{mib, unique};
use crate::measure::{Run, Side, alternate};
use crate::plan::Plan;
use crate::process::{command, run};
use crate::small::small;
use crate::sshd::Sshd;
use crate::table::{Compared, Report};
use crate::work::{Noise, Work};

const SMALL_BYTES: usize = 4096;
/// What is put once and got by both; who gets it from the gate, and where it lies for them.
const COLLECTED: &str = "get.txt";
/// Only what was read to its end is released, and reading text takes longer than sending it.
const COLLECTED_BYTES_MAX: u64 = 256 << 20;
const RECEIVER: &str = "ben";
const OUTBOX: &str = "/out/acme-in";
/// Name, then what the client is told.
const CIPHERS: [(&str, &[&str]); 2] = [
    ("aes256-gcm", &["-oCiphers=aes256-gcm@openssh.com"]),
    ("aes128-ctr+sha2", &["-oCiphers=aes128-ctr", "-oMACs=hmac-sha2-256"]),
];

/// A server as the client meets it.
struct Peer {
    pid: u32,
    address: String,
    options: Vec<String>,
    /// Where things are put, or got from.
    folder: String,
    /// Where the server itself keeps what was put, if files there can be removed between runs.
    files: Option<PathBuf>,
}

/// Runs all comparisons.
pub fn compare(plan: &Plan, work: &Work, report: &mut Report) -> Result<()> {
    let sshd = Sshd::start(work)?;
    let gate = Gate::start(plan, work)?;
    let (ours, theirs) = (of_gate(&gate)?, of_sshd(&sshd));
    let probe = work.folder("probe")?.join("probe.txt");
    fs::write(&probe, "probe\n")?;
    run_batch(&ours, CIPHERS[0].1, &format!("put {} {}/{}\n", probe.display(), ours.folder, unique()))
        .map_err(|error| format!("the gate's SFTP door takes nothing yet ({error})"))?;
    let file = work.file(plan.size_bytes)?;
    for (name, options) in CIPHERS {
        for (what, flag, goal) in [("put", "", 1.0), ("put -f", "-f ", 1.3)] {
            let measured = both(plan, &gate, [&ours, &theirs], options, &|peer| {
                format!("put {flag}{} {}/{}\n", file.display(), peer.folder, unique())
            })?;
            let note = if flag.is_empty() { "theirs plaintext, without fsync" } else { "theirs plaintext, with fsync" };
            large(report, plan.size_bytes, &format!("SFTP {what} {name}"), (note, goal), measured)?;
        }
    }
    let collected_bytes = plan.size_bytes.min(COLLECTED_BYTES_MAX);
    let text = work.text(collected_bytes)?;
    for peer in [&ours, &theirs] {
        run_batch(peer, CIPHERS[0].1, &format!("put {} {}/{COLLECTED}\n", text.display(), peer.folder))?;
    }
    gate.settle()?;
    let receiver = of_account(&gate, RECEIVER, OUTBOX.to_owned())?;
    let back = work.folder("back")?.join("file");
    for (name, options) in CIPHERS {
        let measured = both(plan, &gate, [&receiver, &theirs], options, &|peer| {
            format!("get {}/{COLLECTED} {}\n", peer.folder, back.display())
        });
        match measured {
            Ok(measured) => {
                large(report, collected_bytes, &format!("SFTP get {name}"), ("a released object", 0.8), measured)?;
            }
            Err(error) => report.skip(&format!("SFTP get {name}"), &error.to_string())?,
        }
    }
    many(plan, work, &gate, [&ours, &theirs], report)?;
    gate.end();
    Ok(())
}

fn large(report: &mut Report, bytes: u64, what: &str, (note, goal): (&str, f64), measured: [Run; 2]) -> Result<()> {
    let mib = mib(bytes);
    let what = format!("{what}, {mib:.0} MiB");
    let compared = Compared { what: &what, peer: "OpenSSH", amount: (mib, "MiB/s"), goal: Some(goal), note };
    report.compared(&compared, measured)
}

/// 2,000 files of 4 KiB in one session.
fn many(plan: &Plan, work: &Work, gate: &Gate, peers: [&Peer; 2], report: &mut Report) -> Result<()> {
    let files = plan.files * 2;
    let folder = work.folder("small")?;
    let mut noise = Noise::new(1);
    let mut content = vec![0; SMALL_BYTES];
    for number in 0..files {
        noise.fill(&mut content);
        fs::write(folder.join(format!("{number}.bin")), &content)?;
    }
    let measured = both(plan, gate, peers, CIPHERS[0].1, &|peer| {
        let batch = unique();
        (0..files)
            .map(|number| format!("put {}/{number}.bin {}/{batch}-{number}.bin\n", folder.display(), peer.folder))
            .collect()
    })?;
    let compared = Compared {
        what: &format!("SFTP {files} × 4 KiB put, one session"),
        peer: "OpenSSH",
        amount: (small(files), "files/s"),
        goal: Some(0.25),
        note: "ours durable, recorded and inspected; theirs without fsync",
    };
    report.compared(&compared, measured)
}

fn both(
    plan: &Plan,
    gate: &Gate,
    [ours, theirs]: [&Peer; 2],
    options: &[&str],
    batch: &dyn Fn(&Peer) -> String,
) -> Result<[Run; 2]> {
    let mut ours = Side {
        pid: ours.pid,
        act: Box::new(|| run_batch(ours, options, &batch(ours))),
        settle: Box::new(|| gate.settle()),
    };
    let mut theirs = Side {
        pid: theirs.pid,
        act: Box::new(|| run_batch(theirs, options, &batch(theirs))),
        settle: Box::new(|| theirs.clear()),
    };
    alternate(plan.runs, &mut ours, &mut theirs)
}

impl Peer {
    fn clear(&self) -> Result<()> {
        let Some(files) = &self.files else { return Ok(()) };
        for entry in fs::read_dir(files)? {
            let path = entry?.path();
            if path.file_name().is_none_or(|name| name != COLLECTED) {
                fs::remove_file(path)?;
            }
        }
        Ok(())
    }
}

fn of_gate(gate: &Gate) -> Result<Peer> {
    let inbox = gate.account(SENDER, "sftp_inbox")?.trim_end_matches('/').to_owned();
    of_account(gate, SENDER, inbox)
}

fn of_account(gate: &Gate, name: &str, folder: String) -> Result<Peer> {
    let sftp = gate.ready.get("sftp").ok_or("the gate has no SFTP door: its ready file does not name one")?;
    let port = sftp.get("port").and_then(Value::as_u64).ok_or("the ready file names no SFTP port")?;
    let key = gate.account(name, "ssh_key_file")?;
    Ok(Peer {
        pid: gate.pid(),
        address: format!("{}@127.0.0.1", gate.account(name, "sftp_user")?),
        options: client(port, Path::new(&key)),
        folder,
        files: None,
    })
}

fn of_sshd(sshd: &Sshd) -> Peer {
    Peer {
        pid: sshd.pid(),
        address: format!("{}@127.0.0.1", sshd.user),
        options: client(u64::from(sshd.port), &sshd.key),
        folder: sshd.files.display().to_string(),
        files: Some(sshd.files.clone()),
    }
}

fn client(port: u64, key: &Path) -> Vec<String> {
    let mut options =
        vec!["-q".to_owned(), "-F/dev/null".to_owned(), format!("-P{port}"), format!("-i{}", key.display())];
    for option in ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null"] {
        options.push(format!("-o{option}"));
    }
    options
}

fn run_batch(peer: &Peer, cipher: &[&str], batch: &str) -> Result<()> {
    let script = tempfile::NamedTempFile::new()?;
    fs::write(script.path(), batch)?;
    let mut sftp = command("sftp");
    sftp.args(&peer.options).args(cipher).arg("-b").arg(script.path()).arg(&peer.address);
    run(&mut sftp).map(drop)
}
