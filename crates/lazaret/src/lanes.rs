//! Parties, as administrators let them in: recorded, vetted, under contract, with lanes and with keys of their own. Nothing
//! here decides, core decides.

use std::sync::Arc;

use lazaret_core::agreement::{self, Wanted};
use lazaret_core::caller::Caller;
use lazaret_core::id::{Credential, Engagement, Id, Lane, Party};
use lazaret_core::party::{self, Turn};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::{CredentialKind, PartyKind, PersonSide, Standing, VettingOutcome};
use lazaret_core::time::{DAY_MS, Timestamp};
use lazaret_store::side::Secret;
use lazaret_store::view::CredentialView;
use lazaret_store::{Tx, View};
use lazaret_vault::broker::Holder;

use crate::auth::{sshkey, token};
use crate::clock::new_id;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::particulars::Label;
use crate::people::{self, Named, SLUG_TAKEN, name_is_free, only_administrators, taken};

/// Records a party. Nothing of it is released before it was vetted and has a contract.
///
/// # Errors
/// Who may not; a short name that somebody has.
pub(crate) async fn add_party(gate: &Arc<Gate>, caller: &Caller, named: Named, kind: PartyKind) -> Result<Id<Party>> {
    only_administrators(caller)?;
    name_is_free(gate, &named.slug)?;
    let (party, engagement): (Id<Party>, Id<Engagement>) = (new_id(), new_id());
    let label = Label { name: named.name, contact: None };
    let label = gate.particulars.seal_label(Holder::Party(party), &label)?;
    let caller = caller.clone();
    gate.write(move |tx| {
        if tx.side().by_slug(&named.slug)?.is_some() {
            return Err(Refusal::NameExists.into());
        }
        for fact in agreement::record_party(&caller, party, kind, engagement)? {
            let _recorded = tx.record(&caller, |_| Ok(fact.clone()))?;
        }
        tx.side().put_label(party.cast(), &label)?;
        tx.side().put_slug(&named.slug, party.cast())
    })
    .await
    .map_err(|error| taken(error, SLUG_TAKEN))?;
    Ok(party)
}

/// Records what was checked about a party; one that passed and has a contract is active from then on.
///
/// # Errors
/// Who may not; a party that ended.
pub(crate) async fn vet(
    gate: &Arc<Gate>,
    caller: &Caller,
    party: Id<Party>,
    outcome: VettingOutcome,
    days: u32,
) -> Result<()> {
    only_administrators(caller)?;
    days_fit(days)?;
    let (vetting, at, caller) = (new_id(), gate.clock.now(), caller.clone());
    gate.write(move |tx| {
        let _recorded = tx.record(&caller, |view| {
            let state = view.party(party)?.ok_or(Refusal::NotFound)?.state;
            Ok(agreement::conclude_vetting(&caller, vetting, (party, state), outcome, days, at)?)
        })?;
        settle(tx, &caller, party, at)
    })
    .await
}

/// Records a party's contract, or that it lasts longer; one that was vetted is active from then on.
///
/// # Errors
/// Who may not; a party without engagement.
pub(crate) async fn contract(gate: &Arc<Gate>, caller: &Caller, party: Id<Party>, days: u32) -> Result<()> {
    only_administrators(caller)?;
    days_fit(days)?;
    let (fresh, at, caller) = (new_id(), gate.clock.now(), caller.clone());
    gate.write(move |tx| {
        let _recorded = tx.record(&caller, |view| {
            let engagement = view.engagement_of(party)?.ok_or(Refusal::NotFound)?;
            let known = view.contract(engagement)?;
            Ok(agreement::contract(&caller, engagement, known.as_ref(), fresh, days, at)?)
        })?;
        settle(tx, &caller, party, at)
    })
    .await
}

/// Suspends a party, lets it go on, or ends it. With one that ends, everything ends by which it and its people come in.
///
/// # Errors
/// As core refuses.
pub(crate) async fn turn(gate: &Arc<Gate>, caller: &Caller, party: Id<Party>, turn: Turn) -> Result<()> {
    let (at, caller) = (gate.clock.now(), caller.clone());
    gate.write(move |tx| {
        let _turned = tx.record(&caller, |view| {
            let known = view.party(party)?.ok_or(Refusal::NotFound)?;
            Ok(party::turn(&caller, (known.party, known.kind, known.state), turn)?)
        })?;
        match turn {
            Turn::Suspend => Ok(()),
            Turn::Resume => settle(tx, &caller, party, at),
            Turn::End => {
                people::shut_out(tx, &caller, party.cast(), at)?;
                for person in tx.view().people_of(party)? {
                    people::end_link(tx, &caller, person, at)?;
                    people::shut_out(tx, &caller, person.cast(), at)?;
                }
                Ok(())
            }
        }
    })
    .await
}

fn days_fit(days: u32) -> Result<()> {
    if (1..=agreement::DAYS_MAX).contains(&days) {
        return Ok(());
    }
    Err(Error::malformed(PartyCode::BadRequest, format!("days is 1 to {}", agreement::DAYS_MAX)))
}

fn settle(tx: &Tx<'_>, caller: &Caller, party: Id<Party>, at: Timestamp) -> lazaret_store::Result<()> {
    let view = tx.view();
    let known = view.party(party)?.ok_or(Refusal::NotFound)?;
    let is_vetted = view.vetted_until(party)?.is_some_and(|until| at < until);
    let has_contract = contract_of(&view, party)?.is_some_and(|contract| contract.terms.in_force(at));
    if let Some(fact) = agreement::becomes((party, known.kind, known.state), is_vetted, has_contract) {
        let _recorded = tx.record(caller, |_| Ok(fact.clone()))?;
    }
    Ok(())
}

