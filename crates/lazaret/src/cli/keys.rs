//! What others have to know of a gate to trust it: the log's key (`trust`) and the SSH host key (`sftp host-keys`).

use clap::{Args, Subcommand};

use super::client::Client;
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::find::{Unnamed, Where};
use super::out;
use crate::api::types::SftpJson;
use crate::config::Surroundings;

/// Print the trust file.
#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    #[command(flatten)]
    place: Where,
}

/// What can be done about SFTP.
#[derive(Debug, Subcommand)]
pub(crate) enum SftpVerb {
    /// Print where SFTP listens, and the fingerprint of its host key
    HostKeys(HostKeysArgs),
}

/// Whose host key.
#[derive(Debug, Args)]
pub(crate) struct HostKeysArgs {
    #[command(flatten)]
    place: Where,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl SftpVerb {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        let SftpVerb::HostKeys(args) = self;
        args.json
    }
}

/// Prints what `verify` trusts, for whoever is given it by a way that they trust.
pub(crate) async fn trust(args: TrustArgs, around: &Surroundings) -> Result<Exit> {
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let answer = client.get("/log/trust").await?;
    out::print(&String::from_utf8_lossy(&answer.body))?;
    Ok(Exit::Done)
}

/// Prints what a partner compares with what its client shows at the first connection.
pub(crate) fn sftp(verb: &SftpVerb, around: &Surroundings) -> Result<Exit> {
    let SftpVerb::HostKeys(args) = verb;
    let ready = args.place.only_ready(around)?;
    let Some(sftp) = ready.sftp else { return Err(Failure::error("the gate does not listen for SFTP")) };
    if args.json {
        out::print_json(&sftp)?;
    } else {
        let SftpJson { host, port, host_key_fingerprint, .. } = &sftp;
        out::print(&format!("  {host}:{port}  {host_key_fingerprint}\n"))?;
    }
    Ok(Exit::Done)
}
