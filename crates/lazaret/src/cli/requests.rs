//! `lazaret requests`: what waits for votes and is about no transfer, such as lifting an isolation or putting other rules in
//! force.

use clap::{Args, Subcommand};

use super::client::Client;
use super::exit::Exit;
use super::fail::Result;
use super::fields::{self, JsonArgs};
use super::find::{Unnamed, Where};
use super::{out, vote};
use crate::api::types::RequestJson;
use crate::config::Surroundings;

/// What can be done with requests.
#[derive(Debug, Subcommand)]
pub(crate) enum RequestsVerb {
    /// List what waits for votes, the longest-waiting first
    List(ListArgs),
    /// Vote for one
    Approve(vote::VoteArgs),
    /// Vote against one: one vote ends it
    Deny(vote::VoteArgs),
}

/// Requests in one list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

impl RequestsVerb {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            RequestsVerb::List(args) => args.json.wanted(),
            RequestsVerb::Approve(args) | RequestsVerb::Deny(args) => args.wants_json(),
        }
    }
}

/// Does it.
pub(crate) async fn run(verb: RequestsVerb, around: &Surroundings) -> Result<Exit> {
    match verb {
        RequestsVerb::List(args) => list(args, around).await,
        RequestsVerb::Approve(args) => vote::on_request(args, "approve", around).await,
        RequestsVerb::Deny(args) => vote::on_request(args, "reject", around).await,
    }
}

async fn list(args: ListArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::REQUEST)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let open = vote::open_requests(&mut client).await?;
    if args.json.wanted() {
        args.json.print_list(&open, None)?;
        return Ok(Exit::Done);
    }
    if open.is_empty() {
        out::say("Nothing waits for a vote.");
    }
    let row = |request: &RequestJson| format!("  {}  {}\n", request.id, vote::request_text(request));
    out::print(&open.iter().map(row).collect::<String>())?;
    Ok(Exit::Done)
}
