//! People, as administrators keep them: recorded, given roles, let in by a link. Nothing here decides, core decides.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use lazaret_core::caller::Caller;
use lazaret_core::credential::{self, Ending, invited_passkey};
use lazaret_core::digest::Digest;
use lazaret_core::event::{Event, RoleEnded};
use lazaret_core::id::{Actor, Credential, Id, Party, Person, Request};
use lazaret_core::person::{self, Inviter};
use lazaret_core::refusal::{PartyCode, Refusal};
use lazaret_core::register::Role;
use lazaret_core::request::{Act, RequestState};
use lazaret_core::time::Timestamp;
use lazaret_store::side::Secret;
use lazaret_store::{Side, Tx, View};
use lazaret_vault::broker::Holder;

use crate::auth::passkey::Made;
use crate::clock::{new_id, random};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::particulars::Label;

/// A short name's and a name's longest, in bytes.
pub(crate) const SLUG_BYTES_MAX: usize = 32;
pub(crate) const NAME_BYTES_MAX: usize = 120;

/// A short name, and what people are called by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// Short name, for signing in, for URLs and for SFTP.
    pub(crate) slug: String,
    /// Name.
    pub(crate) name: String,
}

impl Named {
    /// Names as somebody typed them.
    ///
    /// # Errors
    /// No name, or a short name of other than lower-case letters, digits and hyphens.
    pub(crate) fn parse(slug: &str, name: &str) -> Result<Named> {
        let (slug, name) = (slug.trim().to_owned(), name.trim().to_owned());
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        // A hyphen in front would be an option of whatever command the name is typed into.
        let fits = (1..=SLUG_BYTES_MAX).contains(&slug.len()) && slug.bytes().all(plain) && !slug.starts_with('-');
        if !fits || name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            return Err(Error::malformed(
                PartyCode::BadName,
                "give a name, and a short name of at most 32 lower-case letters, digits and hyphens",
            ));
        }
        Ok(Named { slug, name })
    }
}

/// Looked at before anything is looked up: to others a name that is known and one that is not look alike.
///
/// # Errors
/// Not an administrator.
pub(crate) fn only_administrators(caller: &Caller) -> Result<()> {
    let may = caller.is_hospital_person() && caller.has_role(Role::Admin);
    if may { Ok(()) } else { Err(Refusal::NotAllowed.into()) }
}

/// A person by short name or id.
///
/// # Errors
/// `NotFound`
pub(crate) fn find(gate: &Gate, name: &str) -> Result<Id<Person>> {
    let at = gate.clock.now();
    let found = gate.read(|view, side| {
        let id = match name.parse::<Id<Person>>() {
            Ok(id) => Some(id),
            Err(_) => side.by_slug(name)?.map(Id::cast),
        };
        id.map_or(Ok(None), |id| view.person(id, at))
    })?;
    found.map(|known| known.person).ok_or(Error::Refused(Refusal::NotFound))
}

/// Records a person, of the hospital or of a party. They can do nothing yet.
///
/// # Errors
/// Who may not; a short name that somebody has; a party that ended.
pub(crate) async fn add(
    gate: &Arc<Gate>,
    caller: &Caller,
    named: Named,
    party: Option<Id<Party>>,
) -> Result<Id<Person>> {
    only_administrators(caller)?;
    name_is_free(gate, &named.slug)?;
    let person: Id<Person> = new_id();
    let label = Label { name: named.name, contact: None };
    let label = gate.particulars.seal_label(Holder::Person(person), &label)?;
    let caller = caller.clone();
    gate.write(move |tx| {
        if tx.side().by_slug(&named.slug)?.is_some() {
            return Err(Refusal::NameExists.into());
        }
        let _recorded = tx.record(&caller, |view| {
            let known = party.map_or(Ok(None), |party| view.party(party))?;
            if party.is_some() && known.is_none() {
                return Err(Refusal::NotFound.into());
            }
            Ok(person::record(&caller, person, known.map(|known| (known.party, known.state)))?)
        })?;
        tx.side().put_label(person.cast(), &label)?;
        tx.side().put_slug(&named.slug, person.cast())
    })
    .await
    .map_err(|error| taken(error, SLUG_TAKEN))?;
    Ok(person)
}

