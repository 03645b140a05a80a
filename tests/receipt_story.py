"""What the entries of a Lazaret receipt say (docs/book/receipt-format.md, section 10): facts in words, the outcome, and the
names of the transfer. No check of a receipt needs this.
"""

import re

# The types of a fact's keys 0, 1, 2 and so on; those with a ? may be missing.
FACTS = {
    "transfer_arrived.v1": "id id direction id id id channel transfer_kind commitment commitment u32 id?",
    "transfer_inspected.v1": "id commitment digest [verdict_row] content_kind phi_presence bool signature_state bool"
    " bool digest",
    "transfer_ruled.v1": "id outcome [fired_rule] digest digest digest id? bool",
    "transfer_released.v1": "id id commitment digest digest id id?",
    "transfer_withheld.v1": "id withhold_cause",
    "transfer_reopened.v1": "id reopen_cause",
    "transfer_withdrawn.v1": "id",
    "transfer_expired.v1": "id",
    "transfer_superseded.v1": "id id",
    "transfer_delivered.v1": "id id id commitment",
    "delivery_begun.v1": "id id id u32 channel",
    "delivery_aborted.v1": "id id u32 delivery_fault",
    "approved.v1": "id id group digest means id commitment?",
    "rejected.v1": "id id group digest means id commitment?",
}
ROWS = {"verdict_row": "inspector verdict why?", "fired_rule": "code code?"}
WORDS = {
    "direction": "in out",
    "channel": "https tus sftp form",
    "transfer_kind": "file software message device consignment access",
    "inspector": "kind archive malware phi sbom signature",
    "verdict": "clean not_inspected error bad",
    "why": "too_large too_deep too_many_members ratio time memory encrypted format_unknown format_unsupported"
    " malformed ambiguous pixels charset engine_absent engine_limit rules_not_applicable worker_died worker_output"
    " engine_protocol engine_unreachable object_unreadable",
    "content_kind": "unknown empty text csv json ndjson xml hl7v2 fhir cyclonedx zip gzip tar pdf png jpeg gif dicom"
    " elf pe macho script ooxml odf ole2 7z rar bzip2 xz zstd x12 edifact firmware signature html rtf eml jar spdx",
    "phi_presence": "no yes unknown",
    "signature_state": "unsigned registered unknown_key bad",
    "outcome": "release hold deny",
    "withhold_cause": "isolated decision_changed verdict_aged",
    "reopen_cause": "inspector_back rules_changed asked verdict_aged",
    "delivery_fault": "peer_left content_differs no_longer_cleared read_failed",
    "group": "security biomed privacy admin",
    "means": "passkey token demo",
}
# The stages that a kind is recorded in, and the one that it leaves; none where it stays.
STAGES = {
    "transfer_arrived.v1": ("nothing", "quarantined"),
    "transfer_inspected.v1": ("quarantined", "inspected"),
    "transfer_ruled.v1": ("inspected held not_checked cleared", ""),  # it depends
    "transfer_released.v1": ("cleared", "released"),
    "transfer_withheld.v1": ("released", "held"),
    "transfer_reopened.v1": ("inspected held not_checked cleared", "quarantined"),
    "transfer_withdrawn.v1": ("quarantined inspected held not_checked cleared", "withdrawn"),
    "transfer_expired.v1": ("held not_checked", "expired"),
    "transfer_superseded.v1": ("quarantined inspected held not_checked cleared", "superseded"),
    "transfer_delivered.v1": ("released delivered", "delivered"),
    "delivery_begun.v1": ("released delivered", None),
    "delivery_aborted.v1": ("released delivered", None),
    "approved.v1": ("held not_checked", None),
    "rejected.v1": ("held not_checked", "denied"),
}
BASE_32 = "0123456789abcdefghjkmnpqrstvwxyz"
CODE = re.compile(rb"[a-z0-9._:,+-]{1,48}")


class Unknown(Exception):
    """A kind of fact, or a fact, that the page does not list: a later release wrote it."""


def read_value(kind: str, value):
    """What a value of this type says: a word, or the value itself."""
    if kind.startswith("[") and type(value) is list:
        return [read_value(kind[1:-1], item) for item in value]
    if kind in ROWS:
        return read_fact(ROWS[kind], value)
    words = WORDS.get(kind, "").split()
    if type(value) is int and 0 <= value < (2**32 if kind == "u32" else len(words)):
        return words[value] if words else value
    if type(value) is bytes and len(value) == {"id": 16, "digest": 32, "commitment": 32}.get(kind):
        return value
    if type(value) is bytes and kind == "code" and CODE.fullmatch(value):
        return value.decode()
    if type(value) is bool and kind == "bool":
        return value
    raise Unknown


def read_fact(kinds: str, fact) -> dict:
    forms = dict(enumerate(kinds.split()))
    needed = {key for key, kind in forms.items() if not kind.endswith("?")}
    if type(fact) is not dict or not needed <= set(fact) <= set(forms):
        raise Unknown
    return {key: read_value(forms[key].rstrip("?"), value) for key, value in fact.items()}


def follow(stage: str, kind: str, fact: dict) -> str:
    """The stage in which a fact leaves a transfer."""
    recorded_in, leaves = STAGES[kind]
    if stage not in recorded_in.split():
        raise Unknown
    if kind == "transfer_ruled.v1":
        return {"release": "cleared", "deny": "denied", "hold": "not_checked" if fact[7] else "held"}[fact[1]]
    return leaves or stage


def tell(story: list[tuple[str, dict]]) -> dict:
    """The outcome, and what the last inspection and the last ruling say; nothing of a story that the page does not know."""
    nothing = {"outcome": None, "verdict": None, "rules": None, "policy": None}
    told, stage = dict(nothing), "nothing"
    try:
        for kind, fact in story:
            if kind not in FACTS:
                raise Unknown
            fact = read_fact(FACTS[kind], fact)
            stage = told["outcome"] = follow(stage, kind, fact)
            if kind == "transfer_inspected.v1":
                worst = max((row[1] for row in fact[3]), key=WORDS["verdict"].split().index, default="not_inspected")
                told["verdict"] = worst
            if kind == "transfer_ruled.v1":
                told.update(rules=[fired[0] for fired in fact[2]], policy=fact[3].hex())
    except Unknown:
        return nothing
    return told


def names_of(subject: bytes) -> dict:
    """The transfer's id and its reference."""
    number = int.from_bytes(subject, "big")
    digits = [number >> (5 * place) & 31 for place in range(26)]  # the last first
    doubled = [digit * (2 if place % 2 == 0 else 1) for place, digit in enumerate(digits[:7])]
    check = (32 - sum(n // 32 + n % 32 for n in doubled) % 32) % 32
    symbols = "".join(BASE_32[digit] for digit in reversed(digits))
    last = (symbols[-7:] + BASE_32[check]).upper()
    return {"id": f"tr_{symbols}", "reference": f"LZ-{last[:4]}-{last[4:]}"}
