//! One rule of the set in force: what it says in words, what it asks for, and its text.

use axum::extract::Path;
use axum::response::Response;
use lazaret_core::refusal::Refusal;
use maud::html;

use super::page::Place;
use super::visit::Inside;
use crate::error::Error;

/// `GET /r/{rule}`
pub async fn page(inside: Inside, Path(id): Path<String>) -> Response {
    let bundle = inside.gate.policy();
    let rule = bundle.rule(&id).filter(|_| inside.reader.is_insider);
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
