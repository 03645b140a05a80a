//! Reading people, their roles, credentials, and which rules are in force.

use lazaret_core::digest::Digest;
use lazaret_core::event::RuleSet;
use lazaret_core::id::{Actor, Credential, Id, Party, Person};
use lazaret_core::register::{CredentialKind, PersonSide, Role, Standing};
use lazaret_core::request::Group;
use lazaret_core::time::Timestamp;
use rusqlite::Row;

use super::View;
use crate::error::Result;
use crate::value::{code_of, digest_of, id_of, id_opt, millis, time_of, time_opt};

/// A person with the roles they hold now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonView {
    /// The person.
    pub person: Id<Person>,
    /// Whose side they are on.
    pub side: PersonSide,
    /// Their party, if not the hospital's.
    pub party: Option<Id<Party>>,
    /// Whether they still work there.
    pub standing: Standing,
    /// Roles that have not ended.
    pub roles: Vec<Role>,
}

/// A credential as the registers have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialView {
    /// The credential.
    pub credential: Id<Credential>,
    /// What it is.
    pub kind: CredentialKind,
    /// The person it belongs to.
    pub person: Option<Id<Person>>,
    /// The party it belongs to.
    pub party: Option<Id<Party>>,
    /// First instant at which it opens anything.
    pub valid_from: Timestamp,
    /// Exclusive end.
    pub valid_until: Option<Timestamp>,
    /// Whether it was revoked.
    pub revoked: bool,
}

const CREDENTIAL: &str = "SELECT id, kind, person, party, valid_from, valid_until, revoked FROM credential";

fn read_credential(row: &Row<'_>) -> rusqlite::Result<CredentialView> {
    Ok(CredentialView {
        credential: id_of(row, 0)?,
        kind: code_of(row, 1, CredentialKind::ALL)?,
        person: id_opt(row, 2)?,
        party: id_opt(row, 3)?,
        valid_from: time_of(row, 4)?,
        valid_until: time_opt(row, 5)?,
        revoked: row.get::<_, i64>(6)? == 1,
    })
}

impl CredentialView {
    /// Whose it is; nobody's where the entry names neither a person nor a party.
    pub fn owner(&self) -> Option<Id<Actor>> {
        self.person.map(Id::cast).or(self.party.map(Id::cast))
    }
}

impl View<'_> {
    /// The person with this id and the roles they hold at `at`.
    ///
    /// # Errors
    /// A fault of the store, as for every method here.
    pub fn person(&self, person: Id<Person>, at: Timestamp) -> Result<Option<PersonView>> {
        let found =
            self.db.one("SELECT side, party, standing FROM person WHERE id = $1", &[person.as_bytes()], |row| {
                Ok((code_of(row, 0, PersonSide::ALL)?, id_opt(row, 1)?, code_of(row, 2, Standing::ALL)?))
            })?;
        let Some((side, party, standing)) = found else { return Ok(None) };
        let roles = self.db.all(
            "SELECT role FROM role_grant WHERE person = $1 AND (until IS NULL OR until > $2) ORDER BY role",
            &[person.as_bytes(), &millis(at)],
            |row| code_of(row, 0, Role::ALL),
        )?;
        Ok(Some(PersonView { person, side, party, standing, roles }))
    }

    /// Every person, by id.
    pub fn people(&self, rows_max: u32, at: Timestamp) -> Result<Vec<PersonView>> {
        let ids: Vec<Id<Person>> =
            self.db.all("SELECT id FROM person ORDER BY id LIMIT $1", &[&i64::from(rows_max)], |row| id_of(row, 0))?;
        let mut people = Vec::with_capacity(ids.len());
        for id in ids {
            people.extend(self.person(id, at)?);
        }
        Ok(people)
    }

    /// The people of a party, by id.
    pub fn people_of(&self, party: Id<Party>) -> Result<Vec<Id<Person>>> {
        Ok(self
            .db
            .all("SELECT id FROM person WHERE party = $1 ORDER BY id", &[party.as_bytes()], |row| id_of(row, 0))?)
    }

    /// The current members of every approver group.
    pub fn members(&self, at: Timestamp) -> Result<Vec<(Group, Id<Person>)>> {
        let mut members = Vec::new();
        for group in Group::ALL {
            members.extend(self.db.all(
                "SELECT g.person FROM role_grant g JOIN person p ON p.id = g.person
                 WHERE g.role = $1 AND (g.until IS NULL OR g.until > $2) AND p.standing = $3 AND p.side = $4 ORDER BY g.person",
                &[
                    &(group.role() as i64),
                    &millis(at),
                    &(Standing::Current as i64),
                    &(PersonSide::Hospital as i64),
                ],
                |row| Ok((*group, id_of(row, 0)?)),
            )?);
        }
        Ok(members)
    }

    /// The credential with this id.
    pub fn credential(&self, credential: Id<Credential>) -> Result<Option<CredentialView>> {
        Ok(self.db.one(&format!("{CREDENTIAL} WHERE id = $1"), &[credential.as_bytes()], read_credential)?)
    }

    /// Live credentials of every kind that belong to a person or a party.
    pub fn credentials_owned(&self, owner: Id<Actor>, at: Timestamp) -> Result<Vec<CredentialView>> {
        Ok(self.db.all(
            &format!(
                "{CREDENTIAL} WHERE (person = $1 OR party = $1) AND revoked = 0 AND valid_from <= $2
                   AND (valid_until IS NULL OR valid_until > $2) ORDER BY kind, id"
            ),
            &[owner.as_bytes(), &millis(at)],
            read_credential,
        )?)
    }

    /// Live credentials of one kind that belong to a party: its registered signing keys.
    pub fn credentials_of(&self, party: Id<Party>, kind: CredentialKind, at: Timestamp) -> Result<Vec<Id<Credential>>> {
        Ok(self.db.all(
            "SELECT id FROM credential WHERE party = $1 AND kind = $2 AND revoked = 0 AND valid_from <= $3
               AND (valid_until IS NULL OR valid_until > $3) ORDER BY id",
            &[party.as_bytes(), &(kind as i64), &millis(at)],
            |row| id_of(row, 0),
        )?)
    }

    /// Live credentials of one kind that belong to a person.
    pub fn credentials_of_person(
        &self,
        person: Id<Person>,
        kind: CredentialKind,
        at: Timestamp,
    ) -> Result<Vec<Id<Credential>>> {
        Ok(self.db.all(
            "SELECT id FROM credential WHERE person = $1 AND kind = $2 AND revoked = 0 AND valid_from <= $3
               AND (valid_until IS NULL OR valid_until > $3) ORDER BY id",
            &[person.as_bytes(), &(kind as i64), &millis(at)],
            |row| id_of(row, 0),
        )?)
    }

    /// The set of this kind that is in force.
    pub fn rules_in_force(&self, set: RuleSet) -> Result<Option<Digest>> {
        Ok(self.db.one(
            "SELECT digest FROM rule_set WHERE kind = $1 ORDER BY idx DESC LIMIT 1",
            &[&(set as i64)],
            |row| digest_of(row, 0),
        )?)
    }
}
