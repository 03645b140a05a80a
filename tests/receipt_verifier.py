#!/usr/bin/env python3
"""A second verifier for Lazaret receipts.

It is written from docs/book/receipt-format.md alone and is the second implementation that the tests compare with the
first. Sections and checks in the comments are those of that page. What the page does not allow is refused.

    receipt_verifier.py --trust TRUST_FILE [--content FILE] RECEIPT...

Prints one JSON object a line for each receipt. Exit code: 0 all are good, 1 at least one is not, 2 wrong usage, or a
trust file or content that cannot be used.
"""

import argparse
import base64
import hashlib
import hmac
import json
import re
import sys
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

MAX_RECEIPT = 1_048_576
MAX_TRUST = 1_048_576  # the page sets no limit; this one is ours
MAX_NOTE = 65_536
MAX_SIGNATURE_LINES = 64
MAX_PROOF = 65
MAX_ENTRY = 65_535
MAX_UNSIGNED = 2**64 - 1
MAX_TIME = 2**63 - 1
EXTRA_DEPTH = 4  # map, list, item, proof
ENTRY_DEPTH = 1 + 16  # the entry's own map around the fact

LOG_KEY, WITNESS_KEY = 0x01, 0x04
NUMBER = re.compile(r"0|[1-9][0-9]{0,19}")
KIND = re.compile(r"(?=.{1,64}\Z)[a-z][a-z0-9]*(_[a-z0-9]+)*\.v[1-9][0-9]*")
LABEL = re.compile(r"[a-z0-9_./-]{1,64}")
FORBIDDEN_IN_TRUST = re.compile(rb"[^\x09\x0a\x20-\x7e\x80-\xff]")

# Section 8: where the facts of today hold commitments, and the label of each.
PLACES = {
    ("transfer_arrived.v1", 8): "content",
    ("transfer_arrived.v1", 9): "manifest",
    ("transfer_inspected.v1", 1): "content",
    ("transfer_released.v1", 2): "content",
    ("transfer_delivered.v1", 3): "content",
    ("approved.v1", 6): "reason",
    ("rejected.v1", 6): "reason",
}


class Refused(Exception):
    """The receipt, or the trust file, is not accepted; the text says why."""


def need(condition: bool, why: str) -> None:
    if not condition:
        raise Refused(why)


# --- Spellings: each has one ---