fn contract_of(view: &View<'_>, party: Id<Party>) -> lazaret_store::Result<Option<agreement::Contract>> {
    view.engagement_of(party)?.map_or(Ok(None), |engagement| view.contract(engagement))
}

/// Opens a lane under a party's contract, or gives one of it other terms; what is not said of it stays.
///
/// # Errors
/// Who may not; no contract; recipients that are not the hospital's people; a name that is taken.
pub(crate) async fn open(gate: &Arc<Gate>, caller: &Caller, party: Id<Party>, wanted: Wanted) -> Result<()> {
    let (at, asker) = (gate.clock.now(), caller.clone());
    let _recorded = gate
        .record(caller, move |view| {
            for person in wanted.recipients.iter().flatten() {
                let known = view.person(*person, at)?.ok_or(Refusal::NotFound)?;
                if known.side != PersonSide::Hospital || known.standing == Standing::Past {
                    return Err(Refusal::WrongRecipients.into());
                }
            }
            let contract = contract_of(view, party)?;
            let is_taken = view.lane_by_name(wanted.name.as_str())?.is_some();
            Ok(agreement::open_lane(&asker, contract.as_ref(), &wanted, is_taken, at)?)
        })
        .await
        .map_err(|error| taken(error, "another lane has this name, or this one goes the other way: choose another"))?;
    Ok(())
}

/// Closes a lane: it takes nothing more.
///
/// # Errors
/// Who may not; a lane that is closed, or under no contract.
pub(crate) async fn close(gate: &Arc<Gate>, caller: &Caller, lane: Id<Lane>) -> Result<()> {
    let asker = caller.clone();
    let _recorded = gate
        .record(caller, move |view| {
            let found = view.lane(lane)?.ok_or(Refusal::NotFound)?;
            let contract = view.contract(found.engagement)?.ok_or(Refusal::NoContract)?;
            Ok(agreement::close_lane(&asker, &contract, lane)?)
        })
        .await?;
    Ok(())
}

/// Adds a party's SSH key, by its line for `authorized_keys`.
///
/// # Errors
/// Who may not; a line that is no key, or one that no door takes; a key that the gate knows.
pub(crate) async fn add_key(
    gate: &Arc<Gate>,
    caller: &Caller,
    party: Id<Party>,
    line: &str,
) -> Result<(String, CredentialView)> {
    only_administrators(caller)?;
    let key = sshkey::Offered::parse(line)?;
    let secret = Secret { lookup: key.lookup, credential: new_id(), data: key.line.into_bytes() };
    let added = add(gate, caller, party, CredentialKind::SshKey, secret, None).await?;
    Ok((key.fingerprint, added))
}

/// Makes a party's token; its text is told once.
///
/// # Errors
/// Who may not; a party that ended.
pub(crate) async fn add_token(
    gate: &Arc<Gate>,
    caller: &Caller,
    party: Id<Party>,
    days: u32,
) -> Result<(String, CredentialView)> {
    only_administrators(caller)?;
    let text = token::make();
    let lookup = token::lookup(&text).ok_or_else(|| Error::internal("a made token is not well formed"))?.to_vec();
    let until = gate.clock.now().plus_millis(u64::from(days) * DAY_MS);
    let secret = Secret { lookup, credential: new_id(), data: Vec::new() };
    let added = add(gate, caller, party, CredentialKind::Token, secret, Some(until)).await?;
    Ok((text, added))
}

async fn add(
    gate: &Arc<Gate>,
    caller: &Caller,
    party: Id<Party>,
    kind: CredentialKind,
    secret: Secret,
    until: Option<Timestamp>,
) -> Result<CredentialView> {
    let (credential, at, caller): (Id<Credential>, _, _) = (secret.credential, gate.clock.now(), caller.clone());
    gate.write(move |tx| {
        // One key never speaks for two.
        if tx.side().secret(&secret.lookup)?.is_some() {
            return Err(Refusal::NameExists.into());
        }
        let _recorded = tx.record(&caller, |view| {
            let state = view.party(party)?.ok_or(Refusal::NotFound)?.state;
            Ok(agreement::add_credential(&caller, (party, state), kind, credential, until, at)?)
        })?;
        tx.side().put_secret(&secret)
    })
    .await
    .map_err(|error| taken(error, "the gate knows this key already, and one key never speaks for two: make another"))?;
    gate.read(|view, _| view.credential(credential))?.ok_or(Error::Refused(Refusal::NotFound))
}

#[cfg(test)]
mod tests {
    use lazaret_core::event::{Observation, Observed, SessionsObserved};

    use super::*;
    use crate::testing::TestGate;

    #[tokio::test]
    async fn a_fact_that_no_entry_holds_is_refused_and_the_next_one_is_recorded() {
        let gate = TestGate::new().await;
        let seen = |many: usize| {
            let at = Timestamp::from_millis(0);
            SessionsObserved {
                seen: vec![Observed { what: Observation::Started, at, actor: None, credential: None }; many],
            }
        };
        let record = async |many| gate.record(&gate.caller, move |_| Ok(seen(many).into())).await;
        let refused = record(20_000).await;
        assert!(matches!(refused, Err(Error::Refused(Refusal::EntryTooLong))), "{refused:?}");
        assert!(record(1).await.is_ok());
    }
}
