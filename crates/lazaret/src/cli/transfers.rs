//! `lazaret transfers`: list, look, explain, vote, take back, fetch receipts and objects.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::client::{Client, segment};
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::fields::{self, JsonArgs};
use super::find::{Unnamed, Where};
use super::out::{self, Paint, shown, size_text};
use super::send::garbled;
use super::{fetch, receipt, vote, words};
use crate::api::types::{ListJson, ShownJson, SupposedJson, TransferJson, from_json};
use crate::config::Surroundings;

/// What can be done with transfers.
#[derive(Debug, Subcommand)]
pub(crate) enum TransfersVerb {
    /// List them, newest first
    List(ListArgs),
    /// Show one
    Get(OneArgs),
    /// Say why it stands where it stands, what would release it, and who can
    Explain(ExplainArgs),
    /// Vote for the release of a held one
    Approve(vote::VoteArgs),
    /// Vote against it: one vote ends it
    Deny(vote::VoteArgs),
    /// Take one of your own back, before its release
    Withdraw(OneArgs),
    /// Write its receipt, which anyone verifies offline
    Receipt(ReceiptArgs),
    /// Collect a released object
    Fetch(fetch::FetchArgs),
}

/// Which to list.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
    /// Only those in this stage, such as held
    #[arg(long)]
    state: Option<String>,
    /// Only those of this direction
    #[arg(long, value_parser = ["in", "out"])]
    direction: Option<String>,
    /// Only those of this party
    #[arg(long)]
    party: Option<String>,
    /// How many, 1 to 200
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=200))]
    limit: u16,
    /// Go on behind an earlier page: its `next`
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
}

/// Which one.
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// Reference or id
    #[arg(value_name = "REFERENCE")]
    reference: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Which one, and what else might be so.
#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    one: OneArgs,
    /// Say what the rules would say if this were so: signed=yes, phi_cover=yes, approvals=biomed,security
    #[arg(long, value_name = "KEY=VALUE", value_parser = change)]
    what_if: Vec<(String, String)>,
}

/// A change as it is typed. `signer=KEY` is how people say that a registered key signed it.
fn change(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').unwrap_or((text, "yes"));
    if key == "signer" {
        return Ok(("signed".to_owned(), "yes".to_owned()));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Whose receipt, and where to.
#[derive(Debug, Args)]
pub(crate) struct ReceiptArgs {
    /// Reference or id
    #[arg(value_name = "REFERENCE")]
    reference: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
    /// The file to write [default: REFERENCE.receipt]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

impl TransfersVerb {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            TransfersVerb::List(args) => args.json.wanted(),
            TransfersVerb::Get(args) | TransfersVerb::Withdraw(args) => args.json.wanted(),
            TransfersVerb::Explain(args) => args.one.json.wanted(),
            TransfersVerb::Approve(args) | TransfersVerb::Deny(args) => args.wants_json(),
            TransfersVerb::Receipt(args) => args.json.wanted(),
            TransfersVerb::Fetch(args) => args.wants_json(),
        }
    }
}

/// Does it.
pub(crate) async fn run(verb: TransfersVerb, around: &Surroundings) -> Result<Exit> {
    match verb {
        TransfersVerb::List(args) => list(args, around).await,
        TransfersVerb::Get(args) => get(args, around).await,
        TransfersVerb::Explain(args) => explain(args, around).await,
        TransfersVerb::Approve(args) => vote::on_transfer(args, "approve", around).await,
        TransfersVerb::Deny(args) => vote::on_transfer(args, "reject", around).await,
        TransfersVerb::Withdraw(args) => withdraw(args, around).await,
        TransfersVerb::Receipt(args) => write_receipt(args, around).await,
        TransfersVerb::Fetch(args) => fetch::run(args, around).await,
    }
}

/// One transfer as whoever asks may see it.
///
/// # Errors
/// The gate's problem, or none can be reached.
pub(crate) async fn look(client: &mut Client, reference: &str) -> Result<TransferJson> {
    let answer = client
        .get(&format!("/api/v1/transfers/{}", segment(reference)))
        .await
        .map_err(|failure| failure.about(reference))?;
    from_json(&answer.body).map_err(garbled)
}

/// Prints a transfer as JSON.
///
/// # Errors
/// The output cannot be written.
pub(crate) fn print_json(json: &JsonArgs, transfer: TransferJson) -> Result<()> {
    json.print(&ShownJson { transfer, receipt_file: None })
}

async fn list(args: ListArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::TRANSFER)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let mut query = vec![format!("limit={}", args.limit)];
    for (name, value) in
        [("state", &args.state), ("direction", &args.direction), ("party", &args.party), ("after", &args.after)]
    {
        query.extend(value.as_ref().map(|value| format!("{name}={}", segment(value))));
    }
    let answer = client.get(&format!("/api/v1/transfers?{}", query.join("&"))).await?;
    let page: ListJson<TransferJson> = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        let items: Vec<ShownJson> =
            page.items.into_iter().map(|transfer| ShownJson { transfer, receipt_file: None }).collect();
        args.json.print_list(&items, page.next.as_deref())?;
        return Ok(Exit::Done);
    }
    if page.items.is_empty() {
        out::say("Nothing crossed, or nothing that fits. Send something: lazaret send FILE --as PARTY");
    }
    let paint = Paint::new(around);
    out::print(&page.items.iter().map(|transfer| row(paint, transfer)).collect::<String>())?;
    if let Some(next) = page.next {
        out::say(&format!("There is more: --after {next}"));
    }
    Ok(Exit::Done)
}

