"""Random commands of several clients, and what becomes of them one by one."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from artifactstore.errors import ArtifactstoreError
from artifactstore.events import (
    FileIngested,
    Location,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackageLabeled,
    PackageRestored,
    Request,
    StorageFailed,
    StorageRetired,
)
from artifactstore.store import Store

_PACKAGES = [UUID(int=7 << 76 | 2 << 62 | n) for n in range(1, 6)]


class Commands:
    """Random commands on few packages, so that many are refused, repeated, or expect a version."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._files = 0
        self._copies: list[tuple[UUID, UUID, UUID]] = []

    def make(self, count: int) -> list[list[NewEvent]]:
        """Commands of one to three events, after those that create the packages."""
        created = [
            [NewEvent(PackageCreated(purl=f"pkg:generic/{name}@1"), package, "user:a")]
            for name, package in zip("abcde", _PACKAGES, strict=True)
        ]
        return created + [self._command() for _ in range(count - len(created))]

    def _command(self) -> list[NewEvent]:
        choose = self._random
        package = choose.choice(_PACKAGES)
        events = [self._event(package) for _ in range(choose.choice((1, 1, 1, 2, 3)))]
        if choose.random() < 0.1:
            events[0] = replace(events[0], expected=choose.randrange(1, 30))
        if choose.random() < 0.2:
            request = Request(key=f"k{choose.randrange(6)}", digest=bytes(32), events=len(events))
            events[0] = replace(events[0], request=request)
        return events

    def _event(self, package: UUID) -> NewEvent:
        choose = self._random
        kind = choose.choice(
            ("create", *["label"] * 6, *["ingest"] * 6, *["fail", "retire"] * 4, "delete", "restore")
        )
        if kind == "ingest" or (kind in ("fail", "retire") and not self._copies):
            return self._ingest(package)
        if kind in ("fail", "retire"):
            copy, file_id, of = choose.choice(self._copies)
            outcome = choose.choice(("deleted", "deleted", "detached"))
            event: Any = StorageRetired(package_id=of, file_id=file_id, outcome=outcome, reason="r")
            if kind == "fail":
                event = StorageFailed(package_id=of, file_id=file_id, failure="missing")
            return NewEvent(event, copy, "user:a")
        made: Any = {
            "create": PackageCreated(purl=f"pkg:generic/{choose.choice('abcde')}@1"),
            "label": PackageLabeled(set={choose.choice("abc"): choose.choice("uvwxyz")}),
            "delete": PackageDeleted(reason="r"),
            "restore": PackageRestored(reason="r"),
        }
        return NewEvent(made[kind], package, "user:a")

    def _ingest(self, package: UUID) -> NewEvent:
        self._files += 1
        file, copy = (UUID(int=7 << 76 | 2 << 62 | n + self._files) for n in (1000, 2000))
        self._copies.append((copy, file, package))
        place = Location(location_id=copy, backend="s3", uri=self._random.choice("uvw"))
        path = self._random.choice("abcdefghijkl")
        event = FileIngested(package_id=package, path=path, size=1, blake3=bytes(32), locations=(place,))
        return NewEvent(event, file, "user:a")


def one_by_one(conninfo: str, commands: Sequence[list[NewEvent]]) -> list[Any]:
    """Per command the sequences of its events and whether they are new, or the code of its refusal."""
    outcomes: list[Any] = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        store = Store(connection)
        for events in commands:
            try:
                outcomes.append([(row.sequence, row.appended) for row in store.writes.append(events)])
            except ArtifactstoreError as refusal:
                outcomes.append(refusal.code)
    return outcomes


def views_of(connection: psycopg.Connection) -> list[Any]:
    """Rows of views and events, less what differs from log to log."""
    packages = "package_id, purl, state, labels, created_sequence, last_sequence"
    events = "sequence, event_type, subject_id, payload FROM artifactstore.events WHERE sequence > 1"
    queries: tuple[LiteralString, ...] = (
        f"SELECT {packages} FROM artifactstore.artifact_packages ORDER BY 1",
        "SELECT file_id, path, state, last_sequence FROM artifactstore.artifact_files ORDER BY 1",
        "SELECT actor, key, first_sequence, events FROM artifactstore.requests ORDER BY 1, 2",
        f"SELECT {events} ORDER BY 1",
    )
    return [connection.execute(query).fetchall() for query in queries]
