//! `lazaret parties`, `lazaret isolate`: who is on the other side, what they agreed to, and how they are stopped at once.

use std::io::IsTerminal as _;

use clap::{Args, Subcommand};

use super::client::{Client, segment};
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::fields::{self, JsonArgs};
use super::find::{Unnamed, Where};
use super::out::{self, shown};
use super::send::garbled;
use super::{partners, vote};
use crate::api::types::{
    AgreementJson, IsolationJson, Json as _, LaneJson, ListJson, PartyJson, PartyStateJson, RequestJson, from_json,
};
use crate::config::Surroundings;

/// What can be done with parties.
#[derive(Debug, Subcommand)]
pub(crate) enum PartiesVerb {
    /// List them
    List(ListArgs),
    /// Show one
    Get(OneArgs),
    /// Record one
    Add(partners::AddArgs),
    /// Record what was checked about one
    Vet(partners::VetArgs),
    /// Record an agreement: the contract, or one that covers patient data
    Agree(AgreeArgs),
    /// Add a key by which its programs come in over SFTP
    Key(partners::KeyArgs),
    /// Make a token by which its programs come in over HTTPS; it is told once
    Token(partners::TokenArgs),
    /// Ask two others to lift an isolation
    Lift(OneArgs),
    /// Release nothing more of one until it goes on
    Suspend(OneArgs),
    /// Let a suspended one go on
    Resume(OneArgs),
    /// End one for good, with everything by which it and its people come in
    End(OneArgs),
}

/// Parties in one list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Which one.
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// Short name or id
    #[arg(value_name = "PARTY")]
    party: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// What was agreed.
#[derive(Debug, Args)]
pub(crate) struct AgreeArgs {
    /// Short name or id
    #[arg(value_name = "PARTY")]
    party: String,
    /// The contract, which lanes need; a business associate or data processing agreement, which patient data needs
    #[arg(long, value_parser = ["contract", "baa", "dpa"])]
    kind: String,
    /// For how many days from now it is in force
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Whom to stop.
#[derive(Debug, Args)]
pub(crate) struct IsolateArgs {
    /// Short name or id
    #[arg(value_name = "PARTY")]
    party: String,
    #[command(flatten)]
    place: Where,
    /// Only say what it would stop
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl PartiesVerb {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            PartiesVerb::List(args) => args.json.wanted(),
            PartiesVerb::Get(args)
            | PartiesVerb::Lift(args)
            | PartiesVerb::Suspend(args)
            | PartiesVerb::Resume(args)
            | PartiesVerb::End(args) => args.json.wanted(),
            PartiesVerb::Agree(args) => args.json.wanted(),
            PartiesVerb::Add(args) => args.wants_json(),
            PartiesVerb::Vet(args) => args.wants_json(),
            PartiesVerb::Key(args) => args.wants_json(),
            PartiesVerb::Token(args) => args.wants_json(),
        }
    }
}

impl IsolateArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.json
    }
}

/// Does it.
pub(crate) async fn run(verb: PartiesVerb, around: &Surroundings) -> Result<Exit> {
    match verb {
        PartiesVerb::List(args) => list(args, around).await,
        PartiesVerb::Get(args) => get(args, around).await,
        PartiesVerb::Agree(args) => agree(args, around).await,
        PartiesVerb::Add(args) => partners::add(args, around).await,
        PartiesVerb::Vet(args) => partners::vet(args, around).await,
        PartiesVerb::Key(args) => partners::key(args, around).await,
        PartiesVerb::Token(args) => partners::token(args, around).await,
        PartiesVerb::Lift(args) => lift(args, around).await,
        PartiesVerb::Suspend(args) => turn(args, "suspended", around).await,
        PartiesVerb::Resume(args) => turn(args, "active", around).await,
        PartiesVerb::End(args) => turn(args, "ended", around).await,
    }
}

async fn list(args: ListArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::PARTY)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let answer = client.get("/api/v1/parties").await?;
    let page: ListJson<PartyJson> = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        args.json.print_list(&page.items, page.next.as_deref())?;
    } else {
        out::print(&page.items.iter().map(|party| format!("{}\n", row(party))).collect::<String>())?;
    }
    Ok(Exit::Done)
}

async fn get(args: OneArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::PARTY)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let answer = client.get(&path(&args.party, "")).await?;
    show(&args.json, &from_json(&answer.body).map_err(garbled)?)
}

async fn agree(args: AgreeArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::PARTY)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let body = AgreementJson { kind: args.kind, days: args.days }.to_json()?;
    let answer = client.post(&path(&args.party, "/agreements"), "application/json", body).await?;
    show(&args.json, &from_json(&answer.body).map_err(garbled)?)
}

