//! Approvals: what waits for me, is it safe to say yes? What waits for others, and what I decided.

use std::iter;

use axum::extract::RawQuery;
use axum::response::Response;
use lazaret_core::caller::Caller;
use lazaret_core::id::{Id, Isolation, Person, Request, Subject, Transfer};
use lazaret_core::person;
use lazaret_core::refusal::Refusal;
use lazaret_core::request::{Act, Group, RequestView};
use lazaret_core::time::{HOUR_MS, Timestamp};
use lazaret_core::transfer::TransferView;
use lazaret_store::view::VoteRow;
use lazaret_store::{Side, View};
use maud::{Markup, html};

use super::page::{Page, Place, Script, clock, kept, live, name, pill, pill_saying};
use super::transfer::route;
use super::visit::{Inside, encode, sees_all};
use super::words::{self, Pill};
use super::{query, rules, vote};
use crate::crossing;
use crate::error::Result;
use crate::gate::Gate;

/// Requests looked at.
const REQUESTS_MAX: u32 = 500;
/// Decisions of one's own that are shown.
const DECIDED_MAX: u32 = 50;

/// How many requests this person could vote on now. Every page shows it, so nothing is decrypted for it.
///
/// # Errors
/// A fault of the store.
pub fn waiting_for(gate: &Gate, caller: &Caller, at: Timestamp) -> Result<usize> {
    let Some(voter) = vote::fresh_voter(gate, caller) else { return Ok(0) };
    gate.read(|view, _| {
        let mut count = 0;
        for open in view.open_requests(REQUESTS_MAX, at)? {
            let request = view.request(open.request, at)?;
            let may = request.is_some_and(|request| vote::may_vote_about(&request, open.subject, &voter, at).is_ok());
            count += usize::from(may);
        }
        Ok(count)
    })
}

/// A request that waits for votes.
struct Waiting {
    request: RequestView,
    subject: Id<Subject>,
    since: Timestamp,
    title: String,
    route: String,
    /// For which group the reader would vote, or why they may not.
    mine: Result<Group, Refusal>,
}

fn open(gate: &Gate, caller: &Caller, at: Timestamp) -> Result<Vec<Waiting>> {
    let voter = vote::fresh_voter(gate, caller);
    gate.read(|view, side| {
        let mut waiting = Vec::new();
        for open in view.open_requests(REQUESTS_MAX, at)? {
            let Some(request) = view.request(open.request, at)? else { continue };
            let Some((title, route, since)) = about(gate, view, side, &request, open.subject)? else { continue };
            let may_vote = |voter| vote::may_vote_about(&request, open.subject, voter, at);
            let mine = voter.as_ref().map_or(Err(Refusal::NotInRole), may_vote);
            waiting.push(Waiting { request, subject: open.subject, since, title, route, mine });
        }
        Ok(waiting)
    })
}

/// What a request is about, in words; none where that no longer waits.
fn about(
    gate: &Gate,
    view: &View<'_>,
    side: &Side<'_>,
    request: &RequestView,
    subject: Id<Subject>,
) -> lazaret_store::Result<Option<(String, String, Timestamp)>> {
    let particulars = &gate.particulars;
    Ok(match request.act {
        Act::ReleaseTransfer => {
            let Some(found) = view.transfer(subject.cast())? else { return Ok(None) };
            let kept = particulars.kept(side, found.transfer).unwrap_or_default();
            Some((kept.name().to_owned(), transfer_route(gate, view, side, &found)?, found.since))
        }
        Act::LiftIsolation => view.isolated_party(subject.cast::<Isolation>())?.map(|party| {
            let since = Timestamp::from_millis(request.until.as_millis().saturating_sub(HOUR_MS));
            ("Lift an isolation".to_owned(), particulars.party_name(side, party), since)
        }),
        Act::ActivatePolicy => {
            let since = Timestamp::from_millis(request.until.as_millis().saturating_sub(HOUR_MS));
            Some(("Put other rules in force".to_owned(), format!("sha256:{}", request.binding), since))
        }
        Act::GrantRole => {
            let since = Timestamp::from_millis(request.until.as_millis().saturating_sub(HOUR_MS));
            let (person, role) = (subject.cast(), person::asked_for(subject.cast(), request));
            let role = role.map_or("a role", words::role);
            Some((format!("Make somebody {role}"), particulars.person_name(side, person), since))
        }
    })
}

