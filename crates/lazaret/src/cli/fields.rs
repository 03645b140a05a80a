//! `--json[=FIELD,…]`: all of it, or the fields that a script wants, in its order.

use clap::Args;
use serde_json::Value;

use super::fail::{Failure, Result};
use super::out;
use crate::api::types::Json;

/// Print JSON.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct JsonArgs {
    /// Print JSON, whole or only these fields
    #[arg(long, value_name = "FIELD,…", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    json: Option<String>,
}

/// The fields of a transfer.
pub(crate) const TRANSFER: &[&str] = &[
    "reference",
    "id",
    "state",
    "direction",
    "lane",
    "party",
    "name",
    "bytes",
    "sha256",
    "kind",
    "received",
    "since",
    "code",
    "text",
    "fix",
    "because",
    "would_release",
    "who",
    "binding",
    "approvals",
    "verdicts",
    "phi",
    "history",
    "receipt",
    "receipt_file",
];
/// The fields of what would be decided if something else were so.
pub(crate) const SUPPOSED: &[&str] = &["reference", "now", "would_be", "because"];
/// The fields of a token.
pub(crate) const TOKEN: &[&str] = &["id", "from", "until", "token"];
/// The fields of a credential of any kind.
pub(crate) const CREDENTIAL: &[&str] = &["id", "kind", "fingerprint", "made", "made_by", "asked_by", "from", "until"];
/// The fields of a party.
pub(crate) const PARTY: &[&str] = &["id", "slug", "name", "kind", "state", "isolated", "lanes"];
/// The fields of a key that was added.
pub(crate) const KEY: &[&str] = &["id", "fingerprint", "from"];
/// The fields of a person.
pub(crate) const PERSON: &[&str] = &["id", "slug", "name", "party", "standing", "roles", "passkeys", "invitation"];
/// The fields of what came of granting a role.
pub(crate) const GRANTED: &[&str] = &["person", "request"];
/// The fields of an invitation.
pub(crate) const INVITATION: &[&str] = &["person", "link", "until"];
/// The fields of a lane with its terms.
pub(crate) const LANE: &[&str] =
    &["name", "party", "direction", "open", "kinds", "inspectors", "recipients", "object_bytes_max", "open_transfers"];
/// The fields of a request that waits for votes.
pub(crate) const REQUEST: &[&str] = &[
    "id",
    "act",
    "party",
    "reference",
    "person",
    "role",
    "enters_since",
    "invited_by",
    "binding",
    "approvals",
    "groups",
    "until",
];

impl JsonArgs {
    /// Whether JSON is wanted at all.
    pub(crate) fn wanted(&self) -> bool {
        self.json.is_some()
    }

    /// Refuses a field that there is not, before anything is done.
    ///
    /// # Errors
    /// An unknown field; the message names them all.
    pub(crate) fn check(&self, known: &[&str]) -> Result<()> {
        match self.picked().into_iter().find(|field| !known.contains(field)) {
            Some(unknown) => Err(Failure::usage(format!("there is no field {unknown}"))
                .hint(format!("the fields are {}", known.join(", ")))),
            None => Ok(()),
        }
    }

