//! Reading transfers, and gathering the dossier that policy decides on.

use lazaret_core::arrival::Landing;
use lazaret_core::decision::{Inspecting, Outcome};
use lazaret_core::digest::Digest;
use lazaret_core::dossier::{Dossier, InspectedFacts, LastRuling};
use lazaret_core::event::{FiredRule, VerdictRow};
use lazaret_core::id::{
    Actor, Credential, Delivery, Id, Lane, Object, Party, Person, Reference, Request, Subject, Transfer,
};
use lazaret_core::inspection::{ContentKind, PhiPresence, SignatureState};
use lazaret_core::register::{PersonSide, Standing};
use lazaret_core::request::{Act, Group, RequestState, RequestView, Vote, groups_of};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::{Direction, Stage, TransferKind, TransferView};
use rusqlite::Row;

use super::View;
use crate::error::{Fault, Result};
use crate::value::{cbor_of, code_of, commitment_of, digest_of, from_u64, id_of, id_opt, millis, time_of, to_u64};

/// The last ruling on a transfer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RulingView {
    /// What was decided.
    pub outcome: Outcome,
    /// The rules that fired.
    pub rules: Vec<FiredRule>,
    /// The policy set.
    pub policy: Digest,
    /// What approvals bind.
    pub binding: Digest,
    /// The request for approvals, if they can help.
    pub request: Option<Id<Request>>,
    /// When.
    pub at: Timestamp,
}

/// One delivery of a released transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeliveryView {
    /// The delivery.
    pub delivery: Id<Delivery>,
    /// Attempts begun so far.
    pub attempts: u32,
    /// Who asked last.
    pub recipient: Option<Id<Actor>>,
    /// Whether the recipient has all of it.
    pub delivered: bool,
}

/// A request that waits for votes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenRequest {
    /// The request.
    pub request: Id<Request>,
    /// What it asks for.
    pub act: Act,
    /// What that changes.
    pub subject: Id<Subject>,
}

const TRANSFER: &str =
    "SELECT t.id, t.object, t.stage, t.direction, t.lane, t.party, t.requester, t.content, i.evidence, i.t,
  t.delivery, t.since, t.arrived FROM transfer t LEFT JOIN inspected i ON i.transfer = t.id";

fn read_transfer(row: &Row<'_>) -> rusqlite::Result<TransferView> {
    let evidence: Option<[u8; 32]> = row.get(8)?;
    let inspected: Option<i64> = row.get(9)?;
    Ok(TransferView {
        transfer: id_of(row, 0)?,
        object: id_of(row, 1)?,
        stage: code_of(row, 2, Stage::ALL)?,
        direction: code_of(row, 3, Direction::ALL)?,
        lane: id_of(row, 4)?,
        party: id_of(row, 5)?,
        requester: id_of(row, 6)?,
        content: commitment_of(row, 7)?,
        evidence: evidence.map(Digest::from_bytes),
        inspected_at: inspected.map(|at| Timestamp::from_millis(to_u64(at))),
        delivery: id_opt(row, 10)?,
        since: time_of(row, 11)?,
        arrived_at: time_of(row, 12)?,
    })
}

