//! `lazaret verify`: what a receipt proves, without a server. Nothing is believed but the trust file.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};
use lazaret_core::event::Event;
use lazaret_core::id::{Id, Transfer};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Stage, stage_after};
use lazaret_ledger::content::ContentHash;
use lazaret_ledger::disclosed::Disclosed;
use lazaret_ledger::{Trust, Verified};

use super::exit::Exit;
use super::fail::{Failure, Result};
use super::find::{Where, read_file};
use super::progress::Progress;
use super::{out, tell};
use crate::api::show::{hex, time_text};
use crate::api::types::{ProvedJson, VerifiedJson, WitnessJson};
use crate::config::Surroundings;
use crate::serve::TRUST;

/// A receipt is at most 1 MiB, or none.
const RECEIPT_BYTES_MAX: u64 = 1 << 20;
const PIECE_BYTES: usize = 256 * 1024;

/// Check receipts, offline.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The receipts' files
    #[arg(required = true, value_name = "RECEIPT", value_hint = ValueHint::FilePath)]
    receipts: Vec<PathBuf>,
    /// The file that the receipt is said to be about
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    content: Option<PathBuf>,
    /// Whom to trust [default: $LAZARET_TRUST, else the demo's]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    trust: Option<PathBuf>,
    /// Print one JSON object a line and receipt
    #[arg(long)]
    json: bool,
}

impl VerifyArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }
}

/// Verifies each; the end is the worst of theirs.
pub(crate) fn run(args: &VerifyArgs, around: &Surroundings) -> Result<Exit> {
    let trust_file = trust_file(args, around)?;
    let trust = Trust::parse(&read_file(&trust_file)?)
        .map_err(|error| Failure::usage(format!("{} is no trust file", trust_file.display())).because(error))?;
    let sha256 = args.content.as_deref().map(hash_file).transpose()?;
    let mut ends = Vec::with_capacity(args.receipts.len());
    for path in &args.receipts {
        match one(path, &trust, sha256) {
            Ok(told) => {
                ends.push(if told.ok { Exit::Done } else { Exit::Unverified });
                if args.json {
                    out::print_json(&told)?;
                } else {
                    say(&told, &trust_file)?;
                }
            }
            Err(failure) => {
                ends.push(failure.exit());
                failure.say(args.json);
            }
        }
    }
    Ok(Exit::of_several(ends))
}

/// The trust file that was named, else the one of the demo. The latter is there also when its gate does not run.
fn trust_file(args: &VerifyArgs, around: &Surroundings) -> Result<PathBuf> {
    if let Some(named) = args.trust.as_ref().or(around.trust.as_ref()) {
        return Ok(named.clone());
    }
    let place = Where::default();
    if let Ok(ready) = place.ready(around) {
        return Ok(PathBuf::from(ready.trust_file));
    }
    let beside = place.ready_path(around).with_file_name(TRUST);
    if beside.exists() {
        return Ok(beside);
    }
    Err(Failure::usage("no trust file is known, and without one nothing can be believed")
        .hint("--trust FILE, with the file that the hospital gave you by a way that you trust"))
}

fn hash_file(path: &Path) -> Result<[u8; 32]> {
    let unreadable = |error: &std::io::Error| Failure::file("read", path, error);
    let mut file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    let size = file.metadata().map_err(|error| unreadable(&error))?.len();
    let progress = Progress::of_bytes(&path.to_string_lossy(), size);
    let mut hash = ContentHash::new();
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let count = file.read(&mut piece).map_err(|error| unreadable(&error))?;
        if count == 0 {
            break;
        }
        hash.take(piece.get(..count).unwrap_or_default());
        progress.advance(count as u64);
    }
    progress.finish();
    Ok(hash.finish())
}