    /// Prints one object on a line of its own.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(crate) fn print<T: Json>(&self, value: &T) -> Result<()> {
        out::print(&format!("{}\n", self.pick(value.to_json()?)?))
    }

    /// Prints a page of a list as the API has it: `{"items":[…],"next":…}`.
    ///
    /// # Errors
    /// The output cannot be written.
    pub(crate) fn print_list<T: Json>(&self, items: &[T], next: Option<&str>) -> Result<()> {
        let items = items.iter().map(|item| self.pick(item.to_json()?)).collect::<Result<Vec<String>>>()?;
        let next = next.map_or(Value::Null, Value::from);
        out::print(&format!("{{\"items\":[{}],\"next\":{next}}}\n", items.join(",")))
    }

    fn picked(&self) -> Vec<&str> {
        self.json.as_deref().unwrap_or_default().split(',').map(str::trim).filter(|field| !field.is_empty()).collect()
    }

    fn pick(&self, text: String) -> Result<String> {
        let picked = self.picked();
        if picked.is_empty() {
            return Ok(text);
        }
        let object: Value = serde_json::from_str(&text)
            .map_err(|error| Failure::error("the gate's answer is no JSON").because(error))?;
        let fields = picked.iter().map(|field| {
            // What is not known about this one is null, so that every line has the same keys.
            let value = object.get(field).cloned().unwrap_or(Value::Null);
            format!("{}:{value}", Value::from(*field))
        });
        Ok(format!("{{{}}}", fields.collect::<Vec<_>>().join(",")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::{
        AddedKeyJson, CredentialJson, GrantedJson, InvitationJson, LaneJson, LaneTermsJson, ListJson, PartyJson,
        PersonJson, RequestJson, ShownJson, TallyJson, TransferJson,
    };

    fn json(text: Option<&str>) -> JsonArgs {
        JsonArgs { json: text.map(str::to_owned) }
    }

    fn check<T: Json>(value: &T, known: &[&str]) {
        let object: Value = serde_json::from_str(&value.to_json().unwrap()).unwrap();
        let mut there: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
        let mut known = known.to_vec();
        there.sort_unstable();
        known.sort_unstable();
        assert_eq!(there, known);
    }

    #[test]
    fn the_fields_that_can_be_asked_for_are_those_that_there_are() {
        let some = || Some("x".to_owned());
        let approvals = TallyJson { counted: 1, required: 2 };
        let transfer = TransferJson {
            kind: some(),
            code: some(),
            text: some(),
            fix: some(),
            binding: some(),
            phi: some(),
            receipt: some(),
            approvals: Some(approvals),
            ..TransferJson::default()
        };
        check(&ShownJson { transfer, receipt_file: None }, TRANSFER);
        let lane = LaneJson { name: "l".into(), direction: "in".into() };
        let x = || "x".to_owned();
        check(
            &PartyJson { id: x(), slug: x(), name: x(), kind: x(), state: x(), isolated: false, lanes: vec![lane] },
            PARTY,
        );
        check(
            &RequestJson {
                id: x(),
                act: x(),
                party: None,
                reference: None,
                person: None,
                role: None,
                enters_since: None,
                invited_by: Vec::new(),
                binding: x(),
                approvals,
                groups: Vec::new(),
                until: x(),
            },
            REQUEST,
        );
        let names = || vec![x()];
        let person = PersonJson {
            id: x(),
            slug: x(),
            name: x(),
            party: some(),
            standing: x(),
            roles: names(),
            passkeys: 1,
            invitation: None,
        };
        check(&person, PERSON);
        check(&GrantedJson { person, request: None }, GRANTED);
        check(&InvitationJson { person: x(), link: x(), until: x() }, INVITATION);
        let credential = CredentialJson {
            id: x(),
            kind: x(),
            fingerprint: None,
            made: None,
            made_by: None,
            asked_by: None,
            from: x(),
            until: None,
        };
        check(&credential, CREDENTIAL);
        check(&AddedKeyJson { id: x(), fingerprint: x(), from: x() }, KEY);
        check(
            &LaneTermsJson {
                name: x(),
                party: x(),
                direction: x(),
                open: true,
                kinds: names(),
                inspectors: names(),
                recipients: names(),
                object_bytes_max: 1,
                open_transfers: 0,
            },
            LANE,
        );
        drop(ListJson::<()> { items: Vec::new(), next: None });
    }

    #[test]
    fn an_unknown_field_is_a_usage_error_that_names_the_fields() {
        let refused = json(Some("reference,colour")).check(TRANSFER).unwrap_err();
        assert_eq!(refused.exit().code(), 2);
        for fine in [None, Some(""), Some("reference,state"), Some(" state , ")] {
            assert!(json(fine).check(TRANSFER).is_ok());
        }
    }

    #[test]
    fn fields_come_in_the_order_asked_and_are_null_where_they_are_not() {
        let picked = json(Some("state,kind,reference")).pick(r#"{"reference":"R","state":"held"}"#.to_owned()).unwrap();
        assert_eq!(picked, r#"{"state":"held","kind":null,"reference":"R"}"#);
        assert_eq!(json(Some("")).pick(r#"{"b":1,"a":2}"#.to_owned()).unwrap(), r#"{"b":1,"a":2}"#);
    }
}
