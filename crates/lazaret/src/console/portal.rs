//! What a party's people see of their transfers, what a clinician sees of one, and what anybody with a reference sees of it: the
//! sender's words, a sentence, a fix. Nothing here names a rule, an inspector's engine, or a person of the hospital.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use lazaret_core::id::Reference;
use lazaret_core::refusal::PartyCode;
use lazaret_core::transfer::{Stage, TransferView, may_withdraw};
use lazaret_store::view::Filter;
use maud::{Markup, html};
use std::sync::Arc;

use super::page::{Page, Place, banner, clock, live, moment, name, pill, pill_saying, token};
use super::transfer::collect;
use super::visit::Inside;
use super::words;
use crate::api::show;
use crate::auth::caller::Audience;
use crate::crossing;
use crate::delivery::outgoing::may_collect;
use crate::error::Result;
use crate::gate::Gate;
use crate::particulars::Kept;

/// Rows of a party's own list.
const ROWS: u32 = 50;

/// What the outside is told of one transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Where it stands, in the sender's words.
    pub stage: Stage,
    /// Why, as a code with its sentence and fix.
    pub code: Option<PartyCode>,
}

/// `GET /portal`
pub async fn page(inside: Inside) -> Response {
    if inside.reader.audience != Audience::Party {
        return Redirect::to("/").into_response();
    }
    let outcome = rows(&inside).map(|rows| {
        let page = inside.page(Place::Portal, "Your transfers");
        let page = page.question("Did it arrive, and what happened to it?");
        let part = live(page.nonce(), "/portal", &rows);
        if inside.is_fragment { page.fragment(part) } else { page.answer(&part) }
    });
    inside.answer(outcome)
}

fn rows(inside: &Inside) -> Result<Markup> {
    let filter = Filter { known_to: inside.caller().party(), ..Filter::default() };
    let rows: Vec<(TransferView, Kept)> = inside.gate.read(|view, side| {
        let mut rows = Vec::new();
        for row in view.transfers(&filter, None, ROWS)? {
            let kept = inside.gate.particulars.kept(side, row.transfer).unwrap_or_default();
            rows.extend(view.transfer(row.transfer)?.map(|found| (found, kept)));
        }
        Ok(rows)
    })?;
    Ok(html! {
        p { a.button.main href="/send" { "Send something" } }
        @if rows.is_empty() { div.panel { p { "Nothing was sent yet." } } }
        ul.list {
            @for (view, kept) in &rows {
                li {
                    a href={ "/t/" (view.transfer.reference()) } data-row { (name(kept.name())) }
                    " " (pill(words::sender_stage(view.stage)))
                    " " span.muted { (clock(view.arrived_at, inside.at)) }
                    (steps(view.stage))
                }
            }
        }
    })
}

/// One transfer, for whoever is no operator.
///
/// # Errors
/// A fault of the store.
pub fn one(inside: &Inside, view: &TransferView) -> Result<Response> {
    let (_, _, explanation) = crossing::explanation(&inside.gate, view.transfer)?;
    let (kept, lane) = inside.gate.read(|read, side| {
        Ok((inside.gate.particulars.kept(side, view.transfer).unwrap_or_default(), read.lane(view.lane)?))
    })?;
    let lane = lane.filter(|lane| may_collect(inside.caller(), lane));
    let is_signed = inside.gate.log.is_signed(&inside.gate, view.transfer)?;
    let manifest = kept.manifest().unwrap_or_default();
    let told = Told { stage: view.stage, code: explanation.code };
    let reference = view.transfer.reference();
    let is_open = matches!(view.stage, Stage::Quarantined | Stage::Inspected | Stage::Held | Stage::NotChecked);
    let body = html! {
        (state(&told))
        p.muted { "Reference " strong.mono { (reference) } " · " (words::size(manifest.size_bytes)) " · received " (moment(view.arrived_at)) }
        dl.facts {
            dt { "SHA-256" } dd.mono { (show::hex(&manifest.sha256)) }
            dt { "Receipt" }
            dd { @if is_signed { a href=(show::receipt_path(view.transfer)) { (reference) ".receipt" } } @else { "in a second" } }
        }
        @if let Some(lane) = lane { (collect(view, lane.terms.name.as_str())) }
        @if is_open && may_withdraw(view, inside.caller()) {
            form action={ "/t/" (reference) "/withdraw" } method="post" {
                (token(&inside.reader.csrf)) button.danger type="submit" { "Take it back" }
            }
        }
    };
    let page =
        inside.page(Place::Portal, words::visible(kept.name())).question("Did it arrive, and what happened to it?");
    let part = live(page.nonce(), &format!("/t/{reference}"), &body);
    Ok(if inside.is_fragment { page.fragment(part) } else { page.answer(&part) })
}

