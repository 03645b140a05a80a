//! Who is in the demo: ten people and one of a supplier, six parties of different kinds with a fourth party behind them,
//! their agreements and lanes, and the keys of all.

use std::path::Path;
use std::sync::Arc;

use lazaret_core::code::Code;
use lazaret_core::event::{
    AgreementRecorded, CredentialAdded, EngagementRecorded, PartyRecorded, PersonRecorded, RelianceRecorded,
    RoleGranted, VettingConcluded,
};
use lazaret_core::id::{Agreement, Credential, Engagement, Id, Lane, Party, Person, Subject, Vetting};
use lazaret_core::inspection::Inspector;
use lazaret_core::register::{
    AgreementKind, AgreementTerms, CredentialKind, LaneTerms, PartyKind, PartyState, PersonSide, Role, Standing,
    VettingOutcome,
};
use lazaret_core::time::{DAY_MS, Timestamp};
use lazaret_core::transfer::Direction;
use lazaret_store::Tx;
use lazaret_store::side::Secret;
use lazaret_vault::broker::Holder;

use super::write_file;
use crate::auth::{sshkey, token};
use crate::clock::new_id;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::particulars::Label;

struct DemoPerson {
    slug: &'static str,
    name: &'static str,
    roles: &'static [Role],
}

const PEOPLE: &[DemoPerson] = &[
    DemoPerson { slug: "ana", name: "Ana Ruiz", roles: &[Role::Admin, Role::Security] },
    DemoPerson { slug: "ben", name: "Ben Kim", roles: &[Role::Biomed] },
    DemoPerson { slug: "tom", name: "Tom Becker", roles: &[Role::Integration] },
    DemoPerson { slug: "priya", name: "Priya Nair", roles: &[Role::Receiver] },
    DemoPerson { slug: "claire", name: "Claire Dubois", roles: &[Role::Privacy, Role::Auditor] },
    DemoPerson { slug: "okafor", name: "Dr Ada Okafor", roles: &[Role::Clinician] },
    DemoPerson { slug: "dan", name: "Dan Weiss", roles: &[Role::Security] },
    DemoPerson { slug: "mei", name: "Mei Tanaka", roles: &[Role::Biomed] },
    DemoPerson { slug: "sam", name: "Sam Osei", roles: &[Role::Privacy] },
    DemoPerson { slug: "nora", name: "Nora Lind", roles: &[Role::Admin] },
];

/// Somebody at a party, who sees what a supplier's people see.
struct DemoGuest {
    slug: &'static str,
    name: &'static str,
    party: &'static str,
}

const GUESTS: &[DemoGuest] = &[DemoGuest { slug: "lena", name: "Lena Brandt", party: "acme" }];

struct DemoParty {
    slug: &'static str,
    name: &'static str,
    kind: PartyKind,
    vetted: bool,
    baa: bool,
    inward: &'static [DemoLane],
    outward: &'static [DemoLane],
}

struct DemoLane {
    name: &'static str,
    inspectors: &'static [Inspector],
    recipients: &'static [&'static str],
}

const PARTIES: &[DemoParty] = &[
    DemoParty {
        slug: "acme",
        name: "Acme Infusion",
        kind: PartyKind::Manufacturer,
        vetted: true,
        baa: true,
        inward: &[DemoLane {
            name: "acme-in",
            inspectors: &[Inspector::Phi, Inspector::Signature],
            recipients: &["ben", "priya"],
        }],
        outward: &[DemoLane { name: "acme-out", inspectors: &[Inspector::Phi], recipients: &[] }],
    },
    DemoParty {
        slug: "medlog",
        name: "MedLog Supplies",
        kind: PartyKind::Distributor,
        vetted: true,
        baa: false,
        inward: &[DemoLane { name: "medlog-in", inspectors: &[Inspector::Phi], recipients: &["priya"] }],
        outward: &[],
    },
    DemoParty {
        slug: "imagingco",
        name: "ImagingCo",
        kind: PartyKind::ServiceProvider,
        vetted: true,
        baa: true,
        inward: &[DemoLane { name: "imaging-in", inspectors: &[Inspector::Phi], recipients: &["tom", "okafor"] }],
        outward: &[DemoLane { name: "imaging-out", inspectors: &[Inspector::Phi], recipients: &[] }],
    },
    DemoParty {
        slug: "labco",
        name: "LabCo Reference Laboratory",
        kind: PartyKind::Contractor,
        vetted: true,
        baa: false,
        inward: &[DemoLane { name: "lab-in", inspectors: &[Inspector::Phi], recipients: &["tom", "okafor"] }],
        outward: &[DemoLane { name: "lab-out", inspectors: &[Inspector::Phi], recipients: &[] }],
    },
    DemoParty {
        slug: "freightco",
        name: "FreightCo",
        kind: PartyKind::Transporter,
        vetted: false,
        baa: false,
        inward: &[DemoLane { name: "freight-in", inspectors: &[Inspector::Phi], recipients: &["priya"] }],
        outward: &[],
    },
    DemoParty {
        slug: "cloudhost",
        name: "CloudHost",
        kind: PartyKind::SoftwareDeveloper,
        vetted: true,
        baa: false,
        inward: &[],
        outward: &[],
    },
];

