//! Reading what decides about the register itself: who came in by whose link, whether the house is founded, a party's contract
//! with its lanes.

use lazaret_core::agreement::Contract;
use lazaret_core::credential::Administrators;
use lazaret_core::id::{Credential, Engagement, Id, Lane, Party, Person};
use lazaret_core::person::{House, Known};
use lazaret_core::register::{
    AgreementKind, AgreementTerms, CredentialKind, LaneTerms, PersonSide, Role, Standing, VettingOutcome,
};
use lazaret_core::time::Timestamp;
use lazaret_core::transfer::Stage;

use super::View;
use crate::error::Result;
use crate::value::{cbor_of, code_of, id_of, millis, time_of, time_opt, to_u64};

impl View<'_> {
    /// A person as whoever acts on them has to know them.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn known(&self, person: Id<Person>, at: Timestamp) -> Result<Option<Known>> {
        let Some(found) = self.person(person, at)? else { return Ok(None) };
        let enters_since = self.db.one(
            "SELECT valid_from FROM credential WHERE person = $1 AND kind IN ($2, $3) AND revoked = 0 AND valid_from <= $4
               AND (valid_until IS NULL OR valid_until > $4) ORDER BY valid_from LIMIT 1",
            &[
                person.as_bytes(),
                &(CredentialKind::Passkey as i64),
                &(CredentialKind::Demo as i64),
                &millis(at),
            ],
            |row| time_of(row, 0),
        )?;
        let has_passkey = !self.credentials_of_person(person, CredentialKind::Passkey, at)?.is_empty();
        Ok(Some(Known {
            person,
            side: found.side,
            standing: found.standing,
            roles: found.roles,
            enters_since,
            has_passkey,
            invited_by: self.invited_by(person)?,
            is_asked_about: self.awaits_votes(person.cast(), at)?,
        }))
    }

    /// What is known of the others, where a role is granted.
    pub fn house(&self, at: Timestamp) -> Result<House> {
        Ok(House { is_being_founded: self.is_being_founded()?, members: self.members(at)?, invited: self.invited()? })
    }

    /// Whether there were never yet the people who grant roles by four eyes, so that one administrator makes approvers.
    pub fn is_being_founded(&self) -> Result<bool> {
        Ok(self.db.one("SELECT 1 FROM founded", &[], |_| Ok(()))?.is_none())
    }

    /// Everybody who came in by a link, with whoever made it.
    pub fn invited(&self) -> Result<Vec<(Id<Person>, Id<Person>)>> {
        Ok(self.db.all(
            "SELECT DISTINCT person, invited_by FROM credential WHERE person IS NOT NULL AND invited_by IS NOT NULL
             ORDER BY person, invited_by",
            &[],
            |row| Ok((id_of(row, 0)?, id_of(row, 1)?)),
        )?)
    }

    /// Whoever made the links by which this person came in. A passkey that was revoked since counts: whoever used it could have
    /// added others.
    pub fn invited_by(&self, person: Id<Person>) -> Result<Vec<Id<Person>>> {
        Ok(self.db.all(
            "SELECT DISTINCT invited_by FROM credential WHERE person = $1 AND invited_by IS NOT NULL ORDER BY invited_by",
            &[person.as_bytes()],
            |row| id_of(row, 0),
        )?)
    }

    /// The administrators who can sign in now, by a passkey or a token; as if `ended` opened nothing any more, nor what was asked
    /// for by it, where one is given.
    pub fn administrators_who_can_sign_in(
        &self,
        ended: Option<Id<Credential>>,
        at: Timestamp,
    ) -> Result<Vec<Id<Person>>> {
        Ok(self.db.all(
            "WITH RECURSIVE ended (id) AS (
               SELECT id FROM credential WHERE id = $1
               UNION SELECT c.id FROM credential c JOIN ended e ON c.asked_by = e.id)
             SELECT DISTINCT p.id FROM role_grant g JOIN person p ON p.id = g.person JOIN credential c ON c.person = p.id
             WHERE g.role = $2 AND (g.until IS NULL OR g.until > $3) AND p.standing = $4 AND p.side = $5
               AND c.kind IN ($6, $7) AND c.revoked = 0 AND c.valid_from <= $3
               AND (c.valid_until IS NULL OR c.valid_until > $3) AND c.id NOT IN (SELECT id FROM ended) ORDER BY p.id",
            &[
                &ended.map(|credential| *credential.as_bytes()),
                &(Role::Admin as i64),
                &millis(at),
                &(Standing::Current as i64),
                &(PersonSide::Hospital as i64),
                &(CredentialKind::Passkey as i64),
                &(CredentialKind::Token as i64),
            ],
            |row| id_of(row, 0),
        )?)
    }

    /// Whoever let in who showed this credential: made it, or the token by which it was asked for, or the link by which its owner
    /// came in.
    pub fn let_in_by(&self, credential: Id<Credential>) -> Result<Vec<Id<Person>>> {
        Ok(self.db.all(
            "WITH RECURSIVE shown (id, person, asked_by, added_by) AS (
               SELECT id, person, asked_by, added_by FROM credential WHERE id = $1
               UNION SELECT c.id, c.person, c.asked_by, c.added_by FROM credential c JOIN shown s ON c.id = s.asked_by)
             SELECT added_by FROM shown JOIN person p ON p.id = shown.added_by
             UNION SELECT c.invited_by FROM credential c JOIN shown ON c.person = shown.person WHERE c.invited_by IS NOT NULL",
            &[credential.as_bytes()],
            |row| id_of(row, 0),
        )?)
    }

    /// The administrators who can sign in now, and once this credential has ended.
    pub fn administrators_without(&self, credential: Id<Credential>, at: Timestamp) -> Result<Administrators> {
        let now = self.administrators_who_can_sign_in(None, at)?;
        Ok(Administrators { now, then: self.administrators_who_can_sign_in(Some(credential), at)? })
    }

    /// The contract of an engagement, with its lanes by name.
    pub fn contract(&self, engagement: Id<Engagement>) -> Result<Option<Contract>> {
        let found = self.db.one(
            "SELECT id, effective, expires FROM agreement WHERE engagement = $1 AND kind = $2 ORDER BY rowid LIMIT 1",
            &[engagement.as_bytes(), &(AgreementKind::Contract as i64)],
            |row| Ok((id_of(row, 0)?, AgreementTerms { effective: time_of(row, 1)?, expires: time_opt(row, 2)? })),
        )?;
        let Some((agreement, terms)) = found else { return Ok(None) };
        let lanes = self.db.all(
            "SELECT terms, is_open FROM lane WHERE agreement = $1 ORDER BY name",
            &[agreement.as_bytes()],
            |row| {
                let terms: LaneTerms = cbor_of(row, 0)?;
                Ok(LaneTerms { open: terms.open && row.get::<_, i64>(1)? == 1, ..terms })
            },
        )?;
        Ok(Some(Contract { agreement, engagement, terms, lanes }))
    }

    /// Until when a party's latest vetting counts, if it passed.
    pub fn vetted_until(&self, party: Id<Party>) -> Result<Option<Timestamp>> {
        let latest = self.db.one(
            "SELECT outcome, valid_until FROM vetting WHERE party = $1 ORDER BY epoch DESC, idx DESC LIMIT 1",
            &[party.as_bytes()],
            |row| Ok((code_of(row, 0, VettingOutcome::ALL)?, time_of(row, 1)?)),
        )?;
        Ok(latest.filter(|(outcome, _)| *outcome == VettingOutcome::Passed).map(|(_, until)| until))
    }

    /// How many transfers of a lane wait for a decision or for being collected.
    pub fn open_on_lane(&self, lane: Id<Lane>) -> Result<u64> {
        let mut open = 0;
        for stage in Stage::ALL.iter().filter(|stage| !stage.is_final()) {
            let count: Option<i64> = self.db.one(
                "SELECT COUNT(*) FROM transfer WHERE lane = $1 AND stage = $2",
                &[lane.as_bytes(), &(*stage as i64)],
                |row| row.get(0),
            )?;
            open += to_u64(count.unwrap_or(0));
        }
        Ok(open)
    }
}