impl View<'_> {
    /// The transfer with this id.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn transfer(&self, transfer: Id<Transfer>) -> Result<Option<TransferView>> {
        Ok(self.db.one(&format!("{TRANSFER} WHERE t.id = $1"), &[transfer.as_bytes()], read_transfer)?)
    }

    /// The transfer that people call by this reference.
    pub fn by_reference(&self, reference: Reference) -> Result<Option<TransferView>> {
        let value = from_u64(reference.value());
        Ok(self.db.one(&format!("{TRANSFER} WHERE t.reference = $1"), &[&value], read_transfer)?)
    }

    /// Transfers that stand in this stage, the longest-standing first.
    pub fn in_stage(&self, stage: Stage, rows_max: u32) -> Result<Vec<Id<Transfer>>> {
        Ok(self.db.all(
            "SELECT id FROM transfer WHERE stage = $1 ORDER BY since, id LIMIT $2",
            &[&(stage as i64), &i64::from(rows_max)],
            |row| id_of(row, 0),
        )?)
    }

    /// Since when the longest-standing transfer of a stage stands there.
    pub fn oldest_in_stage(&self, stage: Stage) -> Result<Option<Timestamp>> {
        Ok(self.db.one(
            "SELECT since FROM transfer WHERE stage = $1 ORDER BY since LIMIT 1",
            &[&(stage as i64)],
            |row| time_of(row, 0),
        )?)
    }

    /// As [`View::in_stage`], without those of isolated parties: they stand still.
    pub fn moving_in_stage(&self, stage: Stage, rows_max: u32) -> Result<Vec<Id<Transfer>>> {
        Ok(self.db.all(
            "SELECT id FROM transfer t WHERE stage = $1
               AND NOT EXISTS (SELECT 1 FROM isolation i WHERE i.party = t.party AND i.lifted IS NULL)
             ORDER BY since, id LIMIT $2",
            &[&(stage as i64), &i64::from(rows_max)],
            |row| id_of(row, 0),
        )?)
    }

    /// Transfers that are held, not checked or cleared: those that a change elsewhere may move. Of one party, or of all.
    pub fn open_of(&self, party: Option<Id<Party>>) -> Result<Vec<Id<Transfer>>> {
        Ok(self.db.all(
            "SELECT id FROM transfer WHERE stage IN ($1, $2, $3) AND ($4 IS NULL OR party = $4) ORDER BY since, id",
            &[
                &(Stage::Held as i64),
                &(Stage::NotChecked as i64),
                &(Stage::Cleared as i64),
                &party.map(|party| *party.as_bytes()),
            ],
            |row| id_of(row, 0),
        )?)
    }

    /// A party's transfers about which something was recorded between two instants.
    pub fn transfers_with_news(&self, party: Id<Party>, from: Timestamp, to: Timestamp) -> Result<Vec<Id<Transfer>>> {
        Ok(self.db.all(
            "SELECT DISTINCT t.id FROM transfer t JOIN entry e ON e.subject = t.id
             WHERE t.party = $1 AND t.arrived < $3 AND e.t >= $2 AND e.t < $3",
            &[party.as_bytes(), &millis(from), &millis(to)],
            |row| id_of(row, 0),
        )?)
    }

    /// A party's transfers that arrived between two instants, in the order of their arrival.
    pub fn arrived_between(
        &self,
        party: Id<Party>,
        from: Timestamp,
        to: Timestamp,
        rows_max: u32,
    ) -> Result<Vec<TransferView>> {
        Ok(self.db.all(
            &format!(
                "{TRANSFER} WHERE t.party = $1 AND t.arrived >= $2 AND t.arrived < $3 ORDER BY t.arrived, t.id LIMIT $4"
            ),
            &[party.as_bytes(), &millis(from), &millis(to), &i64::from(rows_max)],
            read_transfer,
        )?)
    }

    /// Whether a transfer has this object.
    pub fn has_object(&self, object: Id<Object>) -> Result<bool> {
        let found = self.db.one("SELECT 1 FROM transfer WHERE object = $1", &[object.as_bytes()], |_| Ok(()))?;
        Ok(found.is_some())
    }

    /// Undelivered transfers of this party that were released.
    pub fn released_of(&self, party: Id<Party>) -> Result<Vec<Id<Transfer>>> {
        Ok(self.db.all(
            "SELECT id FROM transfer WHERE party = $1 AND stage = $2",
            &[party.as_bytes(), &(Stage::Released as i64)],
            |row| id_of(row, 0),
        )?)
    }

    /// What is released or delivered on a lane, newest first: what a recipient may collect.
    pub fn collectable(&self, lane: Id<Lane>, rows_max: u32) -> Result<Vec<TransferView>> {
        Ok(self.db.all(
            &format!("{TRANSFER} WHERE t.lane = $1 AND t.stage IN ($2, $3) ORDER BY t.arrived DESC, t.id LIMIT $4"),
            &[lane.as_bytes(), &(Stage::Released as i64), &(Stage::Delivered as i64), &i64::from(rows_max)],
            read_transfer,
        )?)
    }

    /// The newest of what a recipient may collect from a lane under this name.
    pub fn collectable_named(&self, lane: Id<Lane>, name_key: &[u8; 32]) -> Result<Option<TransferView>> {
        Ok(self.db.one(
            &format!(
                "{TRANSFER} JOIN side_manifest m ON m.transfer = t.id
                 WHERE m.name_key = $1 AND t.lane = $2 AND t.stage IN ($3, $4) ORDER BY t.arrived DESC, t.id LIMIT 1"
            ),
            &[name_key, lane.as_bytes(), &(Stage::Released as i64), &(Stage::Delivered as i64)],
            read_transfer,
        )?)
    }

    /// The declared kind.
    pub fn kind(&self, transfer: Id<Transfer>) -> Result<Option<TransferKind>> {
        Ok(self.db.one("SELECT kind FROM transfer WHERE id = $1", &[transfer.as_bytes()], |row| {
            code_of(row, 0, TransferKind::ALL)
        })?)
    }

    /// The last ruling.
    pub fn ruling(&self, transfer: Id<Transfer>) -> Result<Option<RulingView>> {
        Ok(self.db.one(
            "SELECT outcome, rules, policy, binding, request, t FROM ruling WHERE transfer = $1",
            &[transfer.as_bytes()],
            |row| {
                Ok(RulingView {
                    outcome: code_of(row, 0, Outcome::ALL)?,
                    rules: cbor_of(row, 1)?,
                    policy: digest_of(row, 2)?,
                    binding: digest_of(row, 3)?,
                    request: id_opt(row, 4)?,
                    at: time_of(row, 5)?,
                })
            },
        )?)
    }

    /// What the station found.
    pub fn inspected(&self, transfer: Id<Transfer>) -> Result<Option<InspectedFacts>> {
        Ok(self.db.one(
            "SELECT verdicts, phi, is_code, signature, other_bad, integrity_ok, evidence FROM inspected WHERE transfer = $1",
            &[transfer.as_bytes()],
            |row| {
                Ok(InspectedFacts {
                    verdicts: cbor_of::<Vec<VerdictRow>>(row, 0)?,
                    phi: code_of(row, 1, PhiPresence::ALL)?,
                    is_code: row.get::<_, i64>(2)? == 1,
                    signature: code_of(row, 3, SignatureState::ALL)?,
                    other_bad: row.get::<_, i64>(4)? == 1,
                    integrity_ok: row.get::<_, i64>(5)? == 1,
                    evidence: digest_of(row, 6)?,
                })
            },
        )?)
    }

    /// What the bytes were found to be.
    pub fn content_kind(&self, transfer: Id<Transfer>) -> Result<Option<ContentKind>> {
        Ok(self.db.one("SELECT content_kind FROM inspected WHERE transfer = $1", &[transfer.as_bytes()], |row| {
            code_of(row, 0, ContentKind::ALL)
        })?)
    }

    /// Everything a policy may look at about this transfer, as of `at`.
    ///
    /// # Errors
    /// `NotFound` if there is no such transfer.
    pub fn dossier(&self, transfer: Id<Transfer>, at: Timestamp) -> Result<Dossier> {
        let missing = || crate::error::Error::from(lazaret_core::refusal::Refusal::NotFound);
        let view = self.transfer(transfer)?.ok_or_else(missing)?;
        let lane = self.lane_of(&view)?.ok_or(Fault::Corrupt("a transfer on no lane"))?;
        let mut party = self.party_facts(&lane, at)?;
        // Nobody opens the way for patient data that they themselves ask to cross.
        party.phi_cover = party.phi_cover && self.is_covered_by_another(&lane, view.requester, at)?;
        let request = match view.stage {
            // What people released stays released only as long as their votes count: each delivery reads them again.
            Stage::Released | Stage::Delivered => self.granted_request(transfer.cast())?,
            Stage::Quarantined
            | Stage::Inspected
            | Stage::Held
            | Stage::NotChecked
            | Stage::Cleared
            | Stage::Denied
            | Stage::Withdrawn
            | Stage::Expired
            | Stage::Superseded => self.open_request(transfer.cast())?,
        };
        let request = match request {
            Some(request) => self.request(request, at)?,
            None => None,
        };
        let last_ruling = self.db.one(
            "SELECT binding, rules, stage FROM ruling WHERE transfer = $1",
            &[transfer.as_bytes()],
            |row| {
                Ok(LastRuling {
                    binding: digest_of(row, 0)?,
                    rules: cbor_of(row, 1)?,
                    stage: code_of(row, 2, Stage::ALL)?,
                })
            },
        )?;
        Ok(Dossier {
            kind: self.kind(transfer)?.ok_or_else(missing)?,
            inspected: self.inspected(transfer)?,
            transfer: view,
            lane: lane.terms,
            party,
            request,
            last_ruling,
        })
    }

    /// Proof that the station may look at this transfer's object.
    ///
    /// # Errors
    /// `WrongState` when it does not stand in quarantine.
    pub fn inspecting(&self, transfer: Id<Transfer>) -> Result<Inspecting> {
        crate::record::inspecting(self, transfer)
    }

    /// The place where a transfer would arrive on this lane. `natural_key` names the peer's own key for the act, if its
    /// window is open; `next_version` counts objects of that name. What was withdrawn, expired or was replaced reaches nobody
    /// any more, so that the same bytes sent again are no repeat of it.
    ///
    /// # Errors
    /// `LaneClosed` when there is no such lane.
    pub fn landing(&self, lane: &str, natural_key: &[u8; 32], name_key: &[u8; 32], at: Timestamp) -> Result<Landing> {
        let lane = self.lane_by_name(lane)?.ok_or(lazaret_core::refusal::Refusal::LaneClosed)?;
        let repeat_of = self.db.one(
            "SELECT k.transfer, k.mark FROM side_natural_key k JOIN transfer t ON t.id = k.transfer
             WHERE k.key = $1 AND k.until > $2 AND t.stage NOT IN ($3, $4, $5)",
            &[
                natural_key,
                &millis(at),
                &(Stage::Withdrawn as i64),
                &(Stage::Expired as i64),
                &(Stage::Superseded as i64),
            ],
            |row| Ok((id_of(row, 0)?, commitment_of(row, 1)?)),
        )?;
        let versions: Option<i64> =
            self.db.one("SELECT COUNT(*) FROM side_manifest WHERE name_key = $1", &[name_key], |row| row.get(0))?;
        Ok(Landing {
            isolated: self.open_isolation(lane.party)?.is_some(),
            party: lane.party,
            lane: lane.terms,
            repeat_of,
            next_version: u32::try_from(versions.unwrap_or(0) + 1).unwrap_or(u32::MAX),
        })
    }

    /// The open request about this subject.
    pub fn open_request(&self, subject: Id<Subject>) -> Result<Option<Id<Request>>> {
        Ok(self.db.one(
            "SELECT id FROM request WHERE subject = $1 AND state = $2 ORDER BY epoch DESC, idx DESC LIMIT 1",
            &[subject.as_bytes(), &(RequestState::Open as i64)],
            |row| id_of(row, 0),
        )?)
    }

    /// Whether a request about this subject still takes votes.
    pub fn awaits_votes(&self, subject: Id<Subject>, at: Timestamp) -> Result<bool> {
        let found = self.db.one(
            "SELECT 1 FROM request WHERE subject = $1 AND state = $2 AND until > $3",
            &[subject.as_bytes(), &(RequestState::Open as i64), &millis(at)],
            |_| Ok(()),
        )?;
        Ok(found.is_some())
    }

    /// The request about this subject that was granted last.
    fn granted_request(&self, subject: Id<Subject>) -> Result<Option<Id<Request>>> {
        Ok(self.db.one(
            "SELECT id FROM request WHERE subject = $1 AND state = $2 ORDER BY epoch DESC, idx DESC LIMIT 1",
            &[subject.as_bytes(), &(RequestState::Granted as i64)],
            |row| id_of(row, 0),
        )?)
    }

    /// Requests that take votes at `at`, the longest-waiting first, with what each is about. A release is among them while its
    /// transfer waits for people and its last ruling asks for them; a lifting while the isolation is open.
    pub fn open_requests(&self, rows_max: u32, at: Timestamp) -> Result<Vec<OpenRequest>> {
        Ok(self.db.all(
            "SELECT q.id, q.act, q.subject FROM request q WHERE q.state = $1 AND q.until > $3
               AND (q.act <> $4 OR EXISTS (SELECT 1 FROM transfer t JOIN ruling r ON r.transfer = t.id
                 WHERE t.id = q.subject AND t.stage IN ($5, $6) AND r.request = q.id))
               AND (q.act <> $7 OR EXISTS (SELECT 1 FROM isolation i WHERE i.id = q.subject AND i.lifted IS NULL))
             ORDER BY q.epoch, q.idx LIMIT $2",
            &[
                &(RequestState::Open as i64),
                &i64::from(rows_max),
                &millis(at),
                &(Act::ReleaseTransfer as i64),
                &(Stage::Held as i64),
                &(Stage::NotChecked as i64),
                &(Act::LiftIsolation as i64),
            ],
            |row| Ok(OpenRequest { request: id_of(row, 0)?, act: code_of(row, 1, Act::ALL)?, subject: id_of(row, 2)? }),
        )?)
    }

    /// What a request is about.
    pub fn subject_of_request(&self, request: Id<Request>) -> Result<Option<Id<Subject>>> {
        Ok(self.db.one("SELECT subject FROM request WHERE id = $1", &[request.as_bytes()], |row| id_of(row, 0))?)
    }

    /// A request with its votes and what is true of the voters now.
    pub fn request(&self, request: Id<Request>, at: Timestamp) -> Result<Option<RequestView>> {
        let shown: Option<Option<Id<Credential>>> = self.db.one(
            "SELECT t.credential FROM request q JOIN transfer t ON t.id = q.subject WHERE q.id = $1 AND q.act = $2",
            &[request.as_bytes(), &(Act::ReleaseTransfer as i64)],
            |row| id_opt(row, 0),
        )?;
        let let_in_by = shown.flatten().map_or(Ok(Vec::new()), |credential| self.let_in_by(credential))?;
        let found = self.db.one(
            "SELECT act, state, requester, binding, required, groups, until FROM request WHERE id = $1",
            &[request.as_bytes()],
            |row| {
                Ok(RequestView {
                    request,
                    act: code_of(row, 0, Act::ALL)?,
                    state: code_of(row, 1, RequestState::ALL)?,
                    requester: id_of(row, 2)?,
                    let_in_by: Vec::new(),
                    binding: digest_of(row, 3)?,
                    required: u8::try_from(row.get::<_, i64>(4)?).unwrap_or(u8::MAX),
                    groups: cbor_of(row, 5)?,
                    until: time_of(row, 6)?,
                    votes: Vec::new(),
                })
            },
        )?;
        let Some(found) = found else { return Ok(None) };
        let mut found = RequestView { let_in_by, ..found };
        let votes: Vec<(Id<Person>, Group, Digest, Id<Credential>)> = self.db.all(
            "SELECT person, approver_group, binding, credential FROM approval
             WHERE request = $1 AND approves = 1 ORDER BY idx",
            &[request.as_bytes()],
            |row| Ok((id_of(row, 0)?, code_of(row, 1, Group::ALL)?, digest_of(row, 2)?, id_of(row, 3)?)),
        )?;
        for (person, group, binding, credential) in votes {
            let groups = self.still_votes_for(person, group, credential, at)?;
            let invited_by = self.invited_by(person)?;
            found.votes.push(Vote { person, group, binding, groups, invited_by });
        }
        Ok(Some(found))
    }

    /// The groups for which somebody's vote may count now; none where they left, no longer have the role for which they voted, or
    /// the credential by which they voted was revoked. One that only ran out spoke for them while it was valid.
    fn still_votes_for(
        &self,
        person: Id<Person>,
        group: Group,
        credential: Id<Credential>,
        at: Timestamp,
    ) -> Result<Vec<Group>> {
        let shown = self.credential(credential)?.is_some_and(|shown| !shown.revoked);
        let known = self
            .person(person, at)?
            .filter(|known| shown && known.side == PersonSide::Hospital && known.standing == Standing::Current);
        let groups = known.map_or_else(Vec::new, |known| groups_of(&known.roles));
        Ok(if groups.contains(&group) { groups } else { Vec::new() })
    }

    /// The delivery opened at release.
    pub fn delivery(&self, delivery: Id<Delivery>) -> Result<Option<DeliveryView>> {
        Ok(self.db.one(
            "SELECT attempt, recipient, state FROM delivery WHERE id = $1",
            &[delivery.as_bytes()],
            |row| {
                Ok(DeliveryView {
                    delivery,
                    attempts: u32::try_from(row.get::<_, i64>(0)?).unwrap_or(u32::MAX),
                    recipient: id_opt(row, 1)?,
                    delivered: row.get::<_, i64>(2)? == 2,
                })
            },
        )?)
    }
}
