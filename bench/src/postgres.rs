//! PostgreSQL with its defaults, which are durable: each commit waits for its fsync.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;
use crate::process::{Server, command, find, free_port, is_root, run};
use crate::work::{Noise, Work};

/// `nobody` on Debian: PostgreSQL does not run as root.
const NOBODY: u32 = 65_534;

/// A running cluster of its own.
pub struct Postgres {
    server: Server,
    port: u16,
    dir: PathBuf,
    pgbench: String,
}

impl Postgres {
    /// Makes a cluster and starts it.
    ///
    /// # Errors
    /// It is not installed.
    pub fn start(work: &Work) -> Result<Postgres> {
        let places: Vec<String> = (13..=19).rev().map(|n| format!("/usr/lib/postgresql/{n}/bin")).collect();
        let places: Vec<&str> = places.iter().map(String::as_str).collect();
        let program = |name: &str| {
            let missing = || format!("{name} is not installed (as root on Debian: apt-get install postgresql)");
            find_in(name, &places).ok_or_else(missing)
        };
        let (dir, port) = (work.folder("postgres")?, free_port()?);
        if is_root() {
            chown(&dir, Some(NOBODY), Some(NOBODY))?;
        }
        let data = dir.join("data");
        run(unprivileged(&program("initdb")?, &dir).args(["--auth=trust", "--username=bench", "--pgdata"]).arg(&data))?;
        let mut postgres = unprivileged(&program("postgres")?, &dir);
        postgres.arg("-D").arg(&data).args(["-p", &port.to_string(), "-h", "127.0.0.1", "-k"]).arg(&dir);
        let mut server = Server::start("postgres", &mut postgres, &work.path().join("postgres.log"))?;
        let psql = program("psql")?;
        server.until(|| run(&mut sql(&psql, port, "SELECT 1")).ok())?;
        for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
            let output = run(&mut sql(&psql, port, &format!("SHOW {setting}")))?;
            if !String::from_utf8_lossy(&output.stdout).contains("on") {
                return Err(format!("{setting} is not on").into());
            }
        }
        // External: the row is stored as it comes, not compressed first.
        run(&mut sql(
            &psql,
            port,
            "CREATE TABLE file (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL, body bytea NOT NULL);
             ALTER TABLE file ALTER body SET STORAGE EXTERNAL",
        ))?;
        Ok(Postgres { server, port, dir, pgbench: program("pgbench")? })
    }

    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Commits so many rows with so many bytes, one to a transaction, by so many clients.
    pub fn commit_many(&self, rows: usize, bytes: usize, clients: usize) -> Result<()> {
        let script = self.dir.join("insert.sql");
        let mut body = vec![0; bytes];
        Noise::new(bytes as u64).fill(&mut body);
        let hex: String = body.iter().map(|byte| format!("{byte:02x}")).collect();
        fs::write(&script, format!("INSERT INTO file (name, body) VALUES ('name', '\\x{hex}');\n"))?;
        let mut pgbench = command(&self.pgbench);
        pgbench.args(["--no-vacuum", "--protocol=prepared", "--jobs=2", "--username=bench", "--host=127.0.0.1"]);
        pgbench.arg(format!("--port={}", self.port)).arg(format!("--client={clients}"));
        pgbench.arg(format!("--transactions={}", rows.div_ceil(clients))).arg("--file").arg(&script).arg("postgres");
        run(&mut pgbench).map(drop)
    }
}

/// The server's own programs come first: those on the path may be another version's.
fn find_in(name: &str, places: &[&str]) -> Option<String> {
    let beside = places.iter().map(|place| format!("{place}/{name}")).find(|file| Path::new(file).is_file());
    beside.or_else(|| find(name, &[]))
}

fn unprivileged(program: &str, home: &Path) -> Command {
    let mut command = command(program);
    command.env("HOME", home).current_dir(home);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn sql(psql: &str, port: u16, text: &str) -> Command {
    let mut command = command(psql);
    command.args(["--no-psqlrc", "--tuples-only", "--username=bench", "--host=127.0.0.1", "--dbname=postgres"]);
    command.arg(format!("--port={port}")).args(["--command", text]);
    command
}
