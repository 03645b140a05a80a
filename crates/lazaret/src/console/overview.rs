//! Overview: is anything wrong at the gate, and what needs me?

use axum::response::{IntoResponse, Redirect, Response};
use lazaret_core::id::{Id, Transfer};
use lazaret_core::time::{DAY_MS, Timestamp};
use lazaret_core::transfer::Stage;
use lazaret_store::view::Counts;
use maud::{Markup, html};

use super::chart::{self, End};
use super::page::{Place, live, pill, pill_saying};
use super::transfer::{link, route};
use super::visit::{Inside, sees_all};
use super::words::{self, Pill, number};
use crate::api::health::{Severity, parts};
use crate::crossing;
use crate::error::Result;

/// What needs a person is shown up to this many.
const ROWS_MAX: usize = 8;
const LOOKED_AT_MAX: u32 = 200;

/// `GET /`
pub async fn page(inside: Inside) -> Response {
    if !inside.reader.is_insider {
        return Redirect::to("/portal").into_response();
    }
    if sees_all(&inside).is_err() {
        return Redirect::to("/send").into_response();
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

/// One transfer that waits for somebody.
struct Need {
    transfer: Id<Transfer>,
    stage: Stage,
    title: String,
    route: String,
    since: Timestamp,
    why: String,
}

fn needs(inside: &Inside) -> Result<Markup> {
    let mut waiting = inside.gate.read(|view, _| {
        let mut waiting = view.in_stage(Stage::Held, LOOKED_AT_MAX)?;
        waiting.extend(view.in_stage(Stage::NotChecked, LOOKED_AT_MAX)?);
        Ok(waiting)
    })?;
    let total = waiting.len();
    waiting.truncate(ROWS_MAX);
    let rows: Vec<Need> = waiting.into_iter().map(|transfer| need(inside, transfer)).collect::<Result<_>>()?;
    let oldest = rows.iter().min_by_key(|need| need.since).map(|need| need.transfer);
    Ok(html! {
        section aria-labelledby="needs" {
            h2 #needs { "Needs a person (" (number(total as u64)) ")" }
            @if rows.is_empty() { p { "Nothing waits for anybody." } }
            @else {
                div.table.stack {
                    table {
                        thead { tr {
                            th scope="col" { "What" } th scope="col" { "From → to" } th scope="col" { "Why" } th scope="col" { "Waiting" }
                        } }
                        tbody { @for need in &rows { (row(inside, need)) } }
                    }
                }
                p {
                    @if let Some(oldest) = oldest { a.button.main href={ "/t/" (oldest.reference()) } { "Review oldest" } }
                    @if total > rows.len() { " " a.button href="/transfers?state=held" { "All of them" } }
                }
            }
        }
    })
}

fn need(inside: &Inside, transfer: Id<Transfer>) -> Result<Need> {
    let (dossier, _, explanation) = crossing::explanation(&inside.gate, transfer)?;
    let why = explanation.because.first().map(|fired| fired.reason.clone()).unwrap_or_default();
    let particulars = &inside.gate.particulars;
    let view = dossier.transfer;
    inside.gate.read(|_, side| {
        Ok(Need {
            transfer,
            stage: view.stage,
            title: particulars.kept(side, transfer).unwrap_or_default().name().to_owned(),
            route: route(view.direction, &particulars.party_name(side, view.party), dossier.lane.name.as_str()),
            since: view.since,
            why,
        })
    })
}

fn row(inside: &Inside, need: &Need) -> Markup {
    let waited = words::duration(inside.at.millis_since(need.since));
    html! {
        tr {
            td.full { (link(&need.transfer.reference().to_string(), &need.title)) }
            td { (need.route) }
            td.full { @if need.stage == Stage::NotChecked { (pill(words::UNCHECKED)) " " } (need.why) }
            td.keep { (waited) }
        }
    }
}

fn health(inside: &Inside) -> Result<Markup> {
    let gate = &inside.gate;
    let wrong = parts(gate)?;
    let (entries, unchecked) = gate.read(|view, _| {
        let unchecked = view.in_stage(Stage::NotChecked, LOOKED_AT_MAX)?.len();
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
                    @if unsigned == 0 { (fine("signed")) } @else { (doubtful("signing")) }
                    " ledger: " (number(entries)) " entries"
                }
                @if unchecked > 0 {
                    li { (pill_saying(words::UNCHECKED, "not checked")) " " a href="/transfers?state=not_checked" { (words::counted(unchecked, "transfer", "transfers")) } }
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