/// State, sentence and fix.
pub fn state(told: &Told) -> Markup {
    let shown = words::sender_stage(told.stage);
    let says = html! {
        p { (pill_saying(shown, &shown.word.to_uppercase())) " " strong { (sentence(told)) } }
        @if let Some(fix) = told.code.and_then(PartyCode::fix) { p { (fix) } }
    };
    html! { (banner(shown.class, &says, None)) (steps(told.stage)) }
}

fn sentence(told: &Told) -> &'static str {
    if let Some(code) = told.code {
        return code.sentence();
    }
    match told.stage {
        Stage::Quarantined | Stage::Inspected | Stage::Cleared => {
            "It is here and is being checked. That takes minutes."
        }
        Stage::Held | Stage::NotChecked => PartyCode::WaitingForPeople.sentence(),
        Stage::Released => "It was accepted.",
        Stage::Delivered => "It was accepted, and the recipient has it.",
        Stage::Denied => "It was refused.",
        Stage::Withdrawn => "The sender took it back.",
        Stage::Expired => "It waited for fourteen days and was given up.",
        Stage::Superseded => "A newer version took its place.",
    }
}

/// Received, checked, reviewed, answered: how far it has come.
fn steps(stage: Stage) -> Markup {
    let (reached, class) = match stage {
        Stage::Quarantined | Stage::Inspected => (1, "work"),
        Stage::Cleared => (2, "work"),
        Stage::Held | Stage::NotChecked => (2, "hold"),
        Stage::Released | Stage::Delivered => (3, "ok"),
        Stage::Denied => (3, "bad"),
        Stage::Withdrawn | Stage::Expired | Stage::Superseded => (3, "plain"),
    };
    // What could not be checked is no step that is done.
    let (checked, first_open) = match stage {
        Stage::NotChecked => ("not checked", 1),
        Stage::Quarantined | Stage::Inspected => ("checking", reached),
        Stage::Held
        | Stage::Cleared
        | Stage::Released
        | Stage::Delivered
        | Stage::Denied
        | Stage::Withdrawn
        | Stage::Expired
        | Stage::Superseded => ("checked", reached),
    };
    let decided = if matches!(stage, Stage::Held | Stage::NotChecked) { "reviewing" } else { "decided" };
    html! {
        ol.steps {
            @for (at, word) in ["received", checked, decided, "answer"].iter().enumerate() {
                li class=[step_class(at, first_open, reached, class)] aria-current=[(at == reached).then_some("step")] { (word) }
            }
        }
    }
}

