"""The identity of an event in Python: the vectors of AS-LEAF/1, and that every column counts."""

from datetime import timedelta
from uuid import UUID

import pytest

from artifactstore.leaves import identity, leaf
from artifactstore.store import LoggedEvent
from tests import leaves


@pytest.mark.parametrize(("event", "expected"), list(leaves.own()))
def test_vectors(event: LoggedEvent, expected: str) -> None:
    assert identity(event).hex() == expected


def test_vectors_of_other_implementations() -> None:
    for event, expected_leaf, expected_hash in leaves.others():
        assert (leaf(event).hex(), identity(event).hex()) == (expected_leaf, expected_hash), event


def test_f05_every_column_is_part_of_the_identity() -> None:
    event, _ = next(leaves.own())
    others = [
        event._replace(sequence=2),
        event._replace(created_at=event.created_at + timedelta(microseconds=1)),
        event._replace(event_type="v1.package.sealed"),
        event._replace(subject_kind="file"),
        event._replace(subject_id=UUID(int=1)),
        event._replace(subject_id=None),
        event._replace(actor="user:bob"),
        event._replace(payload=b"\xa1aa\0"),
        event._replace(payload_digest=bytes(32)),
    ]
    assert len({identity(one) for one in (event, *others)}) == 1 + len(others)
