//! The demo hospital: people, parties, agreements, lanes, a past, and samples to try. Everything in it is made up, and is
//! recorded by the same functions as real life.

mod past;
mod register;
mod samples;

use std::path::Path;
use std::sync::Arc;

use lazaret_vault::RealDisk;
use lazaret_vault::disk::replace;

use crate::api::types::ReadyJson;
use crate::error::Result;
use crate::gate::Gate;

pub use register::{founded, party_names, people_names};

/// Loads the demo into a new gate. Called again after an interruption, it begins anew where it stopped.
///
/// # Errors
/// A fault of disk or store.
pub fn load(gate: &Arc<Gate>) -> Result<()> {
    for folder in ["keys", "samples"] {
        make_folder(&gate.config.dir.join(folder))?;
    }
    register::load(gate)?;
    samples::write(&gate.config.dir.join("samples"))?;
    past::load(gate)
}

fn make_folder(path: &Path) -> Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    Ok(std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?)
}

/// Writes a file of the demo, readable by its owner only: it may hold a key.
fn write_file(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(replace(&RealDisk, path, bytes)?)
}

/// What the demo prints: where to go and what to try.
pub fn greeting(gate: &Gate, ready: &ReadyJson) -> String {
    let dir = gate.config.dir.display();
    let sftp = ready.sftp.as_ref().map(|sftp| {
        format!(
            "SFTP     sftp -P {} -i {dir}/keys/acme -o UserKnownHostsFile={dir}/known_hosts acme@{}\n",
            sftp.port, sftp.host
        )
    });
    format!(
        "\n  DEMO: everyone here is made up, and anyone on this machine may sign in as any of them.\n\n\
         Console  {https}   (trust {dir}/ca.pem, or accept the warning)\n{sftp}\n\
         Try, in another terminal (lazaret is target/release/lazaret):\n\
         \x20 lazaret send {dir}/samples/pump-fw-4.2.1.zip --as acme --wait      HELD: its key is not registered\n\
         \x20 lazaret transfers approve REFERENCE --as ben --reason \"tested\"      biomed, then as ana for security\n\
         \x20 lazaret verify REFERENCE.receipt                                    it is in the log\n\
         \x20 lazaret send {dir}/samples/eicar.txt --as acme --wait               DENIED: harmful software\n\
         \x20 lazaret send {dir}/samples/adt-a01.hl7 --as tom --to labco --wait   HELD: labco has no BAA\n\
         \x20 lazaret send {dir}/samples/adt-a01.hl7 --as tom --to imagingco --wait   released: it has one\n\
         \x20 lazaret isolate acme --as ana                                       stops its uploads at once\n\
         \x20 curl --cacert {dir}/ca.pem -H \"Authorization: Bearer $(cat {dir}/keys/acme.token)\" \\\n\
         \x20      -T FILE {https}/api/v1/in/acme-in/\n\n",
        https = ready.https,
        sftp = sftp.unwrap_or_default(),
    )
}
