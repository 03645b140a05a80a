//! What the demo prints: where to go and what to try. Each command works as it stands; the integration test of a new user's
//! first hour takes them from here.

use std::fmt::Write as _;
use std::path::Path;

use crate::api::types::{ReadyJson, SftpJson};
use crate::gate::Gate;

/// The first screen.
pub fn greeting(gate: &Gate, ready: &ReadyJson) -> String {
    let (dir, https) = (gate.config.dir.display(), &ready.https);
    let mut text = format!(
        "\n  DEMO: everyone here is made up, and anyone on this machine may sign in as any of them.\n\n  \
         Console  {https}   (trust {dir}/ca.pem, or accept the warning)\n\n  \
         Try, in another terminal (lazaret is target/release/lazaret):\n\n"
    );
    let mut line = |command: &str, outcome: &str| {
        // Writing to a String does not fail.
        let _done = writeln!(text, "    {command}\n        {outcome}");
    };
    let samples = gate.config.dir.join("samples");
    let sample = |name: &str| samples.join(name).display().to_string();
    let firmware = sample("pump-fw-4.2.1.zip");
    line(
        &format!("lazaret send {firmware} --as acme --wait"),
        "HELD: its key is not registered. Says what would release it, and who can",
    );
    line(
        "lazaret transfers approve REFERENCE --as ben --reason \"tested on the bench\"",
        "Ben is of biomed; one is missing",
    );
    line(
        "lazaret transfers approve REFERENCE --as dan --reason \"hash compared with the maker's page\"",
        "Dan is of security: RELEASED",
    );
    line("lazaret transfers fetch REFERENCE --as priya", "the receiver collects it");
    line("lazaret verify REFERENCE.receipt", "it is in the log; needs no gate");
    line(&format!("lazaret send {} --as acme --wait", sample("eicar.txt")), "DENIED: harmful software");
    let admission = sample("adt-a01.hl7");
    line(&format!("lazaret send {admission} --as tom --to labco --wait"), "HELD: patient data, and labco has no BAA");
    line(&format!("lazaret send {admission} --as tom --to imagingco --wait"), "RELEASED: imagingco has one");
    text.push_str("\n  Suppliers use what they have:\n\n");
    if let Some(sftp) = &ready.sftp {
        for command in sftp_commands(&gate.config.dir, sftp, &firmware) {
            text.push_str(&format!("    {command}\n"));
        }
    }
    text.push_str(&format!(
        "    curl --cacert {dir}/ca.pem -H @{dir}/keys/acme.header -T {firmware} \
         {https}/api/v1/in/acme-in/\n\n  \
         And stop one, with all that it is sending:\n\n    \
         lazaret isolate acme --as ana --yes\n\n"
    ));
    text
}

/// The same file by four clients of SFTP.
fn sftp_commands(dir: &Path, sftp: &SftpJson, file: &str) -> [String; 4] {
    let SftpJson { host, port, .. } = sftp;
    let dir = dir.display();
    let ssh = format!("-i {dir}/keys/acme -o UserKnownHostsFile={dir}/known_hosts");
    [
        format!("echo put {file} | sftp -b - -P {port} {ssh} acme@{host}"),
        format!("scp -P {port} {ssh} {file} acme@{host}:"),
        format!("lftp -e \"set sftp:connect-program 'ssh -a -x {ssh}'; put {file}; bye\" sftp://acme:x@{host}:{port}"),
        format!(
            "rclone copy {file} \":sftp,host={host},port={port},user=acme,key_file={dir}/keys/acme,\
             known_hosts_file={dir}/known_hosts:\""
        ),
    ]
}