/// Who stands on whom, and with what share in thousandths.
const RELIES_ON: &[(&str, &str, u16)] = &[("acme", "cloudhost", 300), ("imagingco", "cloudhost", 600)];

/// Largest object on a demo lane.
const OBJECT_BYTES_MAX: u64 = 100 << 30;

/// Short names of the demo's people.
pub fn people_names() -> impl Iterator<Item = &'static str> {
    PEOPLE.iter().map(|person| person.slug).chain(GUESTS.iter().map(|guest| guest.slug))
}

/// Short names of the demo's parties.
pub fn party_names() -> impl Iterator<Item = &'static str> {
    PARTIES.iter().map(|party| party.slug)
}

/// When the demo hospital began, so long before now. Nothing of it can be recorded earlier: a ledger's time does not go back.
pub fn founded(now: Timestamp) -> Timestamp {
    Timestamp::from_millis(now.as_millis().saturating_sub(200 * DAY_MS))
}

/// Everyone, with keys. Whoever is there already is left as they are.
pub(super) fn load(gate: &Arc<Gate>) -> Result<()> {
    let keys = gate.config.dir.join("keys");
    let at = founded(gate.clock.now());
    for person in PEOPLE {
        if gate.read(|_, side| side.by_slug(person.slug))?.is_none() {
            add_person(gate, &keys, person, at)?;
        }
    }
    for party in PARTIES {
        if gate.read(|_, side| side.by_slug(party.slug))?.is_none() {
            add_party(gate, &keys, party, at)?;
        }
    }
    for guest in GUESTS {
        if gate.read(|_, side| side.by_slug(guest.slug))?.is_none() {
            let person = DemoPerson { slug: guest.slug, name: guest.name, roles: &[Role::Sender] };
            add_somebody(gate, &keys, &person, Some(subject(gate, guest.party)?.cast()), at)?;
        }
    }
    for (from, to, share_permille) in RELIES_ON {
        let (from, to) = (engagement_of(gate, from)?, engagement_of(gate, to)?);
        let reliance = RelianceRecorded { from, to, share_permille: *share_permille };
        record(gate, at, move |tx, caller| {
            let _reliance = tx.record(caller, |_| Ok(reliance.clone().into()))?;
            Ok(())
        })?;
    }
    Ok(())
}

