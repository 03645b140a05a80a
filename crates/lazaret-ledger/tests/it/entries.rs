//! Entries: one fact, one encoding; compared with an encoder that is not ours.

use lazaret_ledger::cbor::{NESTING_MAX, NotDeterministic, bytes_at, check_fact};
use lazaret_ledger::entry::{ENTRY_BYTES_MAX, Envelope, KIND_BYTES_MAX, NotAnEntry, decode, encode};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::{Seeded, mutated, unhex};

fn envelope(seq: u64, prev: Option<(u64, u64)>) -> Envelope {
    Envelope { kind: "transfer_ruled.v1".into(), t: 1_767_225_600_000, actor: [5; 16], subject: [2; 16], seq, prev }
}

/// The entry as another encoder writes it.
fn by_minicbor(envelope: &Envelope, fact: &[u8]) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    e.map(8).unwrap().u8(0).unwrap().u8(1).unwrap();
    e.u8(1).unwrap().str(&envelope.kind).unwrap();
    e.u8(2).unwrap().u64(envelope.t).unwrap();
    e.u8(3).unwrap().bytes(&envelope.actor).unwrap();
    e.u8(4).unwrap().bytes(&envelope.subject).unwrap();
    e.u8(5).unwrap().u64(envelope.seq).unwrap().u8(6).unwrap();
    match envelope.prev {
        Some((epoch, index)) => e.array(2).unwrap().u64(epoch).unwrap().u64(index).unwrap(),
        None => e.null().unwrap(),
    };
    e.u8(7).unwrap();
    let mut bytes = e.into_writer();
    bytes.extend_from_slice(fact);
    bytes
}

/// A random value of a fact, by minicbor.
fn random_value(e: &mut Encoder<Vec<u8>>, random: &mut Seeded, nesting_left: u8) {
    let choice = random.below(if nesting_left == 0 { 5 } else { 7 });
    let wide = |random: &mut Seeded| random.next() >> random.below(64);
    match choice {
        0 => {
            e.u64(wide(random)).unwrap();
        }
        1 => {
            e.i64(-1 - i64::try_from(wide(random) >> 1).unwrap()).unwrap();
        }
        2 => {
            let bytes: Vec<u8> = (0..random.below(70)).map(|_| random.byte()).collect();
            e.bytes(&bytes).unwrap();
        }
        3 => {
            e.bool(random.below(2) == 0).unwrap();
        }
        4 => {
            e.null().unwrap();
        }
        5 => {
            let values = random.below(4);
            e.array(values.try_into().unwrap()).unwrap();
            (0..values).for_each(|_| random_value(e, random, nesting_left - 1));
        }
        _ => random_map(e, random, nesting_left - 1),
    }
}

fn random_map(e: &mut Encoder<Vec<u8>>, random: &mut Seeded, nesting_left: u8) {
    let mut keys: Vec<u64> = (0..random.below(5)).map(|_| random.next() >> random.below(64)).collect();
    keys.sort_unstable();
    keys.dedup();
    e.map(keys.len().try_into().unwrap()).unwrap();
    for key in keys {
        e.u64(key).unwrap();
        random_value(e, random, nesting_left);
    }
}

fn random_fact(random: &mut Seeded) -> Vec<u8> {
    let mut e = Encoder::new(Vec::new());
    random_map(&mut e, random, 5);
    e.into_writer()
}

/// Reads a value and writes it again, by minicbor.
#[expect(clippy::wildcard_enum_match_arm, reason = "no other type may come")]
fn copy(d: &mut Decoder<'_>, e: &mut Encoder<Vec<u8>>) {
    match d.datatype().unwrap() {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            e.u64(d.u64().unwrap()).unwrap();
        }
        Type::I8 | Type::I16 | Type::I32 | Type::I64 | Type::Int => {
            e.int(d.int().unwrap()).unwrap();
        }
        Type::Bytes => {
            e.bytes(d.bytes().unwrap()).unwrap();
        }
        Type::Bool => {
            e.bool(d.bool().unwrap()).unwrap();
        }
        Type::Null => {
            d.null().unwrap();
            e.null().unwrap();
        }
        Type::Array => {
            let values = d.array().unwrap().unwrap();
            e.array(values).unwrap();
            (0..values).for_each(|_| copy(d, e));
        }
        Type::Map => {
            let pairs = d.map().unwrap().unwrap();
            e.map(pairs).unwrap();
            (0..2 * pairs).for_each(|_| copy(d, e));
        }
        other => panic!("{other} in a fact"),
    }
}

