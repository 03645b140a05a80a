//! OpenSSH's own server with its own sftp-server, in a folder of its own: host key, user key, configuration.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Result;
use crate::process::{Server, command, find, free_port, is_root, run};
use crate::work::Work;

/// A running sshd.
pub struct Sshd {
    server: Server,
    /// Where it listens.
    pub port: u16,
    /// Where files go.
    pub files: PathBuf,
    /// The private key of its one user.
    pub key: PathBuf,
    /// Who that is.
    pub user: String,
}

impl Sshd {
    /// Starts it on a free port.
    ///
    /// # Errors
    /// It is not installed.
    pub fn start(work: &Work) -> Result<Sshd> {
        let folders = ["/usr/sbin", "/usr/lib/openssh", "/usr/libexec/openssh"];
        let missing =
            |name: &str| format!("{name} is not installed (as root on Debian: apt-get install openssh-server)");
        let program = find("sshd", &folders).ok_or_else(|| missing("sshd"))?;
        let sftp_server = find("sftp-server", &folders).ok_or_else(|| missing("sftp-server"))?;
        let (dir, port) = (work.folder("sshd")?, free_port()?);
        let files = dir.join("files");
        fs::create_dir(&files)?;
        for name in ["host", "user"] {
            let key = dir.join(name);
            run(command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key))?;
        }
        fs::copy(dir.join("user.pub"), dir.join("authorized"))?;
        fs::write(dir.join("config"), configuration(&dir, port, &sftp_server))?;
        if is_root() {
            // Where sshd, as root, gives up its rights before a user is known.
            fs::create_dir_all("/run/sshd")?;
        }
        let mut sshd = command(program);
        sshd.arg("-D").arg("-e").arg("-f").arg(dir.join("config"));
        let mut server = Server::start("sshd", &mut sshd, &dir.join("log.txt"))?;
        server.until_listening(port)?;
        let user = String::from_utf8_lossy(&run(command("id").arg("-un"))?.stdout).trim().to_owned();
        Ok(Sshd { server, port, files, key: dir.join("user"), user })
    }

    pub fn pid(&self) -> u32 {
        self.server.pid()
    }
}

fn configuration(dir: &Path, port: u16, sftp_server: &str) -> String {
    let dir = dir.display();
    format!(
        "Port {port}
ListenAddress 127.0.0.1
HostKey {dir}/host
AuthorizedKeysFile {dir}/authorized
PidFile {dir}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
MaxStartups 100
Subsystem sftp {sftp_server}
"
    )
}
