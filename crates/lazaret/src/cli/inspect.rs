//! `lazaret inspect`: the findings of the station without a gate. Each file is looked at by a locked worker of its own, as a
//! gate's station does it; nothing is decided, because there are no rules and no party to decide by.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use clap::{Args, ValueHint};
use lazaret_core::inspection::{Inspector, InspectorReport, PhiPresence, Verdict};
use lazaret_inspect::content::{Content, ReadFault};
use lazaret_inspect::protocol::{Job, Setup};
use lazaret_inspect::report::{Finding, Report};

use super::exit::Exit;
use super::fail::{Failure, Result};
use super::out::{self, Paint, Tone, shown, size_text};
use super::progress::Progress;
use crate::api::types::{ClassesJson, CoveredJson, FindingJson, InspectJson, InspectorJson, PhiJson};
use crate::config::Surroundings;
use crate::station;

/// The version of what inspectors look for, as reports name it.
const INSPECTORS_VERSION: &str = "1";
/// The form of what is printed.
const SCHEMA: &str = "lazaret.inspect/1";
/// Findings shown to people; the rest is counted. `--json` has them all.
const SHOWN_MAX: usize = 20;

/// Look at files without a gate.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Be a worker of the station (not for people)
    #[arg(long, hide = true, exclusive = true)]
    pub(crate) worker: bool,
    /// The files
    #[arg(required_unless_present = "worker", value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Print one JSON object a line and file
    #[arg(long)]
    json: bool,
}

impl InspectArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }
}

/// Looks at each; the end is the worst of theirs.
pub(crate) fn run(args: &InspectArgs, around: &Surroundings) -> Result<Exit> {
    let mut ends = Vec::with_capacity(args.files.len());
    for path in &args.files {
        match one(path) {
            Ok((size, report)) => {
                ends.push(end(verdict(&report)));
                let file = path.display().to_string();
                if args.json {
                    out::print_json(&json(file, size, &report))?;
                } else {
                    out::print(&text(Paint::new(around), &file, size, &report))?;
                }
            }
            Err(failure) => {
                failure.say(args.json);
                ends.push(failure.exit());
            }
        }
    }
    Ok(Exit::of_several(ends))
}

fn one(path: &Path) -> Result<(u64, Report)> {
    let unreadable = |error: &std::io::Error| Failure::file("read", path, error);
    let file = std::fs::File::open(path).map_err(|error| unreadable(&error))?;
    let meta = file.metadata().map_err(|error| unreadable(&error))?;
    if !meta.is_file() {
        return Err(Failure::error(format!("{} is no file", path.display())));
    }
    let size = meta.len();
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let progress = Progress::of_bytes(&name, size);
    let content = FileContent { file, size, progress: progress.clone(), seen: AtomicU64::new(0) };
    let job = Job { required: looked_for(), ..Job::new(name, size) };
    let report = station::look_at_file(&Setup::one_job(), &job, &content)?;
    progress.finish();
    Ok((size, report))
}

/// Every inspector; that of bills of materials answers only where there is one.
fn looked_for() -> Vec<Inspector> {
    station::every_inspector().into_iter().filter(|inspector| *inspector != Inspector::Sbom).collect()
}

/// The worst of everybody who answered.
fn verdict(report: &Report) -> Verdict {
    report.inspectors.iter().map(|row| row.verdict).max().unwrap_or(Verdict::NotInspected).max(report.verdict)
}

fn end(verdict: Verdict) -> Exit {
    match verdict {
        Verdict::Clean => Exit::Done,
        Verdict::NotInspected | Verdict::Error => Exit::Held,
        Verdict::Bad => Exit::Denied,
    }
}

/// A file, read where the worker asks.
struct FileContent {
    file: std::fs::File,
    size: u64,
    progress: Progress,
    /// The furthest byte that was asked for.
    seen: AtomicU64,
}

impl Content for FileContent {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, at: u64, buffer: &mut [u8]) -> Result<usize, ReadFault> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, at.saturating_add(filled as u64)).map_err(|_| ReadFault::Gone)? {
                0 => break,
                count => filled += count,
            }
        }
        let end = at.saturating_add(filled as u64);
        let before = self.seen.fetch_max(end, Ordering::Relaxed);
        self.progress.advance(end.saturating_sub(before));
        Ok(filled)
    }
}

fn json(file: String, size: u64, report: &Report) -> InspectJson {
    let phi = &report.phi;
    InspectJson {
        schema: SCHEMA.to_owned(),
        file,
        size,
        kind: report.kind.word().to_owned(),
        verdict: verdict(report).word().to_owned(),
        inspectors: report.inspectors.iter().map(|row| inspector(row, report)).collect(),
        phi: PhiJson {
            present: phi.present.word().to_owned(),
            letters: phi.letters.iter().map(|count| count.letter.word().to_owned()).collect(),
            direct: phi.direct,
            indirect: phi.indirect,
            classes: ClassesJson {
                patient: phi.patient,
                related: phi.related,
                staff: phi.staff,
                business: phi.business,
                unknown: phi.unknown,
            },
        },
        findings: report.findings.iter().map(finding).collect(),
    }
}

