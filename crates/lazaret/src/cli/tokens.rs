//! `lazaret tokens`: one's own bearer tokens. A new one is told once; it goes to a file that only its owner reads, or to
//! standard output for a pipe.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueHint};

use super::client::{Client, segment};
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::fields::{self, JsonArgs};
use super::find::{Unnamed, Where};
use super::out;
use super::send::garbled;
use crate::api::types::{Json as _, ListJson, NewTokenJson, TokenJson, from_json};
use crate::config::Surroundings;

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum TokensVerb {
    /// List one's own
    List(ListArgs),
    /// Make one; it is told once
    Make(MakeArgs),
    /// End one at once
    Revoke(RevokeArgs),
}

/// One's own.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// For how long, and where to.
#[derive(Debug, Args)]
pub(crate) struct MakeArgs {
    /// For how many days, at most as long as what it is asked by
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

/// Which.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The token's id
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

impl TokensVerb {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            TokensVerb::List(args) => args.json.wanted(),
            TokensVerb::Make(args) => args.json.wanted(),
            TokensVerb::Revoke(args) => args.json.wanted(),
        }
    }
}

/// Does it.
pub(crate) async fn run(verb: TokensVerb, around: &Surroundings) -> Result<Exit> {
    match verb {
        TokensVerb::List(args) => list(args, around).await,
        TokensVerb::Make(args) => make(args, around).await,
        TokensVerb::Revoke(args) => revoke(args, around).await,
    }
}

async fn list(args: ListArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::TOKEN)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let answer = client.get("/api/v1/tokens").await?;
    let page: ListJson<TokenJson> = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        args.json.print_list(&page.items, page.next.as_deref())?;
    } else {
        out::print(&page.items.iter().map(|token| format!("{}\n", row(token))).collect::<String>())?;
    }
    Ok(Exit::Done)
}

async fn make(args: MakeArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::TOKEN)?;
    is_free(args.output.as_deref())?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let answer = client.post("/api/v1/tokens", "application/json", NewTokenJson { days: args.days }.to_json()?).await?;
    told(&args.json, args.output.as_deref(), from_json(&answer.body).map_err(garbled)?)
}

/// Refuses a file that is there already, before a token is made for it.
///
/// # Errors
/// There is one.
pub(crate) fn is_free(output: Option<&Path>) -> Result<()> {
    match output.filter(|path| path.exists()) {
        Some(path) => Err(Failure::error(format!("there is a file {} already", path.display())).hint("-o FILE")),
        None => Ok(()),
    }
}

/// Tells a token that was made, once: into the file, or on standard output.
///
/// # Errors
/// The file or the output cannot be written.
pub(crate) fn told(json: &JsonArgs, output: Option<&Path>, mut made: TokenJson) -> Result<Exit> {
    if let Some(path) = output {
        let token = made.token.take().unwrap_or_default();
        keep(path, &token).map_err(|error| {
            Failure::file("write", path, &error)
                .hint(format!("nobody has the token now: lazaret tokens revoke {}", made.id))
        })?;
    }
    match (json.wanted(), &made.token) {
        (true, _) => json.print(&made)?,
        (false, Some(token)) => {
            out::print(&format!("{token}\n"))?;
            out::say(&row(&made));
        }
        (false, None) => out::print(&format!("{}\n", row(&made)))?,
    }
    Ok(Exit::Done)
}

fn keep(path: &Path, token: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(format!("{token}\n").as_bytes())?;
    file.sync_all()
}

async fn revoke(args: RevokeArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::TOKEN)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let answer = client.delete(&format!("/api/v1/tokens/{}", segment(&args.id))).await?;
    let revoked: TokenJson = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        args.json.print(&revoked)?;
    } else {
        out::print(&format!("  {}  opens nothing any more\n", revoked.id))?;
    }
    Ok(Exit::Done)
}

fn row(token: &TokenJson) -> String {
    format!("  {}  from {}  until {}", token.id, token.from, token.until.as_deref().unwrap_or("it is revoked"))
}
