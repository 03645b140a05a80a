//! One transfer: may this cross, and how do we know? The decision first, then what happened, what inspectors found, the
//! receipt, and every entry.

use std::collections::HashMap;

use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use lazaret_core::decision::Decision;
use lazaret_core::explanation::Explanation;
use lazaret_core::id::Person;
use lazaret_core::id::{Id, Transfer};
use lazaret_core::inspection::{ContentKind, Inspector, InspectorReport, Verdict};
use lazaret_core::request::RequestView;
use lazaret_core::transfer::{Channel, Direction, ReopenCause, Stage, TransferView, may_reopen, may_withdraw};
use lazaret_inspect::report::Report;
use lazaret_store::Entry;
use lazaret_vault::broker::Holder;
use maud::{Markup, html};

use super::page::{Page, Place, Script, banner, live, moment, name, pill, pill_saying, second, token, when};
use super::visit::{Inside, Writing, encode};
use super::words::{self, number};
use super::{chart, history, portal, vote};
use crate::api::show;
use crate::crossing::{self, FINDINGS_LABEL};
use crate::delivery::outgoing::may_collect;
use crate::error::Result;
use crate::particulars::{Kept, Manifest, Note, REASON_LABEL};

/// Everything that the page says, gathered in one go.
pub struct Shown {
    /// The transfer.
    pub view: TransferView,
    /// What is decided on what is true now.
    pub decision: Decision,
    /// Why, what would release it, and who can.
    pub explanation: Explanation,
    /// The request for votes, if one is open.
    pub request: Option<RequestView>,
    /// The label and what is kept beside it.
    pub kept: Kept,
    /// What arrived.
    pub manifest: Manifest,
    /// The lane's name.
    pub lane: String,
    /// The party's name, and its short name.
    pub party: (String, String),
    /// The door.
    pub channel: Option<Channel>,
    kind: Option<ContentKind>,
    report: Option<Report>,
    entries: Vec<(Entry, String)>,
    notes: HashMap<u64, String>,
    people: HashMap<Id<Person>, String>,
    collects: bool,
    is_signed: bool,
}

impl Shown {
    /// Gathers it.
    ///
    /// # Errors
    /// A fault of store or vault.
    pub fn gather(inside: &Inside, view: TransferView) -> Result<Shown> {
        let (gate, transfer) = (&inside.gate, view.transfer);
        let (_, decision, explanation) = crossing::explanation(gate, transfer)?;
        let is_signed = gate.log.is_signed(gate, transfer)?;
        let particulars = &gate.particulars;
        gate.read(|read, side| {
            let lane = read.lane(view.lane)?;
            let kept = particulars.kept(side, transfer).unwrap_or_default();
            let sealed = side.findings(transfer)?;
            let open =
                |sealed: Vec<u8>| particulars.open::<Report>(Holder::Transfer(transfer), FINDINGS_LABEL, &sealed);
            let mut entries = Vec::new();
            for entry in read.entries_about(transfer.cast())? {
                let by = show::actor_name(gate, read, side, entry.actor)?;
                entries.push((entry, by));
            }
            let notes = side.notes(transfer.cast())?.into_iter().filter_map(|(index, sealed)| {
                let note: Note = particulars.open(Holder::Transfer(transfer), REASON_LABEL, &sealed).ok()?;
                (!note.text.is_empty()).then_some((index, note.text))
            });
            let able = explanation.who.iter().flat_map(|able| &able.people);
            Ok(Shown {
                manifest: kept.manifest().unwrap_or_default(),
                kept,
                collects: lane.as_ref().is_some_and(|lane| may_collect(inside.caller(), lane)),
                lane: lane.map(|lane| lane.terms.name.to_string()).unwrap_or_default(),
                party: (particulars.party_name(side, view.party), side.slug_of(view.party.cast())?.unwrap_or_default()),
                channel: history::channel_of(&entries),
                kind: read.content_kind(transfer)?,
                report: sealed.and_then(|sealed| open(sealed).ok()),
                entries,
                notes: notes.collect(),
                people: able.map(|person| (*person, particulars.person_name(side, *person))).collect(),
                request: decision.request.clone().filter(|_| decision.approvals_help()),
                is_signed,
                view,
                decision,
                explanation,
            })
        })
    }