async fn lift(args: OneArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::REQUEST)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let answer = client.post(&path(&args.party, "/isolation/lift"), "application/json", String::new()).await?;
    let request: RequestJson = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        args.json.print(&request)?;
    } else {
        out::print(&format!("  {}  {}\n", request.id, vote::request_text(&request)))?;
        out::say(&format!("  Two others vote: lazaret requests approve {} --as PERSON --reason TEXT", request.id));
    }
    Ok(Exit::Done)
}

async fn turn(args: OneArgs, state: &str, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::PARTY)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let body = PartyStateJson { state: state.to_owned() }.to_json()?;
    let answer = client.put_json(&path(&args.party, "/state"), body).await?;
    show(&args.json, &from_json(&answer.body).map_err(garbled)?)
}

/// Prints one.
///
/// # Errors
/// The output cannot be written.
pub(crate) fn show(json: &JsonArgs, party: &PartyJson) -> Result<Exit> {
    if json.wanted() {
        json.print(party)?;
    } else {
        out::print(&format!("{}\n", row(party)))?;
    }
    Ok(Exit::Done)
}

fn row(party: &PartyJson) -> String {
    let lane = |lane: &LaneJson| format!("{} ({})", lane.name, lane.direction);
    let lanes: Vec<String> = party.lanes.iter().map(lane).collect();
    let isolated = if party.isolated { "  ✕ ISOLATED" } else { "" };
    format!(
        "  {:<12} {:<28} {}, {}{isolated}  {}",
        shown(&party.slug),
        shown(&party.name),
        party.state,
        party.kind.replace('_', " "),
        shown(&lanes.join(", "))
    )
}

fn path(party: &str, rest: &str) -> String {
    format!("/api/v1/parties/{}{rest}", segment(party))
}

/// Stops a party, or says what that would stop. What cannot be taken back by one person is said first and asked for by name.
pub(crate) async fn isolate(args: IsolateArgs, around: &Surroundings) -> Result<Exit> {
    let asks = std::io::stdin().is_terminal() && out::is_watched();
    if !args.dry_run && !args.yes && !asks {
        return Err(Failure::usage("nobody can be asked here whether to isolate").hint("--dry-run first, then --yes"));
    }
    let unnamed = if args.dry_run { Unnamed::FirstPerson } else { Unnamed::Refused };
    let mut client = Client::new(&args.place.resolve(around, unnamed)?)?;
    let plan_path = path(&args.party, "/isolation?dry_run=true");
    let answer = client.post(&plan_path, "application/json", String::new()).await?;
    let plan: IsolationJson = from_json(&answer.body).map_err(garbled)?;
    // Asked twice in a hurry: it stands still, and that is what was wanted.
    if args.dry_run || plan.isolated {
        return said(&args, &plan);
    }
    if !args.yes && !is_confirmed(&plan)? {
        return Err(Failure::error("the name is another; nothing was isolated"));
    }
    let answer = client.post(&path(&args.party, "/isolation"), "application/json", String::new()).await?;
    said(&args, &from_json(&answer.body).map_err(garbled)?)
}

fn said(args: &IsolateArgs, isolation: &IsolationJson) -> Result<Exit> {
    if args.json {
        out::print_json(isolation)?;
    } else {
        out::print(&format!("  {}\n", isolation_text(isolation)))?;
    }
    Ok(Exit::Done)
}

fn isolation_text(isolation: &IsolationJson) -> String {
    let IsolationJson { party, isolated, open_transfers, released, uploads } = isolation;
    let what = format!("{open_transfers} open transfers, {released} released and undelivered, {uploads} uploads");
    let party = shown(party);
    if *isolated {
        format!("✕ {party} is ISOLATED: {what} stand still")
    } else {
        format!("{party} would be isolated: {what}")
    }
}

fn is_confirmed(plan: &IsolationJson) -> Result<bool> {
    out::say(&format!("  {}", isolation_text(plan)));
    out::say("  Nothing goes in from it or out to it until two people lift it. Type its name to isolate it:");
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(|error| Failure::error("nothing could be read").because(error))?;
    Ok(line.trim() == plan.party)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_and_an_isolation_read_differently() {
        let plan = IsolationJson { party: "acme".into(), isolated: false, open_transfers: 8, released: 1, uploads: 2 };
        assert_eq!(
            isolation_text(&plan),
            "acme would be isolated: 8 open transfers, 1 released and undelivered, 2 uploads"
        );
        assert!(isolation_text(&IsolationJson { isolated: true, ..plan }).contains("ISOLATED"));
    }
}
