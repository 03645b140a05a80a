//! What the walk has counted so far: one row an inspector, and the findings in order, both bounded.

use std::collections::BTreeMap;

use lazaret_core::digest::Digest;
use lazaret_core::inspection::PhiPresence;
use lazaret_core::inspection::{ContentKind, Inspector, InspectorReport, SignatureState, Verdict, Why, merge};

use super::Member;
use crate::protocol::Job;
use crate::report::{Finding, PhiSummary, Reach, Report, Weight, reach, weight};

/// Findings that are kept; what is over is counted in the verdicts all the same.
const KEPT_MAX: usize = 8000;
/// Notes that are kept, so that they cannot crowd out what matters.
const NOTES_MAX: usize = 2000;
/// Bytes of names that are kept in all findings together.
const NAME_BYTES_MAX: usize = 384 * 1024;
/// Bytes of one name that are kept.
const NAME_BYTES_EACH: usize = 255;

/// Rows and findings.
pub(crate) struct Tally {
    size: u64,
    rows: BTreeMap<Inspector, InspectorReport>,
    findings: Vec<Finding>,
    notes: usize,
    name_bytes: usize,
    /// It is, or holds, something that can be executed.
    pub(crate) is_code: bool,
    /// See [`Report::other_bad`].
    other_bad: bool,
    /// See [`Report::integrity_ok`].
    integrity_ok: bool,
}

impl Tally {
    pub(super) fn new(size: u64) -> Tally {
        Tally {
            size,
            rows: BTreeMap::new(),
            findings: Vec::new(),
            notes: 0,
            name_bytes: 0,
            is_code: false,
            other_bad: false,
            integrity_ok: true,
        }
    }

    /// One inspector's answer for one member.
    pub(crate) fn answer(&mut self, inspector: Inspector, size: u64, verdict: Verdict, why: Option<Why>) {
        let row = self.rows.entry(inspector).or_insert_with(|| empty(inspector));
        row.bytes_total = row.bytes_total.saturating_add(size);
        row.members_total = row.members_total.saturating_add(1);
        if matches!(verdict, Verdict::Clean | Verdict::Bad) {
            row.bytes_seen = row.bytes_seen.saturating_add(size);
            row.members_seen = row.members_seen.saturating_add(1);
        }
        self.worsen(inspector, verdict, why);
    }

    /// A verdict that is not about one more member: the member was counted, or is the whole object.
    fn worsen(&mut self, inspector: Inspector, verdict: Verdict, why: Option<Why>) {
        let row = self.rows.entry(inspector).or_insert_with(|| empty(inspector));
        // The first reason of the worst verdict stays: the order of the walk is fixed, so it is always the same one.
        if verdict > row.verdict {
            row.verdict = verdict;
            row.why = match verdict {
                Verdict::NotInspected | Verdict::Error => Some(why.unwrap_or(Why::WorkerDied)),
                Verdict::Clean | Verdict::Bad => None,
            };
        }
    }

    /// Something found in a member; *clean* is a note. The inspector's verdict is at least this bad.
    pub(crate) fn find(
        &mut self,
        member: &Member,
        inspector: Inspector,
        rule: &str,
        verdict: Verdict,
        why: Option<Why>,
    ) {
        if verdict != Verdict::Clean {
            self.worsen(inspector, verdict, why);
        }
        self.weigh(inspector, rule, verdict);
        let repeated = self.findings.iter().rev().take_while(|last| last.member == member.number);
        if repeated.into_iter().any(|last| last.inspector == inspector && last.rule == rule) {
            return;
        }
        let note = verdict == Verdict::Clean;
        if self.findings.len() >= KEPT_MAX || (note && self.notes >= NOTES_MAX) {
            return;
        }
        self.notes = self.notes.saturating_add(usize::from(note));
        let path = self.path(member);
        let why = why.filter(|_| matches!(verdict, Verdict::NotInspected | Verdict::Error));
        self.findings.push(Finding { inspector, rule: rule.to_owned(), verdict, why, member: member.number, path });
    }

    /// The two attributes that policies see beside verdicts.
    fn weigh(&mut self, inspector: Inspector, rule: &str, verdict: Verdict) {
        if verdict == Verdict::Bad {
            match weight(inspector) {
                Weight::Row => {}
                Weight::Other => self.other_bad = true,
                Weight::Integrity => self.integrity_ok = false,
            }
        }
        if rule == "kind.macro" {
            self.other_bad = true;
        }
    }

    /// The member's path, shortened; empty when names have used up their share.
    fn path(&mut self, member: &Member) -> Vec<String> {
        let path: Vec<String> = member.path.iter().map(|name| shortened(name)).collect();
        let bytes: usize = path.iter().map(|name| name.len() + 3).sum();
        if self.name_bytes.saturating_add(bytes) > NAME_BYTES_MAX {
            return Vec::new();
        }
        self.name_bytes = self.name_bytes.saturating_add(bytes);
        path
    }

    pub(super) fn finish(
        mut self,
        job: &Job,
        kind: ContentKind,
        phi: PhiSummary,
        (signature, signed_bad): (SignatureState, bool),
        rules: Digest,
    ) -> Report {
        if signed_bad {
            self.integrity_ok = false;
        }
        for inspector in Inspector::ALL.iter().filter(|inspector| reach(**inspector) == Reach::Object) {
            self.answer(*inspector, self.size, Verdict::Clean, None);
        }
        if phi.present == PhiPresence::Yes && job.declared_phi == Some(false) {
            self.worsen(Inspector::Phi, Verdict::Bad, None);
            self.other_bad = true;
        }
        let mut inspectors: Vec<InspectorReport> = self.rows.into_values().collect();
        inspectors.sort_by_key(|row| row.inspector);
        Report {
            kind,
            verdict: merge(&job.required, &inspectors),
            inspectors,
            findings: self.findings,
            phi,
            signature,
            is_code: self.is_code || job.declared_software,
            other_bad: self.other_bad,
            integrity_ok: self.integrity_ok,
            rules,
        }
    }
}

fn empty(inspector: Inspector) -> InspectorReport {
    InspectorReport {
        inspector,
        verdict: Verdict::Clean,
        why: None,
        bytes_seen: 0,
        bytes_total: 0,
        members_seen: 0,
        members_total: 0,
    }
}

/// A name as a finding keeps it: cut, and without control characters, which a terminal would obey.
fn shortened(name: &str) -> String {
    let mut kept = String::new();
    for c in name.chars() {
        let shown = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        if kept.len() + shown.len_utf8() > NAME_BYTES_EACH {
            break;
        }
        kept.push(shown);
    }
    kept
}
