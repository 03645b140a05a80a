//! `lazaret people`: who is known to the gate, the link by which they come in, and what they may do. For administrators;
//! a role that votes takes two others, and then the request is named.

use clap::{Args, Subcommand};
use lazaret_core::register::{Role, Standing};
use lazaret_core::request::Group;

use super::client::{Client, segment};
use super::exit::Exit;
use super::fail::{Failure, Result};
use super::fields::{self, JsonArgs};
use super::find::{Unnamed, Where};
use super::out::{self, shown};
use super::send::garbled;
use super::vote;
use crate::api::types::{
    GrantedJson, InvitationJson, Json as _, ListJson, NewPersonJson, PersonJson, RoleJson, StandingJson, from_json,
};
use crate::config::Surroundings;

/// The roles that can be granted.
const ROLES: [&str; 10] = [
    "admin",
    "security",
    "biomed",
    "privacy",
    "integration",
    "receiver",
    "clinician",
    "auditor",
    "sender",
    "respondent",
];

/// What can be done with people.
#[derive(Debug, Subcommand)]
pub(crate) enum PeopleVerb {
    /// List them with their roles
    List(ListArgs),
    /// Record one, of the hospital or of a party
    Add(AddArgs),
    /// Grant a role; one that votes takes somebody who came in, and two others once there are two
    Grant(RoleArgs),
    /// End a role at once
    End(EndArgs),
    /// Make a link by which one adds a passkey: it works once, and for a day
    Invite(OneArgs),
    /// Take a link back that was made for one: it opens nothing any more
    Uninvite(OneArgs),
    /// Record that one left, for good: roles, credentials and an open link end at once
    Leave(OneArgs),
}

/// Everyone.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Who is new.
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Short name to sign in by: lower-case letters, digits, hyphens
    #[arg(value_name = "SHORT_NAME")]
    slug: String,
    /// What people call them
    #[arg(long, value_name = "NAME")]
    name: String,
    /// The party whose person it is [default: the hospital's own]
    #[arg(long, value_name = "PARTY")]
    party: Option<String>,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Whom.
#[derive(Debug, Args)]
pub(crate) struct OneArgs {
    /// Short name or id
    #[arg(value_name = "PERSON")]
    person: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Whom, and what.
#[derive(Debug, Args)]
pub(crate) struct RoleArgs {
    /// Short name or id
    #[arg(value_name = "PERSON")]
    person: String,
    /// The role
    #[arg(value_name = "ROLE", value_parser = ROLES)]
    role: String,
    #[command(flatten)]
    place: Where,
    #[command(flatten)]
    json: JsonArgs,
}

/// Whom, and what ends.
#[derive(Debug, Args)]
pub(crate) struct EndArgs {
    #[command(flatten)]
    ended: RoleArgs,
    /// Only say who would be left with it
    #[arg(long)]
    dry_run: bool,
}

impl PeopleVerb {
    /// Whether failures are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        match self {
            PeopleVerb::List(args) => args.json.wanted(),
            PeopleVerb::Add(args) => args.json.wanted(),
            PeopleVerb::Grant(args) => args.json.wanted(),
            PeopleVerb::End(args) => args.ended.json.wanted(),
            PeopleVerb::Invite(args) | PeopleVerb::Uninvite(args) | PeopleVerb::Leave(args) => args.json.wanted(),
        }
    }
}

/// Does it.
pub(crate) async fn run(verb: PeopleVerb, around: &Surroundings) -> Result<Exit> {
    match verb {
        PeopleVerb::List(args) => list(args, around).await,
        PeopleVerb::Add(args) => add(args, around).await,
        PeopleVerb::Grant(args) => grant(args, around).await,
        PeopleVerb::End(args) => end(args, around).await,
        PeopleVerb::Invite(args) => invite(args, around).await,
        PeopleVerb::Uninvite(args) => uninvite(args, around).await,
        PeopleVerb::Leave(args) => leave(args, around).await,
    }
}

async fn list(args: ListArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::PERSON)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::FirstPerson)?)?;
    let people = everyone(&mut client).await?;
    if args.json.wanted() {
        args.json.print_list(&people, None)?;
    } else {
        out::print(&people.iter().map(|person| format!("{}\n", row(person))).collect::<String>())?;
    }
    Ok(Exit::Done)
}

async fn everyone(client: &mut Client) -> Result<Vec<PersonJson>> {
    let answer = client.get("/api/v1/people").await?;
    let page: ListJson<PersonJson> = from_json(&answer.body).map_err(garbled)?;
    Ok(page.items)
}

async fn add(args: AddArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::PERSON)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let body = NewPersonJson { slug: args.slug, name: args.name, party: args.party }.to_json()?;
    let answer = client.post("/api/v1/people", "application/json", body).await?;
    let added: PersonJson = from_json(&answer.body).map_err(garbled)?;
    show(&args.json, &added)?;
    if !args.json.wanted() {
        let slug = shown(&added.slug);
        out::say(&format!(
            "  Next: lazaret people invite {slug}, and once they came in lazaret people grant {slug} ROLE"
        ));
    }
    Ok(Exit::Done)
}

async fn grant(args: RoleArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::GRANTED)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let votes = Role::from_word(&args.role).is_some_and(|role| Group::of(role).is_some());
    let body = RoleJson { role: args.role }.to_json()?;
    let answer = client.post(&path(&args.person, "/roles"), "application/json", body).await?;
    let granted: GrantedJson = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        args.json.print(&granted)?;
        return Ok(Exit::Done);
    }
    out::print(&format!("{}\n", row(&granted.person)))?;
    if let Some(request) = &granted.request {
        out::print(&format!("  {}  {}\n", request.id, vote::request_text(request)))?;
        out::say(&format!("  Two others vote: lazaret requests approve {} --as PERSON --reason TEXT", request.id));
    } else if votes {
        out::say("  Still being founded: one administrator can make approvers, until there are two others to ask");
    }
    Ok(Exit::Done)
}

