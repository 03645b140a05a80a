//! `lazaret parties add`, `vet`, `key`, `token`: how a party is let in. Lanes are in [`super::lanes`].

use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::client::{Client, segment};
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::fields::{self, JsonArgs};
use super::find::{Unnamed, Where, read_file};
use super::send::garbled;
use super::{out, parties, tokens};
use crate::api::types::{
    AddedKeyJson, Json as _, NewKeyJson, NewPartyJson, NewTokenJson, PartyJson, VettingJson, from_json,
};
use crate::config::Surroundings;

/// Who is new.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Short name, for URLs and as SFTP user: lower-case letters, digits, hyphens
    #[arg(value_name = "SHORT_NAME")]
    slug: String,
    /// What people call it
    #[arg(long, value_name = "NAME")]
    name: String,
    /// What it is to the hospital
    #[arg(long, value_parser = ["manufacturer", "distributor", "transporter", "contractor", "software_developer", "service_provider", "agency"])]
    kind: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// What was checked.
#[derive(Debug, Args)]
pub(crate) struct VetArgs {
    /// Short name or id
    #[arg(value_name = "PARTY")]
    party: String,
    /// How it ended
    #[arg(long, value_parser = ["passed", "adverse"])]
    outcome: String,
    /// For how many days from now it counts
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=36_500))]
    days: u32,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Which key.
#[derive(Debug, Args)]
pub(crate) struct KeyArgs {
    /// Short name or id
    #[arg(value_name = "PARTY")]
    party: String,
    /// The public key, such as id_ed25519.pub
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// For how long, and where to.
#[derive(Debug, Args)]
pub(crate) struct TokenArgs {
    /// Short name or id
    #[arg(value_name = "PARTY")]
    party: String,
    /// For how many days
    #[arg(long, default_value_t = 90, value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,
    /// A new file for it, which only its owner reads [default: standard output]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

impl AddArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.json.wanted()
    }
}

impl VetArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.json.wanted()
    }
}

impl KeyArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.json.wanted()
    }
}

impl TokenArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.json.wanted()
    }
}

/// Records a party.
pub(crate) async fn add(args: AddArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::PARTY)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let body = NewPartyJson { slug: args.slug, name: args.name, kind: args.kind }.to_json()?;
    let answer = client.post("/api/v1/parties", "application/json", body).await?;
    let added: PartyJson = from_json(&answer.body).map_err(garbled)?;
    let end = parties::show(&args.json, &added)?;
    if !args.json.wanted() {
        let slug = out::shown(&added.slug);
        out::say(&format!(
            "  Nothing of it is released before: lazaret parties vet {slug} …, lazaret parties agree {slug} --kind contract …"
        ));
    }
    Ok(end)
}

/// Records what was checked about one.
pub(crate) async fn vet(args: VetArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::PARTY)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let body = VettingJson { outcome: args.outcome, days: args.days }.to_json()?;
    let answer = client.post(&path(&args.party, "vettings"), "application/json", body).await?;
    parties::show(&args.json, &from_json(&answer.body).map_err(garbled)?)
}

/// Adds one's key for SFTP.
pub(crate) async fn key(args: KeyArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::KEY)?;
    let line = String::from_utf8_lossy(&read_file(&args.file)?).into_owned();
    if line.contains("PRIVATE KEY") {
        return Err(Failure::usage(format!("{} is a private key, and leaves nobody's hands", args.file.display()))
            .hint("give its .pub file"));
    }
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let answer = client.post(&path(&args.party, "keys"), "application/json", NewKeyJson { line }.to_json()?).await?;
    let added: AddedKeyJson = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        args.json.print(&added)?;
    } else {
        out::print(&format!("  {}  {}\n", added.id, added.fingerprint))?;
    }
    Ok(Exit::Done)
}

/// Makes one's token for HTTPS.
pub(crate) async fn token(args: TokenArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::TOKEN)?;
    tokens::is_free(args.output.as_deref())?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let body = NewTokenJson { days: args.days }.to_json()?;
    let answer = client.post(&path(&args.party, "tokens"), "application/json", body).await?;
    tokens::told(&args.json, args.output.as_deref(), from_json(&answer.body).map_err(garbled)?)
}

fn path(party: &str, rest: &str) -> String {
    format!("/api/v1/parties/{}/{rest}", segment(party))
}
