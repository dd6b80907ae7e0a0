"""Group append: many commands, one transaction, the outcome of one by one in arrival order."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest

from artifactstore.errors import ArtifactstoreError
from artifactstore.events import (
    FileIngested,
    NewEvent,
    PackageCreated,
    PackageDeleted,
    PackageLabeled,
    PackageRestored,
    Request,
)
from artifactstore.http.group import Answered, GroupWriter
from artifactstore.http.group_append import GroupAppender, Work
from artifactstore.http.metrics import REGISTRY
from artifactstore.store import Store, prepare
from tests.databases import Connect

_TERMINATE_WRITER = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE application_name = 'artifactstore writer' AND datname = current_database()
        AND wait_event_type = 'Lock'
    """
_PACKAGES = [UUID(int=7 << 76 | 2 << 62 | n) for n in range(1, 6)]


class Commands:
    """Random commands on few packages, so that many are refused, repeated, or expect a version."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self._files = 0

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
        kind = choose.choice(("create", *["label"] * 6, *["ingest"] * 6, "delete", "restore"))
        if kind == "ingest":
            self._files += 1
            file = FileIngested(
                package_id=package, path=choose.choice("abcdefghijkl"), size=1, blake3=bytes(32)
            )  # fmt: skip
            return NewEvent(file, UUID(int=7 << 76 | 2 << 62 | 1000 + self._files), "user:a")
        made: Any = {
            "create": PackageCreated(purl=f"pkg:generic/{choose.choice('abcde')}@1"),
            "label": PackageLabeled(set={choose.choice("abc"): choose.choice("uvwxyz")}),
            "delete": PackageDeleted(reason="r"),
            "restore": PackageRestored(reason="r"),
        }
        return NewEvent(made[kind], package, "user:a")


def _one_by_one(conninfo: str, commands: Sequence[list[NewEvent]]) -> list[Any]:
    outcomes: list[Any] = []
    with psycopg.connect(conninfo, autocommit=True) as connection:
        store = Store(connection)
        for events in commands:
            try:
                outcomes.append([(row.sequence, row.appended) for row in store.append(events)])
            except ArtifactstoreError as refusal:
                outcomes.append(refusal.code)
    return outcomes


async def _together(
    conninfo: str, admin: psycopg.Connection, commands: Sequence[Work], wave: int = 1000
) -> list[Answered]:
    """Submit them in waves, while the log is locked, so that they go in groups as large as they may be."""
    writer = GroupWriter(GroupAppender(conninfo), lock_seconds=20, queue_commands=1000, queue_bytes=2**30)
    writer.start()
    answers: list[Answered] = []
    for start in range(0, len(commands), wave):
        admin.execute("BEGIN")
        admin.execute("LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE")
        queued = [writer.submit(work) for work in commands[start : start + wave]]
        await asyncio.sleep(0.05)
        admin.execute("COMMIT")
        answers += [await one.future for one in queued]
    await asyncio.to_thread(writer.stop, 5)
    return answers


def _plain(answer: Answered) -> Any:
    outcome, _ = answer
    if isinstance(outcome, ArtifactstoreError):
        return outcome.code
    return [(row.sequence, row.appended) for row in outcome]


def _views(connection: psycopg.Connection) -> list[Any]:
    packages = "package_id, purl, state, labels, created_sequence, last_sequence"
    events = "sequence, event_type, subject_id, payload FROM artifactstore.events WHERE sequence > 1"
    queries: tuple[LiteralString, ...] = (
        f"SELECT {packages} FROM artifactstore.artifact_packages ORDER BY 1",
        "SELECT file_id, path, state, last_sequence FROM artifactstore.artifact_files ORDER BY 1",
        "SELECT actor, key, first_sequence, events FROM artifactstore.requests ORDER BY 1, 2",
        f"SELECT {events} ORDER BY 1",
    )
    return [connection.execute(query).fetchall() for query in queries]


@pytest.mark.parametrize("seed", range(8))
def test_groups_have_the_outcome_of_one_by_one(
    seed: int, database: str, copy_of: Callable[[], str], admin: psycopg.Connection
) -> None:
    """60 commands each, a third of them refused; outcomes, events and views are the same."""
    commands = Commands(seed).make(60)
    other = copy_of()
    expected = _one_by_one(other, commands)
    works = [Work([prepare(event) for event in events]) for events in commands]
    answers = asyncio.run(_together(database, admin, works, wave=20))
    assert [_plain(answer) for answer in answers] == expected
    assert 5 < sum(isinstance(outcome, str) for outcome in expected) < 50
    with psycopg.connect(other) as connection:
        assert _views(admin) == _views(connection)


def test_commands_that_wait_are_one_transaction(database: str, admin: psycopg.Connection) -> None:
    works = [
        Work([prepare(NewEvent(PackageCreated(purl=f"pkg:generic/{n}@1"), UUID(int=n + 1), "user:a"))])
        for n in range(50)
    ]
    before = REGISTRY.get_sample_value("artifactstore_group_commands_count") or 0
    answers = asyncio.run(_together(database, admin, works))
    sequences = [row.sequence for outcome, _ in answers for row in outcome]  # type: ignore[union-attr]
    assert sequences == list(range(2, 52))
    # All but what went before the log was locked waited for it.
    assert (REGISTRY.get_sample_value("artifactstore_lock_wait_seconds_sum") or 0) > 0.01
    # The first may go alone, before the others arrived.
    assert (REGISTRY.get_sample_value("artifactstore_group_commands_count") or 0) - before <= 2


def test_a_command_with_a_job_has_a_transaction_of_its_own(database: str, admin: psycopg.Connection) -> None:
    """A job that fails undoes what it did, and its neighbours are appended."""
    package = NewEvent(PackageCreated(purl="pkg:generic/job@1"), UUID(int=1), "user:a")
    neighbour = NewEvent(PackageCreated(purl="pkg:generic/neighbour@1"), UUID(int=2), "user:a")

    def job(store: Store) -> Any:
        store.append([package])
        raise ArtifactstoreError("internal")

    works = [Work(job=job), Work([prepare(neighbour)])]
    answers = asyncio.run(_together(database, admin, works))
    assert [_plain(answer) for answer in answers] == ["internal", [(2, True)]]


def test_lost_connections_before_the_commit_cost_nothing(database: str, admin: psycopg.Connection) -> None:
    """Terminated while it waits for the lock: the group is appended by a new connection."""
    event = NewEvent(PackageCreated(purl="pkg:generic/a@1"), UUID(int=1), "user:a")

    async def run() -> Answered:
        writer = GroupWriter(GroupAppender(database), lock_seconds=20, queue_commands=9, queue_bytes=2**20)
        writer.start()
        admin.execute("BEGIN")
        admin.execute("LOCK TABLE artifactstore.append_lock IN EXCLUSIVE MODE")
        queued = writer.submit(Work([prepare(event)]))
        with psycopg.connect(database, autocommit=True) as killer:
            while not killer.execute(_TERMINATE_WRITER).fetchall():
                await asyncio.sleep(0.02)
        admin.execute("COMMIT")
        answer = await queued.future
        await asyncio.to_thread(writer.stop, 5)
        return answer

    assert _plain(asyncio.run(run())) == [(2, True)]


def test_refusals_are_told_with_the_place_in_their_own_command(connect: Connect, database: str) -> None:
    connect()
    good = prepare(NewEvent(PackageCreated(purl="pkg:generic/a@1"), UUID(int=1), "user:a"))
    bad = prepare(NewEvent(PackageCreated(purl="pkg:generic/B@1?b=1&a=1"), UUID(int=2), "user:a"))
    appender = GroupAppender(database)
    outcomes, position = appender.run([Work([good]), Work([bad])], time.monotonic() + 5, wanted=lambda: True)
    appender.close()
    assert isinstance(outcomes[1], ArtifactstoreError)
    assert (outcomes[1].code, outcomes[1].detail["position"]) == ("invalid-purl", 1)
    assert position is not None
    assert position.head == 2
