//! A gate of one's own, from nothing: the first administrator founds the house, people come in by links, a party by its
//! contract, and what it sends is held, approved by two and collected.

use std::path::PathBuf;
use std::process::{Output, Stdio};

use serde_json::Value;

use crate::gate::{Answer, TestGate, command, wait_for};
use crate::passkey::Visitor;

const FIRMWARE: &[u8] = include_bytes!("../../src/demo/assets/pump-fw-4.2.1.zip");

/// The first administrator, Ada, with a passkey and a token.
struct House<'g> {
    gate: &'g TestGate,
    token: PathBuf,
}

impl<'g> House<'g> {
    fn founded(gate: &'g TestGate) -> House<'g> {
        let link = std::fs::read_to_string(gate.ready["setup_link_file"].as_str().unwrap()).unwrap();
        let ada = Visitor::by_link(gate, "ada", link.trim(), &[("name", "Ada Example"), ("account", "ada")]);
        House { gate, token: ada.token_file("ada.token") }
    }

    /// The command line, by this token.
    fn by(&self, token: &std::path::Path, args: &[&str]) -> Output {
        let (ca, token) = (self.gate.dir().join("ca.pem"), token.to_str().unwrap().to_owned());
        let place = ["--server", self.gate.https(), "--token-file", &token, "--ca", ca.to_str().unwrap()];
        let mut client = command(env!("CARGO_BIN_EXE_lazaret"));
        client.args(args).args(place).current_dir(self.gate.scratch.path()).stdin(Stdio::null());
        client.env_remove("LAZARET_GATE").env("XDG_STATE_HOME", self.gate.path("state")).output().unwrap()
    }

    /// The command line as Ada, which must end well; its JSON.
    fn does(&self, args: &[&str]) -> Value {
        let output = self.by(&self.token, &[args, &["--json"][..]].concat());
        assert!(output.status.success(), "{args:?}: {}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// As Ada, and it must be refused with these words.
    fn is_refused(&self, args: &[&str], words: &str) {
        let output = self.by(&self.token, args);
        assert_eq!(output.status.code(), Some(1), "{args:?}: {}", said(&output));
        assert!(said(&output).contains(words), "{args:?}: {}", said(&output));
    }

    /// Records somebody, who comes in by the link and is at the console then, and gives them this role.
    fn welcomes(&self, slug: &str, role: &str) -> Visitor<'g> {
        self.does(&["people", "add", slug, "--name", &format!("{slug} Example")]);
        let visitor = self.invites(slug);
        let granted = self.does(&["people", "grant", slug, role]);
        assert_eq!((&granted["person"]["roles"][0], &granted["request"]), (&Value::from(role), &Value::Null));
        visitor
    }

    fn invites(&self, slug: &str) -> Visitor<'g> {
        let link = self.does(&["people", "invite", slug])["link"].as_str().unwrap().to_owned();
        let visitor = Visitor::by_link(self.gate, slug, &link, &[]);
        assert_eq!(self.gate.request("", "GET", &link).send().status, 410, "a link works once");
        visitor
    }

    /// The API as Ada, which must answer well.
    fn api(&self, method: &str, path: &str) -> Value {
        let answer = self.asked(method, path);
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text());
        answer.json()
    }

    /// The same, and it must be refused; why.
    fn refused(&self, method: &str, path: &str) -> String {
        let answer = self.asked(method, path);
        assert_eq!(answer.status, 409, "{method} {path}: {}", answer.text());
        answer.text()
    }

    fn asked(&self, method: &str, path: &str) -> Answer {
        let token = std::fs::read_to_string(&self.token).unwrap();
        let shown = format!("Authorization: Bearer {}", token.trim());
        self.gate.request("", method, path).header(&shown).send()
    }

    /// The id of somebody's one passkey.
    fn passkey_of(&self, slug: &str) -> String {
        let held = self.api("GET", &format!("/api/v1/credentials?of={slug}"));
        let passkey = held["items"].as_array().unwrap().iter().find(|held| held["kind"] == "passkey").unwrap();
        passkey["id"].as_str().unwrap().to_owned()
    }