def read_utf8(data: bytes, what: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused(f"{what}: not UTF-8") from None


def read_number(text: str, what: str) -> int:
    # The pattern bounds the length, so int() never sees a hostile number of digits.
    need(NUMBER.fullmatch(text) is not None and int(text) <= MAX_UNSIGNED, f"{what}: not a number in its one spelling")
    return int(text)


def read_base64(text: str, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        raise Refused(f"{what}: not base64") from None
    # Encoding again finds what a decoder forgives, such as unused bits that are set.
    need(base64.b64encode(data).decode() == text, f"{what}: base64 in another spelling")
    return data


# --- Deterministic CBOR (section 4) ---


def decode_cbor(data: bytes, depth: int, what: str):
    try:
        value, end = decode_value(data, 0, depth)
    except Refused as refusal:
        raise Refused(f"{what}: CBOR: {refusal}") from None
    need(end == len(data), f"{what}: CBOR: bytes behind the value")
    return value


def decode_head(data: bytes, at: int) -> tuple[int, int, int]:
    """The type, its number, and where the rest of the value begins."""
    need(at < len(data), "an end inside a value")
    major, low, at = data[at] >> 5, data[at] & 31, at + 1
    if low < 24:
        return major, low, at
    need(low < 28, "a form of length that is not allowed")
    size = 1 << (low - 24)
    need(size <= len(data) - at, "an end inside a value")
    number = int.from_bytes(data[at : at + size], "big")
    need(number >= (24 if size == 1 else 1 << (4 * size)), "a number not in its shortest form")
    return major, number, at + size


def decode_value(data: bytes, at: int, depth: int):
    """The value that begins there, and where it ends."""
    simple = {b"\xf4": False, b"\xf5": True, b"\xf6": None}
    if data[at : at + 1] in simple:
        return simple[data[at : at + 1]], at + 1
    major, number, at = decode_head(data, at)
    need(major < 6, "a type that is not allowed")
    if major < 2:
        return (number if major == 0 else -1 - number), at
    if major < 4:
        end = at + number
        need(end <= len(data), "an end inside a value")
        return (data[at:end] if major == 2 else read_utf8(data[at:end], "text")), end
    need(depth > 0, "nested too deep")
    return decode_container(data, at, number, major == 5, depth - 1)


def decode_container(data: bytes, at: int, count: int, is_map: bool, depth: int):
    # No room is reserved for what a length claims: the loop ends where the data ends. Every map of the format has
    # unsigned keys, and their encodings rise as the numbers do.
    items, pairs, last = [], {}, -1
    for _ in range(count):
        if is_map:
            major, key, at = decode_head(data, at)
            need(major == 0 and key > last, "map keys that are not unsigned, or do not rise")
            pairs[key], at = decode_value(data, at, depth)
            last = key
        else:
            item, at = decode_value(data, at, depth)
            items.append(item)
    return (pairs if is_map else items), at


# The forms of decoded values. Types are compared and not tested with isinstance: True is an int in Python.


def is_unsigned(value) -> bool:
    return type(value) is int and value >= 0


def is_bytes_of(least: int, most: int):
    return lambda value: type(value) is bytes and least <= len(value) <= most


is_id, is_hash = is_bytes_of(16, 16), is_bytes_of(32, 32)
is_leaf, is_byte_string = is_bytes_of(0, MAX_ENTRY), is_bytes_of(0, MAX_RECEIPT)


def is_proof(value) -> bool:
    return type(value) is list and len(value) <= MAX_PROOF and all(map(is_hash, value))


def is_label(value) -> bool:
    return type(value) is str and LABEL.fullmatch(value) is not None


def is_array_of(value, *forms) -> bool:
    return type(value) is list and len(value) == len(forms) and all(form(item) for form, item in zip(forms, value))


def is_map_of(value, keys: int) -> bool:
    return type(value) is dict and list(value) == list(range(keys))


# --- Keys and signatures (section 5) ---

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


class Key(NamedTuple):
    name: str
    id: bytes
    type: int
    public: bytes


def check_key_name(name: str) -> None:
    bad = any(c.isspace() or c == "+" or c < " " or "\x7f" <= c <= "\x9f" for c in name)
    need(name != "" and not bad, "the name of a key is not allowed")


def read_key(word: bytes, key_type: int) -> Key:
    parts = read_utf8(word, "key").split("+", 2)  # base64 may hold a + itself
    need(len(parts) == 3, "key: not NAME+ID+BASE64")
    name, written_id, body = parts[0], parts[1], read_base64(parts[2], "key")
    check_key_name(name)
    need(len(body) == 33 and body[0] == key_type, "key: not an Ed25519 key of the type that its line wants")
    key_id = hashlib.sha256(name.encode() + b"\n" + body).digest()[:4]
    need(written_id == key_id.hex(), "key: its id is another")
    # A key that can verify nothing is refused where it stands, so that nobody counts on it.
    need(is_point(body[1:]), "key: no public key of Ed25519")
    return Key(name, key_id, key_type, body[1:])


def is_point(encoded: bytes) -> bool:
    """Whether these 32 bytes are the shortest encoding of a point of the curve that is not of small order."""
    y = int.from_bytes(encoded, "little") & (2**255 - 1)
    # The orders 1, 2, 4 have y = 1, -1, 0. The order 8: the double has y = 0, so x^2 = -y^2, with which the curve's
    # -x^2 + y^2 = 1 + d x^2 y^2 becomes d y^4 + 2 y^2 - 1 = 0.
    if y >= P or y in (0, 1, P - 1) or (D * pow(y, 4, P) + 2 * y * y - 1) % P == 0:
        return False
    # x^2 = (y^2 - 1) / (d y^2 + 1) has to be a square.
    return pow((y * y - 1) * (D * y * y + 1), (P - 1) // 2, P) == 1


def check_signature(key: Key, signature: bytes, text: bytes) -> int:
    """Returns the time of a witness's signature, 0 for a log's."""
    time, message = 0, text
    if key.type == WITNESS_KEY:
        time, signature = int.from_bytes(signature[:8], "big"), signature[8:]
        message = b"cosignature/v1\ntime %d\n" % time + text
    try:
        # The library checks S, has no cofactor, and compares R as bytes; orders it does not look at.
        need(time <= MAX_TIME and len(signature) == 64 and is_point(signature[:32]), "not a signature")
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (Refused, InvalidSignature):
        raise Refused(f"a signature that names the key of {key.name} does not verify") from None
    return time


# --- The trust file (section 7) ---


class Trust:
    def __init__(self) -> None:
        self.logs: list[Key] = []
        self.witnesses: dict[bytes, Key] = {}
        self.groups: dict[bytes, tuple[int, list[bytes]]] = {}  # how many of whom
        self.quorum: bytes | None = None
        self.taken: set = set()  # what may stand only once: public keys with their type, and members of groups

    def add_log(self, words: list[bytes]) -> None:
        need(len(words) in (1, 2), "not KEY [URL]")
        self.logs.append(read_key(words[0], LOG_KEY))
        self.take((LOG_KEY, self.logs[-1].public))

    def add_witness(self, words: list[bytes]) -> None:
        need(len(words) in (2, 3), "not NAME KEY [URL]")
        self.check_new(words[0])
        self.witnesses[words[0]] = read_key(words[1], WITNESS_KEY)
        self.take((WITNESS_KEY, self.witnesses[words[0]].public))

    def add_group(self, words: list[bytes]) -> None:
        need(len(words) >= 3, "not NAME, how many, MEMBER...")
        name, many, members = words[0], words[1], words[2:]
        self.check_new(name)
        for member in members:
            need(self.defines(member), "a member that no line before defines")
            self.take(member)
        named = {b"all": len(members), b"any": 1}
        wanted = named[many] if many in named else read_number(many.decode("latin-1"), "group")
        need(1 <= wanted <= len(members), "a group that wants none, or more than its members")
        self.groups[name] = (wanted, members)

    def set_quorum(self, words: list[bytes]) -> None:
        need(len(words) == 1 and self.quorum is None, "not the only quorum, of one name")
        need(words[0] == b"none" or self.defines(words[0]), "a quorum that no line before defines")
        self.quorum = words[0]

    def defines(self, name: bytes) -> bool:
        return name in self.witnesses or name in self.groups

    def check_new(self, name: bytes) -> None:
        need(name != b"none" and not self.defines(name), "a name that is none, or defined before")

    def take(self, what) -> None:
        need(what not in self.taken, "a public key that stands twice, or a member in two places")
        self.taken.add(what)

    def quorum_holds(self, cosigned: set[bytes]) -> bool:
        holds = {name: name in cosigned for name in self.witnesses}
        for name, (wanted, members) in self.groups.items():  # the members stand before their group
            holds[name] = sum(holds[member] for member in members) >= wanted
        return self.quorum == b"none" or holds[self.quorum]


def read_trust(data: bytes) -> Trust:
    need(len(data) <= MAX_TRUST, "too long")
    need(data.endswith(b"\n"), "the last line does not end in a newline")
    need(FORBIDDEN_IN_TRUST.search(data) is None, "a byte that is not allowed")
    trust = Trust()
    adders = {b"log": trust.add_log, b"witness": trust.add_witness, b"group": trust.add_group,
              b"quorum": trust.set_quorum}
    for number, line in enumerate(data.split(b"\n"), 1):
        words = line.split()  # of the white space that this splits at, only space and tab are allowed bytes
        if not words or words[0].startswith(b"#"):
            continue
        try:
            need(words[0] in adders, "no such line")
            adders[words[0]](words[1:])
        except Refused as refusal:
            raise Refused(f"line {number}: {refusal}") from None
    need(trust.quorum is not None, "no quorum")
    return trust


# --- The file, the extra data, the checkpoint (sections 1, 2, 5) ---


class Proven(NamedTuple):
    index: int
    leaf: bytes
    proof: list[bytes]


class Disclosure(NamedTuple):
    label: str
    nonce: bytes
    key: bytes
    value: bytes


class Checkpoint(NamedTuple):
    origin: str
    size: int
    root: bytes
    text: bytes
    signatures: list[tuple[str, bytes, bytes]]  # name, key id, signature


def read_receipt(data: bytes) -> tuple[list[Proven], list[Disclosure], Checkpoint]:
    need(len(data) <= MAX_RECEIPT, "file: too long")
    head, divider, note = read_utf8(data, "file").partition("\n\n")
    lines = head.split("\n")
    need(divider != "" and len(lines) >= 3, "file: not the lines of a receipt")
    need(lines[0] == "c2sp.org/tlog-proof@v1", "file: another first line")
    need(lines[1].startswith("extra ") and lines[2].startswith("index "), "file: no extra line, or no index line")
    latest, earlier, disclosures = read_extra(read_base64(lines[1].removeprefix("extra "), "extra"))
    index = read_number(lines[2].removeprefix("index "), "index")
    proof = [read_base64(line, "proof") for line in lines[3:]]
    need(is_proof(proof), "proof: not at most 65 hashes")
    return [*earlier, Proven(index, latest, proof)], disclosures, read_checkpoint(note)


def read_extra(data: bytes) -> tuple[bytes, list[Proven], list[Disclosure]]:
    extra = decode_cbor(data, EXTRA_DEPTH, "extra")
    need(is_map_of(extra, 4), "extra: not a map of its four keys")
    version, latest, earlier, disclosures = extra.values()
    need(is_unsigned(version) and version == 1, "extra: not version 1")
    need(is_leaf(latest) and type(earlier) is list and type(disclosures) is list, "extra: not an entry and two lists")
    for item in earlier:
        need(is_array_of(item, is_unsigned, is_leaf, is_proof), "extra: an earlier entry has not its form")
    for item in disclosures:
        need(is_array_of(item, is_label, is_id, is_hash, is_byte_string), "extra: a disclosure has not its form")
    return latest, [Proven(*item) for item in earlier], [Disclosure(*item) for item in disclosures]


def read_checkpoint(note: str) -> Checkpoint:
    need(len(note.encode()) <= MAX_NOTE, "note: too long")
    need(not any(c < " " and c != "\n" for c in note), "note: a control character")
    divider = note.rfind("\n\n")
    need(divider >= 0 and note.endswith("\n"), "note: not a text and signatures")
    text, signature_lines = note[: divider + 1], note[divider + 2 : -1].split("\n")
    need(len(signature_lines) <= MAX_SIGNATURE_LINES, "note: too many signatures")
    signatures = [read_signature_line(line) for line in signature_lines]
    lines = text[:-1].split("\n")
    need(len(lines) >= 3 and "" not in lines, "checkpoint: not three lines, or an empty one")
    root = read_base64(lines[2], "root")
    need(is_hash(root), "root: not 32 bytes")
    return Checkpoint(lines[0], read_number(lines[1], "size"), root, text.encode(), signatures)


def read_signature_line(line: str) -> tuple[str, bytes, bytes]:
    words = line.split(" ")
    need(len(words) == 3 and words[0] == "\u2014", "note: a signature line has not its form")
    check_key_name(words[1])
    body = read_base64(words[2], "signature")
    need(len(body) >= 5, "note: a signature is too short")
    return words[1], body[:4], body[4:]


# --- The checks (section 9) ---


def check_signatures(checkpoint: Checkpoint, trust: Trust) -> list[tuple[bytes, int]]:
    """Checks 2 to 5. Returns which witnesses have cosigned, and when."""
    logs = [key for key in trust.logs if key.name == checkpoint.origin]
    need(logs != [], "the trust file names no log of this origin")
    log_signed, cosigned = False, []
    for name, key_id, signature in checkpoint.signatures:
        for key in logs:
            if (key.name, key.id) == (name, key_id):
                check_signature(key, signature, checkpoint.text)
                log_signed = True
        for witness, key in trust.witnesses.items():
            if (key.name, key.id) == (name, key_id):
                cosigned.append((witness, check_signature(key, signature, checkpoint.text)))
    need(log_signed, "no trusted key of the log has signed")
    need(trust.quorum_holds({witness for witness, _ in cosigned}), "the quorum does not hold")
    return cosigned


def check_inclusion(proven: Proven, size: int, root: bytes) -> None:
    """Check 6, by section 6."""
    need(proven.index < size, "an entry's index is outside the tree")
    node, last = proven.index, size - 1
    current = hashlib.sha256(b"\x00" + proven.leaf).digest()
    for sibling in proven.proof:
        need(last != 0, "a proof is too long for its tree")
        if node % 2 == 1 or node == last:
            current = hashlib.sha256(b"\x01" + sibling + current).digest()
            while node % 2 == 0 and node > 0:
                node, last = node // 2, last // 2
        else:
            current = hashlib.sha256(b"\x01" + current + sibling).digest()
        node, last = node // 2, last // 2
    need(last == 0 and current == root, "an entry is not in the tree")


class Entry(NamedTuple):
    index: int
    version: int
    kind: str
    time: int
    actor: bytes
    subject: bytes
    seq: int
    prev: list[int] | None
    fact: dict


def read_entry(proven: Proven) -> Entry:
    """Check 7, by section 3."""
    fields = decode_cbor(proven.leaf, ENTRY_DEPTH, "entry")
    need(is_map_of(fields, 8), "entry: not a map of its eight keys")
    entry = Entry(proven.index, *fields.values())
    need(is_unsigned(entry.version) and entry.version == 1, "entry: not version 1")
    need(type(entry.kind) is str and KIND.fullmatch(entry.kind) is not None, "entry: the kind has not its form")
    need(is_unsigned(entry.time) and is_unsigned(entry.seq), "entry: t or seq is not unsigned")
    need(is_id(entry.actor) and is_id(entry.subject), "entry: actor or subject has not 16 bytes")
    follows = is_array_of(entry.prev, is_unsigned, is_unsigned)
    need(entry.prev is None if entry.seq == 0 else follows, "entry: prev has not its form")
    need(type(entry.fact) is dict, "entry: the fact is no map")
    return entry


def byte_strings(value) -> set[bytes]:
    """Every byte string inside a fact, which holds no text."""
    need(type(value) is not str, "entry: the fact holds text")
    if type(value) is bytes:
        return {value}
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return set().union(*map(byte_strings, inner))


def epoch_of(origin: str) -> int:
    _, slash, tail = origin.rpartition("/")
    if slash and NUMBER.fullmatch(tail) and 2 <= int(tail) <= MAX_UNSIGNED:
        return int(tail)
    return 1


def check_story(entries: list[Entry], epoch: int) -> None:
    """Checks 8 to 10."""
    need(len({entry.subject for entry in entries}) == 1, "the entries are about different subjects")
    for before, entry in zip(entries, entries[1:]):
        follows = entry.seq == before.seq + 1 and entry.prev == [epoch, before.index]
        need(follows and entry.index > before.index, "an entry does not follow the one before")
        need(entry.time >= before.time, "an entry is older than the one before")
    first = entries[0].prev
    need(first is None or first[0] < epoch, "the story's beginning is left out")


def check_disclosures(entries: list[Entry], disclosures: list[Disclosure], known: set[bytes]) -> None:
    """Checks 11 to 14."""
    labels_at: dict[bytes, set[str]] = {}
    for entry in entries:
        for key, value in entry.fact.items():
            if type(value) is bytes and (entry.kind, key) in PLACES:
                labels_at.setdefault(value, set()).add(PLACES[entry.kind, key])
    for disclosure in disclosures:
        commitment = hmac.digest(disclosure.key, disclosure.value, "sha256")
        need(commitment in known, "a disclosure opens no commitment of the facts")
        labels = labels_at.get(commitment)
        right = disclosure.label in labels if labels else disclosure.label not in PLACES.values()
        need(right, "a disclosure's label is not that of its place")
        need(disclosure.nonce in known or disclosure.nonce in disclosure.value, "a disclosure's nonce stands nowhere")
    need([item.label for item in disclosures].count("content") <= 1, "content is disclosed twice")
    need(sum("content" in labels for labels in labels_at.values()) <= 1, "the entries commit to different contents")


def check_content(disclosures: list[Disclosure], digest: bytes) -> None:
    """Check 15."""
    values = [item.value for item in disclosures if item.label == "content"]
    need(values == [digest], "the content is not disclosed, or is another")


def verify(data: bytes, trust: Trust, content_digest: bytes | None) -> dict:
    """What a good receipt says; raises Refused for any other."""
    proven, disclosures, checkpoint = read_receipt(data)
    epoch = epoch_of(checkpoint.origin)
    cosigned = check_signatures(checkpoint, trust)
    for item in proven:
        check_inclusion(item, checkpoint.size, checkpoint.root)
    entries = [read_entry(item) for item in proven]
    known = set().union(*(byte_strings(entry.fact) for entry in entries))
    check_story(entries, epoch)
    check_disclosures(entries, disclosures, known)
    if content_digest is not None:
        check_content(disclosures, content_digest)
    return {
        "origin": checkpoint.origin,
        "tree_size": checkpoint.size,
        "index": entries[-1].index,
        "outcome": entries[-1].kind,
        "entries": [{"index": entry.index, "kind": entry.kind, "t": entry.time} for entry in entries],
        "begins_in_epoch": epoch if entries[0].prev is None else entries[0].prev[0],
        "disclosed": [{"label": item.label, "value": item.value.hex()} for item in disclosures],
        "witnesses": [{"name": name.decode("utf-8", "replace"), "time": time} for name, time in cosigned],
    }


# --- The program ---


def read_bounded(path: str, limit: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(limit + 1)  # one more than is allowed, so that a longer file is refused and not cut


def verdict(path: str, trust: Trust, content_digest: bytes | None) -> dict:
    try:
        said = verify(read_bounded(path, MAX_RECEIPT), trust, content_digest)
    except (Refused, OSError) as error:
        return {"file": path, "ok": False, "why": str(error)}
    return {"file": path, "ok": True, "why": None, **said}


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify Lazaret receipts.", allow_abbrev=False)
    parser.add_argument("--trust", required=True, metavar="TRUST_FILE")
    parser.add_argument("--content", metavar="FILE")
    parser.add_argument("receipts", nargs="+", metavar="RECEIPT")
    args = parser.parse_args()
    content_digest = None
    try:
        trust = read_trust(read_bounded(args.trust, MAX_TRUST))
        if args.content is not None:
            with open(args.content, "rb") as file:
                content_digest = hashlib.file_digest(file, "sha256").digest()
    except (Refused, OSError) as error:
        print(f"receipt_verifier: {error}", file=sys.stderr)
        return 2
    all_good = True
    for path in args.receipts:
        result = verdict(path, trust, content_digest)
        print(json.dumps(result))
        all_good = all_good and result["ok"]
    return 0 if all_good else 1


if __name__ == "__main__":
    sys.exit(main())