fn record(
    gate: &Arc<Gate>,
    at: Timestamp,
    work: impl Fn(&Tx<'_>, &lazaret_core::caller::Caller) -> lazaret_store::Result<()> + Send + 'static,
) -> Result<()> {
    let caller = gate.caller.clone();
    Ok(gate.store.write(at, move |tx| work(tx, &caller))?)
}

/// A token and an SSH key in files, and what is kept of them.
struct Keys {
    token: Secret,
    ssh: Secret,
}

fn make_keys(keys: &Path, slug: &str) -> Result<Keys> {
    let text = token::make();
    let lookup = token::lookup(&text).ok_or_else(|| Error::internal("a made token is well formed"))?;
    write_file(&keys.join(format!("{slug}.token")), text.as_bytes())?;
    // For `curl -H @FILE`: what stands in an argument can be read by everyone on the machine.
    write_file(&keys.join(format!("{slug}.header")), format!("Authorization: Bearer {text}\n").as_bytes())?;
    let pair = sshkey::make_pair(slug)?;
    write_file(&keys.join(slug), pair.private_pem.as_bytes())?;
    write_file(&keys.join(format!("{slug}.pub")), pair.public_line.as_bytes())?;
    Ok(Keys {
        token: Secret { lookup: lookup.to_vec(), credential: new_id(), data: Vec::new() },
        ssh: Secret { lookup: pair.fingerprint, credential: new_id(), data: pair.public_line.into_bytes() },
    })
}

fn credential(
    credential: Id<Credential>,
    kind: CredentialKind,
    person: Option<Id<Person>>,
    party: Option<Id<Party>>,
    at: Timestamp,
) -> CredentialAdded {
    let (valid_from, valid_until, asked_by, invited_by) = (at, None, None, None);
    CredentialAdded { credential, kind, person, party, valid_from, valid_until, asked_by, invited_by }
}

fn add_person(gate: &Arc<Gate>, keys: &Path, demo: &DemoPerson, at: Timestamp) -> Result<()> {
    add_somebody(gate, keys, demo, None, at)
}

fn add_somebody(
    gate: &Arc<Gate>,
    keys: &Path,
    demo: &DemoPerson,
    party: Option<Id<Party>>,
    at: Timestamp,
) -> Result<()> {
    let (slug, roles) = (demo.slug, demo.roles);
    let side_of = if party.is_some() { PersonSide::Party } else { PersonSide::Hospital };
    let person: Id<Person> = new_id();
    let label = Label { name: demo.name.to_owned(), contact: None };
    let label = gate.particulars.seal_label(Holder::Person(person), &label)?;
    let keys = make_keys(keys, demo.slug)?;
    let sign_in = new_id();
    record(gate, at, move |tx, caller| {
        let fact = PersonRecorded { person, side: side_of, party, standing: Standing::Current };
        let _person = tx.record(caller, |_| Ok(fact.clone().into()))?;
        for role in roles {
            let _role =
                tx.record(caller, |_| Ok(RoleGranted { person, role: *role, until: None, request: None }.into()))?;
        }
        for (id, kind) in [
            (keys.token.credential, CredentialKind::Token),
            (keys.ssh.credential, CredentialKind::SshKey),
            (sign_in, CredentialKind::Demo),
        ] {
            let _credential = tx.record(caller, |_| Ok(credential(id, kind, Some(person), None, at).into()))?;
        }
        let side = tx.side();
        side.put_label(person.cast(), &label)?;
        side.put_secret(&keys.token)?;
        side.put_secret(&keys.ssh)?;
        side.put_slug(slug, person.cast())
    })
}

fn add_party(gate: &Arc<Gate>, keys: &Path, demo: &'static DemoParty, at: Timestamp) -> Result<()> {
    let party: Id<Party> = new_id();
    let label = Label { name: demo.name.to_owned(), contact: None };
    let label = gate.particulars.seal_label(Holder::Party(party), &label)?;
    let keys = make_keys(keys, demo.slug)?;
    let (engagement, vetting): (Id<Engagement>, Id<Vetting>) = (new_id(), new_id());
    let (contract, baa): (Id<Agreement>, Id<Agreement>) = (new_id(), new_id());
    let mut lanes = Vec::new();
    for (direction, list) in [(Direction::In, demo.inward), (Direction::Out, demo.outward)] {
        for lane in list {
            lanes.push(terms(gate, lane, direction)?);
        }
    }
    record(gate, at, move |tx, caller| {
        let state = if demo.vetted { PartyState::Active } else { PartyState::Vetting };
        let _party = tx.record(caller, |_| Ok(PartyRecorded { party, kind: demo.kind, state }.into()))?;
        let _engagement = tx.record(caller, |_| Ok(EngagementRecorded { engagement, party, ends: None }.into()))?;
        if demo.vetted {
            let valid_until = at.plus_millis(2 * 365 * DAY_MS);
            let passed = VettingConcluded { vetting, party, outcome: VettingOutcome::Passed, valid_until };
            let _vetting = tx.record(caller, |_| Ok(passed.clone().into()))?;
        }
        let terms = AgreementTerms { effective: at, expires: Some(at.plus_millis(2 * 365 * DAY_MS)) };
        let signed = AgreementRecorded {
            agreement: contract,
            engagement,
            kind: AgreementKind::Contract,
            terms,
            lanes: lanes.clone(),
        };
        let _contract = tx.record(caller, |_| Ok(signed.clone().into()))?;
        if demo.baa {
            let covered =
                AgreementRecorded { agreement: baa, engagement, kind: AgreementKind::Baa, terms, lanes: Vec::new() };
            let _baa = tx.record(caller, |_| Ok(covered.clone().into()))?;
        }
        for (id, kind) in
            [(keys.token.credential, CredentialKind::Token), (keys.ssh.credential, CredentialKind::SshKey)]
        {
            let _credential = tx.record(caller, |_| Ok(credential(id, kind, None, Some(party), at).into()))?;
        }
        let side = tx.side();
        side.put_label(party.cast(), &label)?;
        side.put_secret(&keys.token)?;
        side.put_secret(&keys.ssh)?;
        side.put_slug(demo.slug, party.cast())
    })
}

fn terms(gate: &Gate, lane: &DemoLane, direction: Direction) -> Result<LaneTerms> {
    let mut recipients = Vec::new();
    for slug in lane.recipients {
        recipients.push(subject(gate, slug)?.cast());
    }
    Ok(LaneTerms {
        lane: new_id::<Lane>(),
        name: Code::new(lane.name).ok_or_else(|| Error::internal("a lane's name is a code"))?,
        direction,
        kinds: Vec::new(),
        inspectors: lane.inspectors.to_vec(),
        recipients,
        object_bytes_max: OBJECT_BYTES_MAX,
        open: true,
    })
}

fn subject(gate: &Gate, slug: &str) -> Result<Id<Subject>> {
    gate.read(|_, side| side.by_slug(slug))?.ok_or_else(|| Error::internal(format!("{slug} is not in the demo")))
}

fn engagement_of(gate: &Gate, slug: &str) -> Result<Id<Engagement>> {
    let party = subject(gate, slug)?.cast();
    let found = gate.read(|view, _| view.engagement_of(party))?;
    found.ok_or_else(|| Error::internal(format!("{slug} has no engagement")))
}
