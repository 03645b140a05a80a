//! `lazaret lanes`: the ways in and out, each under a party's contract.

use clap::{Args, Subcommand};

use super::client::{Client, segment};
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::fields::{self, JsonArgs};
use super::find::{Unnamed, Where};
use super::out::{self, shown, size_text};
use super::send::garbled;
use crate::api::types::{Json as _, LaneTermsJson, ListJson, OpenLaneJson, from_json};
use crate::config::Surroundings;

/// What can be done with lanes.
#[derive(Debug, Subcommand)]
pub(crate) enum LanesVerb {
    /// List them with their terms
    List(ListArgs),
    /// Open one under a party's contract, or give one other terms: what is not said of it stays
    Open(OpenArgs),
    /// Close one: it takes nothing more
    Close(CloseArgs),
}

/// All of them.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only this party's
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Which, and on what terms.
#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// Its name in paths: lower-case letters, digits, hyphens
    #[arg(value_name = "LANE")]
    lane: String,
    /// The party under whose contract it is
    #[arg(long, value_name = "PARTY")]
    party: String,
    /// Into the hospital, or out of it
    #[arg(long, value_parser = ["in", "out"])]
    direction: String,
    /// Who collects from an inward lane; give it again for each
    #[arg(long = "recipient", value_name = "PERSON")]
    recipients: Vec<String>,
    /// What may be sent on it; give it again for each [default of a new lane: any kind]
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Inspectors whose answer is required, beside kind, archive and malware, which always are [default of a new lane: phi,signature]
    #[arg(long = "inspect", value_name = "INSPECTOR,…", value_delimiter = ',')]
    inspectors: Vec<String>,
    /// Largest object, such as 500MB or 10GB [default of a new lane: the gate's own limit]
    #[arg(long, value_name = "SIZE", value_parser = size)]
    max: Option<u64>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Which one.
#[derive(Debug, Args)]
pub(crate) struct CloseArgs {
    /// Its name
    #[arg(value_name = "LANE")]
    lane: String,
    /// Only say what is under way on it
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// `500MB`, `10GB`: SI units, as sizes are shown.
fn size(text: &str) -> Result<u64, String> {
    const UNITS: [(&str, u64); 5] =
        [("kB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000), ("B", 1)];
    let split = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (digits, factor) = split.unwrap_or((text, 1));
    let bytes = digits.trim().parse::<u64>().ok().and_then(|count| count.checked_mul(factor));
    bytes.ok_or_else(|| format!("{text} is no size; write 500MB or 10GB"))
}

impl LanesVerb {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            LanesVerb::List(args) => args.json.wanted(),
            LanesVerb::Open(args) => args.json.wanted(),
            LanesVerb::Close(args) => args.json.wanted(),
        }
    }
}

/// Does it.
pub(crate) async fn run(verb: LanesVerb, around: &Surroundings) -> Result<Exit> {
    match verb {
        LanesVerb::List(args) => list(args, around).await,
        LanesVerb::Open(args) => open(args, around).await,
        LanesVerb::Close(args) => close(args, around).await,
    }
}

async fn all(client: &mut Client) -> Result<Vec<LaneTermsJson>> {
    let answer = client.get("/api/v1/lanes").await?;
    let page: ListJson<LaneTermsJson> = from_json(&answer.body).map_err(garbled)?;
    Ok(page.items)
}

async fn list(args: ListArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::LANE)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let mut lanes = all(&mut client).await?;
    lanes.retain(|lane| args.party.as_ref().is_none_or(|party| *party == lane.party));
    if args.json.wanted() {
        args.json.print_list(&lanes, None)?;
    } else {
        out::print(&lanes.iter().map(|lane| format!("{}\n", row(lane))).collect::<String>())?;
    }
    Ok(Exit::Done)
}

async fn open(args: OpenArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::LANE)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let said = |all: Vec<String>| (!all.is_empty()).then_some(all);
    let body = OpenLaneJson {
        party: args.party,
        direction: args.direction,
        kinds: said(args.kinds),
        inspectors: said(args.inspectors),
        recipients: said(args.recipients),
        object_bytes_max: args.max,
    };
    let answer = client.put_json(&path(&args.lane), body.to_json()?).await?;
    show(&args.json, &from_json(&answer.body).map_err(garbled)?)
}

async fn close(args: CloseArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::LANE)?;
    let unnamed = if args.dry_run { Unnamed::FirstPerson } else { Unnamed::Refused };
    let mut client = Client::new(&args.place.resolve(around, unnamed)?)?;
    if args.dry_run {
        // Nothing is sent that could change anything.
        let found = all(&mut client).await?.into_iter().find(|lane| lane.name == args.lane);
        let lane = found.ok_or_else(|| Failure::error(format!("no lane is called {}", args.lane)))?;
        return show(&args.json, &lane);
    }
    let answer = client.delete(&path(&args.lane)).await?;
    show(&args.json, &from_json(&answer.body).map_err(garbled)?)
}

fn show(json: &JsonArgs, lane: &LaneTermsJson) -> Result<Exit> {
    if json.wanted() {
        json.print(lane)?;
    } else {
        out::print(&format!("{}\n", row(lane)))?;
    }
    Ok(Exit::Done)
}

fn row(lane: &LaneTermsJson) -> String {
    let kinds = if lane.kinds.is_empty() { "any kind".to_owned() } else { lane.kinds.join(", ") };
    let to = if lane.recipients.is_empty() { shown(&lane.party) } else { shown(&lane.recipients.join(", ")) };
    let closed = if lane.open { "" } else { "  ✕ CLOSED" };
    format!(
        "  {:<16} {:<12} {}, {kinds} up to {}, for {to}; {} under way{closed}",
        shown(&lane.name),
        shown(&lane.party),
        lane.direction,
        size_text(lane.object_bytes_max),
        lane.open_transfers
    )
}

fn path(lane: &str) -> String {
    format!("/api/v1/lanes/{}", segment(lane))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_shown() {
        for (text, bytes) in [("7", 7), ("7B", 7), ("48kB", 48_000), ("500MB", 500_000_000), ("10 GB", 10_000_000_000)]
        {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for text in ["", "GB", "-1", "1.5GB", "10GiB", "99999999999999TB"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
