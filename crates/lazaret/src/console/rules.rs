//! One rule of the set in force: what it says in words, what it asks for, and its text; and what another set changes.

use axum::extract::Path;
use axum::response::Response;
use lazaret_core::digest::Digest;
use lazaret_core::policy::{Bundle, Rule};
use lazaret_core::refusal::Refusal;
use maud::{Markup, html};

use super::page::Place;
use super::visit::Inside;
use super::words;
use crate::error::Error;

/// `GET /r/{rule}`
pub async fn page(inside: Inside, Path(id): Path<String>) -> Response {
    let bundle = inside.gate.policy();
    let rule = bundle.rule(&id).filter(|_| inside.reader.audience.is_operator());
    let outcome = rule.ok_or(Error::Refused(Refusal::NotFound)).map(|rule| {
        let body = html! {
            p { strong { (rule.reason) } }
            dl.facts {
                @if let Some(hold) = rule.hold { dt { "Asks for" } dd.mono { (hold.as_str()) } }
                dt { "Helps most" } dd { (rule.fix.as_str()) }
                dt { "In the set" } dd.mono { "sha256:" (bundle.digest()) }
            }
            h2 { "Its text" }
            div.panel tabindex="0" role="group" aria-label="The rule's text" { pre { code { (rule.text) } } }
        };
        inside.page(Place::Nowhere, format!("Rule {id}")).question("What does it ask, and why?").answer(&body)
    });
    inside.answer(outcome)
}

/// Which rules a set that people are asked about would bring, change and drop.
pub fn changes(inside: &Inside, digest: Digest) -> Markup {
    let found = inside.gate.read(|_, side| side.policy_text(digest));
    let other = found.ok().flatten().and_then(|text| Bundle::parse(&text).ok());
    let Some(other) = other else { return html! { p { "The set's text cannot be read." } } };
    let in_force = inside.gate.policy();
    let (now, then) = (in_force.rules(), other.rules());
    let changed: Vec<(&str, &Rule)> = then.iter().filter_map(|rule| Some((change(&now, rule)?, *rule))).collect();
    let dropped: Vec<&&Rule> = now.iter().filter(|rule| then.iter().all(|other| other.id != rule.id)).collect();
    html! {
        p { (words::counted(changed.len(), "rule is", "rules are")) " new or changed, " (dropped.len()) " dropped." }
        @for (how, rule) in &changed {
            details { summary { (how) " " span.mono { (rule.id.as_str()) } } pre { code { (rule.text) } } }
        }
        @for rule in &dropped {
            details { summary { "dropped " span.mono { (rule.id.as_str()) } } pre { code { (rule.text) } } }
        }
        p.muted { "What they would decide otherwise: " code { "lazaret policy simulate" } "." }
    }
}

fn change(now: &[&Rule], rule: &Rule) -> Option<&'static str> {
    match now.iter().find(|known| known.id == rule.id) {
        None => Some("new"),
        Some(known) if known.text != rule.text => Some("changed"),
        Some(_) => None,
    }
}
