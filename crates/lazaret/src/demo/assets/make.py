"""Makes pump-fw-4.2.1.zip. Needs PyNaCl. Every run draws another key, so the file differs from run to run."""
import base64
import hashlib
import json
import struct
import zipfile

import nacl.signing

NAME = "pump-fw-4.2.1.bin"
# A 32-bit little-endian ARM ELF header without segments, then a pattern that compresses.
HEADER = b"\x7fELF\x01\x01\x01" + bytes(9) + struct.pack("<HHIIIIIHHHHHH", 2, 40, 1, 0x8000, 0, 0, 0, 52, 32, 0, 40, 0, 0)
IMAGE = HEADER + b"".join(struct.pack("<II", n, n * 2654435761 % 2**32) for n in range(6000))


def minisign(data: bytes, trusted: str) -> str:
    key = nacl.signing.SigningKey.generate()
    key_id = hashlib.blake2b(bytes(key.verify_key), digest_size=8).digest()
    signature = key.sign(hashlib.blake2b(data, digest_size=64).digest()).signature
    whole = key.sign(signature + trusted.encode()).signature
    line = base64.b64encode(b"ED" + key_id + signature).decode()
    return (f"untrusted comment: signature by the demo's Acme\n{line}\n"
            f"trusted comment: {trusted}\n{base64.b64encode(whole).decode()}\n")


SBOM = {
    "bomFormat": "CycloneDX",
    "specVersion": "1.6",
    "serialNumber": "urn:uuid:5c0a2a1e-6f0b-4c1d-9b57-3a1f2f2c9d10",
    "version": 1,
    "metadata": {"component": {"type": "firmware", "bom-ref": "pump-fw", "name": "pump-fw", "version": "4.2.1"}},
    "components": [
        {"type": "library", "bom-ref": "rtos", "name": "demo-rtos", "version": "2.3.0", "purl": "pkg:generic/demo-rtos@2.3.0"},
        {"type": "library", "bom-ref": "tls", "name": "demo-tls", "version": "1.8.4", "purl": "pkg:generic/demo-tls@1.8.4"},
    ],
    "dependencies": [{"ref": "pump-fw", "dependsOn": ["rtos", "tls"]}, {"ref": "rtos"}, {"ref": "tls"}],
}

with zipfile.ZipFile("pump-fw-4.2.1.zip", "w", zipfile.ZIP_DEFLATED) as out:
    for name, data in [
        (NAME, IMAGE),
        (NAME + ".minisig", minisign(IMAGE, "timestamp:1793000000\tfile:" + NAME).encode()),
        ("pump-fw-4.2.1.cdx.json", json.dumps(SBOM, indent=1).encode()),
    ]:
        entry = zipfile.ZipInfo(name, (2026, 11, 1, 9, 0, 0))
        entry.compress_type = zipfile.ZIP_DEFLATED
        out.writestr(entry, data)