async fn end(args: EndArgs, around: &Surroundings) -> Result<Exit> {
    let EndArgs { ended: args, dry_run } = args;
    args.json.check(fields::PERSON)?;
    let unnamed = if dry_run { Unnamed::FirstPerson } else { Unnamed::Refused };
    let mut client = Client::new(&args.place.resolve(around, unnamed)?)?;
    if dry_run {
        return plan(&mut client, &args).await;
    }
    let answer = client.delete(&path(&args.person, &format!("/roles/{}", segment(&args.role)))).await?;
    show(&args.json, &from_json(&answer.body).map_err(garbled)?)?;
    Ok(Exit::Done)
}

/// Who would be left with the role. Nothing is sent that could change anything.
async fn plan(client: &mut Client, args: &RoleArgs) -> Result<Exit> {
    let people = everyone(client).await?;
    let is_meant = |person: &&PersonJson| person.slug == args.person || person.id == args.person;
    let meant = people.iter().find(is_meant);
    let meant = meant.ok_or_else(|| Failure::error(format!("nobody is called {}", args.person)))?;
    if args.json.wanted() {
        args.json.print(meant)?;
        return Ok(Exit::Done);
    }
    let left: Vec<&str> = people
        .iter()
        .filter(|person| person.id != meant.id && person.roles.contains(&args.role))
        .map(|person| person.slug.as_str())
        .collect();
    let would = if meant.roles.contains(&args.role) { "would lose" } else { "does not hold" };
    let left = if left.is_empty() { "nobody".to_owned() } else { shown(&left.join(", ")) };
    out::print(&format!("  {} {would} {}; {left} else holds it\n", shown(&meant.slug), args.role))?;
    Ok(Exit::Done)
}

async fn invite(args: OneArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::INVITATION)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let answer = client.post(&path(&args.person, "/invitation"), "application/json", String::new()).await?;
    let made: InvitationJson = from_json(&answer.body).map_err(garbled)?;
    if args.json.wanted() {
        args.json.print(&made)?;
    } else {
        out::print(&format!("{}\n", made.link))?;
        out::say(&format!(
            "  for {} alone, by a way that you trust: it works once, until {}",
            shown(&made.person),
            made.until
        ));
    }
    Ok(Exit::Done)
}

async fn uninvite(args: OneArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::PERSON)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let answer = client.delete(&path(&args.person, "/invitation")).await?;
    show(&args.json, &from_json(&answer.body).map_err(garbled)?)?;
    Ok(Exit::Done)
}

async fn leave(args: OneArgs, around: &Surroundings) -> Result<Exit> {
    args.json.check(fields::PERSON)?;
    let mut client = Client::new(&args.place.resolve(around, Unnamed::Refused)?)?;
    let body = StandingJson { standing: Standing::Past.word().to_owned() }.to_json()?;
    let answer = client.put_json(&path(&args.person, "/standing"), body).await?;
    show(&args.json, &from_json(&answer.body).map_err(garbled)?)?;
    Ok(Exit::Done)
}

fn show(json: &JsonArgs, person: &PersonJson) -> Result<()> {
    if json.wanted() { json.print(person) } else { out::print(&format!("{}\n", row(person))) }
}

fn row(person: &PersonJson) -> String {
    let side = person.party.as_deref().map(|party| format!(" of {}", shown(party))).unwrap_or_default();
    let roles = if person.roles.is_empty() { "no role".to_owned() } else { person.roles.join(", ") };
    let left = if person.standing == Standing::Past.word() { "  has left" } else { "" };
    let enters = if person.passkeys == 0 && left.is_empty() { "  no passkey" } else { "" };
    let link = person.invitation.as_ref();
    let link = link.map(|link| format!("  link by {} until {}", shown(&link.by), link.until)).unwrap_or_default();
    format!("  {:<12} {:<28} {roles}{side}{enters}{link}{left}", shown(&person.slug), shown(&person.name))
}

fn path(person: &str, rest: &str) -> String {
    format!("/api/v1/people/{}{rest}", segment(person))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::OpenInvitationJson;

    #[test]
    fn every_role_can_be_granted() {
        assert_eq!(ROLES.to_vec(), Role::ALL.iter().map(|role| role.word()).collect::<Vec<_>>());
    }

    #[test]
    fn a_row_says_what_is_missing() {
        let x = || "x".to_owned();
        let person = PersonJson {
            id: x(),
            slug: "lena".into(),
            name: "Lena Brandt".into(),
            party: Some("acme".into()),
            standing: "current".into(),
            roles: vec!["sender".into()],
            passkeys: 0,
            invitation: None,
        };
        assert_eq!(row(&person), "  lena         Lena Brandt                  sender of acme  no passkey");
        let link = OpenInvitationJson { until: "2026-11-26T09:00:00Z".into(), by: "ana".into() };
        let awaited = PersonJson { invitation: Some(link), ..person.clone() };
        assert_eq!(row(&awaited), row(&person) + "  link by ana until 2026-11-26T09:00:00Z");
        let able = PersonJson { party: None, roles: Vec::new(), passkeys: 1, ..person };
        assert_eq!(row(&able), "  lena         Lena Brandt                  no role");
    }
}
