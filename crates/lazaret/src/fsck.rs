//! Does the gate's directory still say what its ledger says? Registers against a replay of the entries, entries against the
//! tree that was signed, blobs against rows, keys against blobs, receipts against the trust file.
//!
//! It only looks: no lock is taken, nothing is written, so that it works beside a running gate, and without one. What it finds
//! is never repaired here: a wrong register is corrected by a fact, a lost file comes back from a backup.

mod entries;
mod log;
mod objects;
mod receipts;

use std::path::Path;

use lazaret_core::event::RuleSet;
use lazaret_core::policy::Bundle;
use lazaret_ledger::Trust;
use lazaret_ledger::checkpoint::Signer;
use lazaret_ledger::key::VerifierKey;
use lazaret_store::{CheckpointDb, Latest, Side, StoreReader, View};

use crate::config::{Config, Flags};
use crate::error::{Error, Result};
use crate::follow::log::{CHECKPOINTS, LOG, SIGNING_KEY};
use crate::serve::TRUST;
use crate::setup;
use crate::vault::Vault;

/// Findings of the database's own check.
const INTEGRITY_ROWS_MAX: u32 = 20;
/// Violations of one part that are told one by one; the rest is counted.
const TOLD_EACH_MAX: usize = 50;

/// One thing that is not as the ledger says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Where: `store`, `entries`, `registers`, `log`, `keyring`, `objects`, `receipts`, `policy`.
    pub(crate) part: &'static str,
    /// What.
    pub(crate) what: String,
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Entries of the ledger.
    pub(crate) entries: u64,
    /// Registers that were rebuilt and compared.
    pub(crate) registers: u64,
    /// Tiles and bundles of the log.
    pub(crate) tiles: u64,
    /// Objects.
    pub(crate) objects: u64,
    /// Receipts that were made and verified, of the newest transfers.
    pub(crate) receipts: u64,
    /// Blobs older than a day that neither an entry nor an upload names. No violation: a running gate removes them.
    pub(crate) orphans: u64,
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// What is wrong.
    pub(crate) violations: Vec<Violation>,
    /// What was looked at.
    pub(crate) counts: Counts,
}

impl Report {
    fn note(&mut self, part: &'static str, what: impl Into<String>) {
        self.violations.push(Violation { part, what: what.into() });
    }

    /// A part that cannot be read is a violation of it: nothing can be said for what nobody can see.
    fn take<T, E: std::fmt::Display>(&mut self, part: &'static str, outcome: Result<T, E>) -> Option<T> {
        outcome.map_err(|error| self.note(part, format!("cannot be read: {error}"))).ok()
    }

    /// Keeps a list of a million from filling a screen; the number is told.
    fn shorten(&mut self) {
        let mut told = std::collections::BTreeMap::<&'static str, usize>::new();
        self.violations.retain(|violation| {
            let count = told.entry(violation.part).or_default();
            *count += 1;
            *count <= TOLD_EACH_MAX
        });
        for (part, count) in told {
            if let Some(more) = count.checked_sub(TOLD_EACH_MAX).filter(|more| *more > 0) {
                self.note(part, format!("and {more} more"));
            }
        }
    }
}

/// Hears what is being looked at: the part, how many of its things are done, and how many there are.
pub(crate) type Watch<'w> = &'w dyn Fn(&'static str, u64, u64);

/// Looks at everything in a gate's directory.
///
/// # Errors
/// There is no gate in it.
pub(crate) fn check(dir: &Path, watch: Watch<'_>) -> Result<Report> {
    let config = Config::resolve(Flags { dir: Some(dir.to_owned()), ..Flags::default() })?;
    let gate = setup::existing_gate_id(dir)?;
    let mut report = Report::default();
    watch("keyring", 0, 1);
    let vault = Vault::open_read_only(&config, gate);
    let vault = report.take("keyring", vault);
    let signed = Signed::read(&config, vault.as_ref(), &mut report);
    watch("store", 0, 1);
    let Some(store) = report.take("store", StoreReader::open(dir)) else { return Ok(report) };
    if let Some(found) = report.take("store", store.integrity(INTEGRITY_ROWS_MAX)) {
        found.into_iter().for_each(|finding| report.note("store", finding));
    }
    // One snapshot for the ledger and all that follows from it: a running gate goes on meanwhile.
    let read = store.read(|view, side| {
        entries::check(view, &mut report, watch);
        log::check(view, &signed, &mut report, watch);
        check_policy(view, side, &mut report);
        if let Some(vault) = &vault {
            receipts::check(view, side, vault, &signed, &mut report, watch);
        }
        Ok(())
    });
    report.take("store", read);
    if let Some(vault) = vault {
        objects::check(&store, vault, &mut report, watch);
    }
    report.shorten();
    Ok(report)
}

/// What was signed, and whom to believe about it.
struct Signed {
    /// The directory of tiles.
    files: log::Files,
    /// The published checkpoint. Read before the entries too.
    published: Option<Vec<u8>>,
    /// The last head of the checkpoint store. Read before the entries: those must go at least so far.
    latest: Option<Latest>,
    /// The log's own key.
    trust: Option<Trust>,
}

impl Signed {
    fn read(config: &Config, vault: Option<&Vault>, report: &mut Report) -> Signed {
        let checkpoints = report.take("log", CheckpointDb::open_read_only(&config.dir.join(CHECKPOINTS)));
        let latest = checkpoints.and_then(|db| report.take("log", db.latest(&config.origin)).flatten());
        let key = vault.and_then(|vault| report.take("keyring", verifier_key(config, vault)));
        let trust = match key {
            Some(key) => report.take("log", Trust::of_logs([key])),
            // Without the vault the file that is given to others has to do.
            None => std::fs::read(config.dir.join(TRUST)).ok().and_then(|bytes| Trust::parse(&bytes).ok()),
        };
        let files = log::Files::new(config.dir.join(LOG));
        Signed { published: files.read(log::CHECKPOINT), files, latest, trust }
    }
}

fn verifier_key(config: &Config, vault: &Vault) -> Result<VerifierKey> {
    let seed = vault.secrets().open_secret(SIGNING_KEY)?;
    let seed: [u8; 32] = seed.as_slice().try_into().map_err(|_| Error::internal("a signing key of another length"))?;
    let signer = Signer::from_seed(&seed, &config.origin).map_err(Error::internal)?;
    Ok(signer.verifier_key().clone())
}

/// The text of the rules in force is a particular; its digest is not.
fn check_policy(view: &View<'_>, side: &Side<'_>, report: &mut Report) {
    let Some(digest) = report.take("policy", view.rules_in_force(RuleSet::Policy)).flatten() else { return };
    match report.take("policy", side.policy_text(digest)).flatten() {
        None => report.note("policy", "the text of the rules in force is missing"),
        Some(text) => match Bundle::parse(&text) {
            Ok(bundle) if bundle.digest() == digest => {}
            Ok(_) => report.note("policy", "the text of the rules in force is not the one that was activated"),
            Err(error) => report.note("policy", format!("the rules in force cannot be read: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_cut_and_its_length_is_told() {
        let mut report = Report::default();
        (0..TOLD_EACH_MAX + 7).for_each(|n| report.note("objects", n.to_string()));
        report.note("log", "x");
        report.shorten();
        assert_eq!(report.violations.len(), TOLD_EACH_MAX + 2);
        assert_eq!(report.violations.last().unwrap().what, "and 7 more");
    }
}
