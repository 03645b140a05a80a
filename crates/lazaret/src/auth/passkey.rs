//! Passkeys (W3C Web Authentication Level 3): making one, and showing one for exactly one purpose.
//!
//! A ceremony has two halves. The first draws a challenge and keeps, on this side, what it is for; the second takes that
//! away, whatever comes of it, and checks the answer against it. An answer for something else, a second answer, and one that
//! comes after five minutes count for nothing. A vote's challenge is itself a digest of the vote (ADR 0008), so that what
//! the passkey signed says what was voted for.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lazaret_core::digest::Digest;
use lazaret_core::id::{Credential, Id, Person, Request};
use lazaret_core::party::Choice;
use lazaret_core::refusal::PartyCode;
use lazaret_core::register::CredentialKind;
use lazaret_core::request::STEPUP_AGE_MAX_S;
use lazaret_core::time::{SECOND_MS, Timestamp};
use lazaret_store::side::Secret;
use serde_json::{Value, json};
use webauthn_rs::fake::{FakePasskeyDistribution, WebauthnFakeCredentialGenerator};
use webauthn_rs::prelude::{
    CreationChallengeResponse, CredentialID, Passkey, PasskeyAuthentication, PasskeyRegistration, PublicKeyCredential,
    RegisterPublicKeyCredential, Url, Uuid, Webauthn, WebauthnBuilder,
};

use super::source::Source;
use crate::api::types::{CeremonyJson, Json as _, from_json};
use crate::clock::random;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::particulars::Assertion;

/// A ceremony's two halves lie at most this far apart.
const CEREMONY_MS_MAX: u64 = STEPUP_AGE_MAX_S * SECOND_MS;
/// Ceremonies under way at once. When it is full, whoever has most of them loses their oldest: nobody is turned away, and nobody
/// fills the room for all.
const CEREMONIES_MAX: usize = 4_096;
/// Ceremonies that one source may have under way before its oldest goes.
const SOURCE_CEREMONIES_MAX: usize = 64;
/// The same of one session: a person shows one passkey at a time, in a few tabs.
const SESSION_CEREMONIES_MAX: usize = 8;
/// What a browser sends of a passkey, in bytes.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// What a passkey is shown for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Purpose {
    /// To sign in to this account.
    SignIn(String),
    /// To write again in this session.
    Renew([u8; 32]),
    /// To cast this vote in this session.
    Vote([u8; 32], Bound),
    /// To be added to the person of this session.
    Enrol([u8; 32]),
    /// To be the first administrator's.
    First,
    /// To be made by the link with this digest.
    Invited(Digest),
}

/// What a vote's assertion is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// What was asked for.
    pub request: Id<Request>,
    /// What the voter saw.
    pub binding: Digest,
    /// What they say.
    pub choice: Choice,
}

/// Whose a ceremony is, as far as room is shared out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Holder {
    /// A session's, by its digest.
    Session([u8; 32]),
    /// An invitation's, by its link's digest.
    Link(Digest),
    /// That of somebody not signed in, by where they are; none for the set-up link.
    Outside(Option<Source>),
}

impl Holder {
    const fn ceremonies_max(self) -> usize {
        match self {
            Holder::Session(_) | Holder::Link(_) => SESSION_CEREMONIES_MAX,
            Holder::Outside(_) => SOURCE_CEREMONIES_MAX,
        }
    }
}

/// Ceremonies under way. In memory: after a restart people begin theirs again.
#[derive(Debug, Default)]
pub struct Passkeys {
    pending: Mutex<HashMap<[u8; 16], Pending>>,
}

#[derive(Debug)]
struct Pending {
    begun: Timestamp,
    /// Where it was asked for; none within a session.
    source: Option<Source>,
    purpose: Purpose,
    webauthn: Webauthn,
    state: State,
}