fn step_class(at: usize, first_open: usize, reached: usize, class: &'static str) -> Option<&'static str> {
    if at < first_open { Some("ok") } else { (at <= reached).then_some(class) }
}

/// `GET /status/{reference}`: for the poster on the ward. Without a sign-in it says how far a transfer has come, and no
/// more: no name, no party, no reason.
pub async fn status(
    State(gate): State<Arc<Gate>>,
    inside: Result<Inside, Response>,
    Path(text): Path<String>,
) -> Response {
    let reference: Option<Reference> = text.parse().ok();
    let found = gate.read(|view, _| reference.map_or(Ok(None), |reference| view.by_reference(reference)));
    let found = found.ok().flatten();
    let page = match &inside {
        Ok(inside) => inside.page(Place::Nowhere, "How far is it?"),
        Err(_) => Page::new(Place::Nowhere, "How far is it?"),
    };
    let Some(view) = found else {
        let unknown = html! { p { "There is nothing by this reference. Please check it once more." } };
        return page.status(StatusCode::NOT_FOUND).answer(&unknown);
    };
    let may_know = inside.is_ok_and(|inside| show::may_see(&gate, inside.caller(), &view).unwrap_or(false));
    page.answer(&how_far(&view, may_know))
}

fn how_far(view: &TransferView, may_know: bool) -> Markup {
    let shown = words::sender_stage(view.stage);
    let reference = view.transfer.reference();
    html! {
        p { (pill_saying(shown, &shown.word.to_uppercase())) " " strong.mono { (reference) } }
        (steps(view.stage))
        @if may_know { p { a href={ "/t/" (reference) } { "Open it" } } }
        @else { p.muted { a href=(super::visit::sign_in(&format!("/t/{reference}"))) { "Sign in" } " to see more, if it is yours to see." } }
    }
}

#[cfg(test)]
mod tests {
    use lazaret_core::code::Code;
    use lazaret_core::explanation::told;
    use lazaret_core::inspection::Inspector;
    use lazaret_core::policy::{BASELINE, Bundle};

    use super::*;

    fn told_of(stage: Stage, rules: &[Code]) -> Told {
        Told { stage, code: told(stage, rules, &[]) }
    }

    /// Everything that a party can be shown of a transfer, whatever rule holds it.
    fn every_text() -> Vec<String> {
        let bundle = Bundle::parse(BASELINE).unwrap();
        let rules: Vec<Code> = bundle.rules().iter().map(|rule| rule.id).collect();
        let mut texts = Vec::new();
        for stage in Stage::ALL {
            texts.push(state(&told_of(*stage, &[])).into_string());
            texts.extend(rules.iter().map(|rule| state(&told_of(*stage, &[*rule])).into_string()));
        }
        texts
    }

    // EVIDENCE-OF: R-019
    #[test]
    fn a_partys_page_names_no_rule_no_engine_and_no_person() {
        let bundle = Bundle::parse(BASELINE).unwrap();
        let mut secret: Vec<String> = bundle.rules().iter().map(|rule| rule.id.to_string()).collect();
        secret.extend(bundle.rules().iter().map(|rule| rule.reason.clone()));
        secret.extend(
            ["yara", "boreal", "cedar", "clamav", "sha256:", "pe_", "approv", "biomed", "security"].map(str::to_owned),
        );
        // Words that are an inspector's id and no ordinary English.
        secret.extend([Inspector::Phi, Inspector::Sbom].map(|inspector| inspector.word().to_owned()));
        for text in every_text() {
            let lower = text.to_lowercase();
            for word in &secret {
                let found = lower
                    .split(|c: char| !c.is_alphanumeric() && !"-_:.".contains(c))
                    .any(|part| part == word.to_lowercase());
                let quoted = word.contains(' ') && lower.contains(&word.to_lowercase());
                assert!(!(found || quoted), "{word}: {text}");
            }
        }
    }

    #[test]
    fn what_is_not_checked_is_told_as_not_checked() {
        let text = state(&told_of(Stage::NotChecked, &[])).into_string();
        assert!(text.contains("NOT CHECKED") && !text.contains("ACCEPTED"));
        assert!(!text.contains("pill ok") && !text.contains(">checked<"), "{text}");
        assert_eq!(text.matches("class=\"ok\"").count(), 1, "received, and no more: {text}");
    }

    #[test]
    fn without_a_sign_in_a_reference_shows_how_far_and_nothing_else() {
        let view = TransferView {
            transfer: lazaret_core::id::Id::from_bytes([1; 16]),
            object: lazaret_core::id::Id::from_bytes([2; 16]),
            stage: Stage::Held,
            direction: lazaret_core::transfer::Direction::In,
            lane: lazaret_core::id::Id::from_bytes([3; 16]),
            party: lazaret_core::id::Id::from_bytes([4; 16]),
            requester: lazaret_core::id::Id::from_bytes([5; 16]),
            content: lazaret_core::digest::Commitment::from_bytes([6; 32]),
            evidence: None,
            inspected_at: None,
            delivery: None,
            since: lazaret_core::time::Timestamp::from_millis(0),
            arrived_at: lazaret_core::time::Timestamp::from_millis(0),
        };
        let text = how_far(&view, false).into_string();
        assert!(text.contains("REVIEWING") && text.contains("LZ-"));
        assert!(!text.contains(&view.party.to_string()) && !text.contains("Open it"));
    }
}
