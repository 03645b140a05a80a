//! `lazaret transfers fetch`: collects a released object. It is compared with the digest that the gate announces, and has its
//! name only once it is whole.

use std::path::PathBuf;

use clap::{Args, ValueHint};
use http_body_util::BodyExt as _;
use lazaret_ledger::content::ContentHash;

use super::client::{Client, repr_sha256, segment};
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::fields::{self, JsonArgs};
use super::find::{Site, Unnamed, Where};
use super::out;
use super::progress::Progress;
use super::receipt::{Arriving, safe_name};
use super::transfers;
use crate::api::types::{ShownJson, TransferJson};
use crate::config::Surroundings;

/// What to collect.
#[derive(Debug, Args)]
pub(crate) struct FetchArgs {
    /// Reference or id
    #[arg(value_name = "REFERENCE")]
    reference: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
    /// The file to write [default: the object's own name, if there is none of that name]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,
}

impl FetchArgs {
    /// Whether failures are printed as JSON.
    pub(crate) fn wants_json(&self) -> bool {
        self.json.wanted()
    }
}

/// Collects it.
pub(crate) async fn run(args: FetchArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::TRANSFER)?;
    let (mut client, transfer) = recipient(&args, around).await?;
    let path = match args.output {
        Some(path) => path,
        None => fresh_name(&transfer)?,
    };
    let place = format!("/api/v1/out/{}/{}", segment(&transfer.lane), transfer.reference);
    let response = client.open(&place).await.map_err(|failure| collected_by(failure, &transfer))?;
    let announced = repr_sha256(response.headers());
    let mut body = response.into_body();
    let mut file = Arriving::create(&path)?;
    let mut hash = ContentHash::new();
    let progress = Progress::of_bytes(&transfer.name, transfer.bytes);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| {
            Failure::network("the object broke off before its end; nothing was kept")
                .because(error)
                .hint("fetch it again")
        })?;
        if let Some(bytes) = frame.data_ref() {
            hash.take(bytes);
            file.write(bytes)?;
            progress.advance(bytes.len() as u64);
        }
    }
    progress.finish();
    let hash = hash.finish();
    if announced != Some(hash) {
        return Err(Failure::unverified("what came is not what the gate announced; nothing was kept")
            .hint("fetch it again; if it stays so, tell the gate's people")
            .about(&transfer.reference));
    }
    file.finish()?;
    if args.json.wanted() {
        args.json.print(&ShownJson { transfer, receipt_file: None })?;
    } else {
        out::print(&format!(
            "  {}  {}  sha256 {}\n",
            transfer.reference,
            path.display(),
            crate::api::show::hex(&hash)
        ))?;
    }
    Ok(Exit::Done)
}

/// Whoever was named; in a demo, where nobody was, the first whom the lane lets collect.
async fn recipient(args: &FetchArgs, around: &Surroundings) -> Result<(Client, TransferJson)> {
    let named = args.place.who.is_some();
    let site = args.place.resolve(around, Unnamed::FirstPerson)?;
    let mut client = Client::new(&site)?;
    let transfer = transfers::look(&mut client, &args.reference).await?;
    let Some(ready) = site.ready.filter(|_| !named) else { return Ok((client, transfer)) };
    let names = ready.people.iter().map(|person| &person.name).chain(ready.parties.iter().map(|party| &party.name));
    for name in names {
        let mut client = Client::new(&Site::of_account(&ready, name)?)?;
        if client.get(&format!("/api/v1/out/{}", segment(&transfer.lane))).await.is_ok() {
            out::say(&format!("as {name}, who may collect it"));
            return Ok((client, transfer));
        }
    }
    Ok((client, transfer))
}

fn fresh_name(transfer: &TransferJson) -> Result<PathBuf> {
    let path = PathBuf::from(safe_name(&transfer.name));
    if path.exists() {
        return Err(Failure::error(format!("there is a file {} already", path.display())).hint("-o FILE"));
    }
    Ok(path)
}

/// To whoever may not collect, an object looks like none. The reader has seen that it is there: so say what stands between.
fn collected_by(failure: Failure, transfer: &TransferJson) -> Failure {
    if failure.code() != "not-found" {
        return failure.about(&transfer.reference);
    }
    if matches!(super::words::stage_of(&transfer.state), "released" | "delivered") {
        return Failure::error("it is released, and not to you")
            .hint(format!("--as one of those whom the lane {} names", transfer.lane))
            .about(&transfer.reference);
    }
    transfers::not_now(transfer, "there is nothing to collect")
}