impl Pending {
    fn holder(&self) -> Holder {
        match &self.purpose {
            Purpose::Renew(session) | Purpose::Vote(session, _) | Purpose::Enrol(session) => Holder::Session(*session),
            Purpose::Invited(link) => Holder::Link(*link),
            Purpose::SignIn(_) | Purpose::First => Holder::Outside(self.source),
        }
    }
}

#[derive(Debug)]
enum State {
    /// A passkey of this person is asked for; none where nobody of the name has one.
    Showing { person: Option<Id<Person>>, state: PasskeyAuthentication, drawn: Vec<u8> },
    /// One is being made.
    Making { person: Id<Person>, state: PasskeyRegistration },
}

/// A passkey that was shown, and verified.
#[derive(Debug)]
pub struct Shown {
    /// Which one.
    pub credential: Id<Credential>,
    /// Whose.
    pub person: Id<Person>,
    /// How long ago its challenge was drawn.
    pub age_s: u64,
    /// What it signed.
    pub assertion: Assertion,
    /// What is kept of it from now on: its counter may have moved.
    pub secret: Secret,
}

/// A passkey that was made.
#[derive(Debug)]
pub struct Made {
    /// For whom.
    pub person: Id<Person>,
    /// What is kept of it; its credential's id is the caller's to draw.
    pub lookup: Vec<u8>,
    /// Its public key and the rest of what a check needs.
    pub data: Vec<u8>,
}

impl Passkeys {
    /// Asks for a passkey of this person. Where there is none, the answer looks the same and nothing can satisfy it:
    /// nobody learns here who has an account.
    ///
    /// # Errors
    /// Under this host name no passkey works; a fault of the store.
    pub fn ask(
        &self,
        gate: &Gate,
        (origin, source): (&str, Option<Source>),
        person: Option<Id<Person>>,
        purpose: Purpose,
    ) -> Result<String> {
        let webauthn = webauthn(gate, origin)?;
        let known = person.map_or(Ok(Vec::new()), |person| passkeys_of(gate, person))?;
        let keys: Vec<Passkey> = known.into_iter().map(|(_, passkey)| passkey).collect();
        let (mut options, mut state) = webauthn.start_passkey_authentication(&keys).map_err(Error::internal)?;
        if keys.is_empty() {
            let made_up = Value::Array(made_up(gate, &purpose)?);
            options.public_key.allow_credentials = serde_json::from_value(made_up).map_err(Error::internal)?;
        }
        let drawn = options.public_key.challenge.clone();
        if let Purpose::Vote(_, bound) = &purpose {
            let challenge = challenge(bound, &drawn);
            state = with_challenge(&state, &challenge)?;
            options.public_key.challenge = challenge.as_bytes().to_vec();
        }
        let state = State::Showing { person, state, drawn };
        let handle = self.keep(Pending { begun: gate.clock.now(), source, purpose, webauthn, state });
        CeremonyJson { handle, options }.to_json()
    }

    /// Checks a passkey that was shown for this purpose.
    ///
    /// # Errors
    /// Another purpose, too late, a passkey that is not this person's, or an answer that does not verify: one answer for
    /// all. A fault of the store.
    pub fn check(&self, gate: &Gate, handle: &str, purpose: &Purpose, answer: &str) -> Result<Shown> {
        let at = gate.clock.now();
        let pending = self.take(handle, purpose, at).ok_or_else(not_shown)?;
        let State::Showing { person: Some(person), state, drawn } = &pending.state else { return Err(not_shown()) };
        let sent: PublicKeyCredential = from_json(short(answer)?).map_err(|_| not_shown())?;
        let result = pending.webauthn.finish_passkey_authentication(&sent, state).map_err(|error| {
            tracing::info!(%error, "a passkey did not verify");
            not_shown()
        })?;
        let known = passkeys_of(gate, *person)?;
        let found = known.into_iter().find(|(_, passkey)| passkey.cred_id() == result.cred_id());
        let (credential, mut passkey) = found.ok_or_else(not_shown)?;
        passkey.update_credential(&result);
        let secret = Secret { lookup: passkey.cred_id().to_vec(), credential, data: passkey.to_json()?.into_bytes() };
        let age_s = at.millis_since(pending.begun) / SECOND_MS;
        let assertion = Assertion { json: answer.to_owned(), drawn: drawn.clone() };
        Ok(Shown { credential, person: *person, age_s, assertion, secret })
    }

