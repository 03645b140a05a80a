//! Somebody with a passkey, in front of the console: the authenticator of W3C Web Authentication Level 3 in so far as the
//! gate looks at it, and the browser's part, by curl.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use minicbor::Encoder;
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, SigningKey as _};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::gate::{Answer, TestGate};

/// The name that the gate's passkeys belong to.
const RELYING_PARTY: &str = "localhost";
/// User present and verified; section 6.1.
const PRESENT_AND_VERIFIED: u8 = 0b0000_0101;
/// A credential is attached.
const ATTACHED: u8 = 0b0100_0000;

/// A person at the console, with an authenticator that holds one passkey.
pub struct Visitor<'g> {
    gate: &'g TestGate,
    key: KeyPair,
    id: Vec<u8>,
    jar: PathBuf,
}

impl<'g> Visitor<'g> {
    /// Somebody who comes by a link, the first administrator's or an invitation's, and makes a passkey there.
    pub fn by_link(gate: &'g TestGate, name: &str, link: &str, fields: &[(&str, &str)]) -> Visitor<'g> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).unwrap();
        let id = Sha256::digest(key.public_key_raw()).to_vec();
        let visitor = Visitor { gate, key, id, jar: gate.path(&format!("{name}.cookies")) };
        let begun = visitor.post(&format!("{link}/begin"), fields).json();
        let made = visitor.made(&begun["options"]["publicKey"]);
        let entered = visitor.post(link, &visitor.with(fields, &begun, &made));
        assert_eq!(entered.status, 303, "{}", entered.text());
        visitor
    }

    /// A page, as text.
    pub fn page(&self, path: &str) -> String {
        let answer = self.request("GET", path).send();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        String::from_utf8(answer.body).unwrap()
    }

    /// What the forms of a page carry.
    pub fn csrf(&self, path: &str) -> String {
        value_of(&self.page(path), "csrf").unwrap()
    }

    /// Whether this browser's session is over.
    pub fn is_shut_out(&self) -> bool {
        self.request("GET", "/account").send().status == 303
    }

    /// Votes for the first request that waits for this person, as they see it on the page of approvals.
    pub fn approve(&self) -> Answer {
        let page = self.page("/approvals");
        let field = |name: &str| value_of(&page, name).unwrap_or_else(|| panic!("nothing waits: {page}"));
        let (csrf, request, binding) = (field("csrf"), field("request"), field("binding"));
        let fields = [
            ("csrf", csrf.as_str()),
            ("request", request.as_str()),
            ("binding", binding.as_str()),
            ("vote", "approve"),
            ("reason", "looked at it"),
        ];
        let begun = self.post("/vote/begin", &fields);
        if begun.status != 200 {
            return begun;
        }
        let begun = begun.json();
        let shown = self.shown(&begun["options"]["publicKey"]);
        self.post("/vote", &self.with(&fields, &begun, &shown))
    }

    /// Makes a token on the account's page; the file that it is kept in.
    pub fn token_file(&self, name: &str) -> PathBuf {
        let csrf = value_of(&self.page("/account"), "csrf").unwrap();
        let made = self.post("/account/tokens", &[("csrf", &csrf), ("days", "1")]);
        let text = String::from_utf8(made.body).unwrap();
        let at = text.find("lzt_").unwrap_or_else(|| panic!("no token: {text}"));
        let token: String = text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
        let path = self.gate.file(name, token.as_bytes());
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn request(&self, method: &str, path: &str) -> crate::gate::Request<'g> {
        let jar = self.jar.to_str().unwrap();
        let origin = format!("Origin: {}", self.gate.https());
        let request = self.gate.request("", method, path).option(&["--cookie", jar, "--cookie-jar", jar]);
        if method == "GET" { request } else { request.header(&origin) }
    }

    /// A form of the console, sent from its own page.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let mut request = self.request("POST", path);
        for (name, value) in fields {
            request = request.option(&["--data-urlencode", &format!("{name}={value}")]);
        }
        request.send()
    }

    fn with<'a>(&self, fields: &[(&'a str, &'a str)], begun: &'a Value, answer: &'a str) -> Vec<(&'a str, &'a str)> {
        let mut all = fields.to_vec();
        all.push(("handle", begun["handle"].as_str().unwrap()));
        all.push(("credential", answer));
        all
    }

    fn client_data(&self, kind: &str, options: &Value) -> Vec<u8> {
        let (challenge, origin) = (&options["challenge"], self.gate.https());
        json!({ "type": kind, "challenge": challenge, "origin": origin, "crossOrigin": false }).to_string().into_bytes()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let mut data = Sha256::digest(RELYING_PARTY).to_vec();
        data.push(flags);
        data.extend_from_slice(&[0; 4]);
        data
    }

    /// Section 5.1.3: a credential is made, without attestation.
    fn made(&self, options: &Value) -> String {
        let mut data = self.data(PRESENT_AND_VERIFIED | ATTACHED);
        data.extend_from_slice(&[0; 16]);
        data.extend_from_slice(&u16::try_from(self.id.len()).unwrap().to_be_bytes());
        data.extend_from_slice(&self.id);
        // RFC 9053 section 7.1.1: an elliptic curve key, for ES256, on P-256. The raw key is 4, then both coordinates.
        let point = self.key.public_key_raw();
        let mut cose = Encoder::new(&mut data);
        cose.map(5)
            .unwrap()
            .i8(1)
            .unwrap()
            .i8(2)
            .unwrap()
            .i8(3)
            .unwrap()
            .i8(-7)
            .unwrap()
            .i8(-1)
            .unwrap()
            .i8(1)
            .unwrap();
        cose.i8(-2).unwrap().bytes(&point[1..33]).unwrap().i8(-3).unwrap().bytes(&point[33..]).unwrap();
        let mut object = Vec::new();
        let mut e = Encoder::new(&mut object);
        e.map(3).unwrap().str("fmt").unwrap().str("none").unwrap().str("attStmt").unwrap().map(0).unwrap();
        e.str("authData").unwrap().bytes(&data).unwrap();
        let client = self.client_data("webauthn.create", options);
        self.credential(json!({ "attestationObject": text(&object), "clientDataJSON": text(&client) }))
    }

    /// Section 5.1.4: the credential is shown for this challenge.
    fn shown(&self, options: &Value) -> String {
        let (data, client) = (self.data(PRESENT_AND_VERIFIED), self.client_data("webauthn.get", options));
        let signed = [data.as_slice(), Sha256::digest(&client).as_slice()].concat();
        let signature = self.key.sign(&signed).unwrap();
        self.credential(json!({
            "authenticatorData": text(&data),
            "clientDataJSON": text(&client),
            "signature": text(&signature),
            "userHandle": null,
        }))
    }

    fn credential(&self, response: Value) -> String {
        let id = text(&self.id);
        json!({ "id": id, "rawId": id, "type": "public-key", "extensions": {}, "response": response }).to_string()
    }
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The value of a page's first hidden field of this name.
fn value_of(page: &str, name: &str) -> Option<String> {
    let rest = page.split_once(&format!("name=\"{name}\" value=\""))?.1;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}
