"""Test vectors for the hashes of a log: prints hashes.json, computed with Python's standard library alone.

A second implementation of what service/src/audit/hash.rs documents, for whoever writes a third.
"""

import hashlib
import hmac
import json
import uuid
from datetime import datetime, timedelta, timezone

FIELDS = (
    "actorId actorEmail actorName onBehalfOf resourceId resourceName relatedResources requestId ipAddress userAgent "
    "changes extra"
).split()


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def key(salt: bytes, name: str) -> bytes:
    """HKDF-SHA-256 (RFC 5869) of one block."""
    extracted = hmac.digest(bytes(32), salt, "sha256")
    return hmac.digest(extracted, b"daybook/2/" + name.encode() + b"\x01", "sha256")[:16]


def commitment(salt: bytes, name: str, value: str | None) -> bytes:
    given = b"\x00" if value is None else b"\x01" + value.encode()
    return sha256(b"\x02" + key(salt, name) + given)


def microseconds(instant: str) -> int:
    since = datetime.fromisoformat(instant) - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return since // timedelta(microseconds=1)


def text(value: str) -> bytes:
    data = value.encode()
    return len(data).to_bytes(4, "big") + data


def record(entry: dict) -> bytes:
    parts = [
        b"\x02",
        uuid.UUID(entry["organization"]).bytes,
        entry["sequence"].to_bytes(8, "big"),
        uuid.UUID(entry["id"]).bytes,
        microseconds(entry["timestamp"]).to_bytes(8, "big", signed=True),
        microseconds(entry["recordedAt"]).to_bytes(8, "big", signed=True),
        text(entry["recordedBy"]),
        text(entry["actorType"]),
        text(entry["action"]),
        text(entry["outcome"]),
        text(entry["resourceType"]),
        *(commitment(bytes.fromhex(entry["salt"]), name, entry[name]) for name in FIELDS),
    ]
    return b"".join(parts)


def root(leaves: list[bytes]) -> bytes:
    """The Merkle tree hash of RFC 6962, section 2.1, over leaf hashes."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + root(leaves[:split]) + root(leaves[split:]))


def entries() -> list[dict]:
    """Entries with every field, with as few as possible, and with the ends of what fields can hold."""
    whole = {
        "organization": "0190f3a5-7c1e-7bbb-8a3d-5f1d2c3b4a59",
        "sequence": 1,
        "id": "0190f3a5-7c1e-7ccc-9a3d-5f1d2c3b4a60",
        "timestamp": "2026-02-13T10:30:00.123456+00:00",
        "recordedAt": "2026-02-13T10:30:01.000001+00:00",
        "recordedBy": "key:0190f3a5",
        "actorType": "AGENT",
        "action": "device.assign",
        "outcome": "SUCCESS",
        "resourceType": "device",
        "salt": bytes(range(32)).hex(),
        "actorId": "ada",
        "actorEmail": "zoë@exämple.test",
        "actorName": "Zoë \"Ada\" O'Hara, 陳大文 👩🏽‍🚀",
        "onBehalfOf": '{"id":"grace","type":"USER"}',
        "resourceId": "device-7",
        "resourceName": "Laptop 7",
        "relatedResources": '[{"type":"user","id":"grace"}]',
        "requestId": "req-1",
        "ipAddress": "2001:db8::1",
        "userAgent": "curl/8",
        "changes": '[{"field":"owner","old":null,"new":9007199254740993}]',
        "extra": '{"b":1.50,"a":"\\u00e9"}',
    }
    least = dict.fromkeys(FIELDS) | {"actorId": "a", "resourceId": "r", "relatedResources": "[]", "changes": "[]"}
    made = [
        whole,
        whole | least | {"sequence": 2, "actorType": "USER", "outcome": "DENIED", "salt": "ff" * 32},
        whole | {"sequence": 3, "timestamp": "0001-01-01T00:00:00+00:00", "salt": "00" * 32, "outcome": "FAILURE"},
        whole | {"sequence": 4, "timestamp": "9999-12-31T23:59:59.999999+00:00", "actorType": "SERVICE"},
    ]
    for sequence in range(5, 12):
        salt = sha256(sequence.to_bytes(8, "big")).hex()
        made.append(whole | least | {"sequence": sequence, "salt": salt, "actorType": "SYSTEM"})
    return made


def main() -> None:
    chain, leaves, vectors = bytes(32), [], []
    for entry in entries():
        given = record(entry)
        leaves.append(sha256(b"\x00" + given))
        chain = sha256(b"\x02" + chain + leaves[-1])
        results = {"record": given, "leaf": leaves[-1], "chain": chain, "root": root(leaves)}
        vectors.append({"entry": entry, **{name: value.hex() for name, value in results.items()}})
    print(json.dumps({"emptyRoot": root([]).hex(), "vectors": vectors}, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