    /// Has a passkey made for this person.
    ///
    /// # Errors
    /// Under this host name no passkey works; a fault of the store.
    pub fn make(
        &self,
        gate: &Gate,
        origin: &str,
        person: Id<Person>,
        (account, name): (&str, &str),
        purpose: Purpose,
    ) -> Result<String> {
        let webauthn = webauthn(gate, origin)?;
        let known = passkeys_of(gate, person)?.into_iter().map(|(_, passkey)| passkey.cred_id().clone()).collect();
        let user = Uuid::from_bytes(*person.as_bytes());
        let begun = webauthn.start_passkey_registration(user, account, name, Some(known));
        let (options, state): (CreationChallengeResponse, _) = begun.map_err(Error::internal)?;
        let state = State::Making { person, state };
        let handle = self.keep(Pending { begun: gate.clock.now(), source: None, purpose, webauthn, state });
        CeremonyJson { handle, options }.to_json()
    }

    /// Checks a passkey that was made for this purpose.
    ///
    /// # Errors
    /// As [`Passkeys::check`]; a passkey that the gate knows already.
    pub fn take_made(&self, gate: &Gate, handle: &str, purpose: &Purpose, answer: &str) -> Result<Made> {
        let pending = self.take(handle, purpose, gate.clock.now()).ok_or_else(not_shown)?;
        let State::Making { person, state } = &pending.state else { return Err(not_shown()) };
        let sent: RegisterPublicKeyCredential = from_json(short(answer)?).map_err(|_| not_shown())?;
        let passkey = pending.webauthn.finish_passkey_registration(&sent, state).map_err(|error| {
            tracing::info!(%error, "a new passkey did not verify");
            not_shown()
        })?;
        let lookup = passkey.cred_id().to_vec();
        if gate.read(|_, side| side.secret(&lookup))?.is_some() {
            return Err(Error::malformed(PartyCode::NameExists, "this passkey is already known to the gate"));
        }
        Ok(Made { person: *person, lookup, data: passkey.to_json()?.into_bytes() })
    }

    fn keep(&self, fresh: Pending) -> String {
        let handle: [u8; 16] = random();
        let mut pending = self.lock();
        pending.retain(|_, other| fresh.begun.millis_since(other.begun) <= CEREMONY_MS_MAX);
        let holder = fresh.holder();
        let own = pending.values().filter(|other| other.holder() == holder).count();
        if own >= holder.ceremonies_max() {
            forget_oldest(&mut pending, holder);
        } else if pending.len() >= CEREMONIES_MAX
            && let Some(greediest) = greediest(&pending)
        {
            forget_oldest(&mut pending, greediest);
        }
        pending.insert(handle, fresh);
        URL_SAFE_NO_PAD.encode(handle)
    }