fn inspector(row: &InspectorReport, report: &Report) -> InspectorJson {
    let by_rules = row.inspector == Inspector::Malware;
    InspectorJson {
        name: row.inspector.word().to_owned(),
        verdict: row.verdict.word().to_owned(),
        reason: row.why.map(|why| why.word().to_owned()),
        covered: CoveredJson {
            bytes: row.bytes_seen,
            of: row.bytes_total,
            members: row.members_seen,
            of_members: row.members_total,
        },
        version: INSPECTORS_VERSION.to_owned(),
        rules: by_rules.then(|| format!("sha256:{}", report.rules)),
    }
}

fn finding(found: &Finding) -> FindingJson {
    FindingJson {
        inspector: found.inspector.word().to_owned(),
        rule: found.rule.clone(),
        path: found.path.clone(),
        verdict: found.verdict.word().to_owned(),
    }
}

fn text(paint: Paint, file: &str, size: u64, report: &Report) -> String {
    let (tone, word) = match verdict(report) {
        Verdict::Clean => (Tone::Good, "✓ CLEAN"),
        Verdict::NotInspected => (Tone::Wait, "? NOT INSPECTED"),
        Verdict::Error => (Tone::Wait, "? ERROR"),
        Verdict::Bad => (Tone::Bad, "✕ BAD"),
    };
    let mut lines =
        vec![format!("{}  {}, {}  {}", shown(file), report.kind.word(), size_text(size), paint.word(tone, word))];
    lines.extend(report.inspectors.iter().map(|row| format!("  {}", row_text(row))));
    lines.push(format!("  {}", phi_text(report)));
    for found in report.findings.iter().take(SHOWN_MAX) {
        let path: Vec<String> = found.path.iter().map(|name| shown(name)).collect();
        lines.push(format!("  {} {}  {}", mark(found.verdict), found.rule, path.join(" > ")));
    }
    if let Some(more) = report.findings.len().checked_sub(SHOWN_MAX).filter(|more| *more > 0) {
        lines.push(format!("  and {more} more; --json has them all"));
    }
    lines.join("\n") + "\n"
}

fn row_text(row: &InspectorReport) -> String {
    let name = row.inspector.word();
    let members = if row.members_total > 1 {
        format!(", {} of {} members", row.members_seen, row.members_total)
    } else {
        String::new()
    };
    match row.verdict {
        Verdict::Clean | Verdict::Bad => format!("{} {name}{members}", mark(row.verdict)),
        Verdict::NotInspected | Verdict::Error => {
            let why = row.why.map(|why| why.word().replace('_', " ")).unwrap_or_default();
            format!("? {name}: {} ({why}){members}", row.verdict.word().replace('_', " "))
        }
    }
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Clean => "✓",
        Verdict::NotInspected | Verdict::Error => "?",
        Verdict::Bad => "✕",
    }
}

fn phi_text(report: &Report) -> String {
    let phi = &report.phi;
    let letters: Vec<&str> = phi.letters.iter().map(|count| count.letter.word()).collect();
    match phi.present {
        PhiPresence::No => "identifies nobody".to_owned(),
        PhiPresence::Unknown => "may identify people: not all of it was read".to_owned(),
        PhiPresence::Yes => format!(
            "identifies people: {} direct and {} indirect identifiers, Safe Harbor {}",
            phi.direct,
            phi.indirect,
            letters.join(" ")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lazaret_core::digest::Digest;
    use lazaret_core::inspection::Why;

    // EVIDENCE-OF: R-007
    #[test]
    fn what_was_not_looked_at_does_not_end_as_clean() {
        for (verdict, code) in [(Verdict::Clean, 0), (Verdict::NotInspected, 8), (Verdict::Error, 8), (Verdict::Bad, 9)]
        {
            assert_eq!(end(verdict).code(), code);
        }
        let failed = Report::failed(&looked_for(), Why::WorkerDied, 7, Digest::from_bytes([0; 32]));
        assert_eq!(verdict(&failed), Verdict::Error);
        let shown = text(Paint::PLAIN, "a.bin", 7, &failed);
        assert!(shown.contains("? ERROR") && shown.contains("? malware: error (worker died)"), "{shown}");
        assert!(!shown.contains('✓'), "{shown}");
        let none = Report { inspectors: Vec::new(), verdict: Verdict::Clean, ..failed };
        assert_eq!(verdict(&none), Verdict::NotInspected, "without an answer there is no verdict");
    }

    #[test]
    fn json_has_the_promised_keys_in_the_promised_places() {
        use crate::api::types::Json as _;
        let report = Report::failed(&looked_for(), Why::Encrypted, 7, Digest::from_bytes([0xab; 32]));
        let printed: serde_json::Value =
            serde_json::from_str(&json("f.zip".to_owned(), 7, &report).to_json().unwrap()).unwrap();
        let keys = |value: &serde_json::Value| {
            let mut keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
            keys.sort_unstable();
            keys.join(" ")
        };
        assert_eq!(keys(&printed), "file findings inspectors kind phi schema size verdict");
        assert_eq!(keys(&printed["inspectors"][0]), "covered name reason rules verdict version");
        assert_eq!(keys(&printed["inspectors"][0]["covered"]), "bytes members of of_members");
        assert_eq!(keys(&printed["phi"]), "classes direct indirect letters present");
        assert_eq!(keys(&printed["phi"]["classes"]), "business patient related staff unknown");
        assert_eq!(printed["schema"], "lazaret.inspect/1");
        let malware = printed["inspectors"].as_array().unwrap().iter().find(|row| row["name"] == "malware").unwrap();
        assert_eq!(malware["rules"], format!("sha256:{}", "ab".repeat(32)));
    }
}
