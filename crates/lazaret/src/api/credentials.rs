//! Credentials of every kind: who holds what, and how one ends at once. A lost passkey or a leaked key is no token, and must not
//! go on opening doors because there is no way to end it.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use lazaret_core::caller::Caller;
use lazaret_core::credential::{self, Ending};
use lazaret_core::event::Event;
use lazaret_core::id::{Actor, Credential, Id, Party, Person};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::CredentialKind;
use lazaret_store::view::CredentialView;
use lazaret_store::{Side, View};

use super::types::{CredentialJson, ListJson, Problem};
use super::{json, show};
use crate::auth::signed::Signed;
use crate::auth::sshkey;
use crate::error::{Error, Result};
use crate::gate::Gate;

/// Lists the credentials that still open something: the caller's own, or for administrators and security anybody's.
#[utoipa::path(
    get,
    path = "/api/v1/credentials",
    tag = "access",
    params(("of" = Option<String>, Query, description = "a person's or party's short name or id; without it one's own")),
    responses((status = 200, body = ListJson<CredentialJson>), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn list(State(gate): State<Arc<Gate>>, signed: Signed, RawQuery(query): RawQuery) -> Response {
    let outcome = owner(&gate, &signed.caller, query.as_deref()).and_then(|owner| {
        let items = gate.read(|view, side| {
            let held = view.credentials_owned(owner, gate.clock.now())?;
            held.iter()
                .map(|found| outline(&gate, view, side, &signed.caller, found))
                .collect::<lazaret_store::Result<Vec<_>>>()
        })?;
        Ok(json(&ListJson { items, next: None }))
    });
    signed.answer(outcome)
}

/// Whose credentials are asked for. Whoever may see only their own learns nothing of who else there is.
fn owner(gate: &Gate, caller: &Caller, query: Option<&str>) -> Result<Id<Actor>> {
    let pairs: Vec<_> = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes()).collect();
    let name = match pairs.as_slice() {
        [] => return Ok(caller.actor()),
        [(name, value)] if name == "of" => value,
        _ => return Err(Error::malformed(PartyCode::BadRequest, "the query is of=NAME, or nothing")),
    };
    if !credential::may_end_others(caller) {
        return Err(Refusal::NotAllowed.into());
    }
    let by_id = name.parse::<Id<Person>>().map(Id::cast).or_else(|_| name.parse::<Id<Party>>().map(Id::cast)).ok();
    let found = gate.read(|_, side| by_id.map_or_else(|| Ok(side.by_slug(name)?.map(Id::cast)), |id| Ok(Some(id))))?;
    found.ok_or(Error::Refused(Refusal::NotFound))
}

/// Ends a credential of any kind at once, and the tokens that were made by it: one's own, or anybody's for administrators and
/// security.
#[utoipa::path(
    delete,
    path = "/api/v1/credentials/{credential}",
    tag = "access",
    params(("credential" = String, Path, description = "the credential's id")),
    responses((status = 200, body = CredentialJson), (status = "default", body = Problem, content_type = "application/problem+json"))
)]
pub(crate) async fn revoke(State(gate): State<Arc<Gate>>, signed: Signed, Path(name): Path<String>) -> Response {
    let outcome = async {
        let found = end(&gate, &signed.caller, &name, |_| true).await?;
        let ended = gate.read(|view, side| outline(&gate, view, side, &signed.caller, &found))?;
        Ok(json(&ended))
    };
    signed.answer(outcome.await)
}

/// Ends one of the credentials that `is_meant` means. One that has ended already is as it is asked to be.
///
/// # Errors
/// There is none of this id, or it is not the caller's: to others it looks like none.
pub(crate) async fn end(
    gate: &Arc<Gate>,
    caller: &Caller,
    name: &str,
    is_meant: impl FnOnce(&CredentialView) -> bool,
) -> Result<CredentialView> {
    let credential: Id<Credential> = name.parse().map_err(|_| Error::Refused(Refusal::NotFound))?;
    let found = gate.read(|view, _| view.credential(credential))?.filter(is_meant).ok_or(Refusal::NotFound)?;
    let owner = found.owner().ok_or(Refusal::NotFound)?;
    let (asker, at) = (caller.clone(), gate.clock.now());
    let decide = move |view: &View<'_>| {
        let is_revoked = view.credential(credential)?.ok_or(Refusal::NotFound)?.revoked;
        let administrators = view.administrators_without(credential, at)?;
        Ok(credential::revoke(&asker, Ending { credential, owner, is_revoked }, &administrators)?)
    };
    match gate.record(caller, decide).await {
        Ok(_) | Err(Error::Refused(Refusal::Unchanged)) => Ok(found),
        Err(Error::Refused(Refusal::NotAllowed)) => Err(Refusal::NotFound.into()),
        Err(error) => Err(error),
    }
}

fn outline(
    gate: &Gate,
    view: &View<'_>,
    side: &Side<'_>,
    caller: &Caller,
    found: &CredentialView,
) -> lazaret_store::Result<CredentialJson> {
    let made = view.entries_about(found.credential.cast())?.into_iter().next();
    let made_by = made.as_ref().map(|made| maker(gate, view, side, caller, made.actor)).transpose()?;
    let asked_by = made
        .as_ref()
        .and_then(|made| if let Event::CredentialAdded(fact) = &made.event { fact.asked_by } else { None });
    let secret = if found.kind == CredentialKind::SshKey { side.secret_of(found.credential)? } else { None };
    Ok(CredentialJson {
        id: found.credential.to_string(),
        kind: found.kind.word().to_owned(),
        fingerprint: secret.map(|secret| sshkey::fingerprint_text(&secret.lookup)),
        made: made.map(|made| show::time_text(made.at)),
        made_by,
        asked_by: asked_by.map(|shown| shown.to_string()),
        from: show::time_text(found.valid_from),
        until: found.valid_until.map(show::time_text),
    })
}

/// Who made a credential. A party hears of none of the hospital's people by name.
fn maker(
    gate: &Gate,
    view: &View<'_>,
    side: &Side<'_>,
    caller: &Caller,
    actor: [u8; 16],
) -> lazaret_store::Result<String> {
    let is_told = caller.is_hospital_person() || actor == *gate.id.as_bytes() || actor == *caller.actor().as_bytes();
    if is_told { show::actor_name(gate, view, side, actor) } else { Ok("the hospital".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestGate;

    #[tokio::test]
    async fn what_has_ended_ends_again_without_a_second_fact() {
        let gate = TestGate::new().await;
        let acme = gate.acme();
        let name = acme.credential().unwrap().to_string();
        let entries = || gate.read(|view, _| view.head()).unwrap().unwrap().size;
        end(&gate, &acme, &name, |_| true).await.unwrap();
        let after = entries();
        let again = end(&gate, &acme, &name, |_| true).await.unwrap();
        assert_eq!((again.credential.to_string(), entries()), (name, after));
    }
}