    /// Takes a ceremony away: one answer, for one purpose, in time.
    fn take(&self, handle: &str, purpose: &Purpose, at: Timestamp) -> Option<Pending> {
        let handle: [u8; 16] = URL_SAFE_NO_PAD.decode(handle).ok()?.try_into().ok()?;
        let pending = self.lock().remove(&handle)?;
        let in_time = at.millis_since(pending.begun) <= CEREMONY_MS_MAX;
        (in_time && pending.purpose == *purpose).then_some(pending)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 16], Pending>> {
        // Each use is one insertion or removal: a panic leaves a whole map.
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever has most ceremonies under way; of equals the one whose oldest is oldest.
fn greediest(pending: &HashMap<[u8; 16], Pending>) -> Option<Holder> {
    let mut held: HashMap<Holder, (usize, Timestamp)> = HashMap::new();
    for one in pending.values() {
        let (count, oldest) = held.entry(one.holder()).or_insert((0, one.begun));
        (*count, *oldest) = (*count + 1, one.begun.min(*oldest));
    }
    held.into_iter().max_by_key(|(_, (count, oldest))| (*count, Reverse(*oldest))).map(|(holder, _)| holder)
}

fn forget_oldest(pending: &mut HashMap<[u8; 16], Pending>, holder: Holder) {
    let own = pending.iter().filter(|(_, one)| one.holder() == holder);
    let oldest = own.min_by_key(|(_, one)| one.begun).map(|(handle, _)| *handle);
    if let Some(oldest) = oldest {
        pending.remove(&oldest);
    }
}

/// The answer to whatever does not verify. It does not say what was wrong.
fn not_shown() -> Error {
    Error::malformed(PartyCode::SignIn, "that passkey did not open this; begin again")
}

fn short(answer: &str) -> Result<&[u8]> {
    if answer.len() <= ANSWER_BYTES_MAX { Ok(answer.as_bytes()) } else { Err(not_shown()) }
}

/// A relying party for this request's own origin: a passkey shown at another port or host does not verify.
fn webauthn(gate: &Gate, origin: &str) -> Result<Webauthn> {
    let name = gate.config.public_name.as_str();
    let elsewhere = || {
        let fix = format!("passkeys belong to the name {name}: open this page under https://{name}");
        Error::malformed(PartyCode::SignIn, fix)
    };
    let origin = Url::parse(origin).map_err(|_| elsewhere())?;
    let builder = WebauthnBuilder::new(name, &origin).map_err(|_| elsewhere())?;
    builder.rp_name("Lazaret").build().map_err(Error::internal)
}

/// A person's passkeys that open something now.
fn passkeys_of(gate: &Gate, person: Id<Person>) -> Result<Vec<(Id<Credential>, Passkey)>> {
    let at = gate.clock.now();
    let kept = gate.read(|view, side| {
        let mut kept = Vec::new();
        for credential in view.credentials_of_person(person, CredentialKind::Passkey, at)? {
            kept.extend(side.secret_of(credential)?.map(|secret| (credential, secret.data)));
        }
        Ok(kept)
    })?;
    let read = |(credential, data): (_, Vec<u8>)| {
        from_json(&data).map(|passkey| (credential, passkey)).map_err(Error::internal)
    };
    kept.into_iter().map(read).collect()
}

/// The credentials that an account without any seems to have: the same at each try, others for each name.
fn made_up(gate: &Gate, purpose: &Purpose) -> Result<Vec<Value>> {
    // Only signing in is open to people whom the gate does not know.
    let Purpose::SignIn(account) = purpose else { return Err(not_shown()) };
    let key = gate.vault.index(&[b"passkeys made up"]);
    let generator = WebauthnFakeCredentialGenerator::<FakePasskeyDistribution>::new(&key);
    let ids = generator.and_then(|generator| generator.generate(account.as_bytes())).map_err(Error::internal)?;
    let entry = |id: CredentialID| json!({ "type": "public-key", "id": URL_SAFE_NO_PAD.encode(&*id) });
    Ok(ids.into_iter().map(entry).collect())
}

/// What a voter's passkey signs: SHA-256 over a label, the binding, the request, the vote and what was drawn for it. Every
/// part but the label has one length, so that no two votes give the same bytes.
fn challenge(bound: &Bound, drawn: &[u8]) -> Digest {
    let vote: &[u8] = match bound.choice {
        Choice::Approve => b"approve",
        Choice::Reject => b"reject\0",
    };
    let parts = [b"lazaret/stepup/v1".as_slice(), bound.binding.as_bytes(), bound.request.as_bytes(), vote, drawn];
    Digest::of(&parts.concat())
}

/// The same state with this challenge in it. The crate draws its own and has no other way in; were the field to move, this
/// fails and no vote can be cast.
fn with_challenge(state: &PasskeyAuthentication, challenge: &Digest) -> Result<PasskeyAuthentication> {
    let moved = || Error::internal("a ceremony's state has no challenge where it was");
    let mut json = serde_json::to_value(state).map_err(Error::internal)?;
    let slot = json.pointer_mut("/ast/challenge").filter(|slot| slot.is_string()).ok_or_else(moved)?;
    *slot = URL_SAFE_NO_PAD.encode(challenge.as_bytes()).into();
    serde_json::from_value(json).map_err(Error::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUND: Bound =
        Bound { request: Id::from_bytes([1; 16]), binding: Digest::from_bytes([2; 32]), choice: Choice::Approve };

    fn relying_party() -> Webauthn {
        let origin = Url::parse("https://localhost:8443").unwrap();
        WebauthnBuilder::new("localhost", &origin).unwrap().build().unwrap()
    }

    fn asked() -> (Webauthn, State) {
        let webauthn = relying_party();
        let (options, state) = webauthn.start_passkey_authentication(&[]).unwrap();
        let drawn = options.public_key.challenge.clone();
        (webauthn, State::Showing { person: None, state, drawn })
    }

    fn check(purpose: Purpose, asked_for: &Purpose, after_s: u64, taken: bool) {
        let (keys, begun) = (Passkeys::default(), Timestamp::from_millis(1_800_000_000_000));
        let (webauthn, state) = asked();
        let handle = keys.keep(Pending { begun, source: None, purpose: purpose.clone(), webauthn, state });
        let at = begun.plus_millis(after_s * SECOND_MS);
        assert_eq!(keys.take(&handle, asked_for, at).is_some(), taken, "{purpose:?} {asked_for:?} {after_s}");
        assert!(keys.take(&handle, asked_for, at).is_none(), "one answer only");
    }

    // EVIDENCE-OF: R-012
    #[test]
    fn an_assertion_for_one_vote_counts_for_no_other() {
        let vote = |bound| Purpose::Vote([7; 32], bound);
        check(vote(BOUND), &vote(BOUND), 0, true);
        check(vote(BOUND), &vote(Bound { choice: Choice::Reject, ..BOUND }), 0, false);
        check(vote(BOUND), &vote(Bound { binding: Digest::from_bytes([3; 32]), ..BOUND }), 0, false);
        check(vote(BOUND), &vote(Bound { request: Id::from_bytes([3; 16]), ..BOUND }), 0, false);
        check(vote(BOUND), &Purpose::Vote([8; 32], BOUND), 0, false);
        check(Purpose::Renew([7; 32]), &vote(BOUND), 0, false);
        check(Purpose::SignIn("ana".into()), &Purpose::SignIn("ben".into()), 0, false);
    }

    #[test]
    fn an_answer_after_five_minutes_is_too_late() {
        check(Purpose::Renew([7; 32]), &Purpose::Renew([7; 32]), 300, true);
        check(Purpose::Renew([7; 32]), &Purpose::Renew([7; 32]), 301, false);
    }

    #[test]
    fn the_challenge_says_what_is_voted_for() {
        let drawn = [9_u8; 32];
        let mut message = b"lazaret/stepup/v1".to_vec();
        message.extend_from_slice(&[2; 32]);
        message.extend_from_slice(&[1; 16]);
        message.extend_from_slice(b"approve");
        message.extend_from_slice(&drawn);
        assert_eq!(challenge(&BOUND, &drawn), Digest::of(&message));
        let reject = Bound { choice: Choice::Reject, ..BOUND };
        assert_ne!(challenge(&BOUND, &drawn), challenge(&reject, &drawn));
        assert_ne!(challenge(&BOUND, &drawn), challenge(&BOUND, &[8; 32]));
    }

    #[test]
    fn our_challenge_takes_the_place_of_the_one_that_was_drawn() {
        let State::Showing { state, .. } = asked().1 else { panic!("showing") };
        let ours = Digest::from_bytes([5; 32]);
        let changed = serde_json::to_value(with_challenge(&state, &ours).unwrap()).unwrap();
        assert_eq!(changed["ast"]["challenge"], json!(URL_SAFE_NO_PAD.encode([5; 32])));
        let mut before = serde_json::to_value(&state).unwrap();
        before["ast"]["challenge"] = changed["ast"]["challenge"].clone();
        assert_eq!(before, changed, "nothing else changes");
    }

    const BEGUN: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn source(network: u32) -> Option<Source> {
        Some(Source::of(std::net::Ipv4Addr::from_bits(network).into()))
    }

    fn keep(keys: &Passkeys, nth: u64, source: Option<Source>, purpose: &Purpose) -> String {
        let (webauthn, state) = asked();
        let begun = BEGUN.plus_millis(nth);
        keys.keep(Pending { begun, source, purpose: purpose.clone(), webauthn, state })
    }

    #[test]
    fn ceremonies_are_bounded_and_old_ones_make_room() {
        let (keys, purpose) = (Passkeys::default(), Purpose::SignIn("a".into()));
        for network in 0..CEREMONIES_MAX {
            keep(&keys, 0, source(u32::try_from(network).unwrap()), &purpose);
        }
        keep(&keys, 1, source(u32::MAX), &purpose);
        assert_eq!(keys.lock().len(), CEREMONIES_MAX);
        keep(&keys, CEREMONY_MS_MAX + 1, source(u32::MAX), &purpose);
        assert_eq!(keys.lock().len(), 2);
    }

    #[test]
    fn one_source_cannot_fill_the_room_for_all() {
        let (keys, purpose) = (Passkeys::default(), Purpose::SignIn("a".into()));
        let other = keep(&keys, 0, source(2), &purpose);
        let first = keep(&keys, 0, source(1), &purpose);
        let kept: Vec<String> = (1..=200).map(|nth| keep(&keys, nth, source(1), &purpose)).collect();
        assert_eq!(keys.lock().len(), SOURCE_CEREMONIES_MAX + 1);
        let take = |handle: &str| keys.take(handle, &purpose, BEGUN.plus_millis(200)).is_some();
        assert!(take(&other) && take(&kept[199]) && !take(&first));
    }

    #[test]
    fn one_session_cannot_fill_the_room_for_all() {
        let (keys, renew) = (Passkeys::default(), Purpose::Renew([7; 32]));
        let other = keep(&keys, 0, None, &Purpose::Renew([8; 32]));
        // Whatever it asks for, it is one session.
        let vote = keep(&keys, 0, None, &Purpose::Vote([7; 32], BOUND));
        let kept: Vec<String> = (1..=5_000).map(|nth| keep(&keys, nth, None, &renew)).collect();
        assert_eq!(keys.lock().len(), SESSION_CEREMONIES_MAX + 1);
        assert!(keys.take(&kept[4_999], &renew, BEGUN).is_some());
        assert!(keys.take(&other, &Purpose::Renew([8; 32]), BEGUN).is_some());
        assert!(keys.take(&vote, &Purpose::Vote([7; 32], BOUND), BEGUN).is_none());
    }

    #[test]
    fn many_sources_take_the_room_from_each_other_and_from_nobody_else() {
        let (keys, purpose) = (Passkeys::default(), Purpose::SignIn("a".into()));
        let other = keep(&keys, 0, None, &Purpose::Renew([8; 32]));
        for nth in 0..6_000_u32 {
            keep(&keys, u64::from(nth), source(nth % 100), &purpose);
        }
        assert_eq!(keys.lock().len(), CEREMONIES_MAX);
        assert!(keys.take(&other, &Purpose::Renew([8; 32]), BEGUN).is_some());
    }
}
