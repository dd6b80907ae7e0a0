"""Vectors of AS-LEAF/1: a table of the project's own, and those of other implementations.

The hashes come from an implementation of its own, never from the code under test.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

from artifactstore.store import LoggedEvent
from tests.vectors import rows

_SUBJECT = "a1cb100f57e971ca8f269e7c26e4630a"
_DIGEST = "1f94cbf313b3ce23257a7251ea0fc95a24556ea611e4f8f475e549971baedb02"
_ROWS: list[tuple[int, int, str, str, str | None, str, str]] = [
    (1, 0, "v1.package.created", "package", _SUBJECT, "user:ann",
     "a813d69548efa02391d46d67a36d2630a8a730ba5dedfe5394221097f92227c7"),
    (4294967296, 0, "v1.package.created", "package", _SUBJECT, "user:ann",
     "38b9b38aa995dd34762dfbf40d5a5ed1130533e1d6c153642806fcd2aa203628"),
    (9223372036854775807, 0, "v1.package.created", "package", _SUBJECT, "user:ann",
     "55259ce0db3f4ed65aa6874541a45231409128460f96ca0fa1cca083ada9d388"),
    (7, -1, "v1.package.created", "package", _SUBJECT, "user:ann",
     "5caaf933f8cbf76b0d30b850ca98b864756dc9e27e91b1646c0947a0328fcbcc"),
    (7, -257, "v1.package.created", "package", _SUBJECT, "user:ann",
     "be67052fb899b52d0ebb997492d4938ed5abfeb8a05d42515ea9e597487c7cfd"),
    (7, -62135596800000000, "v1.package.created", "package", _SUBJECT, "user:ann",
     "663436dc1f35cfd520218366cb1c88147eedaf4439b74ba4f4674ffe7d3540e5"),
    (7, 253402300799999999, "v1.package.created", "package", _SUBJECT, "user:ann",
     "3061a6e3d642c17eb148552929608e0f7ac1e93204fc87efd98c1805e5fb9108"),
    (7, 1764201600000000, "v1.a.b", "file", _SUBJECT, "user:ann",
     "04439361a5d7a31779bde1f9d11675ceb9913dfff513405c9b3256c4895cc122"),
    (7, 1764201600000000, "v1.a.b", "system", None, "a",
     "044fc3dafbe2e4d459366a44e76074ad4d5229376c59477e0279466e39773dd2"),
    (7, 1764201600000000, "v1.a.b", "system", None, "é" * 127 + "a",
     "1cde6ace4d65b1f750d2519bdc00ab119c0b75f30872e2825deef73c85bdb96b"),
    (7, 1764201600000000, "v1.a.b", "system", None, "user:日本",
     "71a3b9c7727f17c6ea4957479f7ffe55e25ba2e7f5fb0d3a67b8bd3caa624064"),
    (7, 1764201600000000, "v1.a.b", "system", None, "user:😀",
     "2bfd6fa30de42fd5d738891ed8db8ae168d1eb6b286f250ed4ec091468b15bfb"),
]  # fmt: skip
"""sequence, created_at in µs since 1970, event_type, subject_kind, subject_id, actor, hash of the leaf."""


def own() -> Iterator[tuple[LoggedEvent, str]]:
    """Events with an empty payload, and the hashes of their leaves as hex."""
    for sequence, micros, event_type, kind, subject_id, actor, expected in _ROWS:
        yield _event(sequence, micros, event_type, kind, subject_id, actor, "a0", _DIGEST), expected


def others() -> list[tuple[LoggedEvent, str, str]]:
    """Events, their leaves and the hashes of these as hex."""
    columns = (
        "sequence", "created_at_us", "event_type", "subject_kind", "subject_id", "actor", "payload",
        "payload_digest",
    )  # fmt: skip
    found = rows("leaves.jsonl")
    for row in found:
        if isinstance(row["payload"], dict):
            row["payload"] = row["payload"]["repeat"] * row["payload"]["times"]
    return [(_event(*(row[name] for name in columns)), row["leaf"], row["leaf_hash"]) for row in found]


def _event(
    sequence: int,
    micros: int,
    event_type: str,
    kind: str,
    subject_id: str | None,
    actor: str,
    payload: str,
    payload_digest: str,
) -> LoggedEvent:
    return LoggedEvent(
        sequence,
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros),
        event_type,
        kind,
        None if subject_id is None else UUID(subject_id),
        actor,
        bytes.fromhex(payload),
        bytes.fromhex(payload_digest),
    )