fn transfer_route(
    gate: &Gate,
    view: &View<'_>,
    side: &Side<'_>,
    found: &TransferView,
) -> lazaret_store::Result<String> {
    let lane = view.lane(found.lane)?.map(|lane| lane.terms.name.to_string()).unwrap_or_default();
    Ok(route(found.direction, &gate.particulars.party_name(side, found.party), &lane))
}

/// `GET /approvals?show=me|others|mine&look=REQUEST`
pub async fn page(inside: Inside, RawQuery(raw): RawQuery) -> Response {
    let outcome = shown(&inside, &query(raw.as_deref()));
    inside.answer(outcome)
}

fn shown(inside: &Inside, asked: &[(String, String)]) -> Result<Response> {
    sees_all(inside)?;
    let asked_for = |name: &str| asked.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value);
    let page = inside.page(Place::Approvals, "Approvals").script(Script::Passkey);
    let page = page.question("What waits for me, and is it safe to say yes?");
    let open = open(&inside.gate, inside.caller(), inside.at)?;
    let (for_me, for_others): (Vec<Waiting>, Vec<Waiting>) = open.into_iter().partition(|waiting| waiting.mine.is_ok());
    let decided = match inside.caller().person() {
        Some(person) => inside.gate.read(|view, _| view.votes_of(person, DECIDED_MAX))?,
        None => Vec::new(),
    };
    let counts = (for_me.len(), for_others.len(), decided.len());
    let look = asked_for("look");
    let is_others = |waiting: &Waiting| waiting.request.request.to_string() == look;
    let show = match asked_for("show") {
        // A link to a request leads to where it waits.
        "" if for_others.iter().any(is_others) => "others",
        show => show,
    };
    let content = match show {
        "others" => waiting_list(inside, &page, &for_others, look, "Nothing waits for others."),
        "mine" => decisions(inside, &decided)?,
        _ => waiting_list(inside, &page, &for_me, look, "Nothing waits for you."),
    };
    let part = html! { (tabs(show, counts)) (content) };
    let part = live(page.nonce(), &inside.path, &part);
    Ok(if inside.is_fragment { page.fragment(part) } else { page.answer(&part) })
}

fn tabs(current: &str, (me, others, mine): (usize, usize, usize)) -> Markup {
    let tab = |value: &str, text: String| {
        let is_current = value == current || (value == "me" && !matches!(current, "others" | "mine"));
        html! { li { a href={ "/approvals?show=" (value) } aria-current=[is_current.then_some("true")] { (text) } } }
    };
    html! {
        nav aria-label="Which approvals" {
            ul.places {
                (tab("me", format!("Waiting for you ({me})")))
                (tab("others", format!("Waiting for others ({others})")))
                (tab("mine", format!("Decided by you ({mine})")))
            }
        }
    }
}

/// The list on the left, the one looked at on the right.
fn waiting_list(inside: &Inside, page: &Page, waiting: &[Waiting], look: &str, nothing: &str) -> Markup {
    let looked = waiting.iter().find(|one| one.request.request.to_string() == look).or(waiting.first());
    html! {
        @if waiting.is_empty() {
            div.panel { p { (nothing) } p.muted { "What people are asked about appears here by itself." } }
        } @else {
            div.columns {
                ul.list.cards { @for one in waiting { li { (card(inside, one, looked)) } } }
                @if let Some(one) = looked { (detail(inside, page, one)) }
            }
        }
    }
}

fn card(inside: &Inside, one: &Waiting, looked: Option<&Waiting>) -> Markup {
    let is_looked = looked.is_some_and(|looked| looked.request.request == one.request.request);
    let show = if one.mine.is_ok() { "me" } else { "others" };
    let href = format!("/approvals?show={show}&look={}", encode(&one.request.request.to_string()));
    html! {
        a href=(href) data-row aria-current=[is_looked.then_some("true")] {
            strong { (name(&one.title)) }
            span { (one.route) }
            span { (age(one, inside.at)) " " (tally(&one.request)) }
        }
    }
}

fn age(one: &Waiting, at: Timestamp) -> Markup {
    let shown = Pill { class: "hold", sign: "▲", word: "" };
    // Nobody looks at a wait of milliseconds.
    pill_saying(shown, &words::duration(at.millis_since(one.since).max(1_000)))
}

fn tally(request: &RequestView) -> String {
    format!("{} of {} approvals", request.counted().len(), request.required)
}

