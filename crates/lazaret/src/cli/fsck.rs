//! `lazaret fsck`: says whether a gate's directory still is what its ledger says.

use std::cell::Cell;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::exit::Exit;
use super::fail::Result;
use super::find::Where;
use super::out;
use super::progress::Progress;
use crate::api::types::{CheckedJson, FsckJson, ViolationJson};
use crate::config::Surroundings;
use crate::fsck::{self, Report};

/// Compare registers, ledger, log, blobs and keys.
#[derive(Debug, Args)]
pub(crate) struct FsckArgs {
    /// The gate's directory [default: that of the ready file]
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    dir: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl FsckArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }
}

/// Looks at everything.
pub(crate) fn run(args: &FsckArgs, around: &Surroundings) -> Result<Exit> {
    let beside = || Where::default().ready_path(around).parent().map(PathBuf::from).unwrap_or_default();
    let dir = args.dir.clone().unwrap_or_else(beside);
    let progress = Progress::of_steps("fsck", 1);
    let seen = Cell::new(("", 0));
    let report = fsck::check(&dir, &|part, done, total| {
        if seen.get().0 != part {
            progress.say(part);
        }
        seen.set((part, done));
        progress.set(done, total);
    })?;
    progress.finish();
    let exit = if report.violations.is_empty() { Exit::Done } else { Exit::Unverified };
    if args.json {
        out::print_json(&json(&report))?;
    } else {
        out::print(&text(&report))?;
    }
    Ok(exit)
}

fn json(report: &Report) -> FsckJson {
    let violation =
        |violation: &fsck::Violation| ViolationJson { part: violation.part.to_owned(), what: violation.what.clone() };
    let fsck::Counts { entries, registers, tiles, objects, receipts, orphans } = report.counts;
    FsckJson {
        ok: report.violations.is_empty(),
        violations: report.violations.iter().map(violation).collect(),
        checked: CheckedJson { entries, registers, tiles, objects, receipts, orphans },
    }
}

fn text(report: &Report) -> String {
    let fsck::Counts { entries, registers, tiles, objects, receipts, orphans } = report.counts;
    let mut lines = vec![format!(
        "  {entries} entries, {registers} registers, {tiles} tiles and bundles, {objects} objects, {receipts} receipts"
    )];
    if orphans > 0 {
        lines.push(format!("  {orphans} blobs that nobody names any more; a running gate removes them"));
    }
    lines.extend(report.violations.iter().map(|found| format!("✕ {}: {}", found.part, out::shown(&found.what))));
    lines.push(match report.violations.len() {
        0 => "✓ everything is what the ledger says".to_owned(),
        count => format!("✕ {count} violations"),
    });
    lines.join("\n") + "\n"
}