/// Asserts that bytes that are read are the one spelling of what they say.
fn check_canonical(bytes: &[u8]) {
    if let Ok((envelope, fact)) = decode(bytes) {
        assert_eq!(encode(&envelope, fact), bytes);
    }
}

// EVIDENCE-OF: R-014
#[test]
fn decode_then_encode_is_the_identity_and_another_encoder_agrees() {
    let mut random = Seeded(8949);
    for _ in 0..2_000 {
        let fact = random_fact(&mut random);
        let seq = random.next() >> random.below(64);
        let prev = (seq > 0).then(|| ((random.next() >> random.below(64)).max(1), random.next() >> random.below(64)));
        let envelope = Envelope { t: random.next() >> random.below(64), ..envelope(seq, prev) };
        let bytes = encode(&envelope, &fact);
        assert_eq!(bytes, by_minicbor(&envelope, &fact));
        assert_eq!(decode(&bytes), Ok((envelope, fact.as_slice())));
    }
}

// EVIDENCE-OF: R-014
#[test]
fn a_second_spelling_of_an_entry_is_refused() {
    let check = |from: &str, to: &str, expected: NotAnEntry| {
        let hex: String =
            encode(&envelope(1, Some((1, 7))), &[0xa0]).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex.matches(from).count(), 1, "{from} is one place");
        assert_eq!(decode(&unhex(&hex.replacen(from, to, 1))), Err(expected), "{from} -> {to}");
    };
    let encoding = NotAnEntry::Encoding;
    check("a8000101", "b800080000", encoding(NotDeterministic::NotShortest));
    check("a8000101", "b808000101", encoding(NotDeterministic::NotShortest));
    check("a8000101", "bf000101", encoding(NotDeterministic::NotShortest));
    check("a8000101", "a7000101", encoding(NotDeterministic::Unexpected));
    check("a8000101", "a9000101", encoding(NotDeterministic::Unexpected));
    check("a8000101", "88000101", encoding(NotDeterministic::Unexpected));
    check("a8000101", "c1a8000101", encoding(NotDeterministic::Forbidden));
    check("a8000101", "a80018010101", encoding(NotDeterministic::NotShortest));
    check("a8000101", "a8000201", NotAnEntry::Version(2));
    check("a8000101", "a8000001", NotAnEntry::Version(0));
    check("a8000101", "a8010101", encoding(NotDeterministic::Unexpected));
    check("0171", "017811", encoding(NotDeterministic::NotShortest));
    check("0171", "0151", encoding(NotDeterministic::Unexpected));
    check("7472616e73666572", "ff72616e73666572", encoding(NotDeterministic::Unexpected));
    check("7472616e73666572", "5472616e73666572", NotAnEntry::Kind);
    check("0350", "035810", encoding(NotDeterministic::NotShortest));
    check("0350", "034f", encoding(NotDeterministic::Unexpected));
    check("0501", "0500", NotAnEntry::Sequence);
    check("0501", "0520", encoding(NotDeterministic::Unexpected));
    check("0682", "0683", encoding(NotDeterministic::Unexpected));
    check("06820107", "06f6", NotAnEntry::Sequence);
    check("06820107", "06f7", encoding(NotDeterministic::Forbidden));
    check("07a0", "07", encoding(NotDeterministic::Unexpected));
    check("07a0", "0780", encoding(NotDeterministic::Unexpected));
    check("07a0", "07f6", encoding(NotDeterministic::Unexpected));
    check("07a0", "07a000", encoding(NotDeterministic::Trailing));
    check("07a0", "08a0", encoding(NotDeterministic::Unexpected));
}

