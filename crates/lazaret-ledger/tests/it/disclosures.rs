//! What a receipt opens: in the one place, under the one label and in the one form that the page gives it.

use lazaret_ledger::Trust;
use lazaret_ledger::cbor::NotDeterministic;
use lazaret_ledger::commitment::commit;
use lazaret_ledger::disclosed::{Assertion, Disclosed, Manifest, PLACES, Reason};
use lazaret_ledger::receipt::{Disclosure, Receipt};
use lazaret_ledger::verify::{Failure, NotOpened, Verified, verify};

use crate::unhex;
use crate::world::{
    FILE, MANIFEST_NONCE, OBJECT, ORIGIN, REASON_NONCE, TRANSFER, Value, World, k_c, manifest, reason, sha256,
};

fn judge(world: &World, receipt: &Receipt) -> Result<Verified, Failure> {
    let trust = Trust::parse(world.policy().as_bytes()).unwrap();
    verify(&receipt.to_bytes().unwrap(), &trust, Some(sha256(FILE)))
}

/// What becomes of the good receipt once something is done to what it opens.
fn check(change: impl FnOnce(&mut Vec<Disclosure>), label: &str, why: NotOpened) {
    let world = World::new();
    let mut receipt = world.receipt();
    change(&mut receipt.disclosures);
    assert_eq!(judge(&world, &receipt), Err(Failure::NotOpened(label.into(), why)));
}

fn disclosure(label: &str, nonce: [u8; 16], value: &[u8]) -> Disclosure {
    Disclosure { label: label.into(), nonce, k_c: k_c(label), value: value.to_vec() }
}

#[test]
fn a_disclosure_opens_what_was_recorded_or_is_refused() {
    check(|open| open[0].value[0] ^= 1, "content", NotOpened::Nothing);
    check(|open| open[1].k_c[0] ^= 1, "manifest", NotOpened::Nothing);
    check(|open| open[2].value.push(b'.'), "reason", NotOpened::Nothing);
    check(|open| open.push(disclosure("note", OBJECT, b"never recorded")), "note", NotOpened::Nothing);
    let world = World::new();
    let mut receipt = world.receipt();
    receipt.disclosures.reverse();
    assert_eq!(judge(&world, &receipt).map(|verified| verified.disclosed.len()), Ok(3), "in whatever order");
}

#[test]
fn a_disclosure_is_shown_under_its_own_label_only() {
    let renamed = |from: usize, to: &str| check(|open| open[from].label = to.into(), to, NotOpened::WrongLabel);
    renamed(1, "content");
    renamed(0, "manifest");
    renamed(2, "manifest");
    renamed(0, "contents");
    renamed(2, "anything");
    assert_eq!(PLACES.iter().filter(|(_, _, label)| *label == "content").count(), 4);
}

#[test]
fn a_nonce_is_the_one_that_the_object_or_the_value_names() {
    for (position, label) in ["content", "manifest", "reason"].into_iter().enumerate() {
        check(|open| open[position].nonce[0] ^= 1, label, NotOpened::Nonce);
        // Sixteen bytes that stand in the facts, or in the value.
        check(|open| open[position].nonce = TRANSFER, label, NotOpened::Nonce);
        let part = |open: &mut Vec<Disclosure>| open[position].nonce = open[position].value[4..20].try_into().unwrap();
        check(part, label, NotOpened::Nonce);
    }
    check(|open| open[0].nonce = MANIFEST_NONCE, "content", NotOpened::Nonce);
    check(|open| open[1].nonce = OBJECT, "manifest", NotOpened::Nonce);
}

#[test]
fn nothing_is_opened_twice() {
    for position in 0..3 {
        let label = ["content", "manifest", "reason"][position];
        check(|open| open.push(open[position].clone()), label, NotOpened::Again);
    }
    // Two voters' words are two disclosures.
    let mut world = World::empty(ORIGIN, 1);
    let keys = [k_c("one"), k_c("two")];
    for k_c in &keys {
        world.about_transfer("approved.v1", &[(6, Value::Bytes(&commit(k_c, &reason())))]);
    }
    let open = |k_c| Disclosure { label: "reason".into(), nonce: REASON_NONCE, k_c, value: reason() };
    let receipt = Receipt { disclosures: keys.map(open).to_vec(), ..world.bare_receipt() };
    let trust = Trust::parse(world.policy().as_bytes()).unwrap();
    assert_eq!(verify(&receipt.to_bytes().unwrap(), &trust, None).map(|verified| verified.disclosed.len()), Ok(2));
}

