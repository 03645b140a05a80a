//! `lazaret credentials`: what somebody signs in by, of every kind, and its end. One's own, and anybody's for administrators
//! and security: a lost passkey or a leaked key must not go on opening doors.

use clap::{Args, Subcommand};

use super::client::{Client, segment};
use super::exit::Exit;
use super::fail::Result;
use super::fields::{self, JsonArgs};
use super::find::{Unnamed, Where};
use super::out::{self, shown};
use super::send::garbled;
use crate::api::types::{CredentialJson, ListJson, from_json};
use crate::config::Surroundings;

/// What can be done with credentials.
#[derive(Debug, Subcommand)]
pub(crate) enum CredentialsVerb {
    /// List what opens something now: passkeys, keys, tokens
    List(ListArgs),
    /// End one at once, with the tokens that were made by it
    Revoke(RevokeArgs),
}

/// Whose.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// A person or party, by short name or id [default: one's own]
    #[arg(long, value_name = "NAME")]
    of: Option<String>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Which.
#[derive(Debug, Args)]
pub(crate) struct RevokeArgs {
    /// The credential's id, as list prints it
    #[arg(value_name = "ID")]
    id: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

impl CredentialsVerb {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            CredentialsVerb::List(args) => args.json.wanted(),
            CredentialsVerb::Revoke(args) => args.json.wanted(),
        }
    }
}

/// Does it.
pub(crate) async fn run(verb: CredentialsVerb, around: &Surroundings) -> Result<Exit> {
    match verb {
        CredentialsVerb::List(args) => list(args, around).await,
        CredentialsVerb::Revoke(args) => revoke(args, around).await,
    }
}

async fn list(args: ListArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::CREDENTIAL)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let of = args.of.map(|name| format!("?of={}", segment(&name))).unwrap_or_default();
    let answer = client.get(&format!("/api/v1/credentials{of}")).await?;
    let page: ListJson<CredentialJson> = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        args.json.print_list(&page.items, page.next.as_deref())?;
    } else {
        out::print(&page.items.iter().map(|held| format!("{}\n", row(held))).collect::<String>())?;
    }
    Ok(Exit::Done)
}

async fn revoke(args: RevokeArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::CREDENTIAL)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let answer = client.delete(&format!("/api/v1/credentials/{}", segment(&args.id))).await?;
    let revoked: CredentialJson = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        args.json.print(&revoked)?;
    } else {
        out::print(&format!("  {}  {}, opens nothing any more\n", revoked.id, what(&revoked)))?;
    }
    Ok(Exit::Done)
}

fn row(held: &CredentialJson) -> String {
    let made = held.made.as_deref().unwrap_or(&held.from);
    let by = held.made_by.as_deref().map(|by| format!(" by {}", shown(by))).unwrap_or_default();
    let until = held.until.as_deref().map(|until| format!(", until {until}")).unwrap_or_default();
    let fingerprint = held.fingerprint.as_deref().map(|text| format!("  {}", shown(text))).unwrap_or_default();
    let asked_by = held.asked_by.as_deref().map(|shown| format!("  ends with {shown}")).unwrap_or_default();
    format!("  {}  {:<11} made {made}{by}{until}{fingerprint}{asked_by}", held.id, what(held))
}

fn what(held: &CredentialJson) -> String {
    match held.kind.as_str() {
        "ssh_key" => "SSH key".to_owned(),
        kind => shown(&kind.replace('_', " ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_tells_one_key_from_another() {
        let key = CredentialJson {
            id: "cr_1".into(),
            kind: "ssh_key".into(),
            fingerprint: Some("SHA256:abc".into()),
            made: Some("2026-11-25T09:00:00Z".into()),
            made_by: Some("Ada Example".into()),
            asked_by: None,
            from: "2026-11-25T09:00:00Z".into(),
            until: None,
        };
        assert_eq!(row(&key), "  cr_1  SSH key     made 2026-11-25T09:00:00Z by Ada Example  SHA256:abc");
        let token = CredentialJson {
            kind: "token".into(),
            fingerprint: None,
            asked_by: Some("cr_0".into()),
            until: Some("2026-12-25T09:00:00Z".into()),
            ..key
        };
        assert_eq!(
            row(&token),
            "  cr_1  token       made 2026-11-25T09:00:00Z by Ada Example, until 2026-12-25T09:00:00Z  ends with cr_0"
        );
    }
}
