//! Signing in and showing a factor again: each way ends in a session, a renewed one, or a caller for one vote.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::HeaderValue;
use lazaret_core::caller::Caller;
use lazaret_core::credential::add_passkey;
use lazaret_core::event::{Observation, Observed, SessionsObserved};
use lazaret_core::id::{Actor, Credential, Id, Person};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::CredentialKind;
use lazaret_core::request::Means;
use lazaret_store::side::Secret;

use super::caller::from_credential;
use super::first::First;
use super::passkey::{Bound, Passkeys, Purpose};
use super::session::{self, Visitor};
use super::tries::Tries;
use crate::clock::new_id;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::particulars::Assertion;

/// Failed sign-ins wait this long for others, and are recorded together.
const BATCH_REST: Duration = Duration::from_secs(5);
/// Failures of one fact; what comes beside them is counted by the metrics.
const BATCH_MAX: usize = 256;

/// What signing in keeps in memory.
#[derive(Debug, Default)]
pub struct SignIn {
    /// Ceremonies under way.
    pub passkeys: Passkeys,
    /// What failed lately.
    pub tries: Tries,
    /// The link for the first administrator.
    pub first: First,
    failures: Mutex<Vec<Observed>>,
}

/// Asks for a passkey of the account of this name; the ceremony's JSON.
///
/// # Errors
/// Too many failures; under this host name no passkey works.
pub fn begin(gate: &Gate, origin: &str, account: &str, source: IpAddr) -> Result<String> {
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
    source: IpAddr,
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
    let caller = caller.filter(|caller| caller.actor() == visitor.caller.actor());
    Ok((caller.ok_or(Refusal::NotAllowed)?, assertion))
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

fn may_try(gate: &Gate, account: &str, source: IpAddr) -> Result<()> {
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

fn note_failure(gate: &Arc<Gate>, account: &str, source: IpAddr) {
    let at = gate.clock.now();
    gate.signin.tries.note_failure(account, source, at);
    gate.metrics.sign_in_failures.fetch_add(1, Ordering::Relaxed);
    let actor: Option<Id<Actor>> = person_called(gate, account).ok().flatten().map(Id::cast);
    let mut waiting = gate.signin.failures.lock().unwrap_or_else(PoisonError::into_inner);
    if waiting.len() < BATCH_MAX {
        waiting.push(Observed { what: Observation::SignInFailed, at, actor, credential: None });
    }
    if waiting.len() == 1 {
        tokio::spawn(record_failures(Arc::clone(gate)));
    }
}

/// Many failures make one fact: whoever hammers at the door does not fill the ledger.
async fn record_failures(gate: Arc<Gate>) {
    tokio::time::sleep(BATCH_REST).await;
    let seen = std::mem::take(&mut *gate.signin.failures.lock().unwrap_or_else(PoisonError::into_inner));
    let recorded = gate.record(&gate.caller, move |_| Ok(SessionsObserved { seen: seen.clone() }.into())).await;
    if let Err(error) = recorded {
        tracing::error!(%error, "failed sign-ins could not be recorded");
    }
}
