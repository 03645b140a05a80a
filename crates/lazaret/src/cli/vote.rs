//! Voting from a terminal, on transfers and on other requests. A vote binds what the voter saw: it is shown first, and the
//! binding that came with it is what is sent. Where the gate wants a passkey, the console's page is named instead.

use std::time::Duration;

use clap::Args;

use super::client::{Client, segment};
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::fields::{self, JsonArgs};
use super::find::{Unnamed, Where};
use super::out::{self, Paint};
use super::send::garbled;
use super::{send, transfers, words};
use crate::api::types::{Json as _, RequestJson, TransferJson, VoteJson, from_json};
use crate::config::Surroundings;
use lazaret_core::refusal::PartyCode;

/// While others are waited for, the gate is asked this often at least.
const REST_MAX: Duration = Duration::from_secs(5);

/// How long the effect of the last vote that was missing is waited for, so that whoever cast it is told of that.
const EFFECT_MAX: Duration = Duration::from_secs(3);

/// A vote.
#[derive(Debug, Args)]
pub(crate) struct VoteArgs {
    /// Reference or id
    #[arg(value_name = "REFERENCE")]
    subject: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
    /// Why; it is kept with the vote
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Stay until it is released or over, so long at most; ends with 8 where it is neither by then. Of transfers only
    #[arg(long, value_name = "30m", num_args = 0..=1, require_equals = true, default_missing_value = "30m", value_parser = send::duration)]
    wait: Option<Duration>,
}

impl VoteArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.json.wanted()
    }
}

/// Votes on a transfer: `choice` is `approve` or `reject`.
pub(crate) async fn on_transfer(args: VoteArgs, choice: &str, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::TRANSFER)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let seen = transfers::look(&mut client, &args.subject).await?;
    let Some(binding) = seen.binding.clone() else { return Err(no_vote(&seen)) };
    let paint = Paint::new(around);
    if !args.json.wanted() {
        let lines = words::decision(paint, &seen);
        out::say(&format!(
            "  {} {}\n  sha256 {}\n  {}",
            word(choice),
            words::outline(&seen),
            seen.sha256,
            lines.join("\n  ")
        ));
    }
    let path = format!("/api/v1/transfers/{}/approvals", segment(&seen.reference));
    let page = format!("t/{}", segment(&seen.reference));
    let about = About { id: &seen.reference, page: &page };
    let mut now: TransferJson = cast(&mut client, &path, choice, binding, &args.reason, about).await?;
    // Held, and no vote is asked for any more: this was the last one, and its effect follows at once.
    let settles = now.approvals.is_none().then_some(EFFECT_MAX);
    if let Some(wait) = args.wait.or(settles) {
        now = decided(&mut client, now, wait).await?;
    }
    // Who waits asks what became of it; who does not has voted, and that is done.
    let exit = args.wait.map_or(Exit::Done, |_| Exit::of_state(words::stage_of(&now.state)));
    if args.json.wanted() {
        transfers::print_json(&args.json, now)?;
    } else {
        out::print(&format!("  {}  {}\n", now.reference, standing(paint, &now)))?;
    }
    Ok(exit)
}

/// Votes on a request that is about no transfer.
pub(crate) async fn on_request(args: VoteArgs, choice: &str, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::REQUEST)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let open = open_requests(&mut client).await?;
    let asked = open.into_iter().find(|request| request.id == args.subject);
    let request = asked.ok_or_else(|| {
        Failure::error(format!("no request {} waits for votes", args.subject)).hint("lazaret requests list")
    })?;
    if let Some(reference) = request.reference.as_ref().filter(|_| request.act == "release_transfer") {
        return Err(Failure::usage("a transfer is voted on as a transfer")
            .hint(format!("lazaret transfers approve {reference} --as PERSON --reason TEXT")));
    }
    if !args.json.wanted() {
        out::say(&format!("  {} {}", word(choice), request_text(&request)));
    }
    let path = format!("/api/v1/requests/{}/approvals", segment(&request.id));
    let (binding, page) = (request.binding, format!("approvals?look={}", segment(&request.id)));
    let about = About { id: &request.id, page: &page };
    let now: RequestJson = cast(&mut client, &path, choice, binding, &args.reason, about).await?;
    if args.json.wanted() {
        args.json.print(&now)?;
    } else {
        let tally = now.approvals;
        out::print(&format!("  {}  {} of {} votes\n", now.id, tally.counted, tally.required))?;
    }
    Ok(Exit::Done)
}

