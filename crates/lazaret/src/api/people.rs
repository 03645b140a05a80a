//! People over the API: who is known, what they may do, and the link by which they come in.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use lazaret_core::id::{Id, Person};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::{CredentialKind, Role, Standing};
use lazaret_store::view::PersonView;
use lazaret_store::{Side, View};

use super::types::{
    GrantedJson, InvitationJson, ListJson, NewPersonJson, OpenInvitationJson, PersonJson, Problem, RoleJson,
    StandingJson, from_json,
};
use super::{json, parties, show};
use crate::auth::signed::{Sent, Signed};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::people::{self, Link, Named, only_administrators};

/// People of one list.
const PEOPLE_MAX: u32 = 10_000;

/// Lists people with their roles: the hospital's, and those of parties.
#[utoipa::path(
    get,
    path = "/api/v1/people",
    tag = "people",
    responses((status = 200, body = ListJson<PersonJson>), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn list(State(gate): State<Arc<Gate>>, signed: Signed) -> Response {
    let outcome = (|| {
        if !show::sees_all(&signed.caller) {
            return Err(Refusal::NotAllowed.into());
        }
        let at = gate.clock.now();
        let mut items = gate.read(|view, side| {
            let people = view.people(PEOPLE_MAX, at)?;
            people.iter().map(|known| show_person(&gate, view, side, known)).collect::<lazaret_store::Result<Vec<_>>>()
        })?;
        items.sort_by(|a, b| a.slug.cmp(&b.slug));
        Ok(json(&ListJson { items, next: None }))
    })();
    signed.answer(outcome)
}

fn show_person(gate: &Gate, view: &View<'_>, side: &Side<'_>, known: &PersonView) -> lazaret_store::Result<PersonJson> {
    let at = gate.clock.now();
    let passkeys = view.credentials_of_person(known.person, CredentialKind::Passkey, at)?;
    let invitation = match Link::open(view, side, known.person, at)? {
        Some(link) => Some(OpenInvitationJson {
            until: show::time_text(link.until),
            by: side.slug_of(link.maker.cast())?.unwrap_or_default(),
        }),
        None => None,
    };
    Ok(PersonJson {
        id: known.person.to_string(),
        slug: side.slug_of(known.person.cast())?.unwrap_or_default(),
        name: gate.particulars.person_name(side, known.person),
        party: known.party.map_or(Ok(None), |party| side.slug_of(party.cast()))?,
        standing: known.standing.word().to_owned(),
        roles: known.roles.iter().map(|role| role.word().to_owned()).collect(),
        passkeys: passkeys.len() as u64,
        invitation,
    })
}

fn person(gate: &Gate, person: Id<Person>) -> Result<PersonJson> {
    let at = gate.clock.now();
    gate.read(|view, side| {
        let known = view.person(person, at)?.ok_or(Refusal::NotFound)?;
        show_person(gate, view, side, &known)
    })
}

/// Records a person, of the hospital or of a party. They can do nothing before they have a role and a passkey.
#[utoipa::path(
    post,
    path = "/api/v1/people",
    tag = "people",
    request_body = NewPersonJson,
    responses((status = 200, body = PersonJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn add(State(gate): State<Arc<Gate>>, Sent { signed, body }: Sent) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let sent: NewPersonJson = from_json(&body).map_err(bad)?;
        let named = Named::parse(&sent.slug, &sent.name)?;
        let party = sent.party.as_deref().map(|party| parties::find(&gate, party)).transpose()?;
        let added = people::add(&gate, &signed.caller, named, party).await?;
        person(&gate, added).map(|person| json(&person))
    };
    signed.answer(outcome.await)
}

/// Grants a role. A role that votes takes somebody who can sign in, and is granted by two others as soon as there are two to
/// ask: then the answer has the request that waits for them.
#[utoipa::path(
    post,
    path = "/api/v1/people/{person}/roles",
    tag = "people",
    params(("person" = String, Path, description = "short name or id")),
    request_body = RoleJson,
    responses((status = 200, body = GrantedJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn grant(
    State(gate): State<Arc<Gate>>,
    Path(name): Path<String>,
    Sent { signed, body }: Sent,
) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let sent: RoleJson = from_json(&body).map_err(bad)?;
        let (id, role) = (people::find(&gate, &name)?, role(&sent.role)?);
        let request = people::grant(&gate, &signed.caller, id, role).await?;
        let request = request.map(|request| parties::show_request(&gate, request)).transpose()?;
        Ok(json(&GrantedJson { person: person(&gate, id)?, request }))
    };
    signed.answer(outcome.await)
}

/// Ends a role at once.
#[utoipa::path(
    delete,
    path = "/api/v1/people/{person}/roles/{role}",
    tag = "people",
    params(
        ("person" = String, Path, description = "short name or id"),
        ("role" = String, Path, description = "the role"),
    ),
    responses((status = 200, body = PersonJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn end(
    State(gate): State<Arc<Gate>>,
    signed: Signed,
    Path((name, ended)): Path<(String, String)>,
) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let (id, role) = (people::find(&gate, &name)?, role(&ended)?);
        people::end(&gate, &signed.caller, id, role).await?;
        person(&gate, id).map(|person| json(&person))
    };
    signed.answer(outcome.await)
}

/// Makes a link by which the person adds a passkey: it works once and for a day, is told once, and ends an earlier one. It also
/// ends with the role of whoever made it, and with the credential that they showed.
#[utoipa::path(
    post,
    path = "/api/v1/people/{person}/invitation",
    tag = "people",
    params(("person" = String, Path, description = "short name or id")),
    responses((status = 200, body = InvitationJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn invite(State(gate): State<Arc<Gate>>, signed: Signed, Path(name): Path<String>) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let id = people::find(&gate, &name)?;
        let made = people::invite(&gate, &signed.caller, id).await?;
        let PersonJson { slug, .. } = person(&gate, id)?;
        Ok(json(&InvitationJson { person: slug, link: made.link, until: show::time_text(made.until) }))
    };
    signed.answer(outcome.await)
}

/// Takes a link back that was made for the person: it opens nothing any more.
#[utoipa::path(
    delete,
    path = "/api/v1/people/{person}/invitation",
    tag = "people",
    params(("person" = String, Path, description = "short name or id")),
    responses((status = 200, body = PersonJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn uninvite(State(gate): State<Arc<Gate>>, signed: Signed, Path(name): Path<String>) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let id = people::find(&gate, &name)?;
        people::uninvite(&gate, &signed.caller, id).await?;
        person(&gate, id).map(|person| json(&person))
    };
    signed.answer(outcome.await)
}

/// Records that the person left: their roles, credentials and open link end with it.
#[utoipa::path(
    put,
    path = "/api/v1/people/{person}/standing",
    tag = "people",
    params(("person" = String, Path, description = "short name or id")),
    request_body = StandingJson,
    responses((status = 200, body = PersonJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn leave(
    State(gate): State<Arc<Gate>>,
    Path(name): Path<String>,
    Sent { signed, body }: Sent,
) -> Response {
    let outcome = async {
        only_administrators(&signed.caller)?;
        let sent: StandingJson = from_json(&body).map_err(bad)?;
        if sent.standing != Standing::Past.word() {
            return Err(bad(format!("standing is past, not {}: whoever returns is recorded anew", sent.standing)));
        }
        let id = people::find(&gate, &name)?;
        people::leave(&gate, &signed.caller, id).await?;
        person(&gate, id).map(|person| json(&person))
    };
    signed.answer(outcome.await)
}

fn role(word: &str) -> Result<Role> {
    let known = || Role::ALL.iter().map(|role| role.word()).collect::<Vec<_>>().join(", ");
    Role::from_word(word).ok_or_else(|| bad(format!("there is no role {word}: the roles are {}", known())))
}

fn bad(detail: String) -> Error {
    Error::malformed(PartyCode::BadRequest, detail)
}