    /// What people call it.
    pub fn title(&self) -> String {
        let name = words::visible(self.kept.name());
        if name.is_empty() { self.view.transfer.reference().to_string() } else { name }
    }

    /// From whom to whom.
    pub fn route(&self) -> String {
        route(self.view.direction, &self.party.0, &self.lane)
    }

    /// Whether people are asked about it now.
    pub fn waits(&self) -> bool {
        matches!(self.view.stage, Stage::Held | Stage::NotChecked)
    }
}

/// Party and lane in the order of the crossing.
pub fn route(direction: Direction, party: &str, lane: &str) -> String {
    match direction {
        Direction::In => format!("{party} → {lane}"),
        Direction::Out => format!("{lane} → {party}"),
    }
}

/// `GET /t/{reference}`
pub async fn page(inside: Inside, Path(text): Path<String>) -> Response {
    let outcome = show::find(&inside.gate, inside.caller(), &text).and_then(|view| {
        if !inside.reader.audience.is_operator() {
            return portal::one(&inside, &view);
        }
        let shown = Shown::gather(&inside, view)?;
        let page = inside.page(Place::Transfers, shown.title()).script(Script::Passkey);
        let page = page.question("May this cross, and how do we know?");
        let part = live(page.nonce(), &own_path(&inside, &shown), &body(&inside, &shown, &page));
        Ok(if inside.is_fragment { page.fragment(part) } else { page.answer(&part) })
    });
    inside.answer(outcome)
}

/// The page's own path, with what the reader has seen: when that changes, the page says so.
fn own_path(inside: &Inside, shown: &Shown) -> String {
    let seen = seen(inside).map(str::to_owned);
    let binding = shown.request.as_ref().map(|request| request.binding.to_string());
    let seen = seen.or(binding).map(|seen| format!("?seen={seen}")).unwrap_or_default();
    format!("/t/{}{seen}", shown.view.transfer.reference())
}

fn seen(inside: &Inside) -> Option<&str> {
    inside.path.split_once("seen=").map(|(_, rest)| rest.split('&').next().unwrap_or(rest))
}

fn body(inside: &Inside, shown: &Shown, page: &Page) -> Markup {
    html! {
        (flash(inside, shown))
        (state(inside, shown))
        p.muted {
            "Reference " strong.mono { (shown.view.transfer.reference()) } " · " (shown.route())
            " · " (kind(shown)) ", " (words::size(shown.manifest.size_bytes))
            " · arrived " (when(shown.view.arrived_at, inside.at))
            @if let Some(door) = shown.channel { " by " (words::channel(door)) }
        }
        @match vote::section(inside, page, shown) {
            Some(vote) => div.columns { div { (evidence(inside, shown)) } div.stick { (vote) } },
            None => (evidence(inside, shown)),
        }
    }
}

fn evidence(inside: &Inside, shown: &Shown) -> Markup {
    html! { (happened(inside, shown)) (inspection(shown)) (receipt(shown)) (entries(shown)) }
}

/// What the reader has just done, by the entry that it became; and what changed while they looked.
fn flash(inside: &Inside, shown: &Shown) -> Markup {
    let done = inside.path.split_once("entry=").and_then(|(_, rest)| rest.parse::<u64>().ok());
    let own = done.and_then(|index| {
        let (entry, _) = shown.entries.iter().find(|(entry, _)| entry.position.index == index)?;
        (entry.actor == *inside.caller().actor().as_bytes()).then_some(entry.position)
    });
    let now = shown.request.as_ref().map(|request| request.binding.to_string());
    let stale = shown.waits() && seen(inside).is_some_and(|seen| now.as_deref() != Some(seen));
    html! {
        @if let Some(position) = own {
            (banner("ok", &html! { p role="status" { strong { "Recorded as entry " (number(position.index)) "." } } }, None))
        }
        @if stale {
            @let again = format!("/t/{}", shown.view.transfer.reference());
            (banner("hold", &html! {
                p { strong { "This has changed since you looked." } }
                p { "A vote on what you saw before counts for nothing." }
            }, Some(&html! { a.button href=(again) { "Look again" } })))
        }
    }
}