// EVIDENCE-OF: R-014
#[test]
fn a_fact_is_deterministic_cbor_without_text_tags_and_floats() {
    for fact in [
        "a0",
        "a10000",
        "a10017",
        "a1001818",
        "a100190100",
        "a1001a00010000",
        "a1001b0000000100000000",
        "a10020",
        "a10040",
        "a1004100",
        "a10080",
        "a100a0",
        "a100f4",
        "a100f5",
        "a100f6",
        "a200000100",
        "a21700181800",
        "a218ff0019010000",
    ] {
        assert_eq!(check_fact(&unhex(fact)), Ok(()), "{fact}");
    }
    use NotDeterministic as N;
    for (fact, expected) in [
        ("", N::Unexpected),
        ("00", N::Unexpected),
        ("80", N::Unexpected),
        ("f6", N::Unexpected),
        ("a1", N::Truncated),
        ("a100", N::Truncated),
        ("a10018", N::Truncated),
        ("a1004100ff", N::Trailing),
        ("a10041", N::Truncated),
        ("a1005bffffffffffffffff", N::Truncated),
        ("a1009bffffffffffffffff", N::Truncated),
        ("bbffffffffffffffff", N::Truncated),
        ("a0a0", N::Trailing),
        ("a1001800", N::NotShortest),
        ("a1001817", N::NotShortest),
        ("a1001900ff", N::NotShortest),
        ("a1001a0000ffff", N::NotShortest),
        ("a1001b00000000ffffffff", N::NotShortest),
        ("a1003800", N::NotShortest),
        ("a100580100", N::NotShortest),
        ("a1009800", N::NotShortest),
        ("b800", N::NotShortest),
        ("a1180000", N::NotShortest),
        ("bfff", N::NotShortest),
        ("a1009fff", N::NotShortest),
        ("a1005f4100ff", N::NotShortest),
        ("a1001c", N::NotShortest),
        ("a1001d", N::NotShortest),
        ("a1001e", N::NotShortest),
        ("a1001f", N::NotShortest),
        ("a201000000", N::KeyOrder),
        ("a200000000", N::KeyOrder),
        ("a21818001700", N::KeyOrder),
        ("a100a201000000", N::KeyOrder),
        ("a1006161", N::Forbidden),
        ("a10060", N::Forbidden),
        ("a1616100", N::Forbidden),
        ("a1410000", N::Forbidden),
        ("a12000", N::Forbidden),
        ("a1f400", N::Forbidden),
        ("a1a000", N::Forbidden),
        ("a100c000", N::Forbidden),
        ("a100c24100", N::Forbidden),
        ("a100d9d9f700", N::Forbidden),
        ("a100f7", N::Forbidden),
        ("a100e0", N::Forbidden),
        ("a100f0", N::Forbidden),
        ("a100f820", N::Forbidden),
        ("a100f814", N::Forbidden),
        ("a100f90000", N::Forbidden),
        ("a100fa00000000", N::Forbidden),
        ("a100fb0000000000000000", N::Forbidden),
        ("a100ff", N::Forbidden),
        ("ff", N::Unexpected),
    ] {
        assert_eq!(check_fact(&unhex(fact)), Err(expected), "{fact}");
    }
}

#[test]
fn every_short_map_that_is_accepted_is_what_another_encoder_writes() {
    let mut accepted = 0;
    for [first, second] in (0..=u16::MAX).map(u16::to_be_bytes) {
        for fact in [vec![first, second], vec![0xa1, 0x00, first, second], vec![0xa1, 0x00, 0x82, first, second]] {
            if check_fact(&fact).is_ok() {
                accepted += 1;
                let mut again = Encoder::new(Vec::new());
                copy(&mut Decoder::new(&fact), &mut again);
                assert_eq!(again.into_writer(), fact);
            }
        }
    }
    assert!(accepted > 3_000, "{accepted} accepted");
}