fn one(path: &Path, trust: &Trust, sha256: Option<[u8; 32]>) -> Result<VerifiedJson> {
    let unreadable = |error: &std::io::Error| Failure::file("read", path, error);
    let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    // One byte over the limit is enough to be refused as too long.
    file.take(RECEIPT_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    let receipt = path.display().to_string();
    Ok(match lazaret_ledger::verify(&bytes, trust, sha256) {
        Ok(verified) => told(receipt, verified, sha256),
        Err(failure) => VerifiedJson {
            receipt,
            failure: Some(failure.to_string()),
            content_matches: sha256.map(|_| false),
            ..VerifiedJson::default()
        },
    })
}

fn told(receipt: String, verified: Verified, sha256: Option<[u8; 32]>) -> VerifiedJson {
    let transfer: Id<Transfer> = Id::from_bytes(verified.subject);
    let entries = verified.entries.iter().map(|entry| ProvedJson {
        index: entry.index,
        kind: entry.kind.clone(),
        at: time_text(Timestamp::from_millis(entry.t)),
        text: tell::fact(&entry.kind, &entry.fact),
    });
    let witnesses = verified
        .witnesses
        .iter()
        .map(|witness| WitnessJson { name: witness.name.clone(), times_s: witness.times.clone() });
    let mut told = VerifiedJson {
        receipt,
        ok: true,
        reference: Some(transfer.reference().to_string()),
        id: Some(transfer.to_string()),
        index: Some(verified.index),
        size: Some(verified.size),
        content_matches: sha256.map(|_| true),
        outcome: outcome(&verified).map(|stage| stage.word().to_owned()),
        entries: entries.collect(),
        witnesses: witnesses.collect(),
        origin: Some(verified.origin),
        ..VerifiedJson::default()
    };
    for shown in verified.disclosed {
        match shown {
            Disclosed::Content(sha256) => told.sha256 = Some(hex(&sha256)),
            Disclosed::Manifest(manifest) => (told.name, told.bytes) = (Some(manifest.path), Some(manifest.size_bytes)),
            Disclosed::Reason(reason) => told.reasons.push(reason.text),
        }
    }
    told
}

/// Where the story leaves the transfer. A story that began in an earlier epoch, or that holds a fact of another release, is
/// not one that can be followed from here.
fn outcome(verified: &Verified) -> Option<Stage> {
    if verified.continues.is_some() {
        return None;
    }
    let facts = verified.entries.iter().map(|entry| Event::decode(&entry.kind, &entry.fact));
    stage_after(&facts.collect::<std::result::Result<Vec<_>, _>>().ok()?)
}

fn say(told: &VerifiedJson, trust_file: &Path) -> Result<()> {
    let mut lines = Vec::new();
    if let Some(failure) = &told.failure {
        out::print(&format!("✕ {}: NOT VERIFIED\n", told.receipt))?;
        out::say(&format!("  Because: {}", out::shown(failure)));
        return Ok(());
    }
    lines.push(format!("✓ {}: verified", told.receipt));
    lines.push(format!(
        "  about      {}  {}",
        told.reference.as_deref().unwrap_or_default(),
        told.id.as_deref().unwrap_or_default()
    ));
    lines.push(format!(
        "  log        {}, entry {} of {}, signed by the key in {}",
        told.origin.as_deref().unwrap_or_default(),
        told.index.unwrap_or_default(),
        told.size.unwrap_or_default(),
        trust_file.display()
    ));
    lines.push(format!("  witnesses  {}", out::shown(&witnesses(&told.witnesses))));
    if let (Some(name), Some(bytes)) = (&told.name, told.bytes) {
        lines.push(format!("  object     {}, {bytes} bytes", out::shown(name)));
    }
    if let Some(sha256) = &told.sha256 {
        lines.push(format!("  sha256     {sha256}"));
    }
    lines.push(match told.content_matches {
        Some(_) => "  content    matches".to_owned(),
        None => "  content    not compared; --content FILE compares it".to_owned(),
    });
    lines.push(format!(
        "  outcome    {}",
        told.outcome.as_deref().map_or("unknown to this release".to_owned(), |stage| stage.replace('_', " "))
    ));
    lines.extend(told.entries.iter().map(|entry| format!("  {}  {} [entry {}]", entry.at, entry.text, entry.index)));
    lines.extend(told.reasons.iter().map(|reason| format!("  reason     {}", out::shown(reason))));
    out::print(&(lines.join("\n") + "\n"))
}

fn witnesses(witnesses: &[WitnessJson]) -> String {
    if witnesses.is_empty() {
        return "none asked for, none counted".to_owned();
    }
    let each = witnesses.iter().map(|WitnessJson { name, times_s }| {
        let times: Vec<String> = times_s.iter().map(|seconds| seconds_text(*seconds)).collect();
        format!("{name} at {}", times.join(" and "))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// A witness may say a time that no calendar has.
fn seconds_text(seconds: u64) -> String {
    let text = time_text(Timestamp::from_millis(seconds.saturating_mul(1_000)));
    if text.is_empty() { format!("{seconds} s after 1970") } else { text }
}