fn state(inside: &Inside, shown: &Shown) -> Markup {
    let stage = words::stage(shown.view.stage);
    let says = html! {
        p { (pill_saying(stage, &stage.word.to_uppercase())) " " strong { (headline(shown)) } }
        @for fired in &shown.explanation.because {
            p { "Because rule " a href={ "/r/" (fired.rule.as_str()) } { (fired.rule.as_str()) } ": " (fired.reason) }
        }
        @if shown.waits() { (ways(shown)) (who(shown)) p.muted { (you(inside, shown)) } }
    };
    banner(stage.class, &says, Some(&acts(inside, shown)))
}

fn headline(shown: &Shown) -> String {
    let counted = shown.request.as_ref().map_or(0, |request| request.counted().len());
    match (shown.view.stage, &shown.decision.approvals) {
        (Stage::Held, Some((people, groups))) => {
            let how_many = words::few(*people);
            format!("for {how_many} approvals: {} ({counted} of {people})", words::groups(groups))
        }
        (Stage::Held, None) => "until what is missing is there".to_owned(),
        (Stage::NotChecked, _) => "not all of it could be looked at, and unchecked is not clean".to_owned(),
        (Stage::Quarantined | Stage::Inspected, _) => "nothing leaves until every inspector has answered".to_owned(),
        (Stage::Cleared, _) => "it is being handed over".to_owned(),
        (Stage::Released, _) => "it can be collected".to_owned(),
        (Stage::Delivered, _) => "the recipient has all of it".to_owned(),
        (Stage::Denied, _) => "it will not cross".to_owned(),
        (Stage::Withdrawn, _) => "the sender took it back".to_owned(),
        (Stage::Expired, _) => "nobody cured the hold in time".to_owned(),
        (Stage::Superseded, _) => "a newer version took its place".to_owned(),
    }
}

fn ways(shown: &Shown) -> Markup {
    let ways: Vec<String> = shown.explanation.would_release.iter().map(|set| words::way(set)).collect();
    html! {
        @match ways.as_slice() {
            [] => p { strong { "Nothing available today would release this." } },
            ways => p {
                "What would release it: "
                @for (at, way) in ways.iter().enumerate() { @if at > 0 { ", or " } strong { (way) } }
                "."
            }
        }
    }
}

fn who(shown: &Shown) -> Markup {
    let named = |person: &Id<Person>| shown.people.get(person).map(String::as_str).unwrap_or_default();
    let able = shown.explanation.who.iter().filter(|able| !able.people.is_empty());
    let each: Vec<String> = able
        .map(|able| {
            let what =
                able.lever.group.map_or_else(|| words::lever(&able.lever), |group| words::group(group).to_owned());
            format!("{} for {what}", words::either(able.people.iter().map(named)))
        })
        .collect();
    html! { @if !each.is_empty() { p { "Who can: " (each.join("; ")) "." } } }
}

fn you(inside: &Inside, shown: &Shown) -> String {
    if shown.request.is_none() {
        return "Votes cannot help here: what is missing has to come first.".to_owned();
    }
    match vote::mine(inside, shown) {
        Ok(group) => format!("You can: decide for {}.", words::group(group)),
        Err(refusal) => format!("You cannot decide here: {}.", words::not_you(refusal)),
    }
}

/// What can be done besides voting. An act that the reader may not do has no button.
fn acts(inside: &Inside, shown: &Shown) -> Markup {
    let reference = shown.view.transfer.reference();
    let is_open = matches!(shown.view.stage, Stage::Quarantined | Stage::Inspected | Stage::Held | Stage::NotChecked);
    let is_own = may_withdraw(&shown.view, inside.caller());
    html! {
        @if shown.collects { (collect(&shown.view, &shown.lane)) }
        @if vote::mine(inside, shown).is_ok() { a.button href="#decide" { "Decide" } }
        @if shown.waits() && may_reopen(inside.caller()) {
            form action={ "/t/" (reference) "/inspection" } method="post" {
                (token(&inside.reader.csrf)) button type="submit" { "Inspect again" }
            }
        }
        @if is_own && is_open {
            form action={ "/t/" (reference) "/withdraw" } method="post" {
                (token(&inside.reader.csrf)) button.danger type="submit" { "Take it back" }
            }
        }
    }
}

