//! The demo hospital: people, parties, agreements, lanes, a past, and samples to try. Everything in it is made up, and is
//! recorded by the same functions as real life.

mod greeting;
mod past;
mod register;
mod samples;

use std::path::Path;
use std::sync::Arc;

use lazaret_vault::RealDisk;
use lazaret_vault::disk::replace;

use crate::error::Result;
use crate::gate::Gate;

pub use greeting::greeting;
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