/// Refuses a short name that somebody has, before keys are made for its next owner.
///
/// # Errors
/// `NameExists`
pub(crate) fn name_is_free(gate: &Gate, slug: &str) -> Result<()> {
    match gate.read(|_, side| side.by_slug(slug))? {
        Some(_) => Err(taken(Refusal::NameExists.into(), SLUG_TAKEN)),
        None => Ok(()),
    }
}

/// What is said of a short name that somebody has.
pub(crate) const SLUG_TAKEN: &str = "somebody has this short name already: choose another";

/// The refusal of a name that is taken, in the words of what was to be called so.
pub(crate) fn taken(error: Error, words: &str) -> Error {
    let is_taken = matches!(error, Error::Refused(Refusal::NameExists));
    if is_taken { Error::malformed(PartyCode::NameExists, words) } else { error }
}

/// Grants a role, or asks two others to; their request, if it takes them.
///
/// # Errors
/// As core refuses.
pub(crate) async fn grant(
    gate: &Arc<Gate>,
    caller: &Caller,
    person: Id<Person>,
    role: Role,
) -> Result<Option<Id<Request>>> {
    let (asker, request, at) = (caller.clone(), new_id(), gate.clock.now());
    let recorded = gate
        .record(caller, move |view| {
            let known = view.known(person, at)?.ok_or(Refusal::NotFound)?;
            let house = view.house(at)?;
            Ok(person::grant(&asker, &known, role, &house, request, at)?)
        })
        .await?;
    Ok(matches!(recorded.entry().event, Event::RequestOpened(_)).then_some(request))
}

