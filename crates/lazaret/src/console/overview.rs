//! Overview: is anything wrong at the gate, and what needs me?

use axum::response::{IntoResponse, Redirect, Response};
use lazaret_core::code::Code;
use lazaret_core::id::{Id, Party};
use lazaret_core::time::{DAY_MS, Timestamp};
use lazaret_core::transfer::{Stage, TransferView};
use lazaret_store::View;
use lazaret_store::view::Counts;
use maud::{Markup, html};

use super::chart::{self, End};
use super::page::{Place, live, pill, pill_saying};
use super::transfer::{link, route};
use super::visit::Inside;
use super::words::{self, Pill, number};
use crate::api::health::{Severity, parts};
use crate::auth::caller::Audience;
use crate::error::Result;

/// Entries wait for the next signature.
const SIGNING: Pill = Pill { class: "work", sign: "◌", word: "signing" };
/// What needs a person is shown up to this many.
const ROWS_MAX: usize = 8;
const LOOKED_AT_MAX: u32 = 200;

/// `GET /`
pub async fn page(inside: Inside) -> Response {
    match inside.reader.audience {
        Audience::Party => return Redirect::to("/portal").into_response(),
        Audience::Clinician => return Redirect::to("/send").into_response(),
        Audience::Operator => {}
    }
    let outcome = body(&inside).map(|body| {
        let page = inside.page(Place::Overview, "Overview");
        let page = page.question("Is anything wrong at the gate right now, and what needs me?");
        let part = live(page.nonce(), "/", &body);
        if inside.is_fragment { page.fragment(part) } else { page.answer(&part) }
    });
    inside.answer(outcome)
}

fn body(inside: &Inside) -> Result<Markup> {
    let day_ago = Timestamp::from_millis(inside.at.as_millis().saturating_sub(DAY_MS));
    let counts = inside.gate.read(|view, _| view.counts(day_ago))?;
    Ok(html! {
        div.columns {
            div {
                (flow(&counts))
                (needs(inside)?)
            }
            (health(inside)?)
        }
    })
}

fn flow(counts: &Counts) -> Markup {
    let doors: Vec<End> = counts
        .channels
        .iter()
        .map(|(door, count)| End { label: words::channel(*door).to_owned(), count: *count, tint: chart::Tint::Flow })
        .collect();
    let ends = ends(counts);
    let total: u64 = counts.stages.iter().map(|(_, count)| count).sum();
    let said: Vec<String> = ends.iter().map(|end| format!("{} {}", end.count, end.label)).collect();
    let finding = format!("{total} transfers in 24 hours: {}", words::listed(said.iter().map(String::as_str)));
    html! {
        section.panel aria-labelledby="flow" {
            h2 #flow { "Transfers, last 24 h: " (number(total)) }
            @if total == 0 { p { "Nothing has crossed since yesterday." } }
            @else { (chart::flow(&finding, &doors, &ends)) }
        }
    }
}

/// What became of them, several stages to one end.
fn ends(counts: &Counts) -> Vec<End> {
    let groups: [(&str, &[Stage]); 5] = [
        ("released", &[Stage::Cleared, Stage::Released, Stage::Delivered]),
        ("inspecting", &[Stage::Quarantined, Stage::Inspected]),
        ("held", &[Stage::Held]),
        ("not checked", &[Stage::NotChecked]),
        ("denied", &[Stage::Denied]),
    ];
    let sum = |stages: &[Stage]| counts.stages.iter().filter(|(stage, _)| stages.contains(stage)).map(|(_, n)| n).sum();
    let mut ends: Vec<End> = groups
        .iter()
        .filter_map(|(label, stages)| {
            let tint = words::tint(*stages.first()?);
            Some(End { label: (*label).to_owned(), count: sum(stages), tint })
        })
        .collect();
    let over = sum(&[Stage::Withdrawn, Stage::Expired, Stage::Superseded]);
    ends.push(End { label: "given up".to_owned(), count: over, tint: chart::Tint::Plain });
    ends.retain(|end| end.count > 0);
    ends
}

/// Transfers of one party that wait for the same reason: many of one cause are one thing to do.
struct Need {
    party: Id<Party>,
    stage: Stage,
    rule: Option<Code>,
    /// Whether votes help.
    asks: bool,
    /// The oldest first.
    transfers: Vec<TransferView>,
}

fn needs(inside: &Inside) -> Result<Markup> {
    let (needs, total) = gather(inside)?;
    let grouped: usize = needs.iter().map(|need| need.transfers.len()).sum();
    let oldest = needs.first().and_then(|need| need.transfers.first()).map(|view| view.transfer.reference());
    let rows: Vec<Markup> = needs.iter().take(ROWS_MAX).map(|need| row(inside, need)).collect::<Result<_>>()?;
    Ok(html! {
        section aria-labelledby="needs" {
            h2 #needs { "Needs a person (" (number(total)) ")" }
            @if rows.is_empty() { p { "Nothing waits for anybody." } }
            @else {
                div.table.stack {
                    table {
                        thead { tr {
                            th scope="col" { "What" } th scope="col" { "From → to" } th scope="col" { "Why" } th scope="col" { "Waiting" }
                        } }
                        tbody { @for row in rows { (row) } }
                    }
                }
                @if (grouped as u64) < total { p.muted { "Grouped here are the " (number(grouped as u64)) " that wait longest." } }
                p {
                    @if let Some(oldest) = oldest { a.button.main href={ "/t/" (oldest) } { "Review oldest" } }
                    " " a.button href="/transfers?state=held" { "All that are held" }
                }
            }
        }
    })
}