/// The way to the bytes, for who may collect them; nothing before the release.
pub fn collect(view: &TransferView, lane: &str) -> Markup {
    let file = format!("/api/v1/out/{}/{}", encode(lane), view.transfer.reference());
    html! {
        @if matches!(view.stage, Stage::Released | Stage::Delivered) { a.button.main href=(file) { "Collect" } }
    }
}

fn kind(shown: &Shown) -> String {
    shown.kind.map_or("not looked at yet", words::content_kind).to_owned()
}

fn happened(inside: &Inside, shown: &Shown) -> Markup {
    let entries: Vec<Entry> = shown.entries.iter().map(|(entry, _)| entry.clone()).collect();
    let spans = history::spans(&entries, inside.at);
    let finding = words::listed(
        spans.iter().map(|span| format!("{} {}", span.label, span.took)).collect::<Vec<_>>().iter().map(String::as_str),
    );
    html! {
        section.panel.chart aria-labelledby="happened" {
            h2 #happened { "What happened, step by step" }
            (chart::stages(&finding, &spans))
            p.muted { "Each bar says how long it took; longer times are drawn closer together." }
            details {
                summary { "Show as a table" }
                div.table {
                    table {
                        thead { tr { th scope="col" { "Stage" } th scope="col" { "Took" } } }
                        tbody { @for span in &spans { tr { td { (span.label) } td { (span.took) } } } }
                    }
                }
            }
        }
    }
}

fn inspection(shown: &Shown) -> Markup {
    html! {
        section aria-labelledby="inspection" {
            h2 #inspection { "Inspection" }
            @match &shown.report {
                None => p { "No inspector has answered yet." },
                Some(report) => {
                    div.table.stack {
                        table {
                            thead { tr {
                                th scope="col" { "Inspector" } th scope="col" { "Verdict" }
                                th scope="col" { "Finding" } th scope="col" { "Looked at" }
                            } }
                            tbody { @for row in &report.inspectors { (verdict(row, report)) } }
                        }
                    }
                }
            }
        }
    }
}

fn verdict(row: &InspectorReport, report: &Report) -> Markup {
    let found: Vec<_> = report.findings.iter().filter(|finding| finding.inspector == row.inspector).collect();
    let notes = found.iter().filter(|finding| finding.verdict == Verdict::Clean).count();
    let shown = match row.verdict {
        Verdict::Clean if notes == 0 => words::CLEAN,
        Verdict::Clean => words::WEIGHED,
        Verdict::NotInspected | Verdict::Error => words::UNCHECKED,
        Verdict::Bad => words::BAD,
    };
    html! {
        tr {
            td { (words::inspector(row.inspector)) }
            td.keep { (pill(shown)) }
            td.full {
                @if let Some(why) = row.why { p { (words::why(why)) } }
                @match found.as_slice() {
                    [] if row.why.is_none() => (without_findings(row.inspector, report)),
                    [] => "",
                    found => (findings(found)),
                }
            }
            td { (words::size(row.bytes_seen)) " in " (words::counted(usize::try_from(row.members_seen).unwrap_or(usize::MAX), "file", "files")) }
        }
    }
}

/// What an inspector saw that had nothing to find. "Clean" beside a signature does not say that there is one.
const fn without_findings(inspector: Inspector, report: &Report) -> &'static str {
    match inspector {
        Inspector::Kind => words::content_kind(report.kind),
        Inspector::Signature => words::signature(report.signature),
        Inspector::Archive | Inspector::Malware | Inspector::Phi | Inspector::Sbom => "nothing",
    }
}

/// Findings shown at once; the rest on demand.
const FINDINGS_SHOWN: usize = 5;