#[test]
fn what_a_later_gate_commits_to_elsewhere_is_proved_and_not_opened() {
    let mut world = World::empty(ORIGIN, 1);
    let commitment = commit(&k_c("seal"), &reason());
    world.about_transfer("goods_received.v7", &[(0, Value::Bytes(&TRANSFER)), (6, Value::Bytes(&commitment))]);
    let trust = Trust::parse(world.policy().as_bytes()).unwrap();
    let judged = |disclosures: Vec<Disclosure>| {
        let receipt = Receipt { disclosures, ..world.bare_receipt() };
        verify(&receipt.to_bytes().unwrap(), &trust, None).map(|verified| verified.entries.len())
    };
    assert_eq!(judged(Vec::new()), Ok(1));
    for label in ["seal", "reason", "content"] {
        let opened = Disclosure { label: label.into(), ..disclosure("seal", REASON_NONCE, &reason()) };
        assert_eq!(judged(vec![opened]), Err(Failure::NotOpened(label.into(), NotOpened::Nothing)));
    }
}

/// The verdict on a ledger of one entry of each kind that has places, where one place holds `value`.
fn with_place(kind: &str, key: u64, value: Option<Value<'_>>) -> Result<(), Failure> {
    let mut world = World::empty(ORIGIN, 1);
    let fact: Vec<(u64, Value<'_>)> = value.into_iter().map(|value| (key, value)).collect();
    world.about_transfer(kind, &fact);
    let trust = Trust::parse(world.policy().as_bytes()).unwrap();
    verify(&world.bare_receipt().to_bytes().unwrap(), &trust, None).map(drop)
}

#[test]
fn at_the_place_of_a_commitment_stands_a_commitment_or_nothing() {
    for (kind, key, _) in PLACES {
        assert_eq!(with_place(kind, *key, None), Ok(()));
        assert_eq!(with_place(kind, *key, Some(Value::Bytes(&[7; 32]))), Ok(()));
        for value in [
            Value::Null,
            Value::Number(7),
            Value::Bytes(&[7; 31]),
            Value::Bytes(&[7; 33]),
            Value::Bytes(&[]),
            Value::Array(&[&[7; 32]]),
        ] {
            assert_eq!(with_place(kind, *key, Some(value)), Err(Failure::Misshapen(0)), "{kind} {key}");
        }
        // In a kind that is not known the same key means nothing.
        assert_eq!(with_place(&kind.replace(".v1", ".v2"), *key, Some(Value::Null)), Ok(()));
    }
    for kind in ["transfer_arrived.v1", "transfer_released.v1"] {
        assert_eq!(with_place(kind, 1, Some(Value::Bytes(&OBJECT))), Ok(()));
        assert_eq!(with_place(kind, 1, Some(Value::Bytes(&[7; 32]))), Err(Failure::Misshapen(0)));
    }
}

#[test]
fn one_transfer_has_one_object_one_content_and_one_manifest() {
    let (file, said) = (sha256(FILE), manifest());
    let judged = |object: &[u8], arrived_manifest: &[u8], again: &[u8]| {
        let mut world = World::empty(ORIGIN, 1);
        let content = commit(&k_c("content"), &file);
        let first = commit(&k_c("manifest"), arrived_manifest);
        let second = commit(&k_c("manifest"), again);
        world.about_transfer(
            "transfer_arrived.v1",
            &[(1, Value::Bytes(&OBJECT)), (8, Value::Bytes(&content)), (9, Value::Bytes(&first))],
        );
        world.about_transfer("transfer_arrived.v1", &[(9, Value::Bytes(&second))]);
        world.about_transfer("transfer_released.v1", &[(1, Value::Bytes(object)), (2, Value::Bytes(&content))]);
        let disclosures =
            vec![disclosure("content", OBJECT, &file), disclosure("manifest", MANIFEST_NONCE, arrived_manifest)];
        judge(&world, &Receipt { disclosures, ..world.bare_receipt() }).map(drop)
    };
    assert_eq!(judged(&OBJECT, &said, &said), Ok(()));
    let nonce = Failure::NotOpened("content".into(), NotOpened::Nonce);
    assert_eq!(judged(&[0x31; 16], &said, &said), Err(nonce), "another object was released");
    assert_eq!(judged(&OBJECT, &said, &reason()), Err(Failure::ContentChanged), "two manifests");
    let other: Vec<u8> = said.iter().map(|byte| if *byte == file[0] { byte ^ 1 } else { *byte }).collect();
    assert_eq!(judged(&OBJECT, &other, &other), Err(Failure::ContentChanged), "the manifest of another file");
}

/// A value in hexadecimal digits under a label.
fn read(label: &str, hex: &str) -> Result<Disclosed, NotDeterministic> {
    Disclosed::parse(label, &unhex(hex))
}

#[test]
fn a_manifest_has_one_form() {
    let (sha, nonce) = (format!("5820{}", "aa".repeat(32)), format!("50{}", "41".repeat(16)));
    let whole = format!("a500616101182902{sha}044005{nonce}");
    let expected = Manifest {
        path: "a".into(),
        size_bytes: 41,
        sha256: [0xaa; 32],
        media_type: None,
        was_announced: false,
        nonce: [0x41; 16],
    };
    assert_eq!(read("manifest", &whole), Ok(Disclosed::Manifest(expected.clone())));
    let announced = whole.replace("0440", &format!("04{sha}"));
    let expected = Manifest { was_announced: true, ..expected };
    assert_eq!(read("manifest", &announced), Ok(Disclosed::Manifest(expected.clone())));
    let typed = announced.replace("a500", "a600").replace("0458", "0364622f63640458");
    let expected = Manifest { media_type: Some("b/cd".into()), ..expected };
    assert_eq!(read("manifest", &typed), Ok(Disclosed::Manifest(expected)));

    let check = |what: &str, hex: String| assert!(read("manifest", &hex).is_err(), "{what}: {hex}");
    check("nothing", String::new());
    check("a byte behind", format!("{whole}00"));
    check("a key too many", format!("a6{}0600", &whole[2..]));
    check("a key too few", format!("a4{}", whole[2..].replace(&format!("05{nonce}"), "")));
    check("an option written as null", typed.replace("0364622f6364", "03f6"));
    check("a path in bytes", whole.replace("006161", "004161"));
    check("a path that is no UTF-8", whole.replace("006161", "0061ff"));
    check("a longer number", whole.replace("011829", "01190029"));
    check("a digest of 31 bytes", whole.replace(&sha, &format!("581f{}", "aa".repeat(31))));
    check(
        "an announced digest that is another",
        announced.replace(&format!("04{sha}"), &format!("045820{}", "ab".repeat(32))),
    );
    check("a nonce of 15 bytes", whole.replace(&nonce, &format!("4f{}", "41".repeat(15))));
    check("keys in another order", whole.replace("006161011829", "011829006161"));
    check("an indefinite map", format!("bf{}ff", &whole[2..]));
    assert!(read("content", &whole).is_err() && read("reason", &whole).is_err() && read("other", &whole).is_err());
}

#[test]
fn a_reason_has_one_form_and_so_has_the_content() {
    let whole = format!("a20050{}016161", "42".repeat(16));
    let plain = Reason { nonce: [0x42; 16], text: "a".into(), assertion: None };
    assert_eq!(read("reason", &whole), Ok(Disclosed::Reason(plain.clone())));
    let signed = format!("a3{}02a200627b7d0142d1d2", &whole[2..]);
    let assertion = Some(Assertion { json: "{}".into(), drawn: vec![0xd1, 0xd2] });
    assert_eq!(read("reason", &signed), Ok(Disclosed::Reason(Reason { assertion, ..plain })));

    let check = |what: &str, hex: String| assert!(read("reason", &hex).is_err(), "{what}: {hex}");
    check("a byte behind", format!("{whole}00"));
    check("words in bytes", whole.replace("016161", "014161"));
    check("no words", format!("a1{}", whole[2..].replace("016161", "")));
    check("an assertion written as null", format!("a3{}02f6", &whole[2..]));
    check("half an assertion", signed.replace("02a200627b7d0142d1d2", "02a100627b7d"));
    check("an assertion with more", signed.replace("02a200627b7d0142d1d2", "02a300627b7d0142d1d20200"));
    check("another key", signed.replace("02a200", "03a200"));

    assert_eq!(Disclosed::parse("content", &[7; 32]), Ok(Disclosed::Content([7; 32])));
    for length in [0, 31, 33] {
        assert!(Disclosed::parse("content", &vec![7; length]).is_err());
    }
}
