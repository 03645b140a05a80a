//! Signing in and showing a factor again: each way ends in a session, a renewed one, or a caller for one vote.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::HeaderValue;
use lazaret_core::caller::Caller;
use lazaret_core::credential::add_passkey;
use lazaret_core::event::Observation;
use lazaret_core::id::{Actor, Credential, Id, Person};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::CredentialKind;
use lazaret_core::request::Means;
use lazaret_store::side::Secret;

use super::caller::from_credential;
use super::first::First;
use super::passkey::{Bound, Passkeys, Purpose};
use super::seen::Seen;
use super::session::{self, Visitor};
use super::source::Source;
use super::tries::Tries;
use crate::clock::new_id;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::particulars::Assertion;

/// What signing in keeps in memory.
#[derive(Debug, Default)]
pub struct SignIn {
    /// Ceremonies under way.
    pub passkeys: Passkeys,
    /// What failed lately.
    pub tries: Tries,
    /// The link for the first administrator.
    pub first: First,
    /// Sign-ins and failures of every door, on their way into the ledger.
    pub seen: Arc<Seen>,
}

/// Asks for a passkey of the account of this name; the ceremony's JSON.
///
/// # Errors
/// Too many failures; under this host name no passkey works.
pub fn begin(gate: &Gate, origin: &str, account: &str, source: Source) -> Result<String> {
    may_try(gate, account, source)?;
    let person = person_called(gate, account)?;
    gate.signin.passkeys.ask(gate, (origin, Some(source)), person, Purpose::SignIn(account.to_owned()))
}

/// Signs in by the passkey that was shown.
///
/// # Errors
/// It did not verify, which is counted and recorded; too many failures.
pub async fn by_passkey(
    gate: &Arc<Gate>,
    account: &str,
    source: Source,
    (handle, answer): (&str, &str),
) -> Result<HeaderValue> {
    may_try(gate, account, source)?;
    let purpose = Purpose::SignIn(account.to_owned());
    let shown = match gate.signin.passkeys.check(gate, handle, &purpose, answer) {
        Ok(shown) => shown,
        Err(error) => {
            note_failure(gate, account, source);
            return Err(error);
        }
    };
    keep(gate, shown.secret).await?;
    gate.signin.tries.note_success(account, source);
    session::open(gate, shown.credential, Means::Passkey).await
}

/// Signs in as somebody of the demo.
///
/// # Errors
/// There are no such doors; nobody of this name.
pub async fn by_demo(gate: &Arc<Gate>, account: &str) -> Result<HeaderValue> {
    let person = person_called(gate, account)?.ok_or(Refusal::NotFound)?;
    session::open(gate, demo_credential(gate, person)?, Means::Demo).await
}

/// Lets a session write again, by a passkey that was shown for it, or by the demo's button.
///
/// # Errors
/// It did not verify; no such button here.
pub async fn renew(gate: &Arc<Gate>, visitor: &Visitor, proof: Option<(&str, &str)>) -> Result<()> {
    match proof {
        Some((handle, answer)) => {
            let purpose = Purpose::Renew(visitor.session.lookup);
            let shown = gate.signin.passkeys.check(gate, handle, &purpose, answer)?;
            if shown.person != visitor.session.person {
                return Err(Refusal::NotAllowed.into());
            }
            keep(gate, shown.secret).await?;
        }
        None => drop(demo_credential(gate, visitor.session.person)?),
    }
    session::renew(gate, &visitor.session).await
}

/// The caller of one vote, and what their passkey signed of it.
///
/// # Errors
/// The passkey was not shown for this very vote; no such button here.
pub async fn voter(
    gate: &Arc<Gate>,
    visitor: &Visitor,
    bound: Bound,
    proof: Option<(&str, &str)>,
) -> Result<(Caller, Option<Assertion>)> {
    let (credential, means, age_s, assertion) = match proof {
        Some((handle, answer)) => {
            let purpose = Purpose::Vote(visitor.session.lookup, bound);
            let shown = gate.signin.passkeys.check(gate, handle, &purpose, answer)?;
            keep(gate, shown.secret).await?;
            (shown.credential, Means::Passkey, shown.age_s, Some(shown.assertion))
        }
        None => (demo_credential(gate, visitor.session.person)?, Means::Demo, 0, None),
    };
    let at = gate.clock.now();
    let caller = gate.read(|view, _| Ok(from_credential(view, credential, means, age_s, at)))?;
    // The session and the passkey are one person's, or neither counts.
    let caller = caller.map_err(Refusal::from)?;
    if caller.actor() != visitor.caller.actor() {
        return Err(Refusal::NotAllowed.into());
    }
    Ok((caller, assertion))
}

/// Adds a passkey that was made in this session to its person.
///
/// # Errors
/// It did not verify; a fault of the store.
pub async fn enrol(gate: &Arc<Gate>, visitor: &Visitor, handle: &str, answer: &str) -> Result<()> {
    let purpose = Purpose::Enrol(visitor.session.lookup);
    let made = gate.signin.passkeys.take_made(gate, handle, &purpose, answer)?;
    let (credential, at, caller) = (new_id(), gate.clock.now(), visitor.caller.clone());
    let secret = Secret { lookup: made.lookup, credential, data: made.data };
    gate.write(move |tx| {
        let _added = tx.record(&caller, |_| Ok(add_passkey(&caller, credential, at)?))?;
        tx.side().put_secret(&secret)
    })
    .await
}

/// Keeps a passkey's counter.
async fn keep(gate: &Arc<Gate>, secret: Secret) -> Result<()> {
    gate.write(move |tx| tx.side().put_secret(&secret)).await
}

fn may_try(gate: &Gate, account: &str, source: Source) -> Result<()> {
    if gate.signin.tries.may_try(account, source, gate.clock.now()) {
        return Ok(());
    }
    Err(Error::malformed(PartyCode::SignIn, "too many tries: wait fifteen minutes, or ask an administrator"))
}

fn person_called(gate: &Gate, account: &str) -> Result<Option<Id<Person>>> {
    let at = gate.clock.now();
    let found = gate.read(|view, side| match side.by_slug(account)? {
        Some(subject) => view.person(subject.cast(), at),
        None => Ok(None),
    })?;
    Ok(found.map(|known| known.person))
}

/// The credential behind a demo person's button.
fn demo_credential(gate: &Gate, person: Id<Person>) -> Result<Id<Credential>> {
    if !session::demo_doors(&gate.config) {
        return Err(Refusal::StepUpNeeded.into());
    }
    let at = gate.clock.now();
    let known = gate.read(|view, _| view.credentials_of_person(person, CredentialKind::Demo, at))?;
    known.first().copied().ok_or(Error::Refused(Refusal::NotAllowed))
}

fn note_failure(gate: &Gate, account: &str, source: Source) {
    gate.signin.tries.note_failure(account, source, gate.clock.now());
    note_refused(gate, person_called(gate, account).ok().flatten().map(Id::cast), None);
}

/// Somebody was not let in, at whichever door: counted, and recorded with others of its kind.
pub fn note_refused(gate: &Gate, actor: Option<Id<Actor>>, credential: Option<Id<Credential>>) {
    gate.metrics.sign_in_failures.fetch_add(1, Ordering::Relaxed);
    gate.signin.seen.saw(Observation::SignInFailed, actor, credential);
}
