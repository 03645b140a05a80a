#!/usr/bin/env python3
"""A second verifier for Lazaret receipts.

It is written from docs/book/receipt-format.md alone and is the second implementation that the tests compare with the
first. Sections and checks in the comments are those of that page. What the page does not allow is refused.

    receipt_verifier.py --trust TRUST_FILE [--content FILE] RECEIPT...

Prints one JSON object a line for each receipt, with the keys of `lazaret verify --json`. Exit code: 0 all are good,
1 at least one is not, 2 wrong usage, or a trust file or content that cannot be used.
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

import receipt_story

MAX_RECEIPT = 1_048_576
MAX_TRUST = 1_048_576
MAX_TRUST_LINES = 256  # of each kind
MAX_NOTE = 65_536
MAX_SIGNATURE_LINES = 64
MAX_PROOF = 65
MAX_ENTRY = 65_535
MAX_TIME = 2**63 - 1
MAX_NESTING = 16

LOG_KEY, WITNESS_KEY = 0x01, 0x04
NUMBER = re.compile(r"0|[1-9][0-9]{0,19}")
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")  # but the newline
NAME = re.compile("[^+\x00- \x7f-\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
KIND = re.compile(r"(?=.{1,64}\Z)[a-z][a-z0-9]*(_[a-z0-9]+)*\.v[1-9][0-9]{0,3}")

# Section 8: where the facts of today hold commitments, with the label of each, and the object's id.
PLACES = {
    ("transfer_arrived.v1", 8): "content",
    ("transfer_arrived.v1", 9): "manifest",
    ("transfer_inspected.v1", 1): "content",
    ("transfer_released.v1", 2): "content",
    ("transfer_delivered.v1", 3): "content",
    ("approved.v1", 6): "reason",
    ("rejected.v1", 6): "reason",
}
OBJECTS = {("transfer_arrived.v1", 1), ("transfer_released.v1", 1)}


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


def is_number(text: str) -> bool:
    # The pattern bounds the length, so int() never sees a hostile number of digits.
    return NUMBER.fullmatch(text) is not None and int(text) < 2**64


def read_number(text: str, what: str) -> int:
    need(is_number(text), f"{what}: not a number in its one spelling")
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
        need(end == len(data), "bytes behind the value")
    except Refused as refusal:
        raise Refused(f"{what}: CBOR: {refusal}") from None
    return value


def decode_head(data: bytes, at: int) -> tuple[int, int, int]:
    """The type, its number, and where the rest of the value begins."""
    need(at < len(data), "an end inside a value")
    major, low, at = data[at] >> 5, data[at] & 31, at + 1
    need(major < 6 or (major == 7 and low in (20, 21, 22)), "a type that is not allowed")
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
    major, number, at = decode_head(data, at)
    if major == 7:
        return {20: False, 21: True, 22: None}[number], at
    if major < 2:
        return (number if major == 0 else -1 - number), at
    if major < 4:
        end = at + number
        need(end <= len(data), "an end inside a value")
        return (data[at:end] if major == 2 else read_utf8(data[at:end], "text")), end
    need(depth > 0, "nested too deep")
    # No room is reserved for what a length claims: the loop ends where the data ends. Every map of the format has
    # unsigned keys, and their encodings rise as the numbers do.
    items, pairs, last = [], {}, -1
    for _ in range(number):
        if major == 5:
            key_type, key, at = decode_head(data, at)
            need(key_type == 0 and key > last, "map keys that are not unsigned, or do not rise")
            pairs[key], at = decode_value(data, at, depth - 1)
            last = key
        else:
            item, at = decode_value(data, at, depth - 1)
            items.append(item)
    return (pairs if major == 5 else items), at


# --- The forms of decoded values (sections 2, 3, 8) ---
# Types are compared and not tested with isinstance: True is an int in Python.


def is_unsigned(value) -> bool:
    return type(value) is int and value >= 0


def is_text(value) -> bool:
    return type(value) is str


def is_version(value) -> bool:
    return is_unsigned(value) and value == 1


def is_bytes_of(least: int, most: int):
    return lambda value: type(value) is bytes and least <= len(value) <= most


def is_list_of(form, most: int = MAX_RECEIPT):
    return lambda value: type(value) is list and len(value) <= most and all(map(form, value))


def is_array_of(*forms):
    return lambda value: type(value) is list and len(value) == len(forms) and all(map(lambda f, v: f(v), forms, value))


def is_map_of(forms: dict, may_miss=frozenset()):
    def is_such(value) -> bool:
        known = type(value) is dict and set(forms) - may_miss <= set(value) <= set(forms)
        return known and all(forms[key](item) for key, item in value.items())

    return is_such


def is_kind(value) -> bool:
    return is_text(value) and KIND.fullmatch(value) is not None


def is_prev(value) -> bool:
    return value is None or (is_array_of(is_unsigned, is_unsigned)(value) and value[0] >= 1)


def is_fact(value) -> bool:
    return type(value) is dict and not holds_text(value)


def holds_text(value) -> bool:
    inner = value.values() if type(value) is dict else value if type(value) is list else ()
    return is_text(value) or any(map(holds_text, inner))


is_id, is_hash, is_leaf = is_bytes_of(16, 16), is_bytes_of(32, 32), is_bytes_of(0, MAX_ENTRY)
is_byte_string = is_bytes_of(0, MAX_RECEIPT)
is_proof = is_list_of(is_hash, MAX_PROOF)
is_proven = is_array_of(is_unsigned, is_leaf, is_proof)
is_disclosure = is_array_of(is_text, is_id, is_hash, is_byte_string)
is_extra = is_map_of({0: is_version, 1: is_leaf, 2: is_list_of(is_proven), 3: is_list_of(is_disclosure)})
is_entry = is_map_of({0: is_version, 1: is_kind, 2: is_unsigned, 3: is_id, 4: is_id, 5: is_unsigned, 6: is_prev,
                      7: is_fact})
is_manifest = is_map_of({0: is_text, 1: is_unsigned, 2: is_hash, 3: is_text, 4: is_byte_string, 5: is_id}, {3})
is_reason = is_map_of({0: is_id, 1: is_text, 2: is_map_of({0: is_text, 1: is_byte_string})}, {2})


# --- Keys and signatures (section 5) ---

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P


class Key(NamedTuple):
    name: str
    id: bytes
    type: int
    public: bytes


def read_key(word: str, key_type: int) -> Key:
    parts = word.split("+", 2)  # base64 may hold a + itself
    need(len(parts) == 3 and NAME.fullmatch(parts[0]) is not None, "key: not NAME+ID+BASE64")
    name, written_id, body = parts[0], parts[1], read_base64(parts[2], "key")
    need(len(body) == 33 and body[0] == key_type, "key: not an Ed25519 key of the type that its line wants")
    key_id = hashlib.sha256(name.encode() + b"\n" + body).digest()[:4]
    need(written_id == key_id.hex(), "key: its id is another")
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
        raise Refused(f"a signature line of the key of {key.name} is not its signature") from None
    return time


# --- The trust file (section 7) ---


class Trust:
    def __init__(self) -> None:
        self.logs: list[Key] = []
        self.witnesses: dict[str, Key] = {}
        self.groups: dict[str, tuple[int, list[str]]] = {}  # how many of whom
        self.quorum: str | None = None
        self.taken: set = set()  # what may stand once: names, public keys, keys' names with ids, members

    def read_line(self, words: list[str]) -> None:
        match words:
            case ["log", key] | ["log", key, _]:
                self.logs.append(self.new_key(key, LOG_KEY))
            case ["witness", name, key] | ["witness", name, key, _]:
                self.take("name", name)
                self.witnesses[name] = self.new_key(key, WITNESS_KEY)
            case ["group", name, many, *members]:
                need(all(map(self.defines, members)), "a member that no line before defines")
                self.take("name", name)
                for member in members:
                    self.take("member", member)
                named = {"all": len(members), "any": 1}
                wanted = named[many] if many in named else read_number(many, "group")
                need(1 <= wanted <= len(members), "a group that wants none, or more than its members")
                self.groups[name] = (wanted, members)
            case ["quorum", name]:
                need(self.quorum is None, "a second quorum")
                need(name == "none" or self.defines(name), "a quorum that no line before defines")
                self.quorum = name
            case _:
                raise Refused("no such line")
        longest = max(len(self.logs), len(self.witnesses), len(self.groups))
        need(longest <= MAX_TRUST_LINES, "too many lines of a kind")

    def new_key(self, word: str, key_type: int) -> Key:
        key = read_key(word, key_type)
        self.take(key_type, key.public)
        self.take(key.name, key.id)
        return key

    def defines(self, name: str) -> bool:
        return name in self.witnesses or name in self.groups

    def take(self, *what) -> None:
        need(what not in self.taken and what != ("name", "none"), "what may stand once stands twice, or none is a name")
        self.taken.add(what)

    def quorum_holds(self, cosigned: dict[str, list[int]]) -> bool:
        holds = {name: name in cosigned for name in self.witnesses}
        for name, (wanted, members) in self.groups.items():  # the members stand before their group
            holds[name] = sum(holds[member] for member in members) >= wanted
        return self.quorum == "none" or holds[self.quorum]


def read_trust(data: bytes) -> Trust:
    need(len(data) <= MAX_TRUST, "too long")
    text = read_utf8(data, "trust file")
    need(text.endswith("\n"), "the last line does not end in a newline")
    need(CONTROL.search(text.replace("\t", " ")) is None, "a control character")
    trust = Trust()
    for number, line in enumerate(text.split("\n"), 1):
        words = [word for word in line.replace("\t", " ").split(" ") if word]
        try:
            if words and not words[0].startswith("#"):
                trust.read_line(words)
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
    extra = decode_cbor(read_base64(lines[1].removeprefix("extra "), "extra"), 4, "extra")
    need(is_extra(extra), "extra: not its version, or not its form")
    index = read_number(lines[2].removeprefix("index "), "index")
    proof = [read_base64(line, "proof") for line in lines[3:]]
    need(is_proof(proof), "proof: not at most 65 hashes")
    proven = [*(Proven(*item) for item in extra[2]), Proven(index, extra[1], proof)]
    return proven, [Disclosure(*item) for item in extra[3]], read_checkpoint(note)


def read_checkpoint(note: str) -> Checkpoint:
    need(len(note.encode()) <= MAX_NOTE, "note: too long")
    need(CONTROL.search(note) is None, "note: a control character")
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
    need(NAME.fullmatch(words[1]) is not None, "note: the name of a key is not allowed")
    body = read_base64(words[2], "signature")
    need(len(body) >= 5, "note: a signature is too short")
    return words[1], body[:4], body[4:]


# --- The checks (section 9) ---


def epoch_of(origin: str) -> int:
    """Part of check 2, by section 7."""
    _, _, tail = origin.rpartition("/") if "/" in origin else ("", "", "")
    if not re.fullmatch("[0-9]+", tail):
        return 1
    need(is_number(tail) and int(tail) >= 2, "nobody can say which epoch the origin means")
    return int(tail)


def check_signatures(checkpoint: Checkpoint, trust: Trust) -> dict[str, list[int]]:
    """Checks 2 to 5. Returns which witnesses have cosigned, and when."""
    logs = [key for key in trust.logs if key.name == checkpoint.origin]
    need(logs != [], "the trust file names no log of this origin")
    keys = {(key.name, key.id): key for key in [*logs, *trust.witnesses.values()]}
    times: dict[Key, set[int]] = {}
    for name, key_id, signature in checkpoint.signatures:
        if (key := keys.get((name, key_id))) is not None:
            times.setdefault(key, set()).add(check_signature(key, signature, checkpoint.text))
    need(any(key in times for key in logs), "no trusted key of the log has signed")
    cosigned = {name: sorted(times[key]) for name, key in trust.witnesses.items() if key in times}
    need(trust.quorum_holds(cosigned), "the quorum does not hold")
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
    """Check 7, by sections 3 and 8."""
    fields = decode_cbor(proven.leaf, 1 + MAX_NESTING, "entry")
    need(is_entry(fields), "entry: not its version, or not its form")
    entry = Entry(proven.index, *fields.values())
    need((entry.seq == 0) == (entry.prev is None), "entry: seq and prev contradict each other")
    for key, value in entry.fact.items():
        need((entry.kind, key) not in PLACES or is_hash(value), "entry: something else where a commitment belongs")
        need((entry.kind, key) not in OBJECTS or is_id(value), "entry: something else where the object's id belongs")
    return entry


def check_story(entries: list[Entry], epoch: int) -> None:
    """Checks 8 to 10."""
    need(len({entry.subject for entry in entries}) == 1, "the entries are about different subjects")
    for before, entry in zip(entries, entries[1:]):
        follows = entry.seq == before.seq + 1 and entry.prev == [epoch, before.index]
        need(follows and entry.index > before.index, "an entry does not follow the one before")
        need(entry.time >= before.time, "an entry is older than the one before")
    first = entries[0].prev
    need(first is None or first[0] < epoch, "the story's beginning is left out")


def read_disclosed(label: str, value: bytes):
    """Check 12, by section 8."""
    if label == "content":
        need(is_hash(value), "content: not 32 bytes")
        return value
    read = decode_cbor(value, 2, label)
    if label == "manifest":
        need(is_manifest(read) and read[4] in (b"", read[2]), "manifest: not its form")
    else:
        need(is_reason(read), "reason: not its form")
    return read


def check_disclosures(entries: list[Entry], disclosures: list[Disclosure]) -> dict[str, list]:
    """Checks 11 to 14. Returns the values by label."""
    held = [((entry.kind, key), value) for entry in entries for key, value in entry.fact.items()]
    places = {(PLACES[place], value) for place, value in held if place in PLACES}
    objects = {value for place, value in held if place in OBJECTS}
    shown: dict[str, list] = {"content": [], "manifest": [], "reason": []}
    opened = set()
    for label, nonce, key, value in disclosures:
        commitment = hmac.digest(key, value, "sha256")
        need((label, commitment) in places, "a disclosure opens no commitment of its label")
        need(commitment not in opened, "a commitment is opened twice")
        opened.add(commitment)
        read = read_disclosed(label, value)
        nonces = objects if label == "content" else {read[5 if label == "manifest" else 0]}
        need(nonces == {nonce}, "a disclosure's nonce is another")
        shown[label].append(read)
    for single in ("content", "manifest"):
        need([label for label, _ in places].count(single) <= 1, f"the entries commit to more than one {single}")
    digests = {manifest[2] for manifest in shown["manifest"]} | set(shown["content"])
    need(len(digests) <= 1, "the manifest is that of another content")
    return shown


def verify(data: bytes, trust: Trust, content: bytes | None) -> dict:
    """What a good receipt says; raises Refused for any other."""
    proven, disclosures, checkpoint = read_receipt(data)
    epoch = epoch_of(checkpoint.origin)
    cosigned = check_signatures(checkpoint, trust)
    for item in proven:
        check_inclusion(item, checkpoint.size, checkpoint.root)
    entries = [read_entry(item) for item in proven]
    check_story(entries, epoch)
    shown = check_disclosures(entries, disclosures)
    need(content is None or shown["content"] == [content], "the content is not disclosed, or is another")  # check 15
    manifest = (shown["manifest"] or [{}])[0]
    # A story that goes on from an earlier epoch cannot be followed from its middle.
    story = [(entry.kind, entry.fact) for entry in entries if entries[0].prev is None]
    return {
        **receipt_story.names_of(entries[0].subject),
        "origin": checkpoint.origin,
        "index": entries[-1].index,
        "size": checkpoint.size,
        "name": manifest.get(0),
        "bytes": manifest.get(1),
        "sha256": shown["content"][0].hex() if shown["content"] else None,
        "entries": [{"index": entry.index, "kind": entry.kind, "t": entry.time} for entry in entries],
        "reasons": [reason[1] for reason in shown["reason"]],
        "witnesses": [{"name": name, "times_s": times} for name, times in cosigned.items()],
        **receipt_story.tell(story),
    }


# --- The program ---


def read_bounded(path: str, limit: int) -> bytes:
    with open(path, "rb") as file:
        return file.read(limit + 1)  # one more than is allowed, so that a longer file is refused and not cut


def verdict(path: str, trust: Trust, content: bytes | None) -> dict:
    try:
        said = verify(read_bounded(path, MAX_RECEIPT), trust, content)
    except (Refused, OSError) as error:
        return {"receipt": path, "ok": False, "failure": str(error)}
    return {"receipt": path, "ok": True, "failure": None, **said}


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify Lazaret receipts.", allow_abbrev=False)
    parser.add_argument("--trust", required=True, metavar="TRUST_FILE")
    parser.add_argument("--content", metavar="FILE")
    parser.add_argument("receipts", nargs="+", metavar="RECEIPT")
    args = parser.parse_args()
    content = None
    try:
        trust = read_trust(read_bounded(args.trust, MAX_TRUST))
        if args.content is not None:
            with open(args.content, "rb") as file:
                content = hashlib.file_digest(file, "sha256").digest()
    except (Refused, OSError) as error:
        print(f"receipt_verifier: {error}", file=sys.stderr)
        return 2
    all_good = True
    for path in args.receipts:
        result = verdict(path, trust, content)
        print(json.dumps(result))
        all_good = all_good and result["ok"]
    return 0 if all_good else 1


if __name__ == "__main__":
    sys.exit(main())