/// What waits, by party and reason: first what people are asked to vote on, then the longest-waiting. And how many wait in all:
/// of very many only the first are grouped.
fn gather(inside: &Inside) -> Result<(Vec<Need>, u64)> {
    inside.gate.read(|view, _| {
        let mut waiting = view.in_stage(Stage::Held, LOOKED_AT_MAX)?;
        waiting.extend(view.in_stage(Stage::NotChecked, LOOKED_AT_MAX)?);
        let total = standing(view, &[Stage::Held, Stage::NotChecked])?;
        let mut needs: Vec<Need> = Vec::new();
        for transfer in waiting {
            let Some(found) = view.transfer(transfer)? else { continue };
            let ruling = view.ruling(transfer)?;
            let rule = ruling.as_ref().and_then(|ruling| ruling.rules.first().map(|fired| fired.rule));
            let asks = ruling.is_some_and(|ruling| ruling.request.is_some());
            let same = |need: &&mut Need| need.party == found.party && need.stage == found.stage && need.rule == rule;
            match needs.iter_mut().find(same) {
                Some(need) => need.transfers.push(found),
                None => needs.push(Need { party: found.party, stage: found.stage, rule, asks, transfers: vec![found] }),
            }
        }
        needs.sort_by_key(|need| (!need.asks, need.transfers.first().map(|view| view.since)));
        Ok((needs, total))
    })
}

/// How many transfers stand in these stages, whenever they came.
fn standing(view: &View<'_>, stages: &[Stage]) -> lazaret_store::Result<u64> {
    let counts = view.counts(Timestamp::from_millis(0))?;
    Ok(counts.stages.iter().filter(|(stage, _)| stages.contains(stage)).map(|(_, count)| count).sum())
}

fn row(inside: &Inside, need: &Need) -> Result<Markup> {
    let particulars = &inside.gate.particulars;
    let Some(first) = need.transfers.first() else { return Ok(html! {}) };
    let (title, party, slug, lane) = inside.gate.read(|view, side| {
        let lane = view.lane(first.lane)?.map(|lane| lane.terms.name.to_string()).unwrap_or_default();
        let title = particulars.kept(side, first.transfer).unwrap_or_default().name().to_owned();
        let slug = side.slug_of(need.party.cast())?.unwrap_or_default();
        Ok((title, particulars.party_name(side, need.party), slug, lane))
    })?;
    let bundle = inside.gate.policy();
    let why = need.rule.and_then(|rule| bundle.rule(rule.as_str()).map(|rule| rule.reason.clone()));
    let all = format!("/transfers?state={}&party={slug}", need.stage.word());
    Ok(html! {
        tr {
            td.full {
                @match need.transfers.len() {
                    1 => (link(&first.transfer.reference().to_string(), &title)),
                    many => a href=(all) data-row { (words::counted(many, "transfer", "transfers")) },
                }
            }
            td { (route(first.direction, &party, &lane)) }
            td.full { @if need.stage == Stage::NotChecked { (pill(words::UNCHECKED)) " " } (why.unwrap_or_default()) }
            td.keep { (words::duration(inside.at.millis_since(first.since))) }
        }
    })
}

fn health(inside: &Inside) -> Result<Markup> {
    let gate = &inside.gate;
    let wrong = parts(gate)?;
    let (entries, unchecked) = gate.read(|view, _| {
        let unchecked = standing(view, &[Stage::NotChecked])?;
        Ok((view.head()?.map_or(0, |head| head.size), unchecked))
    })?;
    let unsigned = entries.saturating_sub(gate.log.size());
    let fine = |text: &str| pill_saying(Pill { class: "ok", sign: "✓", word: "" }, text);
    let doubtful = |text: &str| pill_saying(Pill { class: "hold", sign: "▲", word: "" }, text);
    let mut doors = vec!["HTTPS", "web form"];
    doors.extend(gate.config.sftp.map(|_| "SFTP"));
    Ok(html! {
        section.panel aria-labelledby="health" {
            h2 #health { "Gate health" }
            ul.list {
                li { (fine("up")) " intake: " (words::listed(doors.into_iter())) }
                li {
                    @if unsigned == 0 { (fine("signed")) } @else { (pill(SIGNING)) }
                    " ledger: " (number(entries)) " entries"
                }
                @if unchecked > 0 {
                    li { (pill_saying(words::UNCHECKED, "not checked")) " " a href="/transfers?state=not_checked" { (words::counted(usize::try_from(unchecked).unwrap_or(usize::MAX), "transfer", "transfers")) } }
                }
                @for (severity, part) in &wrong {
                    li {
                        @if *severity == Severity::Down { (pill_saying(words::BAD, &part.state)) } @else { (doubtful(&part.state)) }
                        " " (part.part) ": " (part.fix)
                    }
                }
                @if wrong.is_empty() { li { (fine("well")) " disk, keys and inspection" } }
            }
        }
    })
}