fn findings(found: &[&lazaret_inspect::report::Finding]) -> Markup {
    let (first, rest) = found.split_at(found.len().min(FINDINGS_SHOWN));
    let line = |finding: &lazaret_inspect::report::Finding| {
        let inside = finding.path.iter().skip(1).map(|part| words::visible(part)).collect::<Vec<_>>().join(" › ");
        html! {
            li {
                span.mono { (finding.rule) }
                @if let Some(why) = finding.why { ": " (words::why(why)) }
                @if !inside.is_empty() { " in " (name(&inside)) }
            }
        }
    };
    html! {
        ul.list { @for finding in first { (line(finding)) } }
        @if !rest.is_empty() {
            details {
                summary { (words::counted(rest.len(), "more finding", "more findings")) }
                ul.list { @for finding in rest.iter().take(100) { (line(finding)) } }
            }
        }
    }
}

fn receipt(shown: &Shown) -> Markup {
    let reference = shown.view.transfer.reference();
    html! {
        section aria-labelledby="receipt" {
            h2 #receipt { "Receipt" }
            dl.facts {
                dt { "SHA-256" } dd.mono { (show::hex(&shown.manifest.sha256)) }
                dt { "Receipt" }
                dd {
                    @if shown.is_signed {
                        a href=(show::receipt_path(shown.view.transfer)) { (reference) ".receipt" }
                        ", signed. Anyone checks it without us: "
                        code { "lazaret verify " (reference) ".receipt" }
                    } @else { "comes with the next signature, in a second" }
                }
            }
        }
    }
}

fn entries(shown: &Shown) -> Markup {
    html! {
        section aria-labelledby="history" {
            h2 #history { "History" }
            div.table.stack {
                table {
                    thead { tr { th.num scope="col" { "Entry" } th scope="col" { "Time" } th scope="col" { "What happened" } } }
                    tbody {
                        @for (entry, by) in &shown.entries {
                            tr {
                                td.num { (show::position_text(entry)) }
                                td.keep { (second(entry.at)) span.sr { " on " (moment(entry.at)) } }
                                td.full {
                                    (history::sentence(&entry.event, by))
                                    @if let Some(words) = shown.notes.get(&entry.position.index) { ": “" (name(words)) "”" }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// `POST /t/{reference}/inspection`: have it inspected again.
pub async fn inspect_again(Path(text): Path<String>, Writing(posted): Writing) -> Response {
    let inside = posted.inside;
    let outcome = async {
        let view = show::find(&inside.gate, inside.caller(), &text)?;
        crossing::reopen(&inside.gate, inside.caller(), view.transfer, ReopenCause::Asked).await?;
        done(&inside, view.transfer)
    };
    let outcome = outcome.await;
    inside.answer(outcome)
}

/// `POST /t/{reference}/withdraw`: take one's own back.
pub async fn withdraw(Path(text): Path<String>, Writing(posted): Writing) -> Response {
    let inside = posted.inside;
    let outcome = async {
        let view = show::find(&inside.gate, inside.caller(), &text)?;
        crossing::withdraw(&inside.gate, inside.caller(), view.transfer).await?;
        done(&inside, view.transfer)
    };
    let outcome = outcome.await;
    inside.answer(outcome)
}

/// Back to the transfer's page, which says which entry the act became.
///
/// # Errors
/// A fault of the store.
pub fn done(inside: &Inside, transfer: Id<Transfer>) -> Result<Response> {
    let actor = *inside.caller().actor().as_bytes();
    // The gate goes on at once; what this person did is the last entry of theirs.
    let entries = inside.gate.read(|view, _| view.entries_about(transfer.cast()))?;
    let own = entries.iter().rev().find(|entry| entry.actor == actor);
    let entry = own.map(|entry| format!("?entry={}", entry.position.index)).unwrap_or_default();
    Ok(Redirect::to(&format!("/t/{}{entry}", transfer.reference())).into_response())
}

/// A name for the transfer in a list.
pub fn link(reference: &str, text: &str) -> Markup {
    html! { a href={ "/t/" (reference) } data-row { @if text.is_empty() { (reference) } @else { (name(text)) } } }
}