    fn person(&self, slug: &str) -> Value {
        let people = self.does(&["people", "list"]);
        people["items"].as_array().unwrap().iter().find(|person| person["slug"] == slug).unwrap().clone()
    }

    fn roles(&self, slug: &str) -> Vec<Value> {
        self.person(slug)["roles"].as_array().unwrap().clone()
    }
}

fn said(output: &Output) -> String {
    [&output.stdout[..], &output.stderr].map(String::from_utf8_lossy).concat()
}

/// A key pair as a supplier makes one.
fn key_pair(gate: &TestGate) -> PathBuf {
    let path = gate.path("id_acme");
    let made = command("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "acme", "-f"]).arg(&path).output();
    assert!(made.unwrap().status.success());
    path
}

fn sftp(gate: &TestGate, key: &std::path::Path, batch: &str) -> Output {
    let port = gate.ready["sftp"]["port"].as_u64().unwrap().to_string();
    let known = format!("UserKnownHostsFile={}", gate.dir().join("known_hosts").display());
    let batch = gate.file("batch", batch.as_bytes());
    let mut sftp = command("sftp");
    sftp.args(["-q", "-P", &port, "-o", &known, "-o", "IdentitiesOnly=yes", "-F", "none", "-i"]).arg(key);
    sftp.arg("-b").arg(batch).arg("acme@localhost").stdin(Stdio::null()).output().unwrap()
}

// EVIDENCE-OF
#[test]
fn an_empty_gate_becomes_a_house_that_lets_a_supplier_in_and_releases_by_two() {
    let gate = TestGate::empty();
    let house = House::founded(&gate);
    house.is_refused(&["people", "grant", "ada", "biomed"], "nobody gives a role or a link to themselves");
    let (ben, dan) = (house.welcomes("ben", "biomed"), house.welcomes("dan", "security"));
    let priya = house.welcomes("priya", "receiver");
    house.is_refused(&["people", "invite", "ben"], "they may vote, and whoever makes a link could use it");
    house.is_refused(&["people", "invite", "priya"], "they have a passkey");

    let made = house.does(&["parties", "add", "acme", "--name", "Acme Infusion", "--kind", "manufacturer"]);
    assert_eq!(made["state"], "vetting");
    let open = ["lanes", "open", "acme-in", "--party", "acme", "--direction", "in", "--recipient", "priya"];
    house.is_refused(&open, "no contract in force");
    assert_eq!(house.does(&["parties", "vet", "acme", "--outcome", "passed", "--days", "365"])["state"], "vetting");
    assert_eq!(house.does(&["parties", "agree", "acme", "--kind", "contract", "--days", "365"])["state"], "active");
    let lane = house.does(&open);
    assert_eq!((&lane["open"], &lane["recipients"][0]), (&Value::Bool(true), &Value::from("priya")));

    let key = key_pair(&gate);
    let line = key.with_extension("pub");
    house.does(&["parties", "key", "acme", line.to_str().unwrap()]);
    house.is_refused(&["parties", "key", "acme", line.to_str().unwrap()], "one key never speaks for two");
    let firmware = gate.file("pump-fw.zip", FIRMWARE);
    let put = sftp(&gate, &key, &format!("put {} /in/acme-in/pump-fw.zip\n", firmware.display()));
    assert!(put.status.success(), "{}", said(&put));
    let held = wait_for("the firmware to be held", || {
        let page = house.does(&["transfers", "list"]);
        let first = page["items"][0].clone();
        (first["state"] == "held").then_some(first)
    });
    for voter in [&ben, &dan] {
        let answer = voter.approve();
        assert_eq!(answer.status, 303, "{}", answer.text());
    }
    let reference = held["reference"].as_str().unwrap();
    wait_for("the release", || (house.does(&["transfers", "get", reference])["state"] == "released").then_some(()));
    let fetched = gate.path("fetched.zip");
    let token = priya.token_file("priya.token");
    let outcome = house.by(&token, &["transfers", "fetch", reference, "-o", fetched.to_str().unwrap()]);
    assert!(outcome.status.success(), "{}", said(&outcome));
    assert!(std::fs::read(fetched).unwrap() == FIRMWARE, "what was collected is not what was sent");

    let token = gate.path("acme.token");
    house.does(&["parties", "token", "acme", "--days", "1", "-o", token.to_str().unwrap()]);
    let sent = house.by(&token, &["send", firmware.to_str().unwrap(), "--lane", "acme-in"]);
    assert!(sent.status.success(), "{}", said(&sent));
    house.does(&["lanes", "close", "acme-in"]);
    let refused = house.by(&token, &["send", firmware.to_str().unwrap(), "--lane", "acme-in"]);
    assert_eq!(refused.status.code(), Some(1), "{}", said(&refused));
    assert!(said(&refused).contains("pump-fw.zip"), "which file is not said: {}", said(&refused));
}

// EVIDENCE-OF
#[test]
fn once_there_are_two_to_ask_they_grant_every_role_that_votes() {
    let gate = TestGate::empty();
    let house = House::founded(&gate);
    let dan = house.welcomes("dan", "security");
    let _ben = house.welcomes("ben", "biomed");
    house.does(&["people", "add", "tom", "--name", "Tom Becker"]);
    house.is_refused(&["people", "grant", "tom", "biomed"], "invite them first");
    let _tom = house.invites("tom");
    house.is_refused(&["people", "end", "ada", "admin"], "without an administrator");

    let health = format!("{}/readyz", gate.ready["admin"].as_str().unwrap());
    let is_said = || {
        let ready = gate.request("", "GET", &health).send().text().contains("still being founded");
        (dan.page("/").contains("still being founded"), ready)
    };
    assert_eq!(is_said(), (true, true));
    let eve = house.welcomes("eve", "admin");
    assert_eq!(is_said(), (false, false));
    let asked = house.does(&["people", "grant", "tom", "biomed"]);
    let request = &asked["request"];
    assert_eq!(request["invited_by"], Value::from(vec!["ada"]));
    assert!(request["enters_since"].is_string(), "{request}");
    assert_eq!((&request["person"], &request["role"]), (&Value::from("tom"), &Value::from("biomed")));
    assert_eq!(house.roles("tom"), Vec::<Value>::new());
    house.is_refused(&["people", "grant", "tom", "admin"], "waits for votes");
    let page = dan.page("/approvals");
    for words in ["Make somebody biomed approver", "by a link that Ada Example made", "Ask them whether the passkey"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert_eq!(dan.approve().status, 303);
    assert_eq!(house.roles("tom"), Vec::<Value>::new(), "one vote is not two");
    assert_eq!(eve.approve().status, 303);
    assert_eq!(house.roles("tom"), [Value::from("biomed")]);
    // A vote is a passkey's: the command line says where it can be shown.
    let again = house.does(&["people", "grant", "tom", "admin"]);
    assert_eq!(again["request"]["role"], "admin");
    let token = dan.token_file("dan.token");
    let id = again["request"]["id"].as_str().unwrap();
    let voted = house.by(&token, &["requests", "approve", id, "--reason", "by token"]);
    assert_eq!(voted.status.code(), Some(4), "{}", said(&voted));
    assert!(said(&voted).contains(&format!("/approvals?look={id}")), "{}", said(&voted));
    // Ending what somebody holds founds nothing anew.
    house.does(&["people", "end", "eve", "admin"]);
    house.is_refused(&["people", "grant", "ben", "privacy"], "too few people are in the groups that grant this");
}

// EVIDENCE-OF: R-419
#[test]
fn a_lost_passkey_takes_its_sessions_and_the_tokens_made_in_them_with_it() {
    let gate = TestGate::empty();
    let house = House::founded(&gate);
    let eve = house.welcomes("eve", "admin");
    let token = eve.token_file("eve.token");
    assert!(house.by(&token, &["whoami"]).status.success());
    let grandchild = gate.path("eve-2.token");
    let made = house.by(&token, &["tokens", "make", "--days", "1", "-o", grandchild.to_str().unwrap()]);
    assert!(made.status.success(), "{}", said(&made));
    assert!(house.by(&grandchild, &["whoami"]).status.success());

    house.api("DELETE", &format!("/api/v1/credentials/{}", house.passkey_of("eve")));
    for token in [&token, &grandchild] {
        let shut = house.by(token, &["whoami"]);
        assert_eq!(shut.status.code(), Some(4), "{}", said(&shut));
    }
    assert!(eve.is_shut_out(), "the session goes on");
    assert_eq!(house.api("GET", "/api/v1/credentials?of=eve")["items"], Value::Array(Vec::new()));
}

// EVIDENCE-OF: R-402
#[test]
fn the_last_administrator_who_can_sign_in_keeps_their_role_and_their_way_in() {
    let gate = TestGate::empty();
    let house = House::founded(&gate);
    let words = "without an administrator who can sign in";
    house.is_refused(&["people", "end", "ada", "admin"], words);
    let _eve = house.welcomes("eve", "admin");
    let way_in = |slug: &str| format!("/api/v1/credentials/{}", house.passkey_of(slug));
    let ada = way_in("ada");
    house.api("DELETE", &way_in("eve"));
    // Eve holds the role and cannot come in: that is nobody to leave the gate to.
    assert_eq!(house.roles("eve"), [Value::from("admin")]);
    house.is_refused(&["people", "end", "ada", "admin"], words);
    assert!(house.refused("DELETE", &ada).contains(words));
    house.does(&["people", "end", "eve", "admin"]);
}

// EVIDENCE-OF: R-402
#[test]
fn a_link_is_taken_back_and_ends_with_the_rights_of_whoever_made_it() {
    let gate = TestGate::empty();
    let house = House::founded(&gate);
    let eve = house.welcomes("eve", "admin");
    let token = eve.token_file("eve.token");
    house.does(&["people", "add", "tom", "--name", "Tom Becker"]);
    let opens = |link: &str| gate.request("", "GET", link).send().status == 200;
    let invite = |by: &std::path::Path| {
        let output = house.by(by, &["people", "invite", "tom", "--json=link"]);
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["link"].as_str().unwrap().to_owned()
    };

    let link = invite(&token);
    assert!(opens(&link));
    assert_eq!(house.person("tom")["invitation"]["by"], "eve");
    house.does(&["people", "uninvite", "tom"]);
    assert!(!opens(&link));
    assert_eq!(house.person("tom")["invitation"], Value::Null);
    house.is_refused(&["people", "uninvite", "tom"], "it is already so");

    let other = gate.path("eve-2.token");
    let made = house.by(&token, &["tokens", "make", "--days", "1", "-o", other.to_str().unwrap(), "--json"]);
    assert!(made.status.success(), "{}", said(&made));
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    let link = invite(&other);
    assert!(opens(&link));
    house.api("DELETE", &format!("/api/v1/credentials/{}", made["id"].as_str().unwrap()));
    assert!(!opens(&link), "what it was made by was revoked");
    assert_eq!(house.person("tom")["invitation"], Value::Null);

    let link = invite(&token);
    assert!(opens(&link));
    house.does(&["people", "end", "eve", "admin"]);
    assert!(!opens(&link), "who made it is no administrator any more");
    assert!(opens(&invite(&house.token)));
}

// EVIDENCE-OF: R-419
#[test]
fn a_lost_passkey_is_found_and_ended_by_the_command_line_and_on_ones_own_page() {
    let gate = TestGate::empty();
    let house = House::founded(&gate);
    let (priya, okafor) = (house.welcomes("priya", "receiver"), house.welcomes("okafor", "clinician"));
    house.is_refused(&["people", "invite", "priya"], "lazaret credentials list --of NAME");
    let listed = house.does(&["credentials", "list", "--of", "priya"]);
    let held = listed["items"].as_array().unwrap();
    assert_eq!((held.len(), &held[0]["kind"], &held[0]["made_by"]), (1, &"passkey".into(), &"the gate".into()));
    let id = held[0]["id"].as_str().unwrap();
    let token = priya.token_file("priya.token");
    let tokens = house.does(&["credentials", "list", "--of", "priya"]);
    let made = tokens["items"].as_array().unwrap().iter().find(|held| held["kind"] == "token").unwrap();
    assert_eq!((made["asked_by"].as_str(), made["made_by"].as_str()), (Some(id), Some("priya Example")));
    house.does(&["credentials", "revoke", id]);
    assert!(priya.is_shut_out());
    assert_eq!(house.by(&token, &["whoami"]).status.code(), Some(4));
    house.is_refused(&["credentials", "revoke", "cr_none"], "nothing by this name");
    house.invites("priya");

    let page = okafor.page("/account");
    let passkey = house.passkey_of("okafor");
    assert!(page.contains("End this passkey") && page.contains(&passkey), "{page}");
    let csrf = okafor.csrf("/account");
    let stranger = house.passkey_of("priya");
    let end = |id: &str| okafor.post("/account/credentials", &[("csrf", csrf.as_str()), ("credential", id)]).status;
    assert_eq!(end(&stranger), 404, "it is not theirs");
    assert_eq!(house.passkey_of("priya"), stranger);
    assert_eq!(end(&passkey), 303);
    assert!(okafor.is_shut_out());

    let key = key_pair(&gate).with_extension("pub");
    house.does(&["parties", "add", "acme", "--name", "Acme Infusion", "--kind", "manufacturer"]);
    let added = house.does(&["parties", "key", "acme", key.to_str().unwrap()]);
    let keys = house.does(&["credentials", "list", "--of", "acme"]);
    assert_eq!(keys["items"][0]["fingerprint"], added["fingerprint"]);
    assert_eq!(keys["items"][0]["made_by"], "Ada Example");
}

// EVIDENCE-OF: R-402
#[test]
fn whoever_leaves_and_a_party_that_ends_lose_every_way_in() {
    let gate = TestGate::empty();
    let house = House::founded(&gate);
    house.is_refused(&["people", "leave", "ada"], "without an administrator who can sign in");
    let priya = house.welcomes("priya", "receiver");
    let token = priya.token_file("priya.token");
    let left = house.does(&["people", "leave", "priya"]);
    assert_eq!((&left["standing"], &left["roles"]), (&"past".into(), &Value::Array(Vec::new())));
    assert!(priya.is_shut_out());
    assert_eq!(house.by(&token, &["whoami"]).status.code(), Some(4));
    assert_eq!(house.does(&["credentials", "list", "--of", "priya"])["items"], Value::Array(Vec::new()));
    house.is_refused(&["people", "leave", "priya"], "it is already so");

    house.does(&["parties", "add", "acme", "--name", "Acme Infusion", "--kind", "manufacturer"]);
    house.does(&["parties", "vet", "acme", "--outcome", "passed", "--days", "365"]);
    house.does(&["parties", "agree", "acme", "--kind", "contract", "--days", "365"]);
    house.does(&["people", "add", "lena", "--name", "Lena Brandt", "--party", "acme"]);
    let link = house.does(&["people", "invite", "lena"])["link"].as_str().unwrap().to_owned();
    let token = gate.path("acme.token");
    house.does(&["parties", "token", "acme", "--days", "1", "-o", token.to_str().unwrap()]);

    assert_eq!(house.does(&["parties", "suspend", "acme"])["state"], "suspended");
    assert!(house.by(&token, &["whoami"]).status.success(), "it still reads what became of what it sent");
    house.is_refused(&["parties", "suspend", "acme"], "it is already so");
    assert_eq!(house.does(&["parties", "resume", "acme"])["state"], "active");
    assert_eq!(house.does(&["parties", "end", "acme"])["state"], "ended");
    assert_eq!(house.by(&token, &["whoami"]).status.code(), Some(4));
    assert_eq!(house.does(&["credentials", "list", "--of", "acme"])["items"], Value::Array(Vec::new()));
    assert_eq!(gate.request("", "GET", &link).send().status, 410);
    house.is_refused(&["parties", "resume", "acme"], "look at it again");
}