/// Requests that wait for votes.
///
/// # Errors
/// The gate's problem, or none can be reached.
pub(crate) async fn open_requests(client: &mut Client) -> Result<Vec<RequestJson>> {
    let answer = client.get("/api/v1/requests").await?;
    let page: crate::api::types::ListJson<RequestJson> = from_json(&answer.body).map_err(garbled)?;
    Ok(page.items)
}

/// A request in words.
pub(crate) fn request_text(request: &RequestJson) -> String {
    let about = request.reference.as_ref().or(request.party.as_ref());
    let about = about.map(|about| format!(" of {}", out::shown(about))).unwrap_or_default();
    let about = match (&request.role, &request.person) {
        (Some(role), Some(person)) => format!(" {role} to {}{}", out::shown(person), entered(request)),
        _ => about,
    };
    let tally = request.approvals;
    format!(
        "{}{about}: {} of {} votes, from {}; until {}",
        request.act.replace('_', " "),
        tally.counted,
        tally.required,
        request.groups.join(" and "),
        request.until
    )
}

/// How the person came in, for whoever is to ask them whether that was they.
fn entered(request: &RequestJson) -> String {
    let Some(since) = &request.enters_since else { return ", who cannot sign in".to_owned() };
    let by = match request.invited_by.as_slice() {
        [] => String::new(),
        by => format!(" by a link of {}", out::shown(&by.join(", "))),
    };
    format!(", who can sign in since {since}{by}")
}

/// What is voted on, and the console's page where that can be done.
#[derive(Clone, Copy)]
struct About<'a> {
    id: &'a str,
    page: &'a str,
}

async fn cast<T: crate::api::types::FromJson>(
    client: &mut Client,
    path: &str,
    choice: &str,
    binding: String,
    reason: &str,
    about: About<'_>,
) -> Result<T> {
    let vote = VoteJson { vote: choice.to_owned(), binding, reason: reason.to_owned() };
    let answer = client.post(path, "application/json", vote.to_json()?).await;
    let answer = answer.map_err(|failure| explained(failure, client.server(), about))?;
    T::from_json(&answer.body).map_err(garbled)
}

/// A gate that wants a passkey for votes says so; the page where it can be shown is named.
fn explained(failure: Failure, server: &str, about: About<'_>) -> Failure {
    if failure.code() == PartyCode::StepUp.word() {
        return Failure::sign_in("a vote needs a passkey here; a token alone does not count")
            .hint(format!("open {server}/{} and vote there", about.page))
            .about(about.id);
    }
    failure.about(about.id)
}

/// Until it is released or over, whoever else has to vote for that; or where it stands when the wait is over.
async fn decided(client: &mut Client, mut now: TransferJson, wait: Duration) -> Result<TransferJson> {
    let (begun, mut rest) = (std::time::Instant::now(), Duration::from_millis(100));
    while Exit::of_state(words::stage_of(&now.state)) == Exit::Held {
        let left = wait.saturating_sub(begun.elapsed());
        if left.is_zero() {
            break;
        }
        // Votes that are there have their effect at once; for people who are yet to vote nobody asks ten times a second.
        tokio::time::sleep(rest.min(left)).await;
        rest = (rest * 2).min(REST_MAX);
        now = transfers::look(client, &now.reference).await?;
    }
    Ok(now)
}

fn standing(paint: Paint, now: &TransferJson) -> String {
    let pill = words::pill(paint, words::stage_of(&now.state));
    match now.approvals {
        Some(tally) => format!("{pill}  {} of {} approvals", tally.counted, tally.required),
        None => pill,
    }
}

fn no_vote(seen: &TransferJson) -> Failure {
    let failure = transfers::not_now(seen, "there is nothing to vote on");
    match seen.state.as_str() {
        "held" | "not_checked" => {
            failure.hint(format!("no vote helps here; see lazaret transfers explain {}", seen.reference))
        }
        _ => failure,
    }
}

fn word(choice: &str) -> &'static str {
    if choice == "approve" { "approve" } else { "deny" }
}
