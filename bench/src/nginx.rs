//! nginx with WebDAV over TLS: what many would put files into. It stores plaintext and answers without fsync, hash or look.

use std::fs;
use std::path::PathBuf;

use crate::Result;
use crate::process::{Server, command, find, free_port, is_root};
use crate::work::Work;

/// A running nginx that takes PUT.
pub struct Nginx {
    server: Server,
    port: u16,
    dir: PathBuf,
}

impl Nginx {
    /// Starts it with a certificate and configuration of its own.
    ///
    /// # Errors
    /// It is not installed.
    pub fn start(work: &Work) -> Result<Nginx> {
        let program = find("nginx", &["/usr/sbin", "/usr/local/sbin"])
            .ok_or("nginx is not installed (as root on Debian: apt-get install nginx-light)")?;
        let (dir, port) = (work.folder("nginx")?, free_port()?);
        for folder in ["root", "body", "logs"] {
            fs::create_dir(dir.join(folder))?;
        }
        let pair = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
        fs::write(dir.join("cert.pem"), pair.cert.pem())?;
        fs::write(dir.join("key.pem"), pair.signing_key.serialize_pem())?;
        fs::write(dir.join("nginx.conf"), configuration(&dir.display().to_string(), port))?;
        let mut nginx = command(program);
        nginx.arg("-p").arg(&dir).arg("-c").arg(dir.join("nginx.conf")).args(["-g", "daemon off;"]);
        let mut server = Server::start("nginx", &mut nginx, &dir.join("log.txt"))?;
        server.until_listening(port)?;
        Ok(Nginx { server, port, dir })
    }

    pub fn pid(&self) -> u32 {
        self.server.pid()
    }

    /// Where a file of this name is put.
    pub fn url(&self, name: &str) -> String {
        format!("https://localhost:{}/{name}", self.port)
    }

    pub fn ca_file(&self) -> PathBuf {
        self.dir.join("cert.pem")
    }
}

fn configuration(dir: &str, port: u16) -> String {
    // As root the workers would become nobody, who may not write here.
    let user = if is_root() { "user root;" } else { "" };
    format!(
        "{user}
worker_processes auto;
error_log {dir}/logs/error.log;
pid {dir}/nginx.pid;
events {{ worker_connections 512; }}
http {{
  access_log off;
  client_body_temp_path {dir}/body;
  client_max_body_size 0;
  client_body_buffer_size 256k;
  ssl_protocols TLSv1.3;
  ssl_certificate {dir}/cert.pem;
  ssl_certificate_key {dir}/key.pem;
  server {{
    listen 127.0.0.1:{port} ssl http2;
    root {dir}/root;
    location / {{ dav_methods PUT DELETE; create_full_put_path on; dav_access user:rw; }}
  }}
}}
"
    )
}