fn detail(inside: &Inside, page: &Page, one: &Waiting) -> Markup {
    let doubts = doubts(inside, one);
    let linked = one.request.standing().len() > one.request.counted().len();
    let evidence =
        (one.request.act == Act::ReleaseTransfer).then(|| format!("/t/{}", one.subject.cast::<Transfer>().reference()));
    let content = html! {
        section.panel aria-labelledby="looked" {
            h2 #looked { (name(&one.title)) }
            p { (one.route) }
            @for doubt in doubts { p { strong { "The doubt: " } (doubt) } }
            @if one.request.act == Act::ActivatePolicy { (rules::changes(inside, one.request.binding)) }
            @if let Some(path) = evidence { p { a href=(path) { "All evidence" } } }
            p.muted { (tally(&one.request)) ", asked of " (words::groups(&one.request.groups)) "." }
            @if linked { p { "Somebody and whoever invited them have both voted, and that counts once: a further person is needed." } }
            @match one.mine {
                Ok(group) => {
                    p { "You decide for " strong { (words::group(group)) } ": you did not ask for it, and you are in the group." }
                    (vote::form(inside, &one.request))
                },
                Err(refusal) => p { "You cannot decide here: " (words::not_you(refusal)) "." }
            }
            @if one.request.may_take_back(inside.caller(), inside.at).is_ok() { (vote::take_back_form(inside, &one.request)) }
        }
    };
    kept(page.nonce(), &format!("look-{}", one.request.request), &content)
}

/// Why the gate asks, in the words of the rules that hold it.
fn doubts(inside: &Inside, one: &Waiting) -> Vec<String> {
    match one.request.act {
        Act::ReleaseTransfer => {}
        Act::LiftIsolation => {
            return vec!["nothing goes in from this party or out to it while it is isolated.".to_owned()];
        }
        Act::GrantRole => {
            let held = "whoever holds this role decides what may cross.".to_owned();
            return iter::once(held).chain(entered(inside, one.subject.cast())).collect();
        }
        Act::ActivatePolicy => return Vec::new(),
    }
    let explained = crossing::explanation(&inside.gate, one.subject.cast());
    explained.map(|(_, _, found)| found.because.into_iter().map(|fired| fired.reason).collect()).unwrap_or_default()
}

/// How whoever would hold a role came in: voters ask them whether that was they.
fn entered(inside: &Inside, person: Id<Person>) -> Option<String> {
    let known = inside.gate.read(|view, _| view.known(person, inside.at)).ok().flatten()?;
    let Some(since) = known.enters_since else { return Some("nothing signs them in any more.".to_owned()) };
    let named = |by: &Id<Person>| inside.gate.read(|_, side| Ok(inside.gate.particulars.person_name(side, *by)));
    let by: Vec<String> = known.invited_by.iter().filter_map(|by| named(by).ok()).collect();
    let by = if by.is_empty() { String::new() } else { format!(", by a link that {} made", by.join(" and ")) };
    let since = words::instant(since, "%-d %B %Y, %H:%M UTC");
    Some(format!("they can sign in since {since}{by}. Ask them whether the passkey of that time is theirs."))
}

fn decisions(inside: &Inside, votes: &[VoteRow]) -> Result<Markup> {
    let mut rows = Vec::new();
    for vote in votes {
        rows.push(decision(inside, vote)?);
    }
    Ok(html! {
        @if rows.is_empty() { div.panel { p { "You have decided nothing yet." } } }
        @else {
            div.table.stack {
                table {
                    thead { tr {
                        th scope="col" { "You said" } th scope="col" { "What" } th scope="col" { "For" } th scope="col" { "When" }
                    } }
                    tbody { @for row in rows { (row) } }
                }
            }
        }
    })
}

fn decision(inside: &Inside, vote: &VoteRow) -> Result<Markup> {
    let transfer = vote.subject.cast::<Transfer>();
    let title = inside.gate.read(|_, side| {
        let kept = inside.gate.particulars.kept(side, transfer).unwrap_or_default();
        Ok(kept.name().to_owned())
    })?;
    let said = if vote.approves {
        Pill { class: "ok", sign: "✓", word: "yes" }
    } else {
        Pill { class: "bad", sign: "✕", word: "no" }
    };
    Ok(html! {
        tr {
            td.keep { (pill(said)) }
            td.full {
                @match vote.act {
                    Act::ReleaseTransfer => (super::transfer::link(&transfer.reference().to_string(), &title)),
                    act => (words::act(act)),
                }
            }
            td { (words::group(vote.group)) }
            td.keep { (clock(vote.at, inside.at)) }
        }
    })
}

/// A request's id, for a link.
pub fn look(request: Id<Request>) -> String {
    format!("/approvals?look={}", encode(&request.to_string()))
}