/// Gives a role that two people granted; whether it did.
///
/// # Errors
/// A fault of the store.
pub(crate) async fn grant_if_granted(gate: &Arc<Gate>, request: Id<Request>) -> Result<bool> {
    let at = gate.clock.now();
    let recorded = gate
        .record(&gate.caller, move |view| {
            let open = view.request(request, at)?.ok_or(Refusal::NotFound)?;
            let subject = view.subject_of_request(request)?.ok_or(Refusal::NotFound)?;
            let granted = (open.act == Act::GrantRole && open.state == RequestState::Open).then(|| open.four_eyes());
            let eyes = granted.flatten().ok_or(Refusal::Unchanged)?;
            let known = view.known(subject.cast(), at)?.ok_or(Refusal::NotFound)?;
            Ok(person::granted(&known, &open, &eyes)?)
        })
        .await;
    match recorded {
        Ok(_) => Ok(true),
        Err(Error::Refused(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Ends a role at once.
///
/// # Errors
/// As core refuses.
pub(crate) async fn end(gate: &Arc<Gate>, caller: &Caller, person: Id<Person>, role: Role) -> Result<()> {
    let (asker, at) = (caller.clone(), gate.clock.now());
    let _recorded = gate
        .record(caller, move |view| {
            let known = view.known(person, at)?.ok_or(Refusal::NotFound)?;
            Ok(person::end(&asker, &known, role, &view.administrators_who_can_sign_in(None, at)?)?)
        })
        .await?;
    Ok(())
}

/// Somebody leaves: their roles, credentials and open link end with it.
///
/// # Errors
/// As core refuses.
pub(crate) async fn leave(gate: &Arc<Gate>, caller: &Caller, person: Id<Person>) -> Result<()> {
    let (asker, at) = (caller.clone(), gate.clock.now());
    gate.write(move |tx| {
        let known = tx.view().known(person, at)?.ok_or(Refusal::NotFound)?;
        let _left = tx.record(&asker, |view| {
            let party = view.person(person, at)?.and_then(|found| found.party);
            Ok(person::leave(&asker, &known, party, &view.administrators_who_can_sign_in(None, at)?)?)
        })?;
        for role in known.roles.iter().copied() {
            let _ended = tx.record(&asker, |_| Ok(RoleEnded { person, role }.into()))?;
        }
        end_link(tx, &asker, person, at)?;
        shut_out(tx, &asker, person.cast(), at)
    })
    .await
}

/// Ends every credential of a person or party that is live.
///
/// # Errors
/// As core refuses.
pub(crate) fn shut_out(tx: &Tx<'_>, caller: &Caller, owner: Id<Actor>, at: Timestamp) -> lazaret_store::Result<()> {
    // Read anew each time: one takes the tokens with it that were asked for by it.
    while let Some(live) = tx.view().credentials_owned(owner, at)?.first() {
        let ending = Ending { credential: live.credential, owner, is_revoked: false };
        let _revoked = tx.record(caller, |view| {
            Ok(credential::revoke(caller, ending, &view.administrators_without(ending.credential, at)?)?)
        })?;
    }
    Ok(())
}

/// Ends the link of a person, if there is one.
///
/// # Errors
/// As core refuses.
pub(crate) fn end_link(tx: &Tx<'_>, caller: &Caller, person: Id<Person>, at: Timestamp) -> lazaret_store::Result<()> {
    if Link::kept(&tx.side(), person, at)?.is_some() { take_back(tx, caller, person, at) } else { Ok(()) }
}

fn take_back(tx: &Tx<'_>, caller: &Caller, person: Id<Person>, at: Timestamp) -> lazaret_store::Result<()> {
    let until = Link::kept(&tx.side(), person, at)?.map(|link| link.until);
    let _ended = tx.record(caller, |_| Ok(person::uninvite(caller, person, until)?))?;
    tx.side().put_meta(&kept_as(person), &[])
}

/// A link that was made: told once, and kept as a digest.
#[derive(Debug)]
pub(crate) struct Invitation {
    /// `https://…/enrol/PERSON/TOKEN`
    pub(crate) link: String,
    /// Exclusive end.
    pub(crate) until: Timestamp,
}

/// Makes a link by which a person adds a passkey, once; an earlier one of theirs opens nothing any more. It speaks for the caller,
/// and for the credential that they show: it ends with either.
///
/// # Errors
/// As core refuses.
pub(crate) async fn invite(gate: &Arc<Gate>, caller: &Caller, person: Id<Person>) -> Result<Invitation> {
    let token = URL_SAFE_NO_PAD.encode(random::<32>());
    let (digest, at, asker) = (Digest::of(token.as_bytes()), gate.clock.now(), caller.clone());
    let until = at.plus_millis(person::INVITATION_MS_MAX);
    let (maker, credential) = caller.person().zip(caller.credential()).ok_or(Refusal::NotAllowed)?;
    let kept = Link { digest, until, maker, credential }.to_bytes();
    gate.write(move |tx| {
        let _invited = tx.record(&asker, |view| {
            let known = view.known(person, at)?.ok_or(Refusal::NotFound)?;
            Ok(person::invite(&asker, &known, until, at)?)
        })?;
        tx.side().put_meta(&kept_as(person), &kept)
    })
    .await?;
    Ok(Invitation { link: format!("{}/enrol/{person}/{token}", gate.public_url()), until })
}

/// Takes a link back: it opens nothing any more.
///
/// # Errors
/// As core refuses.
pub(crate) async fn uninvite(gate: &Arc<Gate>, caller: &Caller, person: Id<Person>) -> Result<()> {
    let (at, asker) = (gate.clock.now(), caller.clone());
    gate.write(move |tx| take_back(tx, &asker, person, at)).await
}

/// A link as it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    digest: Digest,
    /// Exclusive end.
    pub(crate) until: Timestamp,
    /// Who made it.
    pub(crate) maker: Id<Person>,
    credential: Id<Credential>,
}

impl Link {
    /// The link of this person that opens something now, if there is one: they may come in by it, and it still speaks for
    /// whoever made it.
    ///
    /// # Errors
    /// A fault of the store.
    pub(crate) fn open(
        view: &View<'_>,
        side: &Side<'_>,
        person: Id<Person>,
        at: Timestamp,
    ) -> lazaret_store::Result<Option<Link>> {
        let Some(link) = Link::kept(side, person, at)? else { return Ok(None) };
        let (known, maker) = (view.known(person, at)?, view.known(link.maker, at)?);
        let is_revoked = view.credential(link.credential)?.is_none_or(|shown| shown.revoked);
        let opens = known.is_some_and(|known| person::may_enrol(&known).is_ok())
            && maker.is_some_and(|known| person::speaks(&Inviter { known, is_revoked }).is_ok());
        Ok(opens.then_some(link))
    }

    /// The link of this person whose day is not over.
    fn kept(side: &Side<'_>, person: Id<Person>, at: Timestamp) -> lazaret_store::Result<Option<Link>> {
        let kept = side.meta(&kept_as(person))?.unwrap_or_default();
        Ok(Link::from_bytes(&kept).filter(|link| at < link.until))
    }

    fn to_bytes(self) -> Vec<u8> {
        let until = self.until.as_millis().to_be_bytes();
        [self.digest.as_bytes().as_slice(), &until, self.maker.as_bytes(), self.credential.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Link> {
        let (digest, rest) = bytes.split_first_chunk::<32>()?;
        let (until, rest) = rest.split_first_chunk::<8>()?;
        let (maker, rest) = rest.split_first_chunk::<16>()?;
        Some(Link {
            digest: Digest::from_bytes(*digest),
            until: Timestamp::from_millis(u64::from_be_bytes(*until)),
            maker: Id::from_bytes(*maker),
            credential: Id::from_bytes(rest.try_into().ok()?),
        })
    }
}

/// A link that somebody follows.
#[derive(Debug, Clone)]
pub(crate) struct Followed {
    /// Whom it is for.
    pub(crate) person: Id<Person>,
    digest: Digest,
}

impl Followed {
    /// The link of this person and token, if it opens anything now.
    ///
    /// # Errors
    /// `NotFound`, whatever is wrong with it; a fault of the store.
    pub(crate) fn parse(gate: &Gate, person: &str, token: &str) -> Result<Followed> {
        let person: Id<Person> = person.parse().map_err(|_| Error::Refused(Refusal::NotFound))?;
        let followed = Followed { person, digest: Digest::of(token.as_bytes()) };
        let at = gate.clock.now();
        gate.read(|view, side| followed.link(view, side, at))?;
        Ok(followed)
    }

    /// What a passkey made by this link is bound to.
    pub(crate) fn digest(&self) -> Digest {
        self.digest
    }

    /// The link, while it opens anything.
    fn link(&self, view: &View<'_>, side: &Side<'_>, at: Timestamp) -> lazaret_store::Result<Link> {
        let link = Link::open(view, side, self.person, at)?;
        link.filter(|link| link.digest == self.digest).ok_or(Refusal::NotFound.into())
    }
}

/// Keeps the passkey that was made by a link; the link is over then.
///
/// # Errors
/// The link opens nothing any more; they may not; a fault of the store.
pub(crate) async fn enrol(gate: &Arc<Gate>, followed: Followed, made: Made) -> Result<Id<Credential>> {
    let (credential, at, caller): (Id<Credential>, _, _) = (new_id(), gate.clock.now(), gate.caller.clone());
    let secret = Secret { lookup: made.lookup, credential, data: made.data };
    gate.write(move |tx| {
        let by = followed.link(&tx.view(), &tx.side(), at)?.maker;
        let _added = tx.record(&caller, |view| {
            let known = view.known(followed.person, at)?.ok_or(Refusal::NotFound)?;
            Ok(invited_passkey(&known, by, credential, at)?)
        })?;
        tx.side().put_meta(&kept_as(followed.person), &[])?;
        tx.side().put_secret(&secret)
    })
    .await?;
    Ok(credential)
}

fn kept_as(person: Id<Person>) -> String {
    format!("invitation/{person}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_can_stand_in_urls_and_commands() {
        let check =
            |slug: &str, name: &str, fits: bool| assert_eq!(Named::parse(slug, name).is_ok(), fits, "{slug} {name}");
        check("ada", "Ada Example", true);
        check(" st-luke-2 ", " Ada ", true);
        for (slug, name) in
            [("", "A"), ("Ada", "A"), ("a_b", "A"), ("-a", "A"), ("a/b", "A"), ("ä", "A"), ("a", ""), ("a", "A\nB")]
        {
            check(slug, name, false);
        }
        check(&"a".repeat(32), "A", true);
        check(&"a".repeat(33), "A", false);
    }
}