#[test]
fn a_fact_may_nest_so_deep_and_not_one_deeper() {
    let nested = |depth: u8| [[0xa1, 0x00].repeat((depth - 1).into()), vec![0xa0]].concat();
    assert_eq!(check_fact(&nested(NESTING_MAX)), Ok(()));
    assert_eq!(check_fact(&nested(NESTING_MAX + 1)), Err(NotDeterministic::TooDeep));
    let arrays = [vec![0xa1, 0x00], vec![0x81; 60_000]].concat();
    assert_eq!(check_fact(&arrays), Err(NotDeterministic::TooDeep));
}

#[test]
fn an_entry_may_be_so_long_and_not_one_byte_longer() {
    let empty = encode(&envelope(0, None), &unhex("a100590000")).len();
    let fact = |length: u16| [unhex("a10059"), length.to_be_bytes().to_vec(), vec![7; length.into()]].concat();
    let fitting = u16::try_from(ENTRY_BYTES_MAX - empty).unwrap();
    let longest = encode(&envelope(0, None), &fact(fitting));
    assert_eq!(longest.len(), ENTRY_BYTES_MAX);
    assert!(decode(&longest).is_ok());
    assert_eq!(decode(&encode(&envelope(0, None), &fact(fitting + 1))), Err(NotAnEntry::TooLong));
}

#[test]
fn a_kind_is_snake_case_with_a_version() {
    let check = |kind: &str, expected| {
        let bytes = encode(&Envelope { kind: kind.into(), ..envelope(0, None) }, &[0xa0]);
        assert_eq!(decode(&bytes).map(|(envelope, _)| envelope.kind), expected, "{kind:?}");
    };
    let longest = format!("{}.v1", "k".repeat(KIND_BYTES_MAX - 3));
    for kind in ["a.v1", "transfer_arrived.v1", "a1_2.v10", "a.v9999", longest.as_str()] {
        check(kind, Ok(kind.to_owned()));
    }
    for kind in [
        "",
        ".v1",
        "a",
        "a.v",
        "a.v0",
        "a.v01",
        "a.v1x",
        "a.v1.v1",
        "a.v10000",
        "a.v18446744073709551616",
        "a.1",
        "_a.v1",
        "a_.v1",
        "a__b.v1",
        "1a.v1",
        "A.v1",
        "a b.v1",
        "a-b.v1",
        "ä.v1",
        "a.v+1",
        " a.v1",
        "a.v1 ",
        "a\n.v1",
        &format!("k{longest}"),
    ] {
        check(kind, Err(NotAnEntry::Kind));
    }
}

#[test]
fn the_entry_before_stands_in_an_epoch_from_1_on() {
    let follows = |epoch| encode(&envelope(3, Some((epoch, 0))), &[0xa0]);
    assert_eq!(decode(&follows(0)), Err(NotAnEntry::Epoch));
    for epoch in [1, 2, u64::MAX] {
        assert_eq!(decode(&follows(epoch)).map(|(envelope, _)| envelope.prev), Ok(Some((epoch, 0))));
    }
}

#[test]
fn a_byte_string_of_the_right_length_is_there_or_not_and_nothing_else_passes_for_it() {
    let fact = unhex("a500010141ff02420a0b03a1008142010204f6");
    assert_eq!(bytes_at(&fact, 2), Ok(Some([0x0a, 0x0b])));
    assert_eq!(bytes_at::<2>(&fact, 5), Ok(None));
    for key in [0, 1, 3, 4] {
        assert!(bytes_at::<2>(&fact, key).is_err(), "{key}");
    }
    assert_eq!(bytes_at::<2>(&[0x80], 0), Err(NotDeterministic::Unexpected));
}

#[test]
fn whatever_is_read_of_a_damaged_entry_is_its_one_spelling() {
    let mut random = Seeded(14);
    let entry = encode(&envelope(3, Some((1, 300))), &random_fact(&mut random));
    for length in 0..entry.len() {
        assert!(decode(&entry[..length]).is_err(), "cut at {length}");
    }
    for bit in 0..entry.len() * 8 {
        let mut flipped = entry.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check_canonical(&flipped);
    }
    for _ in 0..10_000 {
        check_canonical(&mutated(&entry, &mut random));
    }
}