fn row(paint: Paint, transfer: &TransferJson) -> String {
    let way = if transfer.direction == "out" { "to" } else { "from" };
    let pill = words::pill(paint, words::stage_of(&transfer.state));
    // A coloured word is longer than it looks: it comes last but one, where nothing is aligned behind it but the name.
    format!(
        "{}  {}  {:>7}  {:<4} {:<10}  {pill}  {}\n",
        transfer.reference,
        transfer.received.get(..19).unwrap_or(&transfer.received),
        size_text(transfer.bytes),
        way,
        shown(&transfer.party),
        shown(&transfer.name),
    )
}

async fn get(args: OneArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::TRANSFER)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let transfer = look(&mut client, &args.reference).await?;
    if args.json.wanted() {
        print_json(&args.json, transfer)?;
        return Ok(Exit::Done);
    }
    let mut text = format!("  {}\n", words::outline(&transfer));
    text.push_str(&words::banner(Paint::new(around), &transfer, client.server()));
    text.push_str(&format!("\n  sha256 {}\n", transfer.sha256));
    for step in &transfer.history {
        text.push_str(&format!("  {}  {:<24} {}  entry {}\n", step.at, step.kind, shown(&step.by), step.position));
    }
    out::print(&text)?;
    Ok(Exit::Done)
}

async fn explain(args: ExplainArgs, around: &Surroundings) -> Result<Exit> {
    let ExplainArgs { one, what_if } = args;
    one.json.check(if what_if.is_empty() { fields::TRANSFER } else { fields::SUPPOSED })?;
    let mut client = Client::new(&one.place.resolve(around, Unnamed::FirstPerson)?)?;
    if !what_if.is_empty() {
        return suppose(&mut client, &one, &what_if).await;
    }
    let transfer = look(&mut client, &one.reference).await?;
    if one.json.wanted() {
        print_json(&one.json, transfer)?;
        return Ok(Exit::Done);
    }
    let lines = words::decision(Paint::new(around), &transfer);
    out::print(&format!("  {}\n  {}\n", words::outline(&transfer), lines.join("\n  ")))?;
    Ok(Exit::Done)
}

/// What would be decided if something else were so; nothing is recorded.
async fn suppose(client: &mut Client, one: &OneArgs, changes: &[(String, String)]) -> Result<Exit> {
    let query: Vec<String> =
        changes.iter().map(|(name, value)| format!("{}={}", segment(name), segment(value))).collect();
    let path = format!("/api/v1/transfers/{}/what-if?{}", segment(&one.reference), query.join("&"));
    let answer = client.get(&path).await.map_err(|failure| failure.about(&one.reference))?;
    let supposed: SupposedJson = from_json(&answer.body).map_err(garbled)?;
    if one.json.wanted() {
        one.json.print(&supposed)?;
        return Ok(Exit::Done);
    }
    let word = match supposed.would_be.as_str() {
        "release" => "would be RELEASED",
        "deny" => "would be DENIED",
        _ => "would be HELD",
    };
    let still = if supposed.now == supposed.would_be { ", as it is now" } else { "" };
    let rules: Vec<&str> = supposed.because.iter().map(|because| because.rule.as_str()).collect();
    out::print(&format!("  {}  {word} by {}{still}\n", supposed.reference, rules.join(", ")))?;
    Ok(Exit::Done)
}

async fn withdraw(args: OneArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::TRANSFER)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let path = format!("/api/v1/transfers/{}/withdraw", segment(&args.reference));
    let answer = client
        .post(&path, "application/json", String::new())
        .await
        .map_err(|failure| failure.about(&args.reference))?;
    let transfer: TransferJson = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        print_json(&args.json, transfer)?;
    } else {
        out::print(&format!(
            "  {}  {}\n",
            transfer.reference,
            words::pill(Paint::new(around), words::stage_of(&transfer.state))
        ))?;
    }
    Ok(Exit::Done)
}

async fn write_receipt(args: ReceiptArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::TRANSFER)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let transfer = look(&mut client, &args.reference).await?;
    let bytes = receipt::when_signed(&mut client, &transfer.reference).await?;
    let path = args.output.unwrap_or_else(|| PathBuf::from(format!("{}.receipt", transfer.reference)));
    receipt::write_whole(&path, &bytes)?;
    if args.json.wanted() {
        args.json.print(&ShownJson { transfer, receipt_file: Some(path.display().to_string()) })?;
    } else {
        out::print(&format!("  {}  {}\n", transfer.reference, path.display()))?;
    }
    Ok(Exit::Done)
}

/// The failure of an act on a transfer that stands elsewhere.
pub(crate) fn not_now(transfer: &TransferJson, what: &str) -> Failure {
    let state = words::stage_of(&transfer.state).replace('_', " ");
    Failure::error(format!("{what}: it is {state}")).about(&transfer.reference)
}
